"""How values read on a page."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Flask
from markupsafe import Markup

from mission_control.accounts.gate import browser_session
from mission_control.control_plane import Access, EnvironmentState, Step

_STATES = {
    EnvironmentState.CREATING: "Creating",
    EnvironmentState.RUNNING: "Running",
    EnvironmentState.DELETING: "Deleting",
    EnvironmentState.DELETED: "Deleted",
    EnvironmentState.FAILED: "Failed",
}
_ACCESS = {Access.READ_ONLY: "Read-only key", Access.READ_WRITE: "Read/write key"}


def init_app(app: Flask) -> None:
    """Make them known to the templates, and who is signed in to every page."""
    app.jinja_env.filters.update(moment=moment, duration=duration, state_label=_STATES.get, access_label=_ACCESS.get)
    app.context_processor(lambda: {"person": browser_session().person})


def moment(value: datetime) -> Markup:
    """A point in time, for people and for programs."""
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"), f"{utc.day} {utc:%b %Y, %H:%M} UTC"
    )


def duration(step: Step) -> str:
    """How long a step took, or "" while that isn't known."""
    if step.started_at is None or step.finished_at is None:
        return ""
    seconds = max(0.0, (step.finished_at - step.started_at).total_seconds())
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
