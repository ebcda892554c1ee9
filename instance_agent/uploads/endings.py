"""How the reading of a file ends, and what its client is told."""

from __future__ import annotations

import time

import msgspec

from instance_agent.engine.database import Database
from instance_agent.errors import AgentError
from instance_agent.uploads.states import FINISHED, UploadState

MAY_PASS = {"disk_full": "The disk is full: free some space.", "storage_failed": "The disk refused a write."}
"""Errors after which the same file may be read again, and what its client is told."""
UNKNOWN_PROBLEM = "Something went wrong while the file was read."
FAILED = 1
"""The reading process's exit status when it couldn't say how it ended."""


def problem_of(error: AgentError) -> str:
    """What the client is told."""
    return MAY_PASS.get(error.code, error.message)


def ended_with(database: Database, state: UploadState, problem: str | None, *, can_go_on: bool) -> UploadState:
    """The last state of an upload. problem: None when the whole file was read in."""
    progress = database.read_view().uploads.get(state.id)
    stored = progress.stored if progress else 0
    if problem and can_go_on and stored:
        problem += f" {stored} rows of it are stored. Trigger it again, and it goes on behind them."
    elif problem and can_go_on:
        problem += " Nothing of it is stored. Trigger it again, and it is read from its beginning."
    elif problem and stored:
        problem += f" {stored} rows of it were stored before."
    return msgspec.structs.replace(
        state, state=FINISHED, finished_at=time.time(), stored=stored, problem=problem, can_go_on=can_go_on
    )
