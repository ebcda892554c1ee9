"""One gzip file of JSON lines into one table, streamed, each good row once.

Two passes: the first proves that the whole file is sound gzip, so that nothing of a damaged one is stored; the second
stores the rows, some thousands in one commit, together with how many lines that makes. Whoever goes on after a crash
skips the lines that the log says are done. Bad lines are counted and reported, the others are stored.
"""

from __future__ import annotations

import gzip
import os
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
UNPACKED_PER_BYTE = 100  # JSON lines of real tables unpack to some 5 to 30 bytes for each
UNPACKED_ANYWAY_BYTES = 64 * 1024 * 1024
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
    table = database.read_view().tables.get(state.table)
    if table is None or table.data.made_by_commit != state.made_by_commit:
        raise AgentError("table_changed")
    known = database.upload_progress(state.id)
    tally = Tally(known.lines, known.stored, known.failed, None, list(state.failing)) if known else Tally(0, 0, 0)
    with gzip.GzipFile(fileobj=file) as unpacked:
        lines = islice(_lines(unpacked), tally.lines, None)
        for rows in _chunks(lines, table.schema, tally):
            if must_stop():
                raise Stopped
            _commit(database, state, table.schema, rows, tally)
            report(tally)
    return tally


def _chunks(lines: Iterator[bytes | None], schema: TableSchema, tally: Tally) -> Iterator[list[Row]]:
    """The good rows, some thousands at a time; `tally` says how many lines that makes."""
    rows: list[Row] = []
    size = 0
    for line in lines:
        tally.lines += 1
        row = _row_of(line, schema, tally)
        if row is not None:
            rows.append(row)
            size += len(line or b"")
        if len(rows) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _commit(database: Database, state: UploadState, schema: TableSchema, rows: list[Row], tally: Tally) -> None:
    columns: dict[str, list[JsonValue]] = {name: [row.get(name) for row in rows] for name in schema.columns}
    stored = tally.stored + len(rows)
    progress = UploadProgress(state.id, tally.lines, stored, tally.failed, int(time.time()))
    database.insert_upload_rows(state.table, state.made_by_commit, RowBatch(len(rows), columns), progress)
    tally.stored, tally.last_row = stored, rows[-1]


def _row_of(line: bytes | None, schema: TableSchema, tally: Tally) -> Row | None:
    """The row that a line is; None for a blank one and for a bad one, which is counted."""
    if line is None:
        tally.refuse(f"the line is longer than {LARGEST_BODY_BYTES} bytes.")
        return None
    if not line.strip():
        return None
    try:
        value: JsonValue = msgspec.json.decode(line)
        return check_row(schema, value)
    except RowInvalid as error:
        tally.refuse(error.message)
    except (ValueError, RecursionError):
        tally.refuse("the line isn't one JSON document in UTF-8.")
    return None


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
    """Raises NotSound, also for a file that unpacks to suspiciously much: a few bytes could fill memory and disk."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise NotSound("The file is empty, so nothing was stored. Send gzip-compressed lines of JSON.")
    file.seek(0)
    room = max(UNPACKED_ANYWAY_BYTES, UNPACKED_PER_BYTE * size)
    try:
        with gzip.GzipFile(fileobj=file) as unpacked:
            while part := unpacked.read(BLOCK_BYTES):
                room -= len(part)
                if room < 0:
                    raise NotSound(
                        f"The file unpacks to more than {UNPACKED_PER_BYTE} times its size, so nothing was stored. "
                        "Split it into smaller files, or send the rows in batches."
                    )
                if must_stop():
                    raise Stopped
    except EOFError:
        raise NotSound("The file ends too early: the gzip is truncated, so nothing of it was stored.") from None
    except BROKEN_GZIP:
        raise NotSound(
            "The file isn't sound gzip, so nothing of it was stored. Compress it and send it again."
        ) from None
