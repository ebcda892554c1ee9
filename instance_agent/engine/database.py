"""The database over one data directory: any number of threads and processes read and write it at the same time.

Order of a write: turn -> lock -> catch up with the log -> check -> append and sync -> visible to all. What
`transact` is given becomes one commit, or part of one: whole or not at all, and on the disk when the call returns. A
reader's view never changes.

Locks are taken in this order: the turn among this process's writers, the file lock, the lock of the state in memory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import structlog

from instance_agent.engine.base import base_of
from instance_agent.engine.disk_use import DiskUse, disk_use
from instance_agent.engine.group import Request, Turns
from instance_agent.engine.operations import decode, encode, encode_together
from instance_agent.engine.pause import Pause, PauseFlag
from instance_agent.engine.reserve import check_room
from instance_agent.engine.segments import BuildingFolder, SegmentStore
from instance_agent.engine.shorthand import Shorthand
from instance_agent.engine.state import State
from instance_agent.engine.tables import ReadView
from instance_agent.engine.transaction import Transaction
from instance_agent.errors import AgentError, DamagedData
from instance_agent.storage.commit_log import CommitLog
from instance_agent.storage.directory import Directory
from instance_agent.storage.files import exclusively, refusal

LOG_NAME = "commit.log"
LOCK_NAME = "commit.lock"
OLD_LOG_VERSION = 1
LARGEST_RECORD_BYTES = 16 * 1024 * 1024
"""A group of commits is ended when its record is so large; a single commit may be larger."""
LARGEST_LOG_BYTES = 64 * 1024 * 1024
"""The writer itself rewrites a log that has grown by so much, and by twice its base, when maintenance doesn't."""

Result = TypeVar("Result")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Seen:
    """What readers get, and how far in which log that is; exchanged as one."""

    log: CommitLog
    position: int
    view: ReadView


