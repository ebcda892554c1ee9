"""Rows in memory, column by column, and what a reader sees of them.

A table's columns only grow; a reader keeps the number of rows that its commit had. Replacing or deleting a table makes
new data and leaves the old to those who still read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from instance_agent.errors import FieldNotFound, TableNotFound
from instance_agent.index.column import ColumnIndex, ColumnView
from instance_agent.schema.rows import RowBatch, to_batch
from instance_agent.schema.types import DatabaseSchema, JsonValue, Row, TableSchema


class TableData:
    """The rows of one table, and the indexes of its columns. Appended to by one thread at a time."""

    def __init__(self, name: str, schema: TableSchema, made_by_commit: int) -> None:
        self.name = name
        self.schema = schema
        self.row_count = 0  # as the writer knows it; readers have their own
        self.made_by_commit = made_by_commit  # tells a table from a later one of the same name
        self.columns: dict[str, list[JsonValue]] = {column: [] for column in schema.columns}
        self.indexes = {column: ColumnIndex(schema.columns[column], cells) for column, cells in self.columns.items()}

    def reshaped(
        self,
        name: str,
        schema: TableSchema,
        made_by_commit: int,
        value: JsonValue = None,
        new_column: str | None = None,
    ) -> TableData:
        """The same rows under another name or schema; columns that don't change are shared, with their indexes.

        value: what all rows have in `new_column`. Nothing may be appended to the old table afterwards.
        """
        made = TableData(name, schema, made_by_commit)
        for column, definition in schema.columns.items():
            if column == new_column:
                made.columns[column].extend([value] * self.row_count)
            elif self.schema.columns[column] == definition:
                made.columns[column], made.indexes[column] = self.columns[column], self.indexes[column]
            else:
                made.columns[column].extend(self.columns[column])
        made.row_count = self.row_count
        return made

    def copied(self, name: str, schema: TableSchema, made_by_commit: int) -> TableData:
        """A table of its own with the same rows."""
        made = TableData(name, schema, made_by_commit)
        made.append(RowBatch(self.row_count, self.columns))
        return made

    def append(self, batch: RowBatch) -> None:
        """Add rows at the end; nobody sees them until a view with a larger row count is made."""
        for name, cells in self.columns.items():
            cells.extend(batch.columns[name])
        self.row_count += batch.count


class TableView:
    """One table of one commit. Immutable."""

    def __init__(self, data: TableData, row_count: int) -> None:
        self._data = data
        self._views: dict[str, ColumnView] = {}
        self.row_count = row_count
        self.name = data.name
        self.schema = data.schema

    @property
    def data(self) -> TableData:
        """What the writer appends to; readers have no use for it."""
        return self._data

    def column(self, name: str) -> ColumnView:
        """The column with its index. Raises FieldNotFound."""
        view = self._views.get(name)
        if view is None:
            index = self._data.indexes.get(name)
            if index is None:
                raise FieldNotFound(name)
            view = self._views[name] = index.view(self.row_count)
        return view

    def row(self, number: int) -> Row:
        """Row `number` without its nulls, keys alphabetical. Raises IndexError."""
        if not 0 <= number < self.row_count:
            raise IndexError(number)
        cells = ((name, column[number]) for name, column in self._data.columns.items())
        return {name: cell for name, cell in cells if cell is not None}


@dataclass(frozen=True)
class ReadView:
    """The whole database as one commit left it."""

    commit_number: int
    schema: DatabaseSchema
    tables: Mapping[str, TableView]

    def table(self, name: str) -> TableView:
        """Raises TableNotFound."""
        found = self.tables.get(name)
        if found is None:
            raise TableNotFound(name)
        return found

    @classmethod
    def from_rows(cls, schema: DatabaseSchema, rows: Mapping[str, Sequence[JsonValue]]) -> ReadView:
        """A view over rows in memory only, with no database behind it. Raises RowInvalid."""
        tables: dict[str, TableView] = {}
        for name, table in schema.tables.items():
            data = TableData(name, table, made_by_commit=1)
            batch = to_batch(table, rows.get(name, ()))
            data.append(batch)
            tables[name] = TableView(data, batch.count)
        return cls(commit_number=1, schema=schema, tables=tables)
