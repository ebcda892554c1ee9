"""Who may do what: the environment's two keys, known here or checked with the control plane; and its own calls.

Keys are never kept: comparisons and the cache work on their SHA-256. A view says with `reads` that a read-only key
suffices; every other view below /api needs the read-write key. Views below /internal are the control plane's, which
signs a token for each call; where there is none, the read-write key is good for them.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry

from instance_agent.errors import AgentError
from instance_agent.settings import Settings

GOOD_SECONDS = 300.0
UNKNOWN_SECONDS = 5.0
CACHE_SIZE = 10_000
LONGEST_KEY = 512

ALGORITHM = "HS256"
CONTROL_PLANE = "api"
AUDIENCE = "agent"
LONGEST_TOKEN_SECONDS = 60
LEEWAY_SECONDS = 5  # between clocks of machines

log = structlog.get_logger(__name__)
View = TypeVar("View", bound=Callable[..., object])


class Access(Enum):
    """What a key may do; the member's value is its name on the wire of the control plane."""

    READ_ONLY = "read_only"
    READ_WRITE = "read_write"  # reads, too


class KeyCheck(Protocol):
    """Where keys are known."""

    def access(self, key: str) -> Access | None:
        """What this key may do, None when it is unknown. Raises AgentError key_check_unavailable."""


class OpenAccess:
    """No keys at all, for a try on one machine."""

    def access(self, key: str) -> Access | None:  # noqa: ARG002 - every key, and none, is good
        return Access.READ_WRITE


class OwnKeys:
    """The two keys that the agent was started with."""

    def __init__(self, *, read_only: str | None, read_write: str | None) -> None:
        given = ((Access.READ_WRITE, read_write), (Access.READ_ONLY, read_only))
        self._digests = [(access, _digest(key)) for access, key in given if key]

    def access(self, key: str) -> Access | None:
        digest = _digest(key)
        found = [access for access, known in self._digests if hmac.compare_digest(known, digest)]
        return found[0] if found else None


class CachedKeys:
    """Remembers the answers of another check in memory: five minutes when good, five seconds when unknown."""

    def __init__(self, inner: KeyCheck, clock: Callable[[], float] = time.monotonic) -> None:
        self._inner = inner
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[bytes, tuple[Access | None, float]] = {}  # key's SHA-256 -> answer, good until

    def access(self, key: str) -> Access | None:
        digest = _digest(key)
        with self._lock:
            answer, good_until = self._answers.get(digest, (None, 0.0))
        if self._clock() < good_until:
            return answer
        answer = self._inner.access(key)
        lifetime = UNKNOWN_SECONDS if answer is None else GOOD_SECONDS
        with self._lock:
            self._answers.pop(digest, None)
            while len(self._answers) >= CACHE_SIZE:
                del self._answers[next(iter(self._answers))]
            self._answers[digest] = (answer, self._clock() + lifetime)
        return answer


@dataclass(frozen=True)
class ServiceTokens:
    """Knows the control plane by tokens signed with the secret that it shares with this environment's agent."""

    environment_id: UUID
    secret_file: Path

    @classmethod
    def of(cls, settings: Settings) -> ServiceTokens | None:
        """None where there is no control plane."""
        if settings.control_plane_url and settings.environment_id and settings.service_secret_file:
            return cls(settings.environment_id, settings.service_secret_file)
        return None

    def check(self, authorization: str | None) -> None:
        """Return when the Authorization header carries a good token.

        Raises AgentError token_missing, token_invalid (never saying what is wrong), key_check_unavailable.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise AgentError("token_missing")
        try:
            key = OctKey.import_key(self.secret_file.read_text().strip())
        except (OSError, ValueError) as error:
            log.error("service_secret_unreadable", reason=type(error).__name__)
            raise AgentError("key_check_unavailable", retry_after_seconds=1) from None
        try:
            self._verify(jwt.decode(token.strip(), key, algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise AgentError("token_invalid") from None

    def _verify(self, claims: dict[str, Any]) -> None:
        """Raises JoseError, ValueError."""
        registry = JWTClaimsRegistry(
            now=int(time.time()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": CONTROL_PLANE},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True, "value": str(self.environment_id)},
            iat={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
        )
        registry.validate(claims)
        if claims["exp"] - claims["iat"] > LONGEST_TOKEN_SECONDS:
            raise ValueError("lives too long")


def reads(view: View) -> View:
    """Mark a view that a read-only key may call, too."""
    view.vakka_access = Access.READ_ONLY  # type: ignore[attr-defined]
    return view


def needed_access(view: Callable[..., object] | None) -> Access:
    """What a view asks for."""
    needed = getattr(view, "vakka_access", Access.READ_WRITE)
    return needed if isinstance(needed, Access) else Access.READ_WRITE


def authorize(keys: KeyCheck, key: str | None, needed: Access) -> None:
    """Return when `key` may do what is needed. Raises AgentError key_missing, key_unknown, key_read_only."""
    if not key and not isinstance(keys, OpenAccess):
        raise AgentError("key_missing")
    if key and len(key) > LONGEST_KEY:
        raise AgentError("key_unknown")
    access = keys.access(key or "")
    if access is None:
        raise AgentError("key_unknown")
    permit(access, needed)


def permit(granted: Access, needed: Access) -> None:
    """Return when who was granted so much may do what is needed. Raises AgentError key_read_only."""
    if needed is Access.READ_WRITE and granted is not Access.READ_WRITE:
        raise AgentError("key_read_only")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
