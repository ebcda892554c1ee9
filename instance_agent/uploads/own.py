"""Uploads of an agent that stands alone: it signs its own URLs and takes the files itself.

The rules are those of the control plane's uploads: PUT only, 20 minutes, a signature over method, path and expiry,
a limit of size, nothing readable or listable, a file appears whole or not at all and is gone after seven days.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import UUID, uuid4

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from instance_agent.errors import AgentError
from instance_agent.storage.files import exclusively, refusal, replace_durably, sync_directory
from instance_agent.uploads.gateway import FILE_SECONDS, PreparedUpload, open_arrived, remove_if_older

URL_SECONDS = 20 * 60
PART_SECONDS = 3600  # a part that nobody wrote to for so long belongs to a process that is gone
BLOCK_BYTES = 1 << 18


class Source(Protocol):
    """Bytes that arrive."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, none at the end."""


class OwnUploads:
    """Files below the agent's own data directory."""

    def __init__(
        self, folder: Path, secret_path: Path, *, max_bytes: int, clock: Callable[[], float] = time.time
    ) -> None:
        """folder: exists; secret_path: made with a fresh secret when it isn't there."""
        self._folder = folder
        self._secret = _secret_at(secret_path)
        self._clock = clock
        self.max_bytes = max_bytes

    def prepare(self, base_url: str) -> PreparedUpload:
        self.sweep()
        upload_id = uuid4()
        expires = int(self._clock()) + URL_SECONDS
        signature = self._signature(upload_id, str(expires))
        url = f"{base_url.rstrip('/')}{_path(upload_id)}?expires={expires}&signature={signature}"
        return PreparedUpload(upload_id, url, datetime.fromtimestamp(expires, UTC))

    def open(self, upload_id: UUID) -> BinaryIO:
        return open_arrived(self._file(upload_id))

    def check_url(self, upload_id: UUID, expires: str, signature: str) -> None:
        """Return when the URL is one that `prepare` gave and still good. Raises AgentError."""
        given = signature.encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._signature(upload_id, expires).encode()):
            raise AgentError("upload_url_invalid")
        if int(expires) < self._clock():
            raise AgentError("upload_url_expired")

    def receive(self, upload_id: UUID, source: Source, expected_bytes: int | None) -> None:
        """Store what arrives, whole and synced. expected_bytes: what the client announced, None when it didn't.

        Raises AgentError upload_too_large, upload_incomplete, disk_full; then nothing is stored.
        """
        temporary = self._folder / f"{upload_id}.{secrets.token_hex(4)}.part"
        try:
            with temporary.open("xb") as file:
                received = self._copy(source, file)
                if expected_bytes is not None and received != expected_bytes:
                    raise AgentError("upload_incomplete")
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._file(upload_id))
            sync_directory(self._folder)
        except OSError as error:
            raise refusal(error) from error
        finally:
            temporary.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove files older than seven days, and parts that nobody writes any more."""
        now = self._clock()
        for pattern, lifetime in (("*.gz", FILE_SECONDS), ("*.part", PART_SECONDS)):
            for path in self._folder.glob(pattern):
                remove_if_older(path, now - lifetime)

    def _copy(self, source: Source, file: BinaryIO) -> int:
        received = 0
        while block := _read(source):
            received += len(block)
            if received > self.max_bytes:
                raise AgentError("upload_too_large")
            file.write(block)
        return received

    def _signature(self, upload_id: UUID, expires: str) -> str:
        message = f"PUT\n{_path(upload_id)}\n{expires}".encode("utf-8", "replace")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()

    def _file(self, upload_id: UUID) -> Path:
        return self._folder / f"{upload_id}.gz"


def _read(source: Source) -> bytes:
    try:
        return source.read(BLOCK_BYTES)
    except (OSError, ParseException):
        raise AgentError("upload_incomplete") from None


def _path(upload_id: UUID) -> str:
    return f"/uploads/{upload_id}"


def _secret_at(path: Path) -> bytes:
    with exclusively(path.with_name(f"{path.name}.lock")):
        if not path.exists():
            replace_durably(path, secrets.token_bytes(32), mode=0o600)
        return path.read_bytes()
