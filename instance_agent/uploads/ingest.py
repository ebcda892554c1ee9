"""One gzip file of JSON lines into one table: its good rows in one commit, its bad lines kept beside it.

Order: build segments of the good rows aside -> keep the bad lines -> one commit with the segments and how far that is.
Until the commit nothing of the file is in the table, and whoever goes on after a crash starts over; after it the commit
log says that its lines are done with. A small file is built in this process, a large one in several.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Protocol

from instance_agent.engine.database import Database
from instance_agent.engine.operations import UploadProgress
from instance_agent.engine.tables import TableView
from instance_agent.engine.transaction import Transaction
from instance_agent.errors import AgentError
from instance_agent.schema.types import Row, TableSchema
from instance_agent.uploads.bad_rows import unite_durably
from instance_agent.uploads.builders import Builders
from instance_agent.uploads.runs import BOUNDS, Bounds, BuiltRun, Job, RunBuilder
from instance_agent.uploads.states import SHOWN_FAILING_ROWS, FailingRow, UploadState
from instance_agent.uploads.unpacking import BLOCK_BYTES, Unpacked

MOST_BUILDERS = 4
PAUSE_SECONDS = 1.0
"""Between two tries to commit while writes are paused."""


@dataclass(frozen=True)
class Tally:
    """What became of the lines so far."""

    stored: int = 0  # rows; before the commit those that are ready for it
    failed: int = 0  # lines refused
    kept: int = 0  # of these, how many can be downloaded
    last_row: Row | None = None
    failing: tuple[FailingRow, ...] = ()  # the last few

    def with_run(self, run: BuiltRun) -> Tally:
        failing = sorted({*self.failing, *run.last_failing}, key=lambda row: row.line)
        return Tally(
            self.stored + run.stored,
            self.failed + run.failed,
            self.kept,
            run.last_row or self.last_row,
            tuple(failing[-SHOWN_FAILING_ROWS:]),
        )


class Listener(Protocol):
    """Who is told how far it is."""

    def progress(self, tally: Tally, /) -> None:
        """Something more is ready."""

    def before_commit(self, tally: Tally, /) -> None:
        """Everything is ready: what isn't written down now isn't known when the process dies behind the commit."""


@dataclass(frozen=True)
class Task:
    """One file to be read in."""

    state: UploadState
    descriptor: int  # the file
    bad_lines: Path  # where its refused lines are to be kept
    bounds: Bounds = BOUNDS


def ingest(database: Database, task: Task, listener: Listener) -> Tally:
    """Store the rows of a file that aren't yet; what became of its lines. Waits while writes are paused.

    Raises NotSound, AgentError (disk_full, storage_failed, table_changed), OSError, BuilderDied and BuilderFailed; then
    no further row was stored.
    """
    table = _table(database, task.state)
    known = database.read_view().uploads.get(task.state.id)
    before = _tally_of(task.state, known)
    with database.building() as folder:
        first_line = known.lines if known is not None else 0
        job = Job(task.descriptor, table.schema, database.data_dir, folder, first_line, task.bounds)
        runs = _build(job, before, listener)
        tally = before
        for run in runs:
            tally = tally.with_run(run)
        end_line = max(run.end_line for run in runs)
        if end_line <= first_line:
            return tally  # somebody before came to the end of the file, and no further
        kept = [run.kept for run in runs if run.kept is not None]
        tally = replace(tally, kept=unite_durably(task.bad_lines, kept, task.bounds.kept_lines))
        listener.before_commit(tally)
        progress = UploadProgress(task.state.id, end_line, tally.stored, tally.failed, int(time.time()))
        _commit(database, task.state, table.schema, runs, progress)
    return tally


def _table(database: Database, state: UploadState) -> TableView:
    table = database.read_view().tables.get(state.table)
    if table is None or table.made_by_commit != state.made_by_commit:
        raise AgentError("table_changed")
    return table


def _tally_of(state: UploadState, known: UploadProgress | None) -> Tally:
    """What was stored before."""
    if known is None:
        return Tally()
    return Tally(known.stored, known.failed, state.kept, state.last_row, tuple(state.failing))


def _build(job: Job, before: Tally, listener: Listener) -> Sequence[BuiltRun]:
    estimate = _estimated_bytes(job)
    if estimate is None:
        whole = RunBuilder(job, job.bounds.small_file_bytes, job.bounds.segments_bytes)
        return [whole.build(0, tail_rows=job.bounds.tail_rows)]
    tally = before

    def report(run: BuiltRun) -> None:
        nonlocal tally
        tally = tally.with_run(run)
        listener.progress(tally)

    count = min(MOST_BUILDERS, len(os.sched_getaffinity(0)))
    rounds = ceil(estimate / (count * job.bounds.run_bytes))
    with Builders(job, count, ceil(estimate / (count * rounds))) as builders:
        return builders.build_all(report)


def _estimated_bytes(job: Job) -> int | None:
    """About what the file unpacks to, judged by its beginning; None for a small one. Raises NotSound."""
    unpacked = Unpacked(job.descriptor, unpacked_anyway_bytes=job.bounds.unpacked_anyway_bytes)
    while unpacked.position < job.bounds.small_file_bytes:
        if not unpacked.read(BLOCK_BYTES):
            return None
    packed_bytes = os.fstat(job.descriptor).st_size
    return ceil(1.03 * packed_bytes * unpacked.position / unpacked.packed_position)


def _commit(
    database: Database, state: UploadState, schema: TableSchema, runs: Sequence[BuiltRun], progress: UploadProgress
) -> None:
    """schema: the one that the rows were checked against."""
    segments = list(chain.from_iterable(run.segments for run in runs))

    def store(transaction: Transaction) -> None:
        transaction.check_is_same(state.table, state.made_by_commit)
        if transaction.table(state.table).schema != schema:
            raise AgentError(
                "table_changed", "The columns were changed meanwhile. Start again with the table as it is."
            )
        if segments:
            transaction.add_segments(state.table, state.made_by_commit, segments)
        for run in runs:
            if run.tail is not None:
                transaction.insert_batch(state.table, run.tail)
        transaction.finish_upload(progress)

    while True:
        try:
            return database.transact(store)
        except AgentError as error:
            if error.code != "writes_paused":
                raise
        time.sleep(PAUSE_SECONDS)
