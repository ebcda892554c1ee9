"""What a checkpoint writes: commits that, applied to nothing, make a state, without a byte that nobody may see.

Row numbers stay as they are, because other processes go on with the state they have in memory: a dead row in the log
becomes a row of nulls that is marked as dead.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from instance_agent.engine.operations import (
    AddSegments,
    Commit,
    DeleteRows,
    InsertRows,
    PatchRecord,
    PutTable,
    SegmentRecord,
)
from instance_agent.engine.parts import MemoryPart, Overlay, SegmentPart
from instance_agent.engine.row_numbers import pack
from instance_agent.engine.state import State, TableState
from instance_agent.schema.render import render_table
from instance_agent.schema.types import JsonValue

UPLOADS_REMEMBERED_SECONDS = 30 * 86_400
MOST_ROWS = 10_000
MOST_BYTES = 64 * 1024 * 1024
"""Of a checkpoint's record."""


def base_of(state: State, now: int) -> Iterator[Commit]:
    """The commits of the base, in order. now: unix seconds; uploads that ended long ago are forgotten."""
    for table in sorted(state.tables.values(), key=lambda one: one.name):
        yield Commit([PutTable(table.name, render_table(table.schema), table.made_by_commit)])
        yield from _rows_of(table)
    recent = [upload for upload in state.uploads.values() if upload.at > now - UPLOADS_REMEMBERED_SECONDS]
    if recent:
        yield Commit([*recent])


def segment_record(part: SegmentPart) -> SegmentRecord:
    """The segment with everything that lies over it."""
    overlay = part.overlay
    return SegmentRecord(
        part.segment_id,
        part.row_count,
        dict(part.constants),
        None if overlay.dead is None else pack(np.flatnonzero(overlay.dead).astype(np.uint32)),
        {name: PatchRecord(pack(patch.rows), patch.cells.tolist()) for name, patch in overlay.patches.items()},
        overlay.stale_since,
    )


def _rows_of(table: TableState) -> Iterator[Commit]:
    for start, part in zip(table.starts(), table.parts, strict=True):
        if isinstance(part, SegmentPart):
            yield Commit([AddSegments(table.name, [segment_record(part)])])
            continue
        step = max(1, min(MOST_ROWS, part.row_count * MOST_BYTES // max(1, part.size_bytes)))
        for first in range(0, part.row_count, step):
            yield Commit([_insert(table, part, first, min(part.row_count, first + step))])
        dead = np.flatnonzero(part.overlay.dead_rows(part.row_count)).astype(np.uint32)
        if len(dead):
            yield Commit([DeleteRows(table.name, pack(dead + np.uint32(start)), part.overlay.stale_since or 0)])


def _insert(table: TableState, part: MemoryPart, first: int, end: int) -> InsertRows:
    columns = {name: visible_cells(part, name, first, end) for name in table.schema.columns}
    return InsertRows(table.name, end - first, columns)


def visible_cells(part: MemoryPart, name: str, first: int, end: int) -> list[JsonValue]:
    """The column's values of the rows from `first` to before `end` as readers see them: None where a row is dead."""
    cells = part.rows.columns[name][first:end]
    overlay: Overlay = part.overlay.between(first, end)
    patch = overlay.patches.get(name)
    if patch is not None:
        for row, cell in zip(patch.rows.tolist(), patch.cells.tolist(), strict=True):
            cells[row] = cell
    for row in np.flatnonzero(overlay.dead_rows(len(cells))).tolist():
        cells[row] = None
    return cells
