"""What programs call: discovery, keys, tokens, claims, health."""

from __future__ import annotations

from typing import cast

import structlog
from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, jsonify

from mission_control.identity.provider_codes import AccessToken
from mission_control.identity.provider_keys import ALGORITHM, ProviderKeys
from mission_control.identity.provider_oauth import SCOPES, claims_of
from mission_control.identity.provider_users import Users

log = structlog.get_logger()


def endpoints(
    issuer: str, keys: ProviderKeys, server: AuthorizationServer, protector: ResourceProtector, users: Users
) -> Blueprint:
    """The routes that no person sees. None of them reads the cookie, so none needs protection from forged forms."""
    routes = Blueprint("endpoints", __name__)

    @routes.get("/health")
    def health() -> Response:
        return jsonify(status="ok")

    @routes.get("/.well-known/openid-configuration")
    def discovery() -> Response:
        return jsonify(discovery_document(issuer))

    @routes.get("/.well-known/jwks.json")
    def key_set() -> Response:
        return jsonify(keys.public)

    @routes.post("/oauth/token")
    def token() -> Response:
        response = cast(Response, server.create_token_response())
        if response.status_code != 200:
            answer = response.get_json(silent=True) or {}
            log.warning("token_refused", status=response.status_code, error=answer.get("error"))
        return response

    @routes.route("/userinfo", methods=["GET", "POST"])
    def user_info() -> Response:
        try:
            found = cast(AccessToken, protector.acquire_token(["openid"]))
        except OAuth2Error as error:
            return server.handle_response(*error())
        user = users.find(found.subject)
        return jsonify({} if user is None else claims_of(user, found.scope))

    return routes


def discovery_document(issuer: str) -> dict[str, object]:
    """What the provider can do and where, in the words of OpenID Connect Discovery."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "end_session_endpoint": f"{issuer}/oidc/logout",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "select_account"],
        "claims_supported": ["sub", "email", "email_verified", "auth_time", "nonce", "amr"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
    }
