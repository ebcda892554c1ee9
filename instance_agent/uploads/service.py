"""File uploads from start to finish: prepare -> PUT -> trigger -> read in, in the background -> status.

Whoever reads a file in holds the upload's lock. It ends with the process, so a dead reader is noticed by anybody who
looks, and the reading goes on behind the rows that the commit log says are stored.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from uuid import UUID

import msgspec
import structlog

from instance_agent.engine.database import Database
from instance_agent.errors import AgentError
from instance_agent.log import place_of
from instance_agent.storage.files import HeldLock
from instance_agent.uploads.gateway import PreparedUpload, UploadGateway
from instance_agent.uploads.ingest import NotSound, Stopped, Tally, ingest
from instance_agent.uploads.states import CREATED, FINISHED, IN_PROGRESS, STARTED, UploadState, UploadStates

REPORT_EVERY_SECONDS = 0.5
MAY_PASS = {"disk_full": "The disk is full: free some space.", "storage_failed": "The disk refused a write."}
"""Errors after which the same file may be read on, and what its client is told."""
log = structlog.get_logger(__name__)


class Uploads:
    """The uploads of one database, for any number of processes over one folder of states."""

    def __init__(self, database: Database, gateway: UploadGateway, states: UploadStates) -> None:
        self.gateway = gateway
        self._database = database
        self._states = states
        self._one_at_a_time = threading.Semaphore(1)
        self._stop = threading.Event()
        self._unwritten: dict[UUID, UploadState] = {}  # ends that the full disk kept from their files

    def prepare(self, table: str, base_url: str) -> PreparedUpload:
        """A place for one file for `table`. Raises TableNotFound, AgentError uploads_unavailable, disk_full."""
        found = self._database.read_view().table(table)
        self._states.sweep()
        prepared = self.gateway.prepare(base_url)
        self._states.write(UploadState(str(prepared.id), table, found.data.made_by_commit))
        return prepared

    def trigger(self, table: str, upload_id: UUID) -> str:
        """Have the file read in; the state of that.

        Asking again changes nothing, unless a full disk stopped it: then it goes on behind what is stored.
        Raises AgentError upload_not_found, upload_missing, table_changed.
        """
        state = self._state_of(table, upload_id)
        if state.state not in (CREATED, FINISHED) or (state.state == FINISHED and not state.can_go_on):
            return state.state
        current = self._database.read_view().tables.get(table)
        if current is None or current.data.made_by_commit != state.made_by_commit:
            raise AgentError("table_changed")
        self.gateway.open(upload_id).close()
        lock = self._states.try_lock(upload_id)
        if lock is None:
            return IN_PROGRESS
        try:
            self._unwritten.pop(upload_id, None)
            started_at = state.started_at or time.time()
            state = msgspec.structs.replace(
                state, state=STARTED, started_at=started_at, finished_at=None, problem=None, can_go_on=False
            )
            self._states.write(state)
        except BaseException:
            lock.release()
            raise
        self._read_in_background(state, lock)
        return STARTED

    def status(self, table: str, upload_id: UUID) -> UploadState:
        """How far it is. Sees to it that somebody reads on. Raises AgentError upload_not_found."""
        state = self._state_of(table, upload_id)
        if state.state not in (STARTED, IN_PROGRESS):
            return state
        self._go_on(upload_id)
        progress = self._database.upload_progress(state.id)
        state = self._state_of(table, upload_id)
        if progress is None or state.state == FINISHED:
            return state
        return msgspec.structs.replace(state, stored=progress.stored, failed=max(progress.failed, state.failed))

    def go_on_with_unfinished(self) -> None:
        """Read on where a dead process stopped. Called when a process starts."""
        self._states.sweep()
        for upload_id in self._states.unfinished():
            self._go_on(upload_id)

    def stop(self) -> None:
        """Let the background end soon; what isn't finished goes on elsewhere or later."""
        self._stop.set()

    def _state_of(self, table: str, upload_id: UUID) -> UploadState:
        state = self._unwritten.get(upload_id) or self._states.read(upload_id)
        if state.table != table:
            raise AgentError("upload_not_found")
        return state

    def _go_on(self, upload_id: UUID) -> None:
        if upload_id in self._unwritten:
            return
        lock = self._states.try_lock(upload_id)
        if lock is None:
            return
        try:
            state = self._states.read(upload_id)
        except BaseException:
            lock.release()
            raise
        if state.state in (STARTED, IN_PROGRESS):
            self._read_in_background(state, lock)
        else:
            lock.release()

    def _read_in_background(self, state: UploadState, lock: HeldLock) -> None:
        def run() -> None:
            try:
                with self._one_at_a_time:
                    self._read_in(state)
            finally:
                lock.release()

        threading.Thread(target=run, name=f"upload-{state.id}", daemon=True).start()

    def _read_in(self, state: UploadState) -> None:
        reporter = _Reporter(self._states, msgspec.structs.replace(state, state=IN_PROGRESS))
        problem, can_go_on = None, False
        tally: Tally | None = None
        try:
            reporter.write()
            with self.gateway.open(UUID(state.id)) as file:
                tally = ingest(self._database, state, file, reporter.report, self._stop.is_set)
        except Stopped:
            return
        except NotSound as error:
            problem = str(error)
        except AgentError as error:
            problem, can_go_on = MAY_PASS.get(error.code, error.message), error.code in MAY_PASS
        except Exception as error:  # noqa: BLE001 - or every look at the upload would start the same failure again
            log.error("upload_failed", error=type(error).__name__, places=place_of(error))
            problem, can_go_on = "Something went wrong while the file was read.", True
        self._finish(reporter.state_after(tally), problem, can_go_on)

    def _finish(self, state: UploadState, problem: str | None, can_go_on: bool) -> None:
        progress = self._database.upload_progress(state.id)
        stored = progress.stored if progress else 0
        if problem and can_go_on:
            problem += f" {stored} rows of it are stored. Trigger it again, and it goes on behind them."
        elif problem and stored:
            problem += f" {stored} rows of it were stored before."
        ended = msgspec.structs.replace(
            state, state=FINISHED, finished_at=time.time(), stored=stored, problem=problem, can_go_on=can_go_on
        )
        try:
            self._states.write(ended)
        except AgentError as error:
            self._unwritten[UUID(state.id)] = ended
            log.warning("upload_state_not_written", code=error.code)
        log.info("upload_finished", upload_id=state.id, stored=stored, failed=ended.failed, ok=problem is None)


class _Reporter:
    """Writes down how far it is, now and then: the truth is in the commit log."""

    def __init__(self, states: UploadStates, state: UploadState) -> None:
        self._states = states
        self._state = state
        self._written_at = 0.0

    def write(self) -> None:
        self._states.write(self._state)
        self._written_at = time.monotonic()

    def report(self, tally: Tally) -> None:
        self._state = self.state_after(tally)
        if time.monotonic() - self._written_at > REPORT_EVERY_SECONDS:
            with suppress(AgentError):  # the next commit says it when the disk is full
                self.write()

    def state_after(self, tally: Tally | None) -> UploadState:
        if tally is None:
            return self._state
        return msgspec.structs.replace(
            self._state,
            stored=tally.stored,
            failed=tally.failed,
            last_row=tally.last_row or self._state.last_row,
            failing=tally.failing,
        )
