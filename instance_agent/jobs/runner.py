"""Runs jobs in background threads of this process, a few at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from instance_agent.errors import AgentError
from instance_agent.jobs.records import JobRecord, JobRecords
from instance_agent.log import place_of
from instance_agent.storage.files import HeldLock

AT_A_TIME = 2
MOST_WAITING = 16
RETRY_AFTER_SECONDS = 5
SWEEP_EVERY_SECONDS = 60.0
HEAD_START_SECONDS = 0.2
"""How long the start of a job waits for its end: clients look at once and then only every 5 to 10 seconds."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a job's request was answered."""

    status: int
    body: bytes


Work = Callable[[], Answer]


class JobRunner:
    """One per process. Threads are daemons: a process that ends doesn't wait for jobs, which are then lost."""

    def __init__(self, records: JobRecords) -> None:
        self.records = records
        self._places = threading.Semaphore(AT_A_TIME)
        self._waiting = threading.Semaphore(AT_A_TIME + MOST_WAITING)
        self._sweep_at = 0.0  # time.monotonic() seconds

    def submit(self, path: str, work: Work) -> JobRecord:
        """Start a job that answers with what `work` gives. Raises AgentError jobs_full, disk_full."""
        if not self._waiting.acquire(blocking=False):
            raise AgentError("jobs_full", retry_after_seconds=RETRY_AFTER_SECONDS)
        try:
            self._sweep_now_and_then()
            record, lock = self.records.start(path)
            thread = threading.Thread(target=self._run, args=(record, lock, work), name=f"job-{record.id}", daemon=True)
            thread.start()
        except BaseException:
            self._waiting.release()
            raise
        thread.join(HEAD_START_SECONDS)
        return record

    def _sweep_now_and_then(self) -> None:
        """A look at every job's files would make each start cost as much as there are jobs."""
        now = time.monotonic()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY_SECONDS
            self.records.sweep()

    def _run(self, record: JobRecord, lock: HeldLock, work: Work) -> None:
        try:
            with self._places:
                answer = work()
                self.records.finish(record, answer.status, answer.body)
        except Exception as error:  # noqa: BLE001 - the last one who can say what happened; the job counts as lost
            log.error("job_failed", job=record.id, error=type(error).__name__, places=place_of(error))
        finally:
            lock.release()
            self._waiting.release()
