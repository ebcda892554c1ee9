"""An OpenID Connect provider that checks what it is sent: client, redirect address, PKCE verifier, code used once.

Whoever comes to /authorize is `user`; the knobs make it lie in the ways that the console must notice.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import unquote, urlencode

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.wrappers import Response as AnyResponse

CLIENT_ID = "mission-control"
CLIENT_SECRET = "a-client-secret-of-the-tests-only"


@cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})


@dataclass
class FakeProvider:
    """The state and the knobs."""

    issuer: str = ""  # set when it listens
    user: dict[str, Any] = field(
        default_factory=lambda: {"sub": "user-1", "email": "anna@example.test", "email_verified": True, "name": "Anna"}
    )
    error: str | None = None  # /authorize comes back with it
    claims: dict[str, Any] = field(default_factory=dict)  # put over the ID token's own
    left_out: set[str] = field(default_factory=set)  # claims that the ID token lacks
    key_of_tokens: RSAKey | None = None  # another than the published one
    sign: Callable[[dict[str, Any]], str] | None = None  # makes the ID token in another way altogether
    algorithms: list[str] = field(default_factory=lambda: ["RS256", "HS256"])  # as it publishes them
    is_down: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens_given: int = 0
    verifiers: list[str] = field(default_factory=list)
    key: RSAKey = field(default_factory=_key)

    def app(self) -> Flask:
        """The HTTP side."""
        return _app(self)


def _app(provider: FakeProvider) -> Flask:
    app = Flask("fake_provider")

    @app.before_request
    def be_down() -> Response | None:
        return Response("down", status=503) if provider.is_down else None

    @app.get("/.well-known/openid-configuration")
    def metadata() -> Response:
        issuer = provider.issuer
        return jsonify(
            issuer=issuer,
            authorization_endpoint=f"{issuer}/authorize",
            token_endpoint=f"{issuer}/oauth/token",
            jwks_uri=f"{issuer}/.well-known/jwks.json",
            end_session_endpoint=f"{issuer}/oidc/logout",
            id_token_signing_alg_values_supported=provider.algorithms,
        )

    @app.get("/.well-known/jwks.json")
    def jwks() -> Response:
        return jsonify(keys=[provider.key.as_dict(private=False)])

    @app.get("/authorize")
    def authorize() -> AnyResponse:
        asked = request.args.to_dict()
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["nonce"]
        assert set(asked["scope"].split()) >= {"openid", "email"}
        if provider.error:
            back = {"error": provider.error, "error_description": "<b>no</b>", "state": asked["state"]}
        else:
            code = secrets.token_urlsafe(16)
            provider.codes[code] = asked
            back = {"code": code, "state": asked["state"]}
        return redirect(f"{asked['redirect_uri']}?{urlencode(back)}")

    @app.post("/oauth/token")
    def token() -> tuple[Response, int] | Response:
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        id_, _, secret = base64.b64decode(credentials).decode().partition(":")
        if (scheme, unquote(id_), unquote(secret)) != ("Basic", CLIENT_ID, CLIENT_SECRET):
            return jsonify(error="invalid_client"), 401
        asked = provider.codes.pop(request.form["code"], None)
        digest = hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != request.form["redirect_uri"]
        ):
            return jsonify(error="invalid_grant", error_description="no such code"), 400
        provider.tokens_given += 1
        provider.verifiers.append(request.form["code_verifier"])
        return jsonify(
            access_token=secrets.token_urlsafe(16),
            token_type="Bearer",
            expires_in=60,
            id_token=_id_token(provider, asked),
        )

    return app


def _id_token(provider: FakeProvider, asked: dict[str, str]) -> str:
    now = int(time.time())
    claims = {
        "iss": provider.issuer,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 60,
        "nonce": asked["nonce"],
        **provider.user,
        **provider.claims,
    }
    kept = {name: value for name, value in claims.items() if name not in provider.left_out}
    if provider.sign is not None:
        return provider.sign(kept)
    return jwt.encode({"alg": "RS256", "kid": "1"}, kept, provider.key_of_tokens or provider.key)
