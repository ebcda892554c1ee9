"""The front door."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, send_from_directory, url_for
from werkzeug.wrappers import Response

from mission_control.accounts.gate import browser_session

blueprint = Blueprint("landing", __name__)


@blueprint.get("/")
def show() -> Response | str:
    """What this is and the way in; somebody signed in goes on to their environments."""
    if browser_session().person is not None:
        return redirect(url_for("environments.index"))
    return render_template("pages/landing.html")


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """For browsers that ask for it without being told."""
    return send_from_directory(str(blueprint.root_path) + "/../static", "vakka.svg", mimetype="image/svg+xml")
