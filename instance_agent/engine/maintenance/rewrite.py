"""Parts of a table become one segment: flush, merge and purge are this, of other parts.

The order: look at the parts -> build the segment aside, while others write -> commit, in the writers' turn: what was
deleted or replaced meanwhile in these parts goes over the new segment. When the table has changed otherwise, nothing
is committed, and the next round tries again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.base import segment_record
from instance_agent.engine.database import Database
from instance_agent.engine.maintenance.merge_policy import Span
from instance_agent.engine.parts import (
    NO_PATCH,
    MemoryPart,
    Overlay,
    Part,
    Patch,
    SegmentPart,
)
from instance_agent.engine.segments import BuiltSegment
from instance_agent.engine.state import TableState
from instance_agent.engine.transaction import Transaction
from instance_agent.index import column_arrays
from instance_agent.index.column_arrays import ColumnArrays
from instance_agent.index.segment import write_segment
from instance_agent.schema.analyzers import make_analyzer
from instance_agent.schema.types import ColumnSchema, JsonValue


@dataclass(frozen=True)
class Rewrite:
    """Parts of a table as they were when the segment was built."""

    table: TableState
    parts: tuple[Part, ...]

    @property
    def kept(self) -> list[NDArray[np.bool_]]:
        """Per part the rows that go into the segment."""
        return [~part.overlay.dead_rows(part.row_count) for part in self.parts]


def rewrite(database: Database, table: TableState, span: Span) -> bool:
    """Have these parts in one segment, without dead rows; False when the table has changed too much meanwhile.

    Raises DamagedSegment, AgentError (writes_paused, disk_full, storage_failed), OSError: then nothing has changed.
    """
    plan = Rewrite(table, table.parts[span.first : span.end])
    row_count = sum(int(np.count_nonzero(kept)) for kept in plan.kept)
    with database.building() as folder:
        built = None
        if row_count:
            segment_id, writer = folder.new_segment()
            write_segment(writer, table.schema, _Columns(database, plan), row_count)
            built = BuiltSegment(segment_id, row_count, folder.folder)
        return database.transact(lambda transaction: _commit(transaction, plan, built))


class _Columns(Mapping[str, ColumnArrays]):
    """The columns of the new segment, each made when it is asked for, so that one is in memory at a time."""

    def __init__(self, database: Database, plan: Rewrite) -> None:
        self._database = database
        self._plan = plan
        self._kept = plan.kept

    def __getitem__(self, name: str) -> ColumnArrays:
        schema = self._plan.table.schema.columns[name]
        arrays = [
            column_arrays.take(_as_seen(self._database, part, name, schema), mask)
            for part, mask in zip(self._plan.parts, self._kept, strict=True)
        ]
        return column_arrays.concatenate(schema, arrays)

    def __iter__(self) -> Iterator[str]:
        return iter(self._plan.table.schema.columns)

    def __len__(self) -> int:
        return len(self._plan.table.schema.columns)


def _as_seen(database: Database, part: Part, name: str, schema: ColumnSchema) -> ColumnArrays:
    """The column of all the part's rows, with what was replaced."""
    analyzer = make_analyzer(schema.analyzer, name)
    if isinstance(part, MemoryPart):
        arrays = column_arrays.from_cells(schema, part.rows.columns[name][: part.row_count], analyzer)
    elif name in part.constants:
        arrays = column_arrays.constant(schema, part.constants[name], part.row_count, analyzer)
    else:
        arrays = database.segments.open(part.segment_id).column(name).arrays()
    patch = part.overlay.patches.get(name)
    if patch is None:
        return arrays
    cells: list[JsonValue] = patch.cells.tolist()
    return column_arrays.patched(arrays, patch.rows, column_arrays.from_cells(schema, cells, analyzer))


def _commit(transaction: Transaction, plan: Rewrite, built: BuiltSegment | None) -> bool:
    table = transaction.state.tables.get(plan.table.name)
    if table is None or table.made_by_commit != plan.table.made_by_commit or table.schema is not plan.table.schema:
        return False
    first = _place_of(plan.parts, table.parts)
    if first is None:
        return False
    now = table.parts[first : first + len(plan.parts)]
    start = table.starts()[first]
    end = start + sum(part.row_count for part in plan.parts)
    if built is None:
        transaction.replace_rows(table.name, start, end, None)
        return True
    transaction.publish(built)
    overlay = _since(plan, now)
    record = segment_record(SegmentPart(built.segment_id, built.row_count, {}, overlay))
    transaction.replace_rows(table.name, start, end, record)
    return True


def _place_of(parts: Sequence[Part], among: Sequence[Part]) -> int | None:
    """Where these parts stand in a table, the last of them perhaps grown; None when they don't."""
    for first in range(len(among) - len(parts) + 1):
        if all(_is_same(old, now) for old, now in zip(parts, among[first:], strict=False)):
            return first
    return None


def _is_same(old: Part, now: Part) -> bool:
    if isinstance(old, SegmentPart):
        return isinstance(now, SegmentPart) and now.segment_id == old.segment_id
    return isinstance(now, MemoryPart) and now.rows is old.rows and now.row_count >= old.row_count


def _since(plan: Rewrite, now: Sequence[Part]) -> Overlay:
    """What was deleted and replaced since the segment was built, in its numbers."""
    dead: list[NDArray[np.bool_]] = []
    patches: dict[str, Patch] = {}
    start = 0
    for old, part, kept in zip(plan.parts, now, plan.kept, strict=True):
        overlay = part.overlay.between(0, old.row_count)
        numbers = (np.cumsum(kept) - 1 + start).astype(np.uint32)
        dead.append(overlay.dead_rows(old.row_count)[kept])
        for name, patch in overlay.patches.items():
            if part.overlay.patches[name] is not old.overlay.patches.get(name):
                inside = kept[patch.rows]
                moved = Patch(numbers[patch.rows[inside]], patch.cells[inside])
                patches[name] = patches.get(name, NO_PATCH).with_cells(moved.rows, moved.cells)
        start += int(np.count_nonzero(kept))
    mask = np.concatenate(dead)
    stale = [part.overlay.stale_since for part in now if part.overlay.stale_since is not None]
    if not mask.any() and not patches:
        return Overlay()
    return Overlay(mask if mask.any() else None, patches, min(stale, default=0))
