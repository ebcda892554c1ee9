"""What the views of one app work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app

if TYPE_CHECKING:
    from mission_control.accounts.sessions import SessionStore
    from mission_control.control_plane import ControlPlane
    from mission_control.identity.client import IdentityClient
    from mission_control.settings import Settings
    from mission_control.store.database import Database

_NAME = "vakka"


@dataclass(frozen=True)
class Parts:
    """Made once by `create_app`, shared by all requests; each is safe between threads."""

    settings: Settings
    database: Database
    sessions: SessionStore
    control_plane: ControlPlane
    identity: IdentityClient


def parts() -> Parts:
    """The parts of the app that answers this request."""
    found = current_app.extensions[_NAME]
    assert isinstance(found, Parts)  # noqa: S101
    return found


def keep(extensions: dict[str, object], made: Parts) -> None:
    """Have `parts()` find these."""
    extensions[_NAME] = made
