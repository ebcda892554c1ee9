"""What a running agent is made of, for its views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app

from instance_agent.auth import KeyCheck
from instance_agent.engine.database import Database
from instance_agent.settings import Settings

if TYPE_CHECKING:
    from instance_agent.uploads.service import Uploads

EXTENSION = "vakka_agent"
AS_A_JOB = "vakka.as_a_job"
"""Key of the WSGI environment whose value is the Access of a request that a job runs; clients can't set it."""


@dataclass(frozen=True)
class Agent:
    """The parts that views use."""

    settings: Settings
    database: Database
    keys: KeyCheck
    uploads: Uploads


def agent() -> Agent:
    """The agent of the application that handles the current request."""
    found = current_app.extensions[EXTENSION]
    if not isinstance(found, Agent):
        raise TypeError(f"extensions[{EXTENSION!r}] is not an Agent")
    return found
