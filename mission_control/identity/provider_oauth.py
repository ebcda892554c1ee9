"""The rules of OAuth 2 and OpenID Connect, as Authlib knows them, for one client and the code flow with PKCE only."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import BaseGrant, ClientMixin, InvalidRequestError, InvalidScopeError, OAuth2Payload
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode, UserInfo
from flask import Flask
from joserfc.jwk import RSAKey

from mission_control.identity.provider_codes import (
    ACCESS_TOKEN_SECONDS,
    AccessToken,
    AuthorizationCode,
    Clock,
    CodeStore,
    TokenStore,
)
from mission_control.identity.provider_keys import ALGORITHM, ProviderKeys
from mission_control.identity.provider_users import User, Users

SCOPES = ("openid", "email", "profile")
ID_TOKEN_SECONDS = 600


@dataclass(frozen=True)
class SignedIn:
    """A person and when they gave their password, unix seconds."""

    user: User
    auth_time: int


@dataclass(frozen=True)
class Client(ClientMixin):
    """The one program that people sign in to."""

    client_id: str
    secret: str = field(repr=False)
    redirect_uri: str

    def get_client_id(self) -> str:
        """Its name."""
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        """None: a request has to name the address itself."""
        return ""

    def get_allowed_scope(self, scope: object) -> str:
        """What is granted of `scope`. Refuses a request that isn't an OpenID one."""
        asked = str(scope or "").split()
        if "openid" not in asked:
            raise InvalidScopeError("The scope 'openid' is required.")
        return " ".join(name for name in SCOPES if name in asked)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exactly the registered address, character by character."""
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        """In constant time."""
        return hmac.compare_digest(client_secret.encode(), self.secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002  Authlib's signature
        """A secret is always needed."""
        return method in {"client_secret_basic", "client_secret_post"}

    def check_response_type(self, response_type: str) -> bool:
        """The code flow only."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """The code flow only; no refresh tokens."""
        return grant_type == "authorization_code"


class S256Required(CodeChallenge):
    """PKCE with S256, never without."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012  the library's own attribute

    def validate_code_challenge(self, grant: AuthorizationCodeGrant, redirect_uri: str) -> None:
        """Refuses a request without a challenge or with another method; `plain` is what no method would mean."""
        data = _payload(grant.request)
        if not data.get("code_challenge"):
            raise InvalidRequestError("Missing 'code_challenge'")
        if data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("Unsupported 'code_challenge_method': S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)


class IdTokens(OpenIDCode):
    """Signed statements about who signed in, when, and for which request."""

    def __init__(self, issuer: str, keys: ProviderKeys, clock: Clock) -> None:
        super().__init__(require_nonce=False)
        self._issuer = issuer
        self._keys = keys
        self._clock = clock

    def validate_openid_authorization_request(self, grant: BaseGrant, redirect_uri: str) -> None:
        """Refuses a max_age that isn't a number of seconds."""
        max_age = _payload(grant.request).get("max_age")
        if max_age is not None and not (max_age.isascii() and max_age.isdigit() and len(max_age) < 10):
            raise InvalidRequestError("Invalid 'max_age': whole seconds are expected.")
        super().validate_openid_authorization_request(grant, redirect_uri)

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:  # noqa: ARG002  Authlib's signature
        """Never: codes are single-use and bound to a verifier, so a repeated nonce lets nobody in."""
        return False

    def resolve_client_private_key(self, client: Client) -> RSAKey:  # noqa: ARG002  Authlib's signature
        """The provider's signing key."""
        return self._keys.signing

    def get_encode_header(self, client: Client) -> dict[str, str]:  # noqa: ARG002  Authlib's signature
        """Names the key, so that a verifier finds it in the key set."""
        return {"alg": ALGORITHM, "kid": self._keys.signing_kid}

    def get_client_claims(self, client: Client) -> dict[str, object]:
        """Who says it, to whom, and for how long it holds."""
        now = int(self._clock())
        return {"iss": self._issuer, "aud": client.client_id, "iat": now, "exp": now + ID_TOKEN_SECONDS}

    def generate_user_info(self, user: User, scope: str) -> UserInfo:
        """The person's claims."""
        return UserInfo(claims_of(user, scope))


class Bearer(BearerTokenValidator):
    """Recognises the access tokens that were given out."""

    def __init__(self, tokens: TokenStore) -> None:
        super().__init__()
        self._tokens = tokens

    def authenticate_token(self, token_string: str) -> AccessToken | None:
        """The token, or None."""
        return self._tokens.find(token_string)


def claims_of(user: User, scope: str) -> dict[str, object]:
    """What a client with `scope` may know. The machine's owner vouches for the e-mails, hence email_verified."""
    claims: dict[str, object] = {"sub": user.subject}
    if "email" in scope.split():
        claims |= {"email": user.email, "email_verified": True}
    return claims


def _code_grant(users: Users, codes: CodeStore, tokens: TokenStore) -> type[AuthorizationCodeGrant]:
    """The code flow over these stores."""

    class CodeGrant(AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
            data = _payload(request)
            signed_in = cast(SignedIn, request.user)
            codes.put(
                AuthorizationCode(
                    code=code,
                    client_id=data["client_id"],
                    redirect_uri=data["redirect_uri"],
                    scope=request.scope,
                    subject=signed_in.user.subject,
                    auth_time=signed_in.auth_time,
                    nonce=data.get("nonce"),
                    code_challenge=data["code_challenge"],
                    code_challenge_method="S256",
                )
            )

        def query_authorization_code(self, code: str, client: ClientMixin) -> AuthorizationCode | None:  # noqa: ARG002  Authlib's signature
            found = codes.take(code)
            if found is None:
                tokens.revoke_from(code)
            return found

        def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
            """Nothing to do: looking a code up has spent it."""

        def authenticate_user(self, authorization_code: AuthorizationCode) -> User | None:
            return users.find(authorization_code.subject)

    return CodeGrant


def authorization_server(
    app: Flask, client: Client, id_tokens: IdTokens, *, users: Users, codes: CodeStore, tokens: TokenStore
) -> AuthorizationServer:
    """Authlib's server, which answers from these stores."""
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": ACCESS_TOKEN_SECONDS}

    def save_token(token: dict[str, str], request: OAuth2Request) -> None:
        code = cast(AuthorizationCode, request.authorization_code)
        tokens.put(token["access_token"], subject=code.subject, scope=token["scope"], source_code=code.code)

    server = AuthorizationServer()
    server.init_app(app, lambda client_id: client if client_id == client.client_id else None, save_token)
    server.register_grant(_code_grant(users, codes, tokens), [S256Required(required=True), id_tokens])
    return server


def _payload(request: OAuth2Request) -> Mapping[str, str]:
    return cast(OAuth2Payload, request.payload).data
