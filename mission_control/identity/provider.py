"""The embedded OpenID provider: signs in the people of one machine for one client, Mission Control.

Code flow with PKCE (S256) only. The client and its redirect address are checked before anything is sent to that
address; a request that fails this check is answered with a page, never with a redirect.
"""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from authlib.integrations.flask_oauth2 import ResourceProtector
from flask import Flask
from flask_wtf.csrf import CSRFProtect

from mission_control.identity.provider_attempts import SignInAttempts
from mission_control.identity.provider_codes import Clock, CodeStore, TokenStore
from mission_control.identity.provider_endpoints import endpoints
from mission_control.identity.provider_keys import load_or_create_keys
from mission_control.identity.provider_oauth import Bearer, Client, IdTokens, authorization_server
from mission_control.identity.provider_pages import pages, register_error_pages
from mission_control.identity.provider_security import add_security_headers
from mission_control.identity.provider_sessions import SESSION_SECONDS, Sessions
from mission_control.identity.provider_settings import ProviderSettings
from mission_control.identity.provider_users import load_or_create_users

LARGEST_REQUEST_BYTES = 64 * 1024


def create_provider(settings: ProviderSettings, *, clock: Clock = time.time) -> Flask:
    """The provider as a WSGI application, to be run in one process.

    clock: unix seconds. Makes the keys and the owner in the state folder when they are missing; raises
    OwnerPasswordMissing or UsersUnreadable when that can't be done.
    """
    keys = load_or_create_keys(settings.state_dir)
    users = load_or_create_users(
        settings.state_dir,
        owner_email=settings.owner_email,
        owner_password_file=settings.owner_password_file,
        owner_subject=settings.owner_subject,
    )
    app = Flask(__name__)
    _configure(app, settings, keys.session_secret)
    csrf = CSRFProtect(app)
    client = Client(settings.client_id, settings.client_secret.get_secret_value(), settings.redirect_uri)
    tokens = TokenStore(clock)
    server = authorization_server(
        app, client, IdTokens(settings.issuer, keys, clock), users=users, codes=CodeStore(clock), tokens=tokens
    )
    protector = ResourceProtector()
    protector.register_token_validator(Bearer(tokens))
    machine_endpoints = endpoints(settings.issuer, keys, server, protector, users)
    csrf.exempt(machine_endpoints)
    app.register_blueprint(machine_endpoints)
    app.register_blueprint(pages(settings, server, Sessions(users, clock), users, SignInAttempts(clock)))
    csrf.exempt("mission_control.identity.provider_pages.sign_out")
    app.jinja_env.globals["console_address"] = settings.post_logout_uri
    register_error_pages(app)
    add_security_headers(app, client_address=settings.redirect_uri)
    structlog.get_logger().info("identity_provider_ready", issuer=settings.issuer)
    return app


def _configure(app: Flask, settings: ProviderSettings, session_secret: bytes) -> None:
    issuer = urlsplit(settings.issuer)
    app.config.update(
        SECRET_KEY=session_secret,
        # Browsers share cookies between the ports of one host: the name keeps it apart from the console's.
        SESSION_COOKIE_NAME="vakka_identity",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=issuer.scheme == "https",
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=SESSION_SECONDS),
        MAX_CONTENT_LENGTH=LARGEST_REQUEST_BYTES,
        # A page elsewhere whose name is made to point at this machine is not let in.
        TRUSTED_HOSTS=[issuer.hostname, "127.0.0.1", "localhost", "[::1]"],
    )
