"""The list of environments, the form for a new one, and the page of each."""

from __future__ import annotations

from uuid import UUID, uuid4

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from mission_control.accounts.gate import signed_in
from mission_control.actions import actions
from mission_control.control_plane import NameRefused
from mission_control.errors import ConsoleError
from mission_control.pages.environment_view import MOVING, EnvironmentView, view
from mission_control.parts import parts

blueprint = Blueprint("environments", __name__, url_prefix="/environments")

LONGEST_NAME = 64


@blueprint.get("")
def index() -> str:
    """All environments of the team: the page, or for htmx, which looks again while one changes, the list alone."""
    found = parts().control_plane.environments(signed_in())
    template = "fragments/environment_list.html" if "HX-Request" in request.headers else "pages/environments.html"
    return render_template(template, environments=found, is_moving=any(e.state in MOVING for e in found))


@blueprint.get("/new")
def new() -> str:
    """The form for a new environment."""
    return _form()


@blueprint.post("/new")
def create() -> AnyResponse | tuple[str, int]:
    """Begin to make one, then show it; or the form again with what is wrong."""
    name = request.form.get("name", "").strip()
    if not name:
        return _form(problem="Give the environment a name."), 422
    if len(name) > LONGEST_NAME:
        return _form(name=name, problem=f"Use at most {LONGEST_NAME} characters; these are {len(name)}."), 422
    try:
        accepted = actions().create_environment(name=name, request_id=_request_id())
    except NameRefused as refused:
        return _form(name=name, problem=refused.sentence), 422
    return redirect(url_for("environments.show", environment_id=accepted.environment.id), 303)


@blueprint.get("/<uuid:environment_id>")
def show(environment_id: UUID) -> AnyResponse | str:
    """One environment: how it is, how to use it, how to end it."""
    found = _look(environment_id)
    if found is None:
        flash("The environment has been deleted. Its keys work no longer.")
        return redirect(url_for("environments.index"), 303)
    return render_template("pages/environment.html", view=found)


@blueprint.get("/<uuid:environment_id>/progress")
def progress(environment_id: UUID) -> AnyResponse | str:
    """The changing part of the page, for a browser that looks every second."""
    if "HX-Request" not in request.headers:
        return redirect(url_for("environments.show", environment_id=environment_id))
    found = _look(environment_id)
    if found is None:
        response = Response(status=204)
        response.headers["HX-Redirect"] = url_for(
            "environments.show", environment_id=environment_id, operation=request.args.get("operation")
        )
        return response
    return make_response(render_template("fragments/environment.html", view=found))


def _look(environment_id: UUID) -> EnvironmentView | None:
    """The environment; None when it is gone and the address names an operation that was once done to it."""
    try:
        return view(parts().control_plane, signed_in(), environment_id)
    except ConsoleError as error:
        if error.code == "environment_not_found" and _was_deleted(environment_id):
            return None
        raise


def _was_deleted(environment_id: UUID) -> bool:
    operation_id = request.args.get("operation", type=UUID)
    operation = parts().control_plane.operation(signed_in(), operation_id) if operation_id else None
    return operation is not None and operation.environment_id == environment_id


def _request_id() -> UUID:
    """The form's own id: sent twice, it makes one environment."""
    try:
        return UUID(request.form.get("request_id", ""))
    except ValueError:
        return uuid4()


def _form(*, name: str = "", problem: str | None = None) -> str:
    return render_template("pages/new_environment.html", name=name, problem=problem, request_id=uuid4())
