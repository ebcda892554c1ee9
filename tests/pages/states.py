"""What the control plane shows of a team that has an environment in each state there is, with difficult names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.pages.fake_control_plane import FakeControlPlane

Row = dict[str, Any]
LONG = ("as-long-as-a-name-may-be-" * 3)[:64]
MARKUP = '<b>"bold"</b>&amp; <script>alert(1)</script>'
RIGHT_TO_LEFT = "متجر ١٢"


@dataclass(frozen=True)
class States:
    """One environment per state; nothing moves on."""

    creating: Row
    overdue: Row
    failed: Row
    running: Row
    deleting: Row
    stuck: Row

    def named(self) -> dict[str, Row]:
        return dict(vars(self))


def add_states(control_plane: FakeControlPlane, team: str) -> States:
    """Put one of each into the team."""
    control_plane.moves = False
    creating = control_plane.add(team, LONG, "creating")
    control_plane.move(control_plane.begin(creating, "create"))
    overdue = control_plane.add(team, RIGHT_TO_LEFT, "creating")
    control_plane.begin(overdue, "create")
    control_plane.fail(overdue, "The database did not answer.", state="needs_attention")
    failed = control_plane.add(team, MARKUP, "creating")
    control_plane.begin(failed, "create")
    control_plane.fail(failed, "The database did not answer within 60 s. Try again; if it fails again, free memory.")
    running = control_plane.add(team, "shop")
    deleting = control_plane.add(team, "old shop 🛒")
    control_plane.begin(deleting, "delete")
    stuck = control_plane.add(team, "invoices  test")
    control_plane.begin(stuck, "delete")
    control_plane.fail(stuck, "The files can't be removed.", state="needs_attention")
    return States(creating, overdue, failed, running, deleting, stuck)
