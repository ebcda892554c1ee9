"""Presigned upload URLs: leave to put one file, for 20 minutes.

    http://HOST/<environment id>/<upload id>?expires=<unix seconds>&signature=<hex HMAC-SHA256>

The signature covers method, path and expiry, under a key derived from the master secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode
from uuid import UUID, uuid4

from pydantic import SecretStr

from api.adapters.derivation import derive

METHOD = "PUT"
VALID_SECONDS = 20 * 60
_PURPOSE = "upload-url"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PATH = re.compile(f"/({_UUID})/({_UUID})")


class UrlInvalid(Exception):
    """The URL isn't one that was signed here."""


class UrlExpired(Exception):
    """The URL was signed here, but its time is over."""


@dataclass(frozen=True)
class UploadTarget:
    """Where a file goes."""

    environment_id: UUID
    upload_id: UUID


@dataclass(frozen=True)
class SignedUrl:
    """A URL with what it stands for."""

    target: UploadTarget
    path_and_query: str
    expires_at: datetime


class UrlSigner:
    """Signs and checks upload URLs."""

    def __init__(self, master: SecretStr) -> None:
        self._key = derive(master, _PURPOSE)

    def sign(self, environment_id: UUID, *, now: datetime) -> SignedUrl:
        """Leave to put one file under a new random name."""
        target = UploadTarget(environment_id, uuid4())
        path = f"/{target.environment_id}/{target.upload_id}"
        expires = int(now.timestamp()) + VALID_SECONDS
        query = urlencode({"expires": expires, "signature": self._signature(METHOD, path, str(expires))})
        return SignedUrl(target, f"{path}?{query}", datetime.fromtimestamp(expires, UTC))

    def check(self, method: str, path: str, query: str, *, now: datetime) -> UploadTarget:
        """Where the URL's holder may put a file. Raises UrlInvalid, or UrlExpired when only its time is over."""
        target = parse_path(path)
        given = parse_qsl(query, keep_blank_values=True)
        parameters = dict(given)
        if target is None or len(given) != 2 or parameters.keys() != {"expires", "signature"}:
            raise UrlInvalid
        expires = parameters["expires"]
        expected = self._signature(method, path, expires)
        if not hmac.compare_digest(parameters["signature"].encode(), expected.encode()):
            raise UrlInvalid
        if now.timestamp() >= int(expires):
            raise UrlExpired
        return target

    def _signature(self, method: str, path: str, expires: str) -> str:
        return hmac.new(self._key, f"{method}\n{path}\n{expires}".encode(), hashlib.sha256).hexdigest()


def parse_path(path: str) -> UploadTarget | None:
    """What a path stands for; None when it can't be an upload's."""
    match = _PATH.fullmatch(path)
    return UploadTarget(UUID(match[1]), UUID(match[2])) if match else None
