"""Changes that become visible together, checked one by one against what those before them left.

Nothing here touches the disk but the moving of built segments to their place, which no reader notices.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.operations import (
    AddSegments,
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
    encode_operation,
    insert,
)
from instance_agent.engine.row_numbers import pack
from instance_agent.engine.segments import BuiltSegment, SegmentStore
from instance_agent.engine.state import State, TableState
from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError, RowInvalid, SchemaInvalid, TableNotFound
from instance_agent.schema.parse import check_links, check_name
from instance_agent.schema.render import render_column, render_table
from instance_agent.schema.rows import Misfit, RowBatch, check_value, to_batch
from instance_agent.schema.types import ColumnSchema, DatabaseSchema, JsonValue, TableSchema

MOST_ROWS = 2**32 - 1
"""Of a table: row numbers have 32 bits."""


class Transaction:
    """Handed to the function that `Database.transact` is given; of no use afterwards."""

    def __init__(self, state: State, previous: ReadView, segments: SegmentStore) -> None:
        """state: what the transaction starts from. previous: a view to share indexes with, of any earlier state."""
        self.state = state
        self.encoded: list[bytes] = []  # the operations
        self.publishes = False  # are there segments whose names must be made durable first?
        self.adds = False  # does it need room that deletes and maintenance must be left?
        self._view = previous
        self._view_of: State | None = None
        self._segments = segments
        self._number = state.commit_number + 1

    @property
    def view(self) -> ReadView:
        """What the operations so far leave."""
        if self._view_of is not self.state:
            self._view = ReadView.of(self.state, self._segments, self._view)
            self._view_of = self.state
        return self._view

    def table(self, name: str) -> TableState:
        """The table as the operations so far leave it. Raises TableNotFound."""
        found = self.state.tables.get(name)
        if found is None:
            raise TableNotFound(name)
        return found

    def replace_schema(self, schema: DatabaseSchema) -> None:
        """Have these tables, empty, and no others. Raises SchemaInvalid for a link without a target."""
        check_links(schema, list(schema.tables))
        self._do(DropTables(list(self.state.tables), _now()))
        for name, table in schema.tables.items():
            self._do(PutTable(name, render_table(table), at=_now()))

    def put_table(self, name: str, table: TableSchema) -> None:
        """Have this table, empty, in place of any of that name. Raises SchemaInvalid for a link without a target."""
        check_links(DatabaseSchema({**self._schemas(), name: table}), [name])
        self._do(PutTable(name, render_table(table), at=_now()))

    def delete_tables(self) -> list[str]:
        """Delete all tables with their rows; their names."""
        names = sorted(self.state.tables)
        self._do(DropTables(names, _now()))
        return names

    def delete_table(self, name: str) -> None:
        """Delete a table with its rows. Raises TableNotFound."""
        self.table(name)
        self._do(DropTables([name], _now()))

    def put_column(self, table: str, name: str, column: ColumnSchema, value: JsonValue) -> None:
        """Have this column, in place of any of that name; `value` (None: null) is what the rows there are have in it.

        Raises TableNotFound, SchemaInvalid for a value that doesn't fit, or none where rows need one.
        """
        found = self.view.table(table)
        stored = fitting_value(table, name, column, value)
        if stored is None and not column.nullable and found.live_count:
            raise SchemaInvalid(
                f"column '{table}.{name}': the table has rows, so the column must be nullable or come with a value."
            )
        changed = TableSchema({**found.schema.columns, name: column})
        check_links(DatabaseSchema({**self._schemas(), table: changed}), [table])
        self._do(PutColumn(table, name, render_column(column), stored, _now()))

    def delete_column(self, table: str, name: str) -> None:
        """Delete a column with its values. Raises TableNotFound, AgentError column_not_found."""
        if name not in self.table(table).schema.columns:
            raise AgentError("column_not_found", f"No such column: {table}.{name}")
        self._do(DropColumn(table, name, _now()))

    def rename_table(self, table: str, new_name: str, *, replace: bool) -> None:
        """Give a table another name. Raises TableNotFound, SchemaInvalid when that is taken and not to be replaced."""
        self._check_names(table, new_name, replace=replace)
        self._do(RenameTable(table, new_name, _now()))

    def copy_table(self, table: str, new_name: str, *, replace: bool) -> None:
        """Make a second table with the same rows; no row is moved. Raises as `rename_table`."""
        self._check_names(table, new_name, replace=replace)
        self._do(CopyTable(table, new_name, _now()))

    def insert(self, table: str, rows: Sequence[JsonValue]) -> int:
        """Add rows at the end of a table, all or none; how many. Raises TableNotFound, RowInvalid."""
        self.insert_batch(table, to_batch(self.table(table).schema, rows))
        return len(rows)

    def insert_batch(self, table: str, batch: RowBatch) -> None:
        """Add rows that were checked against the table's schema as it is. Raises TableNotFound."""
        self._check_room(table, batch.count)
        if batch.count:
            self._do(insert(table, batch))

    def delete(self, table: str, rows: NDArray[np.uint32]) -> int:
        """Delete rows of `view` by number (increasing, all of them there); how many. Raises TableNotFound."""
        self.table(table)
        if len(rows):
            self._do(DeleteRows(table, pack(rows), _now()))
        return len(rows)

    def update(self, table: str, rows: NDArray[np.uint32], values: Mapping[str, JsonValue]) -> int:
        """Give rows of `view` (increasing, all of them there) other values, None for null; how many.

        The rows keep their numbers. Raises TableNotFound, RowInvalid for a value that doesn't fit its column.
        """
        schema = self.table(table).schema
        stored = {name: _fitting(schema, name, value) for name, value in values.items()}
        if len(rows):
            self._do(UpdateRows(table, pack(rows), stored, _now()))
        return len(rows)

    def add_segments(self, table: str, made_by_commit: int, segments: Sequence[BuiltSegment]) -> None:
        """Add the rows of built segments at the end of the very table that they were built for.

        Raises AgentError table_changed when it isn't there any more.
        """
        self.check_is_same(table, made_by_commit)
        self._check_room(table, sum(segment.row_count for segment in segments))
        for segment in segments:
            self.publish(segment)
        self._do(AddSegments(table, [SegmentRecord(segment.segment_id, segment.row_count) for segment in segments]))

    def replace_rows(self, table: str, start: int, end: int, record: SegmentRecord | None) -> None:
        """Have the rows with these numbers in one segment, published before, in place of the parts that they are in."""
        self._do(ReplaceRows(table, start, end, record))

    def finish_upload(self, progress: UploadProgress) -> None:
        """Remember how far a file is stored."""
        self._do(progress)

    def publish(self, segment: BuiltSegment) -> None:
        """Move a built segment to where an operation of this transaction will name it."""
        self._segments.publish(segment)
        self.publishes = True

    def check_is_same(self, table: str, made_by_commit: int) -> None:
        """Raises AgentError table_changed unless it is the very table that this commit made."""
        found = self.state.tables.get(table)
        if found is None or found.made_by_commit != made_by_commit:
            raise AgentError("table_changed")

    def _do(self, operation: Operation) -> None:
        encoded = encode_operation(operation)
        self.state = self.state.after_operation(self._number, operation, len(encoded))
        self.adds |= isinstance(operation, InsertRows | UpdateRows | AddSegments | PutTable | PutColumn)
        self.encoded.append(encoded)

    def _schemas(self) -> dict[str, TableSchema]:
        return {name: table.schema for name, table in self.state.tables.items()}

    def _check_room(self, table: str, more: int) -> None:
        if self.table(table).row_count + more > MOST_ROWS:
            raise AgentError("request_invalid", f"A table holds at most {MOST_ROWS} rows.")

    def _check_names(self, table: str, new_name: str, *, replace: bool) -> None:
        self.table(table)
        check_name("table", new_name)
        if new_name == table:
            raise SchemaInvalid(f"The table '{table}' has this name already.")
        if new_name in self.state.tables and not replace:
            raise SchemaInvalid(
                f"There is a table '{new_name}' already. Choose another name, or send \"replace\": true."
            )


def fitting_value(table: str, name: str, column: ColumnSchema, value: JsonValue) -> JsonValue:
    """The value as the column stores it. Raises SchemaInvalid when it doesn't fit."""
    if value is None:
        return None
    try:
        return check_value(column, value)
    except Misfit as misfit:
        raise SchemaInvalid(f"column '{table}.{name}' {misfit}") from None


def _fitting(schema: TableSchema, name: str, value: JsonValue) -> JsonValue:
    column = schema.columns.get(name)
    if column is None:
        raise RowInvalid(f"field {name[:80]!r} not found: the table has no such column.")
    if value is None:
        if not column.nullable:
            raise RowInvalid(f"field '{name}' of type {column.type.value} is null, and it isn't nullable.")
        return None
    try:
        return check_value(column, value)
    except Misfit as misfit:
        raise RowInvalid(f"field '{name}' {misfit}") from None


def _now() -> int:
    return int(time.time())
