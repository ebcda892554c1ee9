"""Which service calls, for whom: short-lived tokens, signed with one secret per pair of services.

A token's `iss` says who claims to speak and so which secret must have signed it: Mission Control with the secret it
shares with us, an agent with a secret of its environment alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry
from joserfc.util import urlsafe_b64decode
from pydantic import SecretStr

from api.errors import ApiError
from api.ports import Clock

AUDIENCE = "api"
CONSOLE = "mission_control"
AGENT = "agent"
MAX_LIFETIME_SECONDS = 60
LEEWAY_SECONDS = 5  # between clocks of machines
ALGORITHM = "HS256"


@dataclass(frozen=True)
class ConsoleCaller:
    """Mission Control, for an account acting in a team."""

    team_id: UUID
    account_id: UUID


@dataclass(frozen=True)
class AgentCaller:
    """The agent of one environment."""

    environment_id: UUID


Caller = ConsoleCaller | AgentCaller


class Authenticator:
    """Checks service tokens."""

    def __init__(self, *, console_secret: SecretStr, agent_secret: Callable[[UUID], SecretStr], clock: Clock) -> None:
        self._console_secret = console_secret
        self._agent_secret = agent_secret
        self._clock = clock

    def identify(self, authorization: str | None) -> Caller:
        """Who sent this Authorization header. Raises token_invalid, never saying what exactly was wrong."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ApiError("token_invalid")
        try:
            return self._identify(token.strip())
        except (JoseError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise ApiError("token_invalid") from None

    def _identify(self, token: str) -> Caller:
        claimed = _unverified_claims(token)
        issuer, subject = claimed["iss"], UUID(claimed["sub"])
        if issuer == CONSOLE:
            claims = self._verify(token, self._console_secret, issuer)
            return ConsoleCaller(team_id=UUID(claims["sub"]), account_id=UUID(claims["act"]))
        if issuer == AGENT:
            claims = self._verify(token, self._agent_secret(subject), issuer)
            return AgentCaller(environment_id=UUID(claims["sub"]))
        raise ValueError("unknown issuer")

    def _verify(self, token: str, secret: SecretStr, issuer: str) -> dict[str, Any]:
        key = OctKey.import_key(secret.get_secret_value())
        claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        registry = JWTClaimsRegistry(
            now=int(self._clock.now().timestamp()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            iat={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
        )
        registry.validate(claims)
        if claims["exp"] - claims["iat"] > MAX_LIFETIME_SECONDS:
            raise ValueError("lives too long")
        return claims


def _unverified_claims(token: str) -> dict[str, Any]:
    """What the token says of itself; only good for choosing the secret that it is then checked with."""
    claims = json.loads(urlsafe_b64decode(token.split(".")[1].encode()))
    if not isinstance(claims, dict):
        raise TypeError("claims are no object")
    return claims
