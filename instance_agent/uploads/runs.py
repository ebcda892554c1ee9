"""One run of a file's lines: decoded, and its good rows written into segments that no commit names yet.

A run is what lies in one stretch of the unpacked file, so that several processes can build runs at the same time, and
the segments of the runs in their order are the rows in the order of their lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from uuid import uuid4

from instance_agent.engine.reserve import check_room
from instance_agent.engine.segments import BuildingFolder, BuiltSegment
from instance_agent.index.segment import SegmentBuilder
from instance_agent.limits import LARGEST_BODY_BYTES
from instance_agent.schema.decoding import DecodedBlock, RowDecoder
from instance_agent.schema.rows import RowBatch
from instance_agent.schema.types import JsonValue, Row, TableSchema
from instance_agent.uploads.bad_rows import MOST_KEPT, KeptFile, KeptWriter, kept_line
from instance_agent.uploads.states import SHOWN_FAILING_ROWS, FailingRow
from instance_agent.uploads.unpacking import UNPACKED_ANYWAY_BYTES, Block, Unpacked


@dataclass(frozen=True)
class Bounds:
    """What bounds memory and the size of things; the values of the product, tests have smaller ones."""

    line_bytes: int = LARGEST_BODY_BYTES  # a longer line is a bad one
    unpacked_anyway_bytes: int = UNPACKED_ANYWAY_BYTES
    small_file_bytes: int = 8 * 1024 * 1024  # a file that unpacks to less isn't worth several processes
    run_bytes: int = 40 * 1024 * 1024
    segment_rows: int = 250_000
    segments_bytes: int = 160 * 1024 * 1024  # what all segments being built at a time may take in memory
    tail_rows: int = 5_000  # fewer rows travel in the commit itself
    kept_lines: int = MOST_KEPT


BOUNDS = Bounds()
BYTES_PER_ELEMENT = 64
"""About what an element of an array takes in memory while its segment is written."""


@dataclass(frozen=True)
class Job:
    """What is to be read, and where to."""

    descriptor: int  # the file; every process reads it at a position of its own
    schema: TableSchema
    data_dir: Path
    folder: BuildingFolder
    first_line: int  # the lines before it are stored already
    bounds: Bounds


@dataclass(frozen=True)
class BuiltRun:
    """What became of the lines of one run."""

    segments: tuple[BuiltSegment, ...] = ()
    tail: RowBatch | None = None  # the rows, when they are too few for a segment
    stored: int = 0  # good rows
    failed: int = 0  # lines refused
    kept: KeptFile | None = None  # of these, the first ones
    last_failing: tuple[FailingRow, ...] = ()
    last_row: Row | None = None
    end_line: int = 0  # lines of the file up to the end of the run
    is_last: bool = False  # the file ends with it


class RunBuilder:
    """Builds runs of one file, each further on than the one before. Not for several threads."""

    def __init__(self, job: Job, run_bytes: int, segment_bytes: int) -> None:
        """run_bytes: how much of the unpacked file is a run. segment_bytes: what a segment being built may take."""
        self._job = job
        self._run_bytes = run_bytes
        self._segment_bytes = segment_bytes
        bounds = job.bounds
        unpacked = Unpacked(
            job.descriptor,
            line_limit_bytes=bounds.line_bytes,
            unpacked_anyway_bytes=bounds.unpacked_anyway_bytes,
        )
        self._blocks = unpacked.blocks()
        self._next = next(self._blocks, None)
        self._end_line = 0
        self._decoder = RowDecoder(job.schema, line_limit_bytes=bounds.line_bytes)

    def build(self, number: int, *, tail_rows: int = 0) -> BuiltRun:
        """Build the run with this number, counting from 0. tail_rows: fewer rows are given back as they are.

        Raises NotSound, AgentError disk_full, OSError.
        """
        for _ in self._blocks_before(number * self._run_bytes):
            pass
        segments = _Segments(self._job, self._segment_bytes, tail_rows)
        refused = _Refused(self._job)
        last_row: Row | None = None
        for block in self._blocks_before((number + 1) * self._run_bytes):
            new = _without_first(block, self._job.first_line - block.first_line)
            if new is None:
                continue
            decoded = self._decoder.decode(new.content)
            segments.add(decoded.rows)
            refused.add(new.first_line, decoded)
            last_row = last_row_of(decoded.rows) or last_row
        built, tail = segments.finish()
        return BuiltRun(
            built,
            tail,
            segments.row_count,
            refused.count,
            refused.close(),
            tuple(refused.last),
            last_row,
            self._end_line,
            self._next is None,
        )

    def _blocks_before(self, offset: int) -> Iterator[Block]:
        """The blocks that begin before this place of the unpacked file, as far as they weren't given yet."""
        while self._next is not None and self._next.offset < offset:
            block = self._next
            self._next = next(self._blocks, None)
            self._end_line = block.first_line + block.line_count
            yield block


