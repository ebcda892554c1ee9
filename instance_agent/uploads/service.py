"""File uploads from start to finish: prepare -> PUT -> trigger -> read in, by a process of its own -> status.

Whoever reads a file in holds the upload's lock. It ends with the process, so a dead reader is noticed by anybody who
looks, and another one is started. The worker that starts it takes the lock and hands it over, so that no second reader
comes in between: when the worker dies first, its reader ends with it; when the reader dies, the lock is free at once.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from instance_agent.engine.database import Database
from instance_agent.errors import AgentError
from instance_agent.log import place_of
from instance_agent.storage.files import HeldLock, exclusively
from instance_agent.uploads.bad_rows import KeptLine, read_kept
from instance_agent.uploads.endings import FAILED, MAY_PASS, UNKNOWN_PROBLEM, ended_with, problem_of
from instance_agent.uploads.gateway import PreparedUpload, UploadGateway
from instance_agent.uploads.states import FINISHED, IN_PROGRESS, STARTED, UploadState, UploadStates

TURN = "turn"
"""The file that stands for the right to read a file in: one at a time, so that memory is bounded."""
MOST_ATTEMPTS = 20
"""So many processes may die of one file, for lack of memory perhaps, before somebody has to ask again."""
LET_GO_SECONDS = 2.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class BadLines:
    """The lines of a file that were refused."""

    failed: int  # how many there were
    kept: int  # how many of them are kept, the first ones
    lines: Iterator[KeptLine]


class Uploads:
    """The uploads of one database, for any number of processes over one folder of states."""

    def __init__(self, database: Database, gateway: UploadGateway, states: UploadStates, logs_dir: Path) -> None:
        self.gateway = gateway
        self._database = database
        self._states = states
        self._logs_dir = logs_dir
        self._readers: set[subprocess.Popen[bytes]] = set()
        self._readers_lock = threading.Lock()
        self._stopping = False
        self._unwritten: dict[UUID, UploadState] = {}  # ends that the full disk kept from their files

    def prepare(self, table: str, base_url: str) -> PreparedUpload:
        """A place for one file for `table`. Raises TableNotFound, AgentError uploads_unavailable, disk_full."""
        found = self._database.read_view().table(table)
        self._sweep()
        prepared = self.gateway.prepare(base_url)
        self._states.write(UploadState(str(prepared.id), table, found.made_by_commit))
        return prepared

    def trigger(self, table: str, upload_id: UUID) -> str:
        """Have the file read in; the state of that.

        Asking again changes nothing, unless something that may pass stopped it: then it is read again.
        Raises AgentError upload_not_found, upload_missing, table_changed.
        """
        state = self._state_of(table, upload_id)
        if _is_read(state) or (state.state == FINISHED and not state.can_go_on):
            return state.state
        if not self._is_there(state):
            raise AgentError("table_changed")
        self.gateway.open(upload_id).close()
        lock = self._lock_of_idle(table, upload_id)
        if lock is None:
            return IN_PROGRESS
        try:
            self._unwritten.pop(upload_id, None)
            started_at = state.started_at or time.time()
            state = msgspec.structs.replace(
                state, state=STARTED, started_at=started_at, finished_at=None, problem=None, can_go_on=False, attempts=0
            )
            self._states.write(state)
        except BaseException:
            lock.release()
            raise
        self._read_in_background(upload_id, lock)
        return STARTED

    def status(self, table: str, upload_id: UUID) -> UploadState:
        """How far it is. Sees to it that somebody reads on. Raises AgentError upload_not_found."""
        state = self._state_of(table, upload_id)
        if not _is_read(state):
            return state
        self._go_on(upload_id)
        return self._state_of(table, upload_id)

    def bad_lines(self, table: str, upload_id: UUID) -> BadLines:
        """The refused lines of a file that was read in. Raises AgentError upload_not_found, upload_unfinished."""
        state = self._state_of(table, upload_id)
        if state.state != FINISHED:
            raise AgentError("upload_unfinished")
        return BadLines(state.failed, state.kept, read_kept(self._states.bad_lines(upload_id)))

    def go_on_with_unfinished(self) -> None:
        """Read on where a dead process stopped. Called when a process starts."""
        self._sweep()
        for upload_id in self._states.unfinished():
            self._go_on(upload_id)

    def stop(self) -> None:
        """End the reading; what isn't finished is read elsewhere or later."""
        with self._readers_lock:
            self._stopping = True
            for reader in self._readers:
                _close(reader)

    def _sweep(self) -> None:
        self._states.sweep(self._is_there)

    def _is_there(self, state: UploadState) -> bool:
        """Is the upload's table the very one that it was prepared for?"""
        found = self._database.read_view().tables.get(state.table)
        return found is not None and found.made_by_commit == state.made_by_commit

    def _state_of(self, table: str, upload_id: UUID) -> UploadState:
        state = self._unwritten.get(upload_id) or self._states.read(upload_id)
        if state.table != table:
            raise AgentError("upload_not_found")
        return state

    def _lock_of_idle(self, table: str, upload_id: UUID) -> HeldLock | None:
        """The lock of an upload that nobody reads; None when somebody does all the same.

        Whoever wrote that it ended lets the lock go a moment later.
        """
        deadline = time.monotonic() + LET_GO_SECONDS
        lock = self._states.try_lock(upload_id)
        while lock is None and time.monotonic() < deadline and not _is_read(self._state_of(table, upload_id)):
            time.sleep(0.01)
            lock = self._states.try_lock(upload_id)
        return lock

    def _go_on(self, upload_id: UUID) -> None:
        if upload_id in self._unwritten or self._stopping:
            return
        lock = self._states.try_lock(upload_id)
        if lock is None:
            return
        try:
            state = self._states.read(upload_id)
        except BaseException:
            lock.release()
            raise
        if _is_read(state):
            self._read_in_background(upload_id, lock)
        else:
            lock.release()

    def _read_in_background(self, upload_id: UUID, lock: HeldLock) -> None:
        def run() -> None:
            goes_on = False
            try:
                with exclusively(self._states.folder / TURN):
                    goes_on = self._read_in(upload_id, lock)
            except Exception as error:  # noqa: BLE001 - the next look tries again
                log.error("upload_not_read", error=type(error).__name__, places=place_of(error))
            finally:
                lock.release()
            if goes_on:
                self._go_on(upload_id)

        threading.Thread(target=run, name=f"upload-{upload_id}", daemon=True).start()

    def _read_in(self, upload_id: UUID, lock: HeldLock) -> bool:
        """Have a process read the file in, and wait for it; was it killed before it was through?"""
        state = self._states.read(upload_id)
        state = msgspec.structs.replace(state, state=IN_PROGRESS, attempts=state.attempts + 1)
        try:
            if state.attempts > MOST_ATTEMPTS:
                self._finish(state, "The processes that read the file were killed again and again.", can_go_on=True)
                return False
            self._states.write(state)
            with self.gateway.open(upload_id) as file:
                reader = self._started(upload_id, file.fileno(), lock.fileno())
        except AgentError as error:
            self._finish(state, problem_of(error), can_go_on=error.code in MAY_PASS)
            return False
        with reader:
            last_state = reader.stdout.read() if reader.stdout is not None else b""
        with self._readers_lock:
            self._readers.discard(reader)
        if last_state:
            self._end(msgspec.json.decode(last_state, type=UploadState))
        elif reader.returncode == FAILED:
            self._finish(self._states.read(upload_id), UNKNOWN_PROBLEM, can_go_on=True)
        else:
            return not self._stopping
        return False

    def _started(self, upload_id: UUID, file: int, lock: int) -> subprocess.Popen[bytes]:
        """A process that reads the file in."""
        command = [sys.executable, "-m", "instance_agent.uploads.reading"]
        command += [str(self._database.data_dir), str(self._logs_dir), str(self._states.folder), str(upload_id)]
        with self._readers_lock:
            reader = subprocess.Popen(
                [*command, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(file, lock)
            )
            self._readers.add(reader)
            if self._stopping:
                _close(reader)
        return reader

    def _finish(self, state: UploadState, problem: str, *, can_go_on: bool) -> None:
        self._end(ended_with(self._database, state, problem, can_go_on=can_go_on))

    def _end(self, ended: UploadState) -> None:
        try:
            self._states.write(ended)
        except AgentError as error:
            self._unwritten[UUID(ended.id)] = ended
            log.warning("upload_state_not_written", code=error.code)
        is_good = ended.problem is None
        log.info("upload_finished", upload_id=ended.id, stored=ended.stored, failed=ended.failed, ok=is_good)


def _is_read(state: UploadState) -> bool:
    """Is somebody to read it, or reading it?"""
    return state.state in (STARTED, IN_PROGRESS)


def _close(reader: subprocess.Popen[bytes]) -> None:
    """Have a reader end at once."""
    if reader.stdin is not None:
        with suppress(OSError):
            reader.stdin.close()
