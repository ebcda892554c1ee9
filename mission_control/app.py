"""The application factory of the console."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, url_for
from flask_wtf.csrf import CSRFProtect

from mission_control import parts, requests_log, security
from mission_control.accounts import gate
from mission_control.accounts.sessions import SessionStore
from mission_control.accounts.views import blueprint as auth
from mission_control.control_plane import ControlPlane
from mission_control.identity.client import IdentityClient
from mission_control.pages import error_pages, filters
from mission_control.pages.deletion import blueprint as deletion
from mission_control.pages.environments import blueprint as environments
from mission_control.pages.health import blueprint as health
from mission_control.pages.keys import blueprint as keys
from mission_control.pages.landing import blueprint as landing
from mission_control.settings import Settings
from mission_control.store.database import Database

LARGEST_FORM_BYTES = 64 * 1024
STATIC = Path(__file__).parent / "static"


def create_app(settings: Settings) -> Flask:
    """The console as a WSGI application. Nothing is connected to until the first request needs it."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=settings.session_secret.get_secret_value(),
        MAX_CONTENT_LENGTH=LARGEST_FORM_BYTES,
        SEND_FILE_MAX_AGE_DEFAULT=31_536_000,  # the addresses change with the content, see `asset`
        WTF_CSRF_TIME_LIMIT=None,  # a form is good as long as the session it was made in
    )
    database = Database(settings.database_url)
    sessions = SessionStore(database, settings)
    app.session_interface = sessions
    made = parts.Parts(
        settings=settings,
        database=database,
        sessions=sessions,
        control_plane=ControlPlane(
            url=settings.api_url, secret=settings.api_secret, timeout_seconds=settings.api_timeout_seconds
        ),
        identity=IdentityClient(app, settings),
    )
    parts.keep(app.extensions, made)

    # In this order: each may end a request before the next sees it.
    requests_log.init_app(app)
    security.init_app(app, settings)
    gate.init_app(app)
    CSRFProtect(app)
    error_pages.init_app(app)
    filters.init_app(app)
    for blueprint in (landing, auth, environments, deletion, keys, health):
        app.register_blueprint(blueprint)
    app.jinja_env.globals.update(asset=asset, edition=settings.edition)
    return app


@cache
def _fingerprint(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a static file, another one whenever its content is another."""
    return url_for("static", filename=name, v=_fingerprint(name))
