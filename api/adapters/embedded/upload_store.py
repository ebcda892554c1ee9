"""Uploads as files: <data>/uploads/<environment id>/<upload id>, each there whole or not at all.

A file that is still arriving is `.<upload id>.<random>.arriving` in the same folder; what a crash left of one is
removed by the sweep.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from api.adapters.embedded.files import child, provider_errors, remove_folder, sync_folder
from api.adapters.embedded.layout import Layout
from api.adapters.embedded.upload_urls import METHOD, UploadTarget, UrlSigner
from api.ports import Clock, Presence, PresignedUpload

KEPT_FOR = timedelta(days=7)
ARRIVING = ".arriving"


class PrefixGone(Exception):
    """The environment has no place for uploads (any more)."""


class FileUploads:
    """Writes and removes uploads. Reading them is the agent's business alone."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def put(self, target: UploadTarget, chunks: Iterable[bytes]) -> int:
        """Store the file durably; returns its size in bytes.

        When `chunks` raises, or the disk is full, nothing is kept.
        Raises PrefixGone when the environment is being deleted.
        """
        final = child(self._layout.uploads_of(target.environment_id), target.upload_id)
        arriving = final.with_name(f".{final.name}.{secrets.token_hex(8)}{ARRIVING}")
        try:
            descriptor = os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError:
            raise PrefixGone from None
        size = 0
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                for chunk in chunks:
                    file.write(chunk)
                    size += len(chunk)
                os.fsync(file.fileno())
            arriving.replace(final)
            sync_folder(final.parent)
        except FileNotFoundError:
            raise PrefixGone from None
        finally:
            arriving.unlink(missing_ok=True)
        return size

    def ensure_prefix(self, environment_id: UUID) -> None:
        """Have the environment's folder."""
        with provider_errors():
            self._layout.uploads_of(environment_id).mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self._layout.uploads)

    def ensure_prefix_absent(self, environment_id: UUID) -> Presence:
        """Remove the environment's folder with every file in it."""
        with provider_errors():
            if self._layout.uploads.exists():
                remove_folder(self._layout.uploads, environment_id)
        return Presence.GONE

    def remove_older_than(self, moment: float) -> int:
        """Remove files last written before this Unix time; returns how many."""
        removed = 0
        with provider_errors():
            for path in self._layout.uploads.glob("*/*"):
                removed += _remove_if_older(path, moment)
        return removed


class PresignedUploads:
    """The object store of one machine."""

    def __init__(self, files: FileUploads, signer: UrlSigner, clock: Clock, *, base_url: str, max_bytes: int) -> None:
        self._files = files
        self._signer = signer
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._max_bytes = max_bytes

    def ensure_prefix(self, environment_id: UUID) -> None:
        """Have a place for the environment's uploads."""
        self._files.ensure_prefix(environment_id)

    def ensure_prefix_absent(self, environment_id: UUID) -> Presence:
        """Remove the place and all uploads in it."""
        return self._files.ensure_prefix_absent(environment_id)

    def presign_upload(self, environment_id: UUID) -> PresignedUpload:
        """Leave to put one file within 20 minutes."""
        signed = self._signer.sign(environment_id, now=self._clock.now())
        return PresignedUpload(
            upload_id=signed.target.upload_id,
            url=self._base_url + signed.path_and_query,
            method=METHOD,
            expires_at=signed.expires_at,
            max_size_bytes=self._max_bytes,
        )

    def remove_expired(self) -> int:
        """Remove uploads older than 7 days, read or not; returns how many."""
        return self._files.remove_older_than((self._clock.now() - KEPT_FOR).timestamp())


def _remove_if_older(path: Path, moment: float) -> int:
    try:
        if path.stat().st_mtime >= moment:
            return 0
        path.unlink()
    except FileNotFoundError:
        return 0
    return 1
