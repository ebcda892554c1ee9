"""The WSGI application behind presigned upload URLs: takes `PUT`, gives nothing back, lists nothing."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from api import log
from api.adapters.embedded.upload_store import FileUploads, PrefixGone
from api.adapters.embedded.upload_urls import METHOD, UrlExpired, UrlInvalid, UrlSigner, parse_path
from api.errors import ApiError
from api.ports import Clock

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIEnvironment

CHUNK_BYTES = 256 * 1024
STALL_SECONDS = 60.0  # a client that sends nothing for so long is given up
DRAIN_BYTES = 64 * 1024 * 1024  # so much of a refused body is still read, for the client to get its answer
DRAIN_SECONDS = 5.0
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

logger = log.get_logger("uploads")


class Socket(Protocol):
    """What is needed of a connection's socket."""

    def gettimeout(self) -> float | None: ...
    def settimeout(self, value: float | None, /) -> None: ...


class _ClientGone(Exception):
    """The connection ended or stalled in the middle of the body."""


class UploadApp:
    """One file per signed URL."""

    def __init__(self, files: FileUploads, signer: UrlSigner, clock: Clock, *, max_bytes: int) -> None:
        self._files = files
        self._signer = signer
        self._clock = clock
        self._max_bytes = max_bytes

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
        try:
            with _impatient(environ.get("gunicorn.socket")):
                return self._files.put(target, self._limited(environ["wsgi.input"], length))
        except PrefixGone:
            raise ApiError("upload_url_invalid") from None
        except _ClientGone:
            raise ApiError("upload_truncated") from None
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise ApiError("disk_full") from None
            logger.error("upload_not_stored", exc_info=True)
            raise ApiError("internal_error") from None

    def _limited(self, stream: InputStream, length: int | None) -> Iterator[bytes]:
        """The body's pieces. Raises when it is longer than allowed or shorter than announced."""
        received = 0
        for piece in _pieces(stream, length):
            received += len(piece)
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
        if not text.isdigit():
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
    until = time.monotonic() + DRAIN_SECONDS
    drained = 0
    try:
        with _impatient(environ.get("gunicorn.socket"), seconds=DRAIN_SECONDS):
            while drained < DRAIN_BYTES and time.monotonic() < until:
                piece = environ["wsgi.input"].read(CHUNK_BYTES)
                if not piece:
                    return
                drained += len(piece)
    except OSError:
        return


@contextmanager
def _impatient(socket: Socket | None, *, seconds: float = STALL_SECONDS) -> Iterator[None]:
    """Reads from the connection fail after a silence, so that stalled clients don't hold all threads."""
    if socket is None:
        yield
        return
    before = socket.gettimeout()
    socket.settimeout(seconds)
    try:
        yield
    finally:
        socket.settimeout(before)
