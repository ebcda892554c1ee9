"""What is in the database after one commit, as a value: each commit makes the next state out of the one before.

No file is touched here. Every process that applies the same commits has the same tables, with the same row numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np

from instance_agent.engine.memory_rows import MemoryRows
from instance_agent.engine.operations import (
    AddSegments,
    Commit,
    CopyTable,
    DeleteRows,
    DropColumn,
    DropTables,
    InsertRows,
    Operation,
    PutColumn,
    PutTable,
    RenameTable,
    ReplaceRows,
    SegmentRecord,
    UpdateRows,
    UploadProgress,
)
from instance_agent.engine.parts import (
    MemoryPart,
    Overlay,
    Part,
    Patch,
    Rows,
    SegmentPart,
    cells_of,
    earliest,
)
from instance_agent.engine.row_numbers import unpack
from instance_agent.schema.parse import parse_column, parse_table
from instance_agent.schema.render import render_table
from instance_agent.schema.types import JsonValue, TableSchema


@dataclass(frozen=True, eq=False)
class TableState:
    """One table."""

    name: str
    schema: TableSchema
    made_by_commit: int  # tells a table from a later one of the same name; column changes and a new name keep it
    version: int  # the number of the commit that last changed it
    parts: tuple[Part, ...] = ()

    @property
    def row_count(self) -> int:
        """Rows with a number, dead ones too."""
        return sum(part.row_count for part in self.parts)

    def starts(self) -> list[int]:
        """The row number that each part starts with."""
        return [0, *accumulate(part.row_count for part in self.parts)][:-1]


@dataclass(frozen=True, eq=False)
class State:
    """The whole database."""

    commit_number: int = 0
    tables: Mapping[str, TableState] = field(default_factory=dict)
    uploads: Mapping[str, UploadProgress] = field(default_factory=dict)
    stale_log_since: int | None = None  # unix seconds: the log has bytes since then that nobody may see

    def after(self, commit_number: int, commit: Commit, size_bytes: int, *, is_base: bool = False) -> State:
        """The state after one commit, whose record has `size_bytes`. is_base: it is one out of a checkpoint."""
        state = self
        each = size_bytes // max(1, len(commit.operations))
        for operation in commit.operations:
            state = state.after_operation(commit_number, operation, each)
        return replace(
            state,
            commit_number=commit_number,
            stale_log_since=self.stale_log_since if is_base else state.stale_log_since,
        )

    def after_operation(self, number: int, operation: Operation, size_bytes: int) -> State:  # noqa: PLR0911 - one line each
        """The state after one operation of commit `number`. size_bytes: about what it takes in the log."""
        match operation:
            case InsertRows(table=table):
                return self._with(_inserted(self.tables[table], operation, size_bytes), number)
            case AddSegments(table=table):
                added = tuple(_segment_part(record) for record in operation.segments)
                old = self.tables[table]
                return self._with(replace(old, parts=old.parts + added), number)
            case DeleteRows(table=table):
                return self._with(_deleted(self.tables[table], operation), number)._stale(operation.at)
            case UpdateRows(table=table):
                return self._with(_updated(self.tables[table], operation), number)._stale(operation.at)
            case ReplaceRows(table=table):
                return self._with(_replaced(self.tables[table], operation), number)
            case UploadProgress(id=upload_id):
                return replace(self, uploads={**self.uploads, upload_id: operation})
            case DropTables(tables=names):
                kept = {name: table for name, table in self.tables.items() if name not in names}
                return replace(self, tables=kept)._stale(operation.at)
            case _:
                return self._with_schema_changed(number, operation)

    def _with_schema_changed(
        self, number: int, operation: PutTable | PutColumn | DropColumn | RenameTable | CopyTable
    ) -> State:
        if isinstance(operation, PutTable):
            schema = parse_table(operation.table, operation.definition)
            return self._put(
                TableState(operation.table, schema, operation.made_by_commit or number, number), operation.at
            )
        old = self.tables[operation.table]
        if isinstance(operation, PutColumn | DropColumn):
            changed = self._with(_with_column_changed(old, operation, number), number)
            return changed._stale(operation.at) if operation.column in old.schema.columns else changed
        schema = parse_table(operation.new_name, render_table(old.schema))
        made = replace(old, name=operation.new_name, schema=schema, version=number)
        if isinstance(operation, CopyTable):
            return self._put(replace(made, made_by_commit=number), operation.at)
        state = self._put(made, operation.at)
        return replace(state, tables={name: table for name, table in state.tables.items() if name != operation.table})

    def _put(self, table: TableState, at: int) -> State:
        """With this table, in place of any of its name."""
        state = self._stale(at) if table.name in self.tables else self
        return replace(state, tables={**state.tables, table.name: table})

    def _with(self, table: TableState, number: int) -> State:
        return replace(self, tables={**self.tables, table.name: replace(table, version=number)})

    def _stale(self, at: int) -> State:
        return replace(self, stale_log_since=earliest(self.stale_log_since, at))


def _inserted(table: TableState, operation: InsertRows, size_bytes: int) -> TableState:
    last = table.parts[-1] if table.parts else None
    if not isinstance(last, MemoryPart):
        fresh = MemoryRows(table.schema).extended(0, operation.batch())
        return replace(table, parts=(*table.parts, MemoryPart(fresh, operation.count, size_bytes)))
    rows = last.rows.extended(last.row_count, operation.batch())
    grown = replace(
        last, rows=rows, row_count=last.row_count + operation.count, size_bytes=last.size_bytes + size_bytes
    )
    return replace(table, parts=(*table.parts[:-1], grown))


def _deleted(table: TableState, operation: DeleteRows) -> TableState:
    def change(part: Part, rows: Rows) -> Overlay:
        return part.overlay.with_deleted(part.row_count, rows, operation.at)

    return _overlaid(table, unpack(operation.rows), change)


def _updated(table: TableState, operation: UpdateRows) -> TableState:
    def change(part: Part, rows: Rows) -> Overlay:
        return part.overlay.with_updated(rows, operation.values, operation.at)

    return _overlaid(table, unpack(operation.rows), change)


def _overlaid(table: TableState, rows: Rows, change: Callable[[Part, Rows], Overlay]) -> TableState:
    """The table with another overlay over each part that has some of `rows` (increasing)."""
    parts: list[Part] = []
    for start, part in zip(table.starts(), table.parts, strict=True):
        low, high = (int(at) for at in np.searchsorted(rows, (start, start + part.row_count)))
        inside = rows[low:high] - np.uint32(start)
        parts.append(replace(part, overlay=change(part, inside)) if len(inside) else part)
    return replace(table, parts=tuple(parts))


def _replaced(table: TableState, operation: ReplaceRows) -> TableState:
    before: list[Part] = []
    behind: list[Part] = []
    for start, part in zip(table.starts(), table.parts, strict=True):
        end = start + part.row_count
        if end <= operation.start:
            before.append(part)
        elif start >= operation.end:
            behind.append(part)
        elif isinstance(part, MemoryPart):
            first = part.between(0, operation.start - start)
            last = part.between(operation.end - start, part.row_count)
            before.extend([first] if first is not None else [])
            behind.extend([last] if last is not None else [])
    middle = [] if operation.segment is None else [_segment_part(operation.segment)]
    return replace(table, parts=(*before, *middle, *behind))


def _segment_part(record: SegmentRecord) -> SegmentPart:
    dead = None
    if record.dead is not None:
        dead = np.zeros(record.row_count, np.bool_)
        dead[unpack(record.dead)] = True
    patches = {name: Patch(unpack(one.rows), cells_of(one.cells)) for name, one in record.patches.items()}
    return SegmentPart(
        record.segment_id, record.row_count, record.constants, Overlay(dead, patches, record.stale_since)
    )


def _with_column_changed(old: TableState, operation: PutColumn | DropColumn, number: int) -> TableState:
    name = operation.column
    existed = name in old.schema.columns
    columns = {other: column for other, column in old.schema.columns.items() if other != name}
    value: JsonValue = None
    if isinstance(operation, PutColumn):
        columns[name] = parse_column(old.name, name, operation.definition)
        value = operation.value
    schema = TableSchema(columns)
    parts: list[Part] = []
    for part in old.parts:
        overlay = part.overlay.without_column(name, operation.at) if existed else part.overlay
        if isinstance(part, MemoryPart):
            rows = part.rows.reshaped(part.row_count, schema, name, value)
            parts.append(replace(part, rows=rows, overlay=overlay))
        else:
            constants = {other: one for other, one in part.constants.items() if other != name}
            if name in columns:
                constants[name] = value
            parts.append(replace(part, constants=constants, overlay=overlay))
    return replace(old, schema=schema, version=number, parts=tuple(parts))
