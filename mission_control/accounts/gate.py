"""Nobody gets past here signed out: every page asks for a sign-in unless it is listed as open."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, current_app, redirect, request, session, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from mission_control.accounts.models import Person
from mission_control.accounts.sessions import ConsoleSession
from mission_control.errors import ConsoleError

OPEN_ENDPOINTS = frozenset(
    {"landing.show", "auth.sign_in", "auth.callback", "auth.sign_out", "health.show", "static", "landing.favicon"}
)


def init_app(app: Flask) -> None:
    """Check every request before any view, and before the forms' tokens."""
    app.before_request(_require_sign_in)


def browser_session() -> ConsoleSession:
    """This request's session."""
    current = session._get_current_object()  # type: ignore[attr-defined]
    assert isinstance(current, ConsoleSession)  # noqa: S101  (the app has no other session interface)
    return current


def signed_in() -> Person:
    """Who does this. Raises ConsoleError `signed_out`."""
    person = browser_session().person
    if person is None:
        raise ConsoleError("signed_out")
    return person


def asked_address() -> str:
    """Path and query of this request, whatever bytes are in it."""
    query = request.query_string.decode(errors="replace")
    return f"{request.path}?{query}" if query else request.path


def safe_next(target: str | None) -> str | None:
    """`target` when it is a page of this console that can be opened by a link, else None.

    Whatever a link from elsewhere puts there, nobody is sent to another site by it.
    """
    if not target or not target.startswith("/") or not target.isprintable() or "\\" in target or len(target) > 500:
        return None
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or target.startswith("//"):
        return None
    try:
        endpoint, _ = current_app.url_map.bind("").match(parts.path, method="GET")
    except HTTPException:
        return None
    return None if endpoint in OPEN_ENDPOINTS else target


def _require_sign_in() -> Response | None:
    if request.endpoint is None or request.endpoint in {"static", "health.show"}:
        return None
    if not browser_session().is_readable:
        raise ConsoleError("database_unavailable")
    if browser_session().person is not None:
        return None
    if request.endpoint == "auth.sign_out":
        return redirect(url_for("landing.show"), 303)  # signed out already, by expiry or in another tab
    if request.endpoint in OPEN_ENDPOINTS:
        return None
    if request.method not in {"GET", "HEAD"} or "HX-Request" in request.headers:
        raise ConsoleError("signed_out")
    return redirect(url_for("auth.sign_in", next=asked_address()), 302)
