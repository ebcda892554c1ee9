"""What a person sees of the embedded provider: the sign-in page, signing out, and pages that explain a refusal."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlencode

import structlog
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from mission_control.identity.provider_attempts import SignInAttempts
from mission_control.identity.provider_oauth import SignedIn
from mission_control.identity.provider_sessions import Sessions
from mission_control.identity.provider_settings import ProviderSettings
from mission_control.identity.provider_users import Users

WRONG_PASSWORD = "This e-mail and password don't belong together. Check both and try again."  # noqa: S105  a sentence
FORM_TOO_OLD = "This page was open for too long, or your browser keeps no cookies for it. Please sign in again."
SIGN_OUT_FIELDS = ("client_id", "post_logout_redirect_uri", "returnTo", "state")
log = structlog.get_logger()


def pages(
    settings: ProviderSettings,
    server: AuthorizationServer,
    sessions: Sessions,
    users: Users,
    attempts: SignInAttempts,
) -> Blueprint:
    """The routes that people's browsers open."""
    routes = Blueprint("pages", __name__)

    @routes.get("/authorize")
    def authorize() -> Response:
        remembered = sessions.current(max_age=_max_age())
        try:
            grant = server.get_consent_grant(end_user=remembered)
        except OAuth2Error as error:
            return _refusal(server, error)
        if remembered is None or grant.prompt in {"login", "select_account"}:
            return _sign_in_page()
        return cast(Response, server.create_authorization_response(grant_user=remembered, grant=grant))

    @routes.post("/sign-in")
    def sign_in() -> Response:
        return _sign_in(server, sessions, users, attempts)

    @routes.route("/v2/logout", methods=["GET", "POST"])
    @routes.route("/oidc/logout", methods=["GET", "POST"], endpoint="end_session")
    def sign_out() -> Response:
        return _sign_out(settings, sessions)

    return routes


def register_error_pages(app: Flask) -> None:
    """Answer every failure with a page that says what happened; only unexpected ones are logged as errors."""

    @app.errorhandler(CSRFError)
    def form_not_from_here(_: CSRFError) -> Response:
        if request.endpoint != "pages.sign_in":
            return _message_page("That form wasn't ours", "Go back and try again.", status=400)
        return _sign_in_page(request.form.get("email", ""), FORM_TOO_OLD, status=400)

    @app.errorhandler(HTTPException)
    def explained(error: HTTPException) -> Response:
        if error.response is not None:
            return cast(Response, error.get_response())
        if isinstance(error, InternalServerError):
            log.error("request_failed", endpoint=request.endpoint, exc_info=error.original_exception or error)
            return _message_page("Something went wrong here", "It was logged. Please try again.", status=500)
        if isinstance(error, SecurityError):  # no route was looked for, so no page with links can be made
            return Response("This address isn't served here.\n", status=400, mimetype="text/plain")
        page = _message_page(error.name, error.description or "", status=error.code or 500)
        for name, value in error.get_headers():
            if name in {"Allow", "Retry-After"}:
                page.headers[name] = value
        return page


def _sign_in(server: AuthorizationServer, sessions: Sessions, users: Users, attempts: SignInAttempts) -> Response:
    """Check the request that the form came with as if it were new, then the password."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        grant = server.get_consent_grant()
    except OAuth2Error as error:
        return _refusal(server, error)
    wait_seconds = attempts.begin(email)
    if wait_seconds:
        log.warning("sign_in_paused", retry_after_seconds=wait_seconds)
        return _paused_page(email, wait_seconds)
    user = users.authenticate(email, password)
    if user is None:
        log.warning("sign_in_refused")
        return _sign_in_page(email, WRONG_PASSWORD, status=401)
    attempts.succeeded(email)
    log.info("signed_in", subject=user.subject)
    return _granted(server, grant, sessions.begin(user))


def _sign_in_page(email: str = "", problem: str | None = None, *, status: int = 200) -> Response:
    """The form. It is sent back with the query it was asked for, which is checked again then."""
    action = url_for("pages.sign_in") + "?" + request.query_string.decode("latin-1")
    return make_response(render_template("sign_in.html", action=action, email=email, problem=problem), status)


def _paused_page(email: str, wait_seconds: int) -> Response:
    minutes = -(-wait_seconds // 60)
    span = f"{wait_seconds} seconds" if wait_seconds <= 90 else f"{minutes} minutes"
    problem = f"There were too many wrong passwords for this e-mail. Wait {span}, then try again."
    page = _sign_in_page(email, problem, status=429)
    page.headers["Retry-After"] = str(wait_seconds)
    return page


def _granted(server: AuthorizationServer, grant: object, signed_in: SignedIn) -> Response:
    response = cast(Response, server.create_authorization_response(grant_user=signed_in, grant=grant))
    if response.status_code == 302:
        response.status_code = 303  # after a form: the address is to be fetched, not posted to
    return response


def _refusal(server: AuthorizationServer, error: OAuth2Error) -> Response:
    """To the client when the redirect address is known to be its own; otherwise a page."""
    log.warning("authorization_refused", error=error.error)
    if getattr(error, "redirect_uri", None):
        return cast(Response, server.handle_error_response(server.create_oauth2_request(None), error))
    sentence = "It is incomplete, or names a program or an address that isn't registered here. Start again there:"
    return _message_page("This sign-in link doesn't work", sentence, status=400)


def _sign_out(settings: ProviderSettings, sessions: Sessions) -> Response:
    """End the session and go where the client registered, or stay. An address of anybody else ends nothing.

    A browser that was sent here by another site is asked first. Understands Auth0's words (returnTo) and OpenID's
    (post_logout_redirect_uri, state); an id_token_hint isn't needed to know the one client.
    """
    target = request.values.get("post_logout_redirect_uri") or request.values.get("returnTo")
    client_id = request.values.get("client_id", settings.client_id)
    if client_id != settings.client_id or (target and target != settings.post_logout_uri):
        log.warning("sign_out_refused")
        sentence = "It names an address or a program that isn't registered here. Sign out there:"
        return _message_page("This sign-out link doesn't work", sentence, status=400)
    if request.headers.get("Sec-Fetch-Site") == "cross-site":  # anybody can link here; only the person may mean it
        return make_response(render_template("sign_out.html", action=request.path, fields=_asked(SIGN_OUT_FIELDS)))
    sessions.end()
    log.info("signed_out")
    if not target:
        return _message_page("You are signed out", "You can close this page, or sign in again:", status=200)
    state = request.values.get("state")
    separator = "&" if "?" in target else "?"
    return cast(Response, redirect(target + (separator + urlencode({"state": state}) if state else ""), 303))


def _message_page(title: str, sentence: str, *, status: int) -> Response:
    return make_response(render_template("message.html", title=title, sentence=sentence), status)


def _asked(names: tuple[str, ...]) -> dict[str, str]:
    return {name: request.values[name] for name in names if name in request.values}


def _max_age() -> int | None:
    """The request's max_age; one that isn't a number is refused later, with the rest of the request."""
    value = request.args.get("max_age", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
