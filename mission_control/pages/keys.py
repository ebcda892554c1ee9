"""Revealing one of an environment's keys, and hiding it again.

A key is fetched for this one answer. It is in no address, no session, no log and no table, and the answer is stored
nowhere (`Cache-Control: no-store`, as on every page).
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mission_control.accounts.gate import signed_in
from mission_control.actions import actions
from mission_control.control_plane import Access
from mission_control.pages.environment_view import view
from mission_control.parts import parts

ACCESS = f"<any({','.join(access.value for access in Access)}):access>"
blueprint = Blueprint("keys", __name__, url_prefix=f"/environments/<uuid:environment_id>/keys/{ACCESS}")


@blueprint.get("")
@blueprint.get("/reveal")
def hidden(environment_id: UUID, access: str) -> Response | str:
    """The key hidden again, for a browser that showed it; the page, for one that opens the address."""
    if "HX-Request" not in request.headers:
        return redirect(url_for("environments.show", environment_id=environment_id, _anchor="keys"))
    found = view(parts().control_plane, signed_in(), environment_id)
    return render_template("fragments/key.html", view=found, access=Access(access))


@blueprint.post("/reveal")
def reveal(environment_id: UUID, access: str) -> str:
    """The key itself: inside the page, or as a part of it where htmx asks."""
    which = Access(access)
    key = actions().reveal_key(environment_id, which)
    found = view(parts().control_plane, signed_in(), environment_id, reveal={which: key})
    if "HX-Request" in request.headers:
        return render_template("fragments/key.html", view=found, access=which)
    return render_template("pages/environment.html", view=found)