class Database(Shorthand):
    """Use `open`. Every method may be called from any thread."""

    def __init__(self, data_dir: Path, directory: Directory | None = None) -> None:
        self._directory = directory or Directory(data_dir)
        self._log_path = data_dir / LOG_NAME
        self._lock_path = data_dir / LOCK_NAME
        self._turns = Turns()
        self._state_lock = threading.Lock()
        self.segments = SegmentStore(self._directory)
        self._pause_flag = PauseFlag(self._directory)
        with exclusively(self._lock_path):
            self._check_log_is_there()
            self.segments.prepare()
            self._log = CommitLog.recover(self._log_path, self._directory)
            self._state = State(self._log.header.base_commit)
            self._seen = Seen(self._log, self._log.position, ReadView.of(self._state, self.segments, None))
            with suppress(OSError):  # a full disk: pausing will need a little space, then
                self._pause_flag.prepare()
            with self._state_lock:
                self._catch_up()
            if self._log.version == OLD_LOG_VERSION:
                self._checkpoint()

    @classmethod
    def open(cls, data_dir: Path, directory: Directory | None = None) -> Database:
        """The database in `data_dir`, which exists; made empty there when there is none. Opening is recovery.

        directory: what its files are changed through, the folder itself unless said otherwise.
        Raises DamagedData when the commit log doesn't check out, OSError when the folder can't be used.
        """
        return cls(data_dir, directory)

    @staticmethod
    def check(data_dir: Path) -> None:
        """Recover the commit log in `data_dir` and prove all its checksums, without keeping it in memory.

        Raises DamagedData when stored bytes don't check out, OSError when the folder can't be used.
        """
        with exclusively(data_dir / LOCK_NAME):
            for _ in CommitLog.recover(data_dir / LOG_NAME).read_on():
                pass

    @property
    def data_dir(self) -> Path:
        return self._directory.path

    def read_view(self) -> ReadView:
        """Everything that was committed before this call, by any process. Raises DamagedData."""
        seen = self._seen
        if seen.position == seen.log.published and not seen.log.is_replaced():
            return seen.view
        with self._state_lock:
            self._catch_up()
            return self._seen.view

    def state(self) -> State:
        """What `read_view` shows, for those who rewrite parts."""
        self.read_view()
        with self._state_lock:
            return self._state

    def warm(self, must_stop: Callable[[], bool]) -> None:
        """Index everything there is now, so that no query has to wait for that. Stops between columns when told to."""
        for table in self.read_view().tables.values():
            for name in table.schema.columns:
                if must_stop():
                    return
                with suppress(AgentError):  # whoever asks for a damaged table is told
                    table.column(name).rows_with(None)

    def transact(self, work: Callable[[Transaction], Result]) -> Result:
        """Do what `work` does to the transaction it is given: all of it in one commit, durable on return, or nothing.

        Threads that write at the same time share a commit; each sees what those before it did. `work` runs under the
        writer's lock, in any thread; what it raises is raised here, and undoes its own changes only.
        Raises AgentError writes_paused, disk_full, storage_failed.
        """
        return self._turns.take(Request(work), self._carry_out)

    def building(self) -> AbstractContextManager[BuildingFolder]:
        """A folder to write new segments into; what no commit has taken is removed at the end."""
        return self.segments.building()

    def checkpoint(self) -> None:
        """Rewrite the log as one base, without what nobody may see. Raises AgentError, then the log is as it was."""
        with self._turns.alone(), self._writing():
            self._checkpoint()

    def log_growth(self) -> tuple[int, int]:
        """Bytes that the log has grown by since its base was written, and the base's bytes."""
        seen = self._seen
        return seen.log.published - seen.log.header.base_end, seen.log.header.base_end

    def remove_files(self, choose: Callable[[State], set[str]]) -> int:
        """Remove the segments that `choose` names, none of which the state it is given may name; how many.

        Raises AgentError writes_paused, OSError.
        """
        with self._turns.alone(), self._writing():
            chosen = choose(self._state)
            for segment_id in chosen:
                self.segments.remove(segment_id)
            return len(chosen)

    def disk_use(self) -> DiskUse:
        """What the directory's files take."""
        return disk_use(self.state(), self.segments, self._directory.size_bytes(LOG_NAME))

    @property
    def paused(self) -> Pause:
        """Whether writes are paused, and the epoch."""
        return self._pause_flag.read()

    def pause(self, epoch: int) -> int:
        """Finish the running commits and refuse further ones, also after a restart; the last commit's number.

        Everything is synced on return. Doing it again changes nothing. Raises AgentError epoch_stale, disk_full.
        """
        with self._turns.alone(), self._locked():
            found = self._pause_flag.check_epoch(epoch)
            if not found.paused:
                self._checkpoint_if_possible()
            number = self._state.commit_number
            self._write_flag(Pause(epoch, paused=True, commit_number=number))
            return number

    def resume(self, epoch: int) -> None:
        """Let writes in again, for this epoch and later ones. Raises AgentError epoch_stale, disk_full."""
        with self._turns.alone(), self._locked():
            self._pause_flag.check_epoch(epoch)
            self._write_flag(Pause(epoch, paused=False, commit_number=self._state.commit_number))

    def _write_flag(self, pause: Pause) -> None:
        try:
            self._pause_flag.write(pause)
        except OSError as error:
            raise refusal(error) from error

    def _carry_out(self, requests: list[Request[Any]]) -> None:
        with self._writing():
            while requests:
                requests = self._commit_some(requests)
            growth, base = self.log_growth()
            if growth > max(LARGEST_LOG_BYTES, 2 * base):
                self._checkpoint_if_possible()

    def _commit_some(self, requests: list[Request[Any]]) -> list[Request[Any]]:
        """Commit as many of the requests as fit into a record; the rest."""
        state = self._state
        encoded: list[bytes] = []
        prepared: list[Request[Any]] = []
        publishes = False
        while requests and sum(map(len, encoded)) < LARGEST_RECORD_BYTES:
            request, *requests = requests
            transaction = Transaction(state, self._seen.view, self.segments)
            if request.prepare(transaction) and self._has_room(transaction, request):
                prepared.append(request)
                state = transaction.state
                encoded.extend(transaction.encoded)
                publishes |= transaction.publishes
        error: AgentError | None = None
        if encoded:
            try:
                self._append(replace(state, commit_number=state.commit_number + 1), encode_together(encoded), publishes)
            except AgentError as refused:
                error = refused
        for request in prepared:
            if error is None:
                request.succeed()
            else:
                request.fail(error)
        return requests

    def _has_room(self, transaction: Transaction, request: Request[Any]) -> bool:
        """May the transaction use what is left of the disk? Else its request is refused."""
        try:
            if transaction.adds:
                check_room(self.data_dir)
        except (AgentError, OSError) as error:
            request.fail(refusal(error) if isinstance(error, OSError) else error)
            return False
        return True

    def _append(self, state: State, payload: bytes, publishes: bool) -> None:
        """Make the commit that leads to `state` durable and visible. Raises AgentError, then nothing has changed."""
        try:
            if publishes:
                self.segments.sync()
        except OSError as error:
            raise refusal(error) from error
        try:
            self._append_and_show(state, payload)
        except AgentError as error:
            if error.code != "disk_full" or self._state.stale_log_since is None:
                raise
            self._checkpoint_if_possible()
            self._append_and_show(state, payload)

    def _append_and_show(self, state: State, payload: bytes) -> None:
        with self._state_lock:  # so that no reader's thread takes the record in before this one has
            self._log.position = self._log.append(state.commit_number, payload)
            self._state = state
            self._show()

    def _check_log_is_there(self) -> None:
        """Segments without the log that names them aren't an empty database, and mustn't be purged as such."""
        if not self._log_path.exists() and self.segments.ids():
            raise DamagedData(
                f"{self._log_path} is missing, and there are segments that it named. "
                "Restore the data directory from a snapshot."
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer over all processes, unless writes are paused."""
        with self._locked():
            self._pause_flag.check_open()
            yield

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The writer's lock over all processes, with everything committed so far in memory."""
        with exclusively(self._lock_path):
            with self._state_lock:
                self._catch_up()
            try:
                self._log.settle()
            except OSError as error:
                raise refusal(error) from error
            with self._state_lock:
                self._catch_up()
            yield

    def _catch_up(self) -> None:
        """Take in what was committed since. For the holder of the state's lock."""
        self._read_on()
        while self._log.is_replaced():
            fresh = CommitLog(self._log_path, self._directory)
            self._read_on()  # the old file is final now: nobody appends to a replaced log
            if fresh.header.base_commit == self._state.commit_number:
                fresh.position = fresh.header.base_end
                self._state = replace(self._state, stale_log_since=None)
            else:
                self._state = State(fresh.header.base_commit)
            self._log = fresh
            self._read_on()
        self._show()
        if self._seen.view.is_missing_files and self._log.published > self._log.position:
            self._catch_up()

    def _show(self) -> None:
        """Let readers see the state in memory, together with how far in the log that is."""
        seen = self._seen
        if (seen.log, seen.position) != (self._log, self._log.position) or seen.view.is_missing_files:
            view = ReadView.of(self._state, self.segments, seen.view)
            self._seen = Seen(self._log, self._log.position, view)

    def _read_on(self) -> None:
        for record in self._log.read_on():
            expected = self._state.commit_number + 1
            is_base = record.end <= self._log.header.base_end
            if not is_base and record.commit_number != expected:
                raise DamagedData(
                    f"{self._log_path} is damaged before byte {record.end}: commit {record.commit_number} "
                    f"stands where commit {expected} belongs. Restore the data directory from a snapshot."
                )
            commit = decode(record.payload)
            self._state = self._state.after(record.commit_number, commit, len(record.payload), is_base=is_base)

    def _checkpoint_if_possible(self) -> None:
        try:
            self._checkpoint()
        except AgentError as error:
            log.warning("checkpoint_failed", code=error.code)

    def _checkpoint(self) -> None:
        base = (encode(commit) for commit in base_of(self._state, int(time.time())))
        CommitLog.create(self._log_path, self._state.commit_number, base, self._directory)
        with self._state_lock:
            self._catch_up()
