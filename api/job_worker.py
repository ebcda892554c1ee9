"""What a worker process does: advances operations, takes over what dead workers left, sweeps."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import psycopg
import psycopg_pool
from procrastinate import App, PsycopgConnector, RetryDecision
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy

from api import log
from api.lifecycle.outcomes import Nap
from api.lifecycle.runner import Runner, no_failpoint
from api.ports import Ports
from api.settings import Settings
from api.store import idempotency, jobs
from api.store.database import CONNECTION_OPTIONS, connect_directly

HEARTBEAT_SECONDS = 2.0
DEAD_AFTER_SECONDS = 10.0  # without a heartbeat
ABANDONED_AFTER_SECONDS = 3.0  # a job fetched, its lease not taken
POLL_SECONDS = 2.0  # the fallback; new jobs and ended naps are notified
ALARM_MARGIN_SECONDS = 0.02
STOP_SECONDS = 3.5
DATABASE_SECONDS = 3.0  # so long a lost database is waited for before the worker ends
OLD_JOBS_HOURS = 24

Result = TypeVar("Result")

logger = log.get_logger("worker")


class NotYet(Exception):
    """The job is given back, to be run again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class GiveBack(BaseRetryStrategy):
    """Every job is run again until its operation has ended: after its nap, or soon when it broke off."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """When to run the job again."""
        del job
        seconds = exception.seconds if isinstance(exception, NotYet) else 1 + random.random()  # noqa: S311 - spreads load
        return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=seconds))


class Worker:
    """One worker process's queue, tasks and threads."""

    def __init__(self, settings: Settings, ports: Ports) -> None:
        self._settings = settings
        self._ports = ports
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(settings.worker_concurrency, thread_name_prefix="operation")
        self._alarms: set[asyncio.Task[None]] = set()
        self._connector = PsycopgConnector(
            conninfo=settings.database_url.get_secret_value(),
            kwargs=dict(CONNECTION_OPTIONS),
            min_size=1,
            max_size=4,
            timeout=DATABASE_SECONDS,
            reconnect_timeout=DATABASE_SECONDS,
        )
        self._app = App(connector=self._connector)
        self._runner = Runner(
            connect=lambda: connect_directly(settings.database_url),
            ports=ports,
            failpoint=kill_at(settings.failpoint) if settings.failpoint else no_failpoint,
            stopping=self._stopping.is_set,
        )
        self._add_tasks()

    async def run(self) -> bool:
        """Work until asked to stop; False when it ended by itself, which means that the database was lost."""
        async with self._app.open_async():
            working = asyncio.create_task(self._work())
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self._stop, working)
            logger.info("worker_started", concurrency=self._settings.worker_concurrency)
            await self._sweep_soon()
            try:
                await working
            except asyncio.CancelledError:
                logger.info("worker_stopped")
        return self._stopping.is_set()

    def _stop(self, working: asyncio.Task[None]) -> None:
        self._stopping.set()
        working.cancel()

    async def _work(self) -> None:
        await self._app.run_worker_async(
            concurrency=self._settings.worker_concurrency,
            install_signal_handlers=False,
            fetch_job_polling_interval=POLL_SECONDS,
            abort_job_polling_interval=3600.0,
            shutdown_graceful_timeout=STOP_SECONDS,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=DEAD_AFTER_SECONDS,
            delete_jobs="successful",
        )

    def _add_tasks(self) -> None:
        self._app.task(name=jobs.ADVANCE_OPERATION, queue=jobs.QUEUE, retry=GiveBack())(self._advance)
        every = self._app.periodic
        every(cron="* * * * * */5")(self._app.task(name="take_over", queueing_lock="take_over")(self._take_over))
        every(cron="17 * * * *")(self._app.task(name="sweep", queueing_lock="sweep")(self._sweep))

    async def _advance(self, operation_id: str) -> None:
        """Advance one operation as far as it goes now."""
        try:
            outcome = await self._in_thread(partial(self._runner.advance, UUID(operation_id)))
        except psycopg.OperationalError:
            logger.warning("database_lost", operation_id=operation_id)
            raise
        except Exception:
            logger.error("advance_crashed", operation_id=operation_id, exc_info=True)
            raise
        if isinstance(outcome, Nap):
            self._ring_in(outcome.seconds)
            raise NotYet(outcome.seconds)

    async def _take_over(self, timestamp: int) -> None:
        """Give the jobs of dead workers, and operations that have none, to whoever is alive."""
        del timestamp
        manager = self._app.job_manager
        stalled = await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_SECONDS)
        dead_jobs = {job.id for job in stalled if job.id is not None}
        dead_jobs.update(await self._in_thread(self._find_abandoned))
        for job_id in dead_jobs:
            try:
                await manager.retry_job_by_id_async(job_id=job_id, retry_at=datetime.now(UTC))
            except ConnectorException:
                # Another worker was quicker, or the job has ended.
                logger.info("take_over_not_needed", job_id=job_id)
            else:
                logger.warning("job_taken_over", job_id=job_id)
        for operation_id in await self._in_thread(self._resume_lost):
            logger.warning("operation_without_job_resumed", operation_id=str(operation_id))
        if dead_jobs:
            self._ring_in(0)

    async def _sweep_soon(self) -> None:
        """Sweep at start too: a machine that is off at the hour would never sweep."""
        try:
            await self._app.configure_task("sweep", queueing_lock="sweep").defer_async(timestamp=0)
        except AlreadyEnqueued:
            logger.info("sweep_waits_already")

    async def _sweep(self, timestamp: int) -> None:
        """Remove what has outlived its time."""
        del timestamp
        uploads = await self._in_thread(self._ports.object_store.remove_expired)
        answers = await self._in_thread(self._remove_expired_answers)
        await self._app.job_manager.delete_old_jobs(nb_hours=OLD_JOBS_HOURS, include_failed=True)
        logger.info("swept", uploads=uploads, answers=answers)

    def _find_abandoned(self) -> list[int]:
        with connect_directly(self._settings.database_url) as connection:
            return jobs.abandoned(connection, older_than_seconds=ABANDONED_AFTER_SECONDS)

    def _resume_lost(self) -> list[UUID]:
        with connect_directly(self._settings.database_url) as connection:
            return jobs.resume_lost(connection)

    def _remove_expired_answers(self) -> int:
        with connect_directly(self._settings.database_url) as connection:
            return idempotency.remove_expired(connection, self._ports.clock.now())

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def _ring_in(self, seconds: float) -> None:
        """Have the workers look for due jobs when a nap ends: procrastinate tells them of new jobs only."""
        alarm = asyncio.create_task(self._ring(seconds + ALARM_MARGIN_SECONDS))
        self._alarms.add(alarm)
        alarm.add_done_callback(self._alarms.discard)

    async def _ring(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            await self._connector.execute_query_async(
                "select pg_notify('procrastinate_any_queue_v1', %(payload)s)",
                payload=json.dumps({"type": "job_inserted", "job_id": 0}),
            )
        except (ConnectorException, psycopg_pool.PoolTimeout):
            logger.info("alarm_not_rung", fallback_seconds=POLL_SECONDS)


def kill_at(failpoint: str) -> Callable[[str], None]:
    """For tests: die at this place, as by a power cut."""

    def here(place: str) -> None:
        if place == failpoint:
            os.kill(os.getpid(), signal.SIGKILL)

    return here
