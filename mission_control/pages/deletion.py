"""Deleting an environment: what will be lost, the name typed, and then the progress on the environment's own page."""

from __future__ import annotations

import unicodedata
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mission_control.accounts.gate import signed_in
from mission_control.actions import actions
from mission_control.control_plane import EnvironmentState
from mission_control.parts import parts

blueprint = Blueprint("deletion", __name__, url_prefix="/environments/<uuid:environment_id>/delete")


@blueprint.get("")
def ask(environment_id: UUID) -> Response | str:
    """What will be lost, and a field for the name."""
    environment = parts().control_plane.environment(signed_in(), environment_id)
    if environment.state in {EnvironmentState.DELETING, EnvironmentState.DELETED}:
        return redirect(_page_of(environment_id, environment.current_operation_id))
    return render_template("pages/delete_environment.html", environment=environment, problem=None)


@blueprint.post("")
def confirm(environment_id: UUID) -> Response | tuple[str, int]:
    """Delete it when the typed name is the environment's, letter by letter; how wide the gaps are can't be seen."""
    environment = parts().control_plane.environment(signed_in(), environment_id)
    if not _same(request.form.get("name", ""), environment.name):
        problem = "That isn't the environment's name. Type it exactly as it is shown."
        return render_template("pages/delete_environment.html", environment=environment, problem=problem), 422
    accepted = actions().delete_environment(environment_id)
    return redirect(_page_of(environment_id, accepted.operation.id), 303)


def _page_of(environment_id: UUID, operation_id: UUID | None) -> str:
    """The environment's page; with the operation's id it can tell "just deleted" from "never was"."""
    return url_for("environments.show", environment_id=environment_id, operation=operation_id)


def _same(typed: str, name: str) -> bool:
    left, right = (" ".join(unicodedata.normalize("NFC", text).split()) for text in (typed, name))
    return left == right
