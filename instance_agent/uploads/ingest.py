"""One gzip file of JSON lines into one table, streamed, each good row once.

Two passes: the first proves that the whole file is sound gzip, so that nothing of a damaged one is stored; the second
stores the rows, some thousands in one commit, together with how many lines that makes. Whoever goes on after a crash
skips the lines that the log says are done. Bad lines are counted and reported, the others are stored.
"""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import BinaryIO

import msgspec

from instance_agent.engine.database import Database
from instance_agent.engine.operations import UploadProgress
from instance_agent.errors import AgentError, RowInvalid
from instance_agent.limits import LARGEST_BODY_BYTES
from instance_agent.schema.rows import RowBatch, check_row
from instance_agent.schema.types import JsonValue, Row, TableSchema
from instance_agent.uploads.states import SHOWN_FAILING_ROWS, FailingRow, UploadState

CHUNK_ROWS = 5_000
CHUNK_BYTES = 4 * 1024 * 1024
BLOCK_BYTES = 1 << 20
BROKEN_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)


class NotSound(Exception):
    """The file isn't whole gzip; the message is for the client."""


class Stopped(Exception):
    """The process ends; somebody will go on later."""


@dataclass
class Tally:
    """What became of the lines so far."""

    lines: int  # with blank ones
    stored: int
    failed: int
    last_row: Row | None = None
    failing: list[FailingRow] = field(default_factory=list)

    def refuse(self, message: str) -> None:
        self.failed += 1
        self.failing = [*self.failing, FailingRow(self.lines, message)][-SHOWN_FAILING_ROWS:]


@dataclass
class Chunk:
    """Rows on their way into one commit."""

    rows: list[Row] = field(default_factory=list)
    size: int = 0  # bytes of their lines

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= CHUNK_ROWS or self.size >= CHUNK_BYTES


def ingest(
    database: Database,
    state: UploadState,
    file: BinaryIO,
    report: Callable[[Tally], None],
    must_stop: Callable[[], bool],
) -> Tally:
    """Store the rows of `file` that aren't yet. report: called after each commit.

    Raises NotSound (nothing of the file was stored), Stopped, and AgentError (disk_full, table_changed): what was
    stored before stays.
    """
    _prove_sound(file, must_stop)
    file.seek(0)
    known = database.upload_progress(state.id)
    tally = Tally(known.lines, known.stored, known.failed, None, list(state.failing)) if known else Tally(0, 0, 0)
    table = database.read_view().tables.get(state.table)
    if table is None or table.data.made_by_commit != state.made_by_commit:
        raise AgentError("table_changed")
    chunk = Chunk()

    def commit() -> None:
        if must_stop():
            raise Stopped
        if not chunk.rows:
            return
        columns: dict[str, list[JsonValue]] = {
            name: [row.get(name) for row in chunk.rows] for name in table.schema.columns
        }
        tally.stored += len(chunk.rows)
        progress = UploadProgress(state.id, tally.lines, tally.stored, tally.failed, int(time.time()))
        batch = RowBatch(len(chunk.rows), columns)
        database.insert_upload_rows(state.table, state.made_by_commit, batch, progress)
        tally.last_row = chunk.rows[-1]
        chunk.rows, chunk.size = [], 0
        report(tally)

    with gzip.GzipFile(fileobj=file) as unpacked:
        for line in islice(_lines(unpacked), tally.lines, None):
            tally.lines += 1
            _take(line, table.schema, chunk, tally)
            if chunk.is_full:
                commit()
    commit()
    return tally


def _take(line: bytes | None, schema: TableSchema, chunk: Chunk, tally: Tally) -> None:
    if line is None:
        tally.refuse(f"the line is longer than {LARGEST_BODY_BYTES} bytes.")
        return
    if not line.strip():
        return
    try:
        value: JsonValue = msgspec.json.decode(line)
        chunk.rows.append(check_row(schema, value))
        chunk.size += len(line)
    except RowInvalid as error:
        tally.refuse(error.message)
    except (ValueError, RecursionError):
        tally.refuse("the line isn't one JSON document in UTF-8.")


def _lines(unpacked: gzip.GzipFile) -> Iterator[bytes | None]:
    """The lines of a file, None for one that is too long to be taken into memory."""
    while line := unpacked.readline(LARGEST_BODY_BYTES):
        if len(line) < LARGEST_BODY_BYTES or line.endswith(b"\n"):
            yield line
            continue
        for _ in chain(iter(lambda: _continues(unpacked), False)):
            pass
        yield None


def _continues(unpacked: gzip.GzipFile) -> bool:
    """Read on within one line; False at its end."""
    part = unpacked.readline(LARGEST_BODY_BYTES)
    return bool(part) and not part.endswith(b"\n")


def _prove_sound(file: BinaryIO, must_stop: Callable[[], bool]) -> None:
    try:
        with gzip.GzipFile(fileobj=file) as unpacked:
            empty = True
            while unpacked.read(BLOCK_BYTES):
                empty = False
                if must_stop():
                    raise Stopped
        if empty and file.seek(0, 2) == 0:
            raise NotSound("The file is empty, so nothing was stored. Send gzip-compressed lines of JSON.")
    except EOFError:
        raise NotSound("The file ends too early: the gzip is truncated, so nothing of it was stored.") from None
    except BROKEN_GZIP:
        raise NotSound(
            "The file isn't sound gzip, so nothing of it was stored. Compress it and send it again."
        ) from None
