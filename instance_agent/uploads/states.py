"""What is known of each upload, in small files per upload, so that any process and a restart can answer.

<id>.json      its state
<id>.lock      held by whoever reads its file in
<id>.refused   its lines that were no rows, see `bad_rows`
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from instance_agent.errors import AgentError
from instance_agent.storage.files import HeldLock, refusal, replace_durably
from instance_agent.uploads.gateway import FILE_SECONDS, remove_if_older

CREATED = "created"  # a URL was given
STARTED = "started"  # the client asked for the file to be read in
IN_PROGRESS = "inprogress"  # it is being read
FINISHED = "finished"  # with or without a problem

SHOWN_FAILING_ROWS = 10
REFUSED = ".refused"


class FailingRow(msgspec.Struct, frozen=True):
    """A line that wasn't stored."""

    line: int  # counting from 1
    message: str


class UploadState(msgspec.Struct, frozen=True):
    """One upload. How many rows are stored is in the commit log; here is what was last reported."""

    id: str
    table: str
    made_by_commit: int  # which table of that name
    state: str = CREATED
    started_at: float | None = None  # unix seconds
    finished_at: float | None = None
    stored: int = 0  # while it is read: rows that are ready for the commit
    failed: int = 0
    last_row: dict[str, Any] | None = None
    failing: list[FailingRow] = []  # the last few
    problem: str | None = None  # why the whole file, or the rest of it, wasn't stored
    can_go_on: bool = False  # asking again reads it again, behind the rows that are stored
    kept: int = 0  # refused lines that can be downloaded
    attempts: int = 0  # how many processes have begun to read it since it was last asked for


class UploadStates:
    """The files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, upload_id: UUID) -> UploadState:
        """Raises AgentError upload_not_found."""
        try:
            content = self._path(upload_id).read_bytes()
        except FileNotFoundError:
            raise AgentError("upload_not_found") from None
        return msgspec.json.decode(content, type=UploadState)

    def write(self, state: UploadState) -> None:
        """Durable on return. Raises AgentError disk_full, then it is as it was."""
        try:
            replace_durably(self._path(UUID(state.id)), msgspec.json.encode(state))
        except OSError as error:
            raise refusal(error) from error

    def try_lock(self, upload_id: UUID) -> HeldLock | None:
        """The right to read this upload's file in; None when somebody else does. Ends with the process."""
        try:
            return HeldLock.try_take(self.folder / f"{upload_id}.lock")
        except OSError as error:
            raise refusal(error) from error

    def bad_lines(self, upload_id: UUID) -> Path:
        """Where the upload's refused lines are kept."""
        return self.folder / f"{upload_id}{REFUSED}"

    def unfinished(self) -> list[UUID]:
        """Uploads that somebody asked to be read in and that aren't."""
        found = map(self._found, self.folder.glob("*.json"))
        return [UUID(state.id) for state in found if state is not None and state.state in (STARTED, IN_PROGRESS)]

    def sweep(self, is_there: Callable[[UploadState], bool]) -> None:
        """Forget uploads that were last touched more than seven days ago, and what a killed process half wrote.

        is_there: whether an upload's table still is. The refused lines of others are removed at once.
        """
        oldest = time.time() - FILE_SECONDS
        for path in [*self.folder.glob("*.json"), *self.folder.glob("*.new")]:
            remove_if_older(path, oldest)
        for path in self.folder.glob(f"*{REFUSED}"):
            state = self._found(path)
            if state is None or not is_there(state):
                path.unlink(missing_ok=True)
        for path in self.folder.glob("*.lock"):
            if not path.with_suffix(".json").exists():
                remove_if_older(path, oldest)

    def _found(self, path: Path) -> UploadState | None:
        """The state of the upload that a file belongs to; None when it was swept."""
        try:
            return self.read(UUID(path.stem))
        except AgentError:
            return None

    def _path(self, upload_id: UUID) -> Path:
        return self.folder / f"{upload_id}.json"