def last_row_of(rows: RowBatch) -> Row | None:
    """The last of these rows, without nulls."""
    if not rows.count:
        return None
    return {name: cells[-1] for name, cells in rows.columns.items() if cells[-1] is not None}


class _Segments:
    """Takes rows, and writes a segment when there are enough of them."""

    def __init__(self, job: Job, segment_bytes: int, tail_rows: int) -> None:
        self._job = job
        self._segment_bytes = segment_bytes
        self._tail_rows = tail_rows
        self._first: list[RowBatch] = []  # rows that may be too few for a segment
        self._builder: SegmentBuilder | None = None
        self._arrays = [name for name, column in job.schema.columns.items() if column.type.is_array]
        self._element_count = 0  # of all arrays in the builder
        self._built: list[BuiltSegment] = []
        self.row_count = 0

    def add(self, rows: RowBatch) -> None:
        self.row_count += rows.count
        if self.row_count < self._tail_rows:
            self._first.append(rows)
            return
        for batch in (*self._first, rows):
            self._append(batch)
        self._first = []

    def finish(self) -> tuple[tuple[BuiltSegment, ...], RowBatch | None]:
        """The segments, or the rows when they are fewer than `tail_rows`."""
        if self._first:
            names = self._job.schema.columns
            columns = {name: list(chain.from_iterable(rows.columns[name] for rows in self._first)) for name in names}
            return (), RowBatch(self.row_count, columns)
        self._write()
        return tuple(self._built), None

    def _append(self, rows: RowBatch) -> None:
        if not rows.count:
            return
        if self._builder is None:
            self._builder = SegmentBuilder(self._job.schema)
        self._builder.add(rows)
        self._element_count += sum(_element_count(rows.columns[name]) for name in self._arrays)
        size_bytes = self._builder.size_bytes + BYTES_PER_ELEMENT * self._element_count
        if self._builder.row_count >= self._job.bounds.segment_rows or size_bytes >= self._segment_bytes:
            self._write()

    def _write(self) -> None:
        if self._builder is None:
            return
        check_room(self._job.data_dir)
        segment_id, writer = self._job.folder.new_segment()
        self._builder.write(writer)
        self._built.append(BuiltSegment(segment_id, self._builder.row_count, self._job.folder.folder))
        self._builder = None
        self._element_count = 0


class _Refused:
    """Takes the lines that are no rows, and keeps them in a file beside the segments."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._path = job.data_dir / job.folder.folder / f"{uuid4().hex}.lines"
        self._writer: KeptWriter | None = None
        self.count = 0
        self.last: list[FailingRow] = []

    def add(self, first_line: int, decoded: DecodedBlock) -> None:
        if not decoded.bad:
            return
        if self._writer is None:
            self._file = self._path.open("xb")
            self._writer = KeptWriter(self._file, self._job.bounds.kept_lines)
        self.count += len(decoded.bad)
        for bad in decoded.bad:
            self._writer.add(kept_line(first_line + bad.at + 1, bad.reason, bad.text))
        shown = [FailingRow(first_line + bad.at + 1, bad.reason) for bad in decoded.bad[-SHOWN_FAILING_ROWS:]]
        self.last = [*self.last, *shown][-SHOWN_FAILING_ROWS:]

    def close(self) -> KeptFile | None:
        if self._writer is None:
            return None
        self._writer.close()
        self._file.close()
        return KeptFile(self._path, self._writer.count)


def _element_count(arrays: Sequence[JsonValue]) -> int:
    return sum(len(array) for array in arrays if isinstance(array, list))


def _without_first(block: Block, count: int) -> Block | None:
    """The block without its first lines, None when nothing is left."""
    if count <= 0:
        return block
    if count >= block.line_count:
        return None
    rest = block.content.split(b"\n", count)[count]
    return Block(block.offset + len(block.content) - len(rest), block.first_line + count, rest)
