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
    app.jinja_env.filters.update(
        moment=moment, taken=taken, span=span, state_label=_STATES.get, access_label=_ACCESS.get
    )
    app.context_processor(lambda: {"person": browser_session().person})


def moment(value: datetime) -> Markup:
    """A point in time, for people and for programs."""
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"), f"{utc.day} {utc:%b %Y, %H:%M} UTC"
    )


def taken(step: Step) -> str:
    """How long a step took, or has been at work; "" before it begins."""
    if step.started_at is None:
        return ""
    if step.finished_at is None:
        return span((datetime.now(UTC) - step.started_at).total_seconds())
    seconds = (step.finished_at - step.started_at).total_seconds()
    return f"{max(0.0, seconds):.1f} s" if seconds < 10 else span(seconds)


def span(seconds: float) -> str:
    """A length of time in whole seconds, from two minutes on in minutes."""
    return f"{max(0, int(seconds))} s" if seconds < 120 else f"{int(seconds / 60)} min"
