"""Whether the console can do its work."""

from __future__ import annotations

from flask import Blueprint

from mission_control.errors import ConsoleError
from mission_control.parts import parts

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def show() -> tuple[dict[str, str], int, dict[str, str]]:
    """200 when the database answers, else 503; nothing else is asked, so that one outage isn't made two."""
    try:
        with parts().database.transaction() as connection:
            connection.execute("select 1")
    except ConsoleError as error:
        return {"status": "unavailable"}, 503, {"Retry-After": str(error.retry_after_seconds)}
    return {"status": "ok"}, 200, {}
