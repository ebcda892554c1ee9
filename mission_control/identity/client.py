"""Sign-in with an OpenID Connect provider: authorization code, PKCE S256, nonce; by Authlib.

The verifier, the nonce and the state stay in the server-side session and are used once. The ID token must be signed
by a public key of the configured issuer, for this client, in answer to this very request. Whatever goes wrong ends
in a ConsoleError, and nobody is signed in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client.errors import MismatchingStateError
from authlib.integrations.flask_client import OAuth
from flask import Flask, request, session
from joserfc.errors import JoseError
from werkzeug.wrappers import Response

from mission_control.accounts.models import Identity
from mission_control.errors import ConsoleError
from mission_control.log import get_logger
from mission_control.settings import Settings

logger = get_logger("identity")

# Only signatures that a thief of the client secret can't make.
SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_DENIED = {"access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required"}
_PROVIDER_BUSY = {"temporarily_unavailable", "server_error"}
_LONGEST_EMAIL = 254
MOST_BEGUN = 5


class IdentityClient:
    """The console's side of the sign-in."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._settings = settings
        self._provider: Any = OAuth(app).register(
            "provider",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value(),
            server_metadata_url=settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid email profile",
                "code_challenge_method": "S256",
                "default_timeout": settings.oidc_timeout_seconds,
                # A company's proxy can't reach a provider on this machine's loopback.
                "trust_env": not _is_loopback(settings.oidc_issuer),
            },
        )

    def begin(self) -> Response:
        """Send the browser to the provider. Raises ConsoleError `provider_unavailable`."""
        with self._errors_as_pages():
            self._load_metadata()
            answer: Response = self._provider.authorize_redirect(self._settings.callback_url)
        _forget_oldest_sign_ins()
        return answer

    def complete(self) -> Identity:
        """Who has come back from the provider with this request.

        Raises ConsoleError `sign_in_denied`, `sign_in_expired`, `sign_in_failed` or `provider_unavailable`.
        """
        _refuse_errors_of_the_provider(request.args.get("error"))
        if not request.args.get("code") or not request.args.get("state"):
            raise ConsoleError("sign_in_expired")
        with self._errors_as_pages():
            self._load_metadata()
            token = self._provider.authorize_access_token(
                claims_options={
                    "iss": {"essential": True, "values": [self._settings.oidc_issuer]},
                    # Authlib lets another audience pass when azp names us.
                    "aud": {"essential": True, "value": self._settings.oidc_client_id},
                }
            )
        claims = token.get("userinfo") or {}  # only there when the ID token has been verified
        subject, email = claims.get("sub"), claims.get("email")
        if not isinstance(subject, str) or not subject:
            logger.warning("sign_in_failed", reason="no verified ID token")
            raise ConsoleError("sign_in_failed")
        if not isinstance(email, str) or "@" not in email or len(email) > _LONGEST_EMAIL or not email.isprintable():
            raise ConsoleError(
                "sign_in_failed",
                "The identity provider gave no e-mail address for you. Add one to your account there, then sign in "
                "again.",
            )
        return Identity(issuer=self._settings.oidc_issuer, subject=subject, email=email)

    def sign_out_url(self, return_to: str) -> str | None:
        """Where a browser ends its session at the provider; None when the provider has no such place or is down."""
        try:
            with self._errors_as_pages():
                endpoint = self._load_metadata().get("end_session_endpoint")
        except ConsoleError:
            return None
        if not isinstance(endpoint, str) or not endpoint:
            return None
        query = urlencode({"client_id": self._settings.oidc_client_id, "post_logout_redirect_uri": return_to})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    def _load_metadata(self) -> dict[str, Any]:
        metadata: dict[str, Any] = self._provider.load_server_metadata()
        if metadata.get("issuer") != self._settings.oidc_issuer:
            metadata.pop("_loaded_at", None)
            logger.error("provider_is_another_issuer", expected=self._settings.oidc_issuer)
            raise ConsoleError("provider_unavailable")
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        usable = [name for name in offered if name in SIGNATURES]
        if not usable:
            logger.error("provider_signs_with_nothing_usable", offered=offered)
            raise ConsoleError("provider_unavailable")
        metadata["id_token_signing_alg_values_supported"] = usable
        return metadata

    @contextmanager
    def _errors_as_pages(self) -> Iterator[None]:
        try:
            yield
        except requests.RequestException as error:
            logger.warning("provider_unavailable", reason=type(error).__name__)
            raise ConsoleError("provider_unavailable") from error
        except AuthlibBaseError as error:
            # What the provider wrote isn't logged: it may quote what was sent.
            is_stale = isinstance(error, MismatchingStateError) or error.error == "invalid_grant"
            logger.warning("sign_in_refused", reason=type(error).__name__)
            raise ConsoleError("sign_in_expired" if is_stale else "sign_in_failed") from error
        except (JoseError, ValueError, TypeError, KeyError, RuntimeError) as error:
            logger.warning("sign_in_failed", reason=type(error).__name__)
            raise ConsoleError("sign_in_failed") from error


def _forget_oldest_sign_ins() -> None:
    """Keep what the last few tabs have begun, so that nobody makes their session grow without end."""
    begun = sorted((key for key in session if key.startswith("_state_")), key=lambda key: session[key]["exp"])
    for key in begun[:-MOST_BEGUN]:
        session.pop(key)


def _refuse_errors_of_the_provider(error: str | None) -> None:
    if error is None:
        return
    if error in _PROVIDER_BUSY:
        raise ConsoleError("provider_unavailable")
    raise ConsoleError("sign_in_denied" if error in _DENIED else "sign_in_failed")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
