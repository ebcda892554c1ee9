"""What is known of each job, in small files, so that any process can answer, also after a restart.

A job has three files named by its id: `.json` (its record), `.result` (the body of its answer, written before the
record says that it has finished) and `.lock`, held by the process that runs it. A record without an end whose lock is
free belongs to a process that is gone: whoever sees that first ends it as lost.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from instance_agent.errors import AgentError
from instance_agent.schema.types import JsonValue
from instance_agent.storage.files import HeldLock, refusal, replace_durably

RESULT_SECONDS = 15 * 60
"""How long a result is kept after the job's end."""


class JobRecord(msgspec.Struct, frozen=True):
    """One job."""

    id: str
    path: str  # the endpoint it runs, below /api/v1/
    started_at: float  # unix seconds
    finished_at: float | None = None  # unix seconds; None while it runs
    status: int | None = None  # of its answer; None while it runs, and for a job that was lost

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

    def start(self, path: str) -> tuple[JobRecord, HeldLock]:
        """A new running job and the lock that says so. Durable on return. Raises AgentError disk_full."""
        record = JobRecord(str(uuid4()), path, time.time())
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            lock = HeldLock.try_take(self._file(record.id, "lock"))
            if lock is None:
                raise AgentError("storage_failed")
            self._write(record)
        except OSError as error:
            raise refusal(error) from error
        return record, lock

    def finish(self, record: JobRecord, status: int, body: bytes) -> None:
        """Keep the answer, then say that the job has finished. Raises OSError; then it counts as lost when unlocked."""
        replace_durably(self._file(record.id, "result"), body)
        self._write(msgspec.structs.replace(record, finished_at=time.time(), status=status))

    def read(self, job_id: UUID) -> JobRecord:
        """The job as it is. Raises AgentError job_not_found, also when its result has expired."""
        record = self._settled(str(job_id))
        if record is None or _expired(record):
            raise AgentError("job_not_found")
        return record

    def result(self, job_id: UUID) -> tuple[int, bytes]:
        """Status and body of the answer. Raises AgentError job_not_found, job_unfinished, job_lost."""
        record = self.read(job_id)
        if record.finished_at is None:
            raise AgentError("job_unfinished")
        if record.status is None:
            raise AgentError("job_lost")
        try:
            return record.status, self._file(record.id, "result").read_bytes()
        except FileNotFoundError:
            raise AgentError("job_not_found") from None

    def all(self) -> list[JobRecord]:
        """Every job that can be asked for, oldest first."""
        found = (self._settled(path.stem) for path in self._folder.glob("*.json"))
        kept = [record for record in found if record is not None and not _expired(record)]
        return sorted(kept, key=lambda record: (record.started_at, record.id))

    def sweep(self) -> None:
        """Remove what has expired, and files that no record names and nobody touched for as long."""
        oldest = time.time() - RESULT_SECONDS
        for path in sorted(self._folder.glob("*")):
            record = self._settled(path.name.split(".")[0])
            if record is None and _touched(path) < oldest:
                path.unlink(missing_ok=True)
            elif record is not None and _expired(record):
                for kind in ("json", "result", "lock"):
                    self._file(record.id, kind).unlink(missing_ok=True)

    def _settled(self, job_id: str) -> JobRecord | None:
        """The record; one that says running while nobody holds its lock is ended as lost first."""
        record = self._read(job_id)
        if record is None or record.finished_at is not None:
            return record
        lock = HeldLock.try_take(self._file(job_id, "lock"))
        if lock is None:
            return record
        try:
            record = self._read(job_id)  # it may have finished between the look and the lock
            if record is None or record.finished_at is not None:
                return record
            lost = msgspec.structs.replace(record, finished_at=time.time())
            self._write(lost)
            return lost
        except OSError as error:
            raise refusal(error) from error
        finally:
            lock.release()

    def _read(self, job_id: str) -> JobRecord | None:
        try:
            return msgspec.json.decode(self._file(job_id, "json").read_bytes(), type=JobRecord)
        except FileNotFoundError:
            return None

    def _write(self, record: JobRecord) -> None:
        replace_durably(self._file(record.id, "json"), msgspec.json.encode(record))

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
