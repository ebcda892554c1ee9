"""The WSGI application behind presigned upload URLs: takes `PUT`, gives nothing back, lists nothing."""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from api import log
from api.adapters.embedded.patience import Patience
from api.adapters.embedded.upload_store import FileUploads, PrefixGone
from api.adapters.embedded.upload_urls import METHOD, UrlExpired, UrlInvalid, UrlSigner, parse_path
from api.errors import ApiError
from api.ports import Clock

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIEnvironment

CHUNK_BYTES = 64 * 1024
BYTES_PER_WINDOW = 4 * CHUNK_BYTES  # a client that sends less in a window is given up
DRAIN_BYTES = 64 * 1024 * 1024  # so much of a refused body is still read, for the client to get its answer
DRAIN_SECONDS = 5.0
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

logger = log.get_logger("uploads")


class _ClientGone(Exception):
    """The connection ended in the middle of the body."""


class UploadApp:
    """One file per signed URL."""

    def __init__(
        self,
        files: FileUploads,
        signer: UrlSigner,
        clock: Clock,
        *,
        max_bytes: int,
        window_seconds: float,
    ) -> None:
        self._files = files
        self._signer = signer
        self._clock = clock
        self._max_bytes = max_bytes
        self._window_seconds = window_seconds

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; after a refusal some of its body is read and thrown away."""
        status, content, headers = self._answer(environ)
        body = json.dumps(content).encode()
        start_response(
            f"{status} {HTTPStatus(status).phrase}",
            [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                *headers,
            ],
        )
        if environ["REQUEST_METHOD"] == "HEAD":
            return [b""]
        return _then_drain(body, environ) if status >= 400 else [body]

    def _answer(self, environ: WSGIEnvironment) -> tuple[int, object, list[tuple[str, str]]]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path == "/health" and method in ("GET", "HEAD"):
            return 200, {"status": "ok"}, []
        try:
            size = self._put(environ, method, path)
        except ApiError as error:
            logger.info("upload_refused", code=error.code)
            allow = [("Allow", METHOD)] if error.status == 405 else []
            return error.status, error.body(), [*error.headers.items(), *allow]
        logger.info("upload_stored", size_bytes=size)
        return 200, {"size_bytes": size}, []

    def _put(self, environ: WSGIEnvironment, method: str, path: str) -> int:
        if parse_path(path) is None:
            raise ApiError("route_not_found")
        if method != METHOD:
            raise ApiError("method_not_allowed", "Upload URLs take PUT only.")
        try:
            target = self._signer.check(method, path, environ.get("QUERY_STRING", ""), now=self._clock.now())
        except UrlExpired:
            raise ApiError("upload_url_expired") from None
        except UrlInvalid:
            raise ApiError("upload_url_invalid") from None
        length = _content_length(environ)
        if length is not None and length > self._max_bytes:
            raise self._too_large()
        patience = Patience(
            environ.get("gunicorn.socket"), window_seconds=self._window_seconds, bytes_per_window=BYTES_PER_WINDOW
        )
        try:
            with patience:
                return self._files.put(target, self._limited(environ["wsgi.input"], length, patience))
        except PrefixGone:
            raise ApiError("upload_url_invalid") from None
        except _ClientGone:
            raise ApiError("upload_too_slow" if patience.ran_out else "upload_truncated") from None
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise ApiError("disk_full") from None
            logger.error("upload_not_stored", exc_info=True)
            raise ApiError("internal_error") from None

    def _limited(self, stream: InputStream, length: int | None, patience: Patience) -> Iterator[bytes]:
        """The body's pieces. Raises when it is longer than allowed or shorter than announced."""
        received = 0
        for piece in _pieces(stream, length):
            received += len(piece)
            patience.received(len(piece))
            if received > self._max_bytes:
                raise self._too_large()
            yield piece
        if length is not None and received < length:
            raise _ClientGone

    def _too_large(self) -> ApiError:
        return ApiError("upload_too_large", f"The file is larger than {self._max_bytes} bytes. Split it.")


def _content_length(environ: WSGIEnvironment) -> int | None:
    """The announced length; None for a chunked body, which ends by its own marks."""
    text = environ.get("CONTENT_LENGTH", "")
    if text:
        if not (text.isascii() and text.isdigit()):
            raise ApiError("bad_request", "Content-Length isn't a number.")
        return int(text)
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return None
    raise ApiError("bad_request", "The file has no Content-Length. Send one, or send it chunked.")


def _pieces(stream: InputStream, length: int | None) -> Iterator[bytes]:
    left = length
    while left is None or left > 0:
        try:
            piece = stream.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
        except OSError:
            raise _ClientGone from None
        if not piece:
            return
        left = None if left is None else left - len(piece)
        yield piece


def _then_drain(body: bytes, environ: WSGIEnvironment) -> Iterator[bytes]:
    """The answer, and then some of the request's body is read away.

    A connection closed on unread bytes is reset, and the reset may overtake the answer.
    """
    yield body
    drained = 0
    patience = Patience(environ.get("gunicorn.socket"), window_seconds=DRAIN_SECONDS, bytes_per_window=math.inf)
    try:
        with patience:
            while drained < DRAIN_BYTES and not patience.ran_out:
                piece = environ["wsgi.input"].read(CHUNK_BYTES)
                if not piece:
                    return
                drained += len(piece)
    except OSError:
        return
