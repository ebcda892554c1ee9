"""What is known of each upload, in one small file per upload, so that any process and a restart can answer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from instance_agent.errors import AgentError
from instance_agent.storage.files import HeldLock, refusal, replace_durably
from instance_agent.uploads.own import FILE_SECONDS, remove_if_older

CREATED = "created"  # a URL was given
STARTED = "started"  # the client asked for the file to be read in
IN_PROGRESS = "inprogress"  # it is being read
FINISHED = "finished"  # with or without a problem

SHOWN_FAILING_ROWS = 10


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
    stored: int = 0
    failed: int = 0
    last_row: dict[str, Any] | None = None
    failing: list[FailingRow] = []  # the last few
    problem: str | None = None  # why the whole file, or the rest of it, wasn't stored
    can_go_on: bool = False  # asking again goes on behind the rows that are stored


class UploadStates:
    """The files in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

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
            return HeldLock.try_take(self._folder / f"{upload_id}.lock")
        except OSError as error:
            raise refusal(error) from error

    def unfinished(self) -> list[UUID]:
        """Uploads that somebody asked to be read in and that aren't."""
        found = [UUID(path.stem) for path in self._folder.glob("*.json")]
        return [upload_id for upload_id in found if self.read(upload_id).state in (STARTED, IN_PROGRESS)]

    def sweep(self) -> None:
        """Forget uploads that were last touched more than seven days ago, and what a killed process half wrote."""
        oldest = time.time() - FILE_SECONDS
        for path in [*self._folder.glob("*.json"), *self._folder.glob("*.new")]:
            remove_if_older(path, oldest)
        for path in self._folder.glob("*.lock"):
            if not path.with_suffix(".json").exists():
                remove_if_older(path, oldest)

    def _path(self, upload_id: UUID) -> Path:
        return self._folder / f"{upload_id}.json"
