"""Sign in, come back, sign out."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from mission_control.accounts import people
from mission_control.accounts.gate import browser_session, safe_next, signed_in
from mission_control.audit.events import Event, EventKind, append
from mission_control.errors import ConsoleError
from mission_control.log import get_logger
from mission_control.parts import parts

blueprint = Blueprint("auth", __name__, url_prefix="/auth")
logger = get_logger("auth")

ALREADY_SIGNED_IN = "You are signed in already; the top of the page says as whom. To be somebody else, sign out first."


@blueprint.get("/sign-in")
def sign_in() -> Response:
    """On to the identity provider; `next` is the page to come back to."""
    target = safe_next(request.args.get("next"))
    if browser_session().person is not None:
        return redirect(target or url_for("environments.index"))
    if target:
        browser_session()["next"] = target
    return parts().identity.begin()


@blueprint.get("/callback")
def callback() -> Response:
    """Back from the identity provider: a new session, and an account at the first time."""
    session = browser_session()
    if session.person is not None:  # another tab was faster, or the browser went back
        raise ConsoleError("sign_in_expired", ALREADY_SIGNED_IN)
    identity = parts().identity.complete()
    target = safe_next(session.get("next"))
    with parts().database.transaction() as connection:
        person = people.ensure_person(connection, identity)
        parts().sessions.sign_in(connection, session, person)
        append(connection, Event(EventKind.SIGNED_IN, actor_id=person.account_id, team_id=person.team_id))
    logger.info("signed_in", account_id=str(person.account_id))
    return redirect(target or url_for("environments.index"), 303)


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End the session here and at the identity provider."""
    session, person = browser_session(), signed_in()
    with parts().database.transaction() as connection:
        parts().sessions.end(connection, session)
        append(connection, Event(EventKind.SIGNED_OUT, actor_id=person.account_id, team_id=person.team_id))
    return_to = f"{parts().settings.public_url}/"
    return redirect(parts().identity.sign_out_url(return_to) or return_to, 303)
