"""Authorization codes and access tokens. They live in this process's memory and die with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oidc.core import AuthorizationCodeMixin

Clock = Callable[[], float]

CODE_SECONDS = 60
ACCESS_TOKEN_SECONDS = 600


@dataclass(frozen=True)
class AuthorizationCode(AuthorizationCodeMixin):
    """What one sign-in allows to be fetched, once."""

    code: str = field(repr=False)
    client_id: str
    redirect_uri: str
    scope: str
    subject: str
    auth_time: int  # unix seconds of the moment when the password was given
    nonce: str | None = field(repr=False)
    code_challenge: str = field(repr=False)
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        """The address that the code was sent to."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What was asked for, space-separated."""
        return self.scope

    def get_nonce(self) -> str | None:
        """The value to echo in the id token."""
        return self.nonce

    def get_auth_time(self) -> int:
        """When the password was given, unix seconds."""
        return self.auth_time

    def get_amr(self) -> list[str]:
        """How the person proved who they are: by password."""
        return ["pwd"]


@dataclass(frozen=True)
class AccessToken(TokenMixin):
    """The right to read one person's claims for a few minutes."""

    subject: str
    scope: str
    expires_at: float
    source_code: str = field(repr=False)
    clock: Clock = field(repr=False)

    def get_scope(self) -> str:
        """What may be read, space-separated."""
        return self.scope

    def get_expires_in(self) -> int:
        """Seconds for which a new token is valid."""
        return ACCESS_TOKEN_SECONDS

    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.clock() >= self.expires_at

    def is_revoked(self) -> bool:
        """Revoked tokens are forgotten, so one that was found is not revoked."""
        return False


class CodeStore:
    """Codes that wait for their one exchange, for at most 60 s."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[float, AuthorizationCode]] = {}

    def put(self, code: AuthorizationCode) -> None:
        """Keep a new code; those whose time is over are dropped."""
        now = self._clock()
        with self._lock:
            self._waiting = {key: entry for key, entry in self._waiting.items() if entry[0] > now}
            self._waiting[code.code] = (now + CODE_SECONDS, code)

    def take(self, code: str) -> AuthorizationCode | None:
        """The code, which is spent from now on whatever comes of it; None when unknown, spent or expired."""
        with self._lock:
            expires_at, found = self._waiting.pop(code, (0.0, None))
        return found if self._clock() < expires_at else None


class TokenStore:
    """Access tokens that were given out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, AccessToken] = {}

    def put(self, token: str, *, subject: str, scope: str, source_code: str) -> None:
        """Make a token valid for ten minutes; those whose time is over are dropped."""
        entry = AccessToken(subject, scope, self._clock() + ACCESS_TOKEN_SECONDS, source_code, self._clock)
        with self._lock:
            self._tokens = {key: kept for key, kept in self._tokens.items() if not kept.is_expired()}
            self._tokens[token] = entry

    def find(self, token: str) -> AccessToken | None:
        """The token, valid or just expired."""
        with self._lock:
            return self._tokens.get(token)

    def revoke_from(self, code: str) -> None:
        """Withdraw what was given out for a code: somebody has shown it a second time."""
        with self._lock:
            self._tokens = {key: kept for key, kept in self._tokens.items() if kept.source_code != code}
