"""What is known of each job, in small files, so that any process can answer, and go on, also after a restart.

A job has up to four files named by its id: `.json` (its record), `.request` (the body to be answered, written before
the record and removed with the job's end), `.result` (the body of its answer, written before the record says that it
has finished) and `.lock`, held by the process that runs it. A record without an end whose lock is free belongs to a
process that is gone: whoever takes the lock may go on with it. No file holds a key, and none is readable by others.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal
from uuid import UUID, uuid4

import msgspec

from instance_agent.auth import Access
from instance_agent.errors import AgentError
from instance_agent.schema.types import JsonValue
from instance_agent.storage.files import HeldLock, refusal, replace_durably

RESULT_SECONDS = 15 * 60
"""How long a result is kept after the job's end."""
KINDS: Final = ("json", "request", "result", "lock")
MODE: Final = 0o600

Loss = Literal["given_up", "interrupted"]
LOSSES: Final[dict[Loss, str]] = {
    "given_up": "Each process that ran the job ended before the job did, so it was given up. "
    "Ask for less at a time, or start it again.",
    "interrupted": "The process that ran the job ended before the job did, and whether its changes were made isn't "
    "known: all of them or none. Look, and start it again if they weren't.",
}


class JobRecord(msgspec.Struct, frozen=True):
    """One job."""

    id: str
    path: str  # the endpoint it runs, below /api/v1/
    started_at: float  # unix seconds
    access: Access = Access.READ_ONLY  # what it may do: no more than its endpoint needs, and that was granted
    repeatable: bool = True  # may it be done twice? A query may, a change may not
    attempts: int = 0  # how often its work was begun
    commit: int | None = None  # the database's last commit when it was begun last
    finished_at: float | None = None  # unix seconds; None until it has ended
    status: int | None = None  # of its answer; None until it has ended, and for a job that was lost
    lost: Loss | None = None  # why there is no answer

    def to_json(self) -> dict[str, JsonValue]:
        """The status in the published shape: `finishedAt` and `expiresAt` are there only once it has finished."""
        shown: dict[str, JsonValue] = {
            "id": self.id,
            "parameters": {},
            "path": self.path,
            "startedAt": _iso(self.started_at),
        }
        if self.finished_at is not None:
            shown["finishedAt"] = _iso(self.finished_at)
            shown["expiresAt"] = _iso(self.finished_at + RESULT_SECONDS)
        return shown


class JobRecords:
    """The files in one folder. Any number of processes may use it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, path: str, access: Access, body: bytes, *, repeatable: bool) -> tuple[JobRecord, HeldLock]:
        """A job that nobody has begun yet, and the lock to do so. Durable on return. Raises AgentError disk_full."""
        record = JobRecord(str(uuid4()), path, time.time(), access, repeatable)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            lock = HeldLock.try_take(self._file(record.id, "lock"))
            if lock is None:
                raise AgentError("storage_failed")
            try:
                self._put(record.id, "request", body)
                self._write(record)
            except BaseException:
                self._remove(record.id)
                lock.release()
                raise
        except OSError as error:
            raise refusal(error) from error
        return record, lock

    def take_up(self, job_id: str) -> tuple[JobRecord, HeldLock] | None:
        """A job without an end that no process runs, with its lock; None when there is no such job."""
        record = self._read(job_id)
        if record is None or record.finished_at is not None:
            return None
        lock = HeldLock.try_take(self._file(job_id, "lock"))
        if lock is None:
            return None
        record = self._read(job_id)  # it may have finished between the look and the lock
        if record is None or record.finished_at is not None:
            lock.release()
            return None
        return record, lock

    def begin(self, record: JobRecord, commit: int) -> JobRecord:
        """Say durably that the job's work begins over this commit; the record that says so. Raises OSError."""
        begun = msgspec.structs.replace(record, attempts=record.attempts + 1, commit=commit)
        self._write(begun)
        return begun

    def request(self, record: JobRecord) -> bytes:
        """The body to be answered. Raises OSError."""
        return self._file(record.id, "request").read_bytes()

    def finish(self, record: JobRecord, status: int, body: bytes) -> None:
        """Keep the answer, then say that the job has finished. Raises OSError, then it hasn't."""
        self._put(record.id, "result", body)
        self._end(msgspec.structs.replace(record, finished_at=time.time(), status=status))

    def lose(self, record: JobRecord, why: Loss) -> None:
        """End the job without an answer. Raises OSError."""
        self._end(msgspec.structs.replace(record, finished_at=time.time(), lost=why))

    def read(self, job_id: UUID) -> JobRecord:
        """The job as it is. Raises AgentError job_not_found, also when its result has expired."""
        record = self._read(str(job_id))
        if record is None or _expired(record):
            raise AgentError("job_not_found")
        return record

    def result(self, job_id: UUID) -> tuple[int, bytes]:
        """Status and body of the answer. Raises AgentError job_not_found, job_unfinished, job_lost."""
        record = self.read(job_id)
        if record.finished_at is None:
            raise AgentError("job_unfinished")
        if record.status is None:
            raise AgentError("job_lost", LOSSES[record.lost or "interrupted"])
        try:
            return record.status, self._file(record.id, "result").read_bytes()
        except FileNotFoundError:
            raise AgentError("job_not_found") from None

    def all(self) -> list[JobRecord]:
        """Every job that can be asked for, oldest first."""
        found = (self._read(path.stem) for path in self._folder.glob("*.json"))
        kept = [record for record in found if record is not None and not _expired(record)]
        return sorted(kept, key=lambda record: (record.started_at, record.id))

    def sweep(self) -> None:
        """Remove what has expired, and files that no record names and nobody touched for as long."""
        oldest = time.time() - RESULT_SECONDS
        for path in sorted(self._folder.glob("*")):
            record = self._read(path.name.split(".")[0])
            if record is None and _touched(path) < oldest:
                path.unlink(missing_ok=True)
            elif record is not None and _expired(record):
                self._remove(record.id)

    def _end(self, record: JobRecord) -> None:
        self._write(record)
        self._file(record.id, "request").unlink(missing_ok=True)

    def _read(self, job_id: str) -> JobRecord | None:
        try:
            return msgspec.json.decode(self._file(job_id, "json").read_bytes(), type=JobRecord)
        except (FileNotFoundError, msgspec.DecodeError):  # what can't be read is swept like what nobody names
            return None

    def _write(self, record: JobRecord) -> None:
        self._put(record.id, "json", msgspec.json.encode(record))

    def _put(self, job_id: str, kind: str, content: bytes) -> None:
        replace_durably(self._file(job_id, kind), content, mode=MODE)

    def _remove(self, job_id: str) -> None:
        for kind in KINDS:
            self._file(job_id, kind).unlink(missing_ok=True)

    def _file(self, job_id: str, kind: str) -> Path:
        return self._folder / f"{job_id}.{kind}"


def _expired(record: JobRecord) -> bool:
    return record.finished_at is not None and record.finished_at + RESULT_SECONDS < time.time()


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
