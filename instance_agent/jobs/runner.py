"""Runs jobs in background threads of this process, a few at a time, and goes on with those of processes that are gone.

What is done twice and what isn't: a query, and `optimize`, may be repeated, so they are begun again, at most
MOST_ATTEMPTS times. A change must not be made twice: it is begun again only when nothing at all was committed since it
was begun, for then it wasn't made either; else it is lost, and says so.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog

from instance_agent.auth import Access
from instance_agent.errors import AgentError
from instance_agent.jobs.records import JobRecord, JobRecords, Loss
from instance_agent.log import place_of
from instance_agent.storage.files import HeldLock

AT_A_TIME = 2
MOST_WAITING = 16
MOST_ATTEMPTS = 3
RETRY_AFTER_SECONDS = 5
UPKEEP_SECONDS = 60.0
HEAD_START_SECONDS = 0.5
"""How long the start of a job waits for its end: clients look at once and then only every 5 to 10 seconds."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a job's request was answered."""

    status: int
    body: bytes


class Work(Protocol):
    """What jobs do."""

    def answer(self, path: str, access: Access, body: bytes) -> Answer:
        """The answer of the endpoint, for a caller who may do so much."""

    def last_commit(self) -> int:
        """The number of the last commit of any process."""


class JobRunner:
    """One per process. Threads are daemons: a process that ends doesn't wait for jobs, which others go on with."""

    def __init__(self, records: JobRecords, work: Work) -> None:
        self._records = records
        self._work = work
        self._places = threading.Semaphore(AT_A_TIME)
        self._waiting = threading.Semaphore(AT_A_TIME + MOST_WAITING)
        self._upkeep_at = 0.0  # time.monotonic() seconds

    def submit(self, path: str, access: Access, body: bytes, *, repeatable: bool) -> JobRecord:
        """Start a job. Raises AgentError jobs_full, disk_full."""
        if not self._waiting.acquire(blocking=False):
            raise AgentError("jobs_full", retry_after_seconds=RETRY_AFTER_SECONDS)
        try:
            record, lock = self._records.start(path, access, body, repeatable=repeatable)
            thread = self._thread(record, lock)
        except BaseException:
            self._waiting.release()
            raise
        thread.join(HEAD_START_SECONDS)
        return record

    def status(self, job_id: UUID) -> JobRecord:
        """The job as it is; one whose process is gone is gone on with. Raises AgentError job_not_found."""
        record = self._records.read(job_id)
        thread = self._take_up(record)
        if thread is None:
            return record
        thread.join(HEAD_START_SECONDS)
        return self._records.read(job_id)

    def result(self, job_id: UUID) -> tuple[int, bytes]:
        """Status and body of the answer. Raises AgentError job_not_found, job_unfinished, job_lost."""
        self.status(job_id)
        return self._records.result(job_id)

    def all(self) -> list[JobRecord]:
        """Every job that can be asked for, oldest first."""
        self.go_on()
        return self._records.all()

    def go_on(self) -> None:
        """Go on with all jobs whose process is gone, as far as there is room."""
        for record in self._records.all():
            self._take_up(record)

    def upkeep(self) -> None:
        """Now and then, for it costs as much as there are jobs: remove what has expired, go on with what is left."""
        now = time.monotonic()
        if now >= self._upkeep_at:
            self._upkeep_at = now + UPKEEP_SECONDS
            self._records.sweep()
            self.go_on()

    def _take_up(self, record: JobRecord) -> threading.Thread | None:
        """The thread that goes on with the job; None when it has ended, some process runs it, or there is no room."""
        if record.finished_at is not None or not self._waiting.acquire(blocking=False):
            return None
        try:
            taken = self._records.take_up(record.id)
            if taken is not None:
                log.info("job_taken_up", job=record.id, attempts=taken[0].attempts)
                return self._thread(*taken)
        except BaseException:
            self._waiting.release()
            raise
        self._waiting.release()
        return None

    def _thread(self, record: JobRecord, lock: HeldLock) -> threading.Thread:
        """Runs the job, and gives back its lock and its place among those that wait."""
        thread = threading.Thread(target=self._run, args=(record, lock), name=f"job-{record.id}", daemon=True)
        try:
            thread.start()
        except BaseException:
            lock.release()
            raise
        return thread

    def _run(self, record: JobRecord, lock: HeldLock) -> None:
        try:
            with self._places:
                self._go_through(record)
        except Exception as error:  # noqa: BLE001 - the last one who can say what happened
            log.error("job_failed", job=record.id, error=type(error).__name__, places=place_of(error))
        finally:
            lock.release()
            self._waiting.release()

    def _go_through(self, record: JobRecord) -> None:
        """Raises OSError when the disk doesn't take the answer: then somebody goes on with the job later."""
        commit = self._work.last_commit()
        loss = _loss(record, commit)
        if loss is not None:
            self._records.lose(record, loss)
            return
        body = self._records.request(record)
        record = self._records.begin(record, commit)
        answer = self._work.answer(record.path, record.access, body)
        self._records.finish(record, answer.status, answer.body)


def _loss(record: JobRecord, commit: int) -> Loss | None:
    """Why the job must not be begun again, None when it may."""
    if record.attempts and not record.repeatable and record.commit != commit:
        return "interrupted"
    return "given_up" if record.attempts >= MOST_ATTEMPTS else None
