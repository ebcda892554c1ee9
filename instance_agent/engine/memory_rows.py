"""Rows that are in the commit log only, in memory column by column, with their indexes."""

from __future__ import annotations

from collections.abc import Mapping

from instance_agent.index.memory_column import MemoryIndex
from instance_agent.schema.rows import RowBatch
from instance_agent.schema.types import JsonValue, TableSchema


class MemoryRows:
    """Grows at its end, by one thread at a time; whoever reads keeps the number of rows that its commit had."""

    def __init__(self, schema: TableSchema) -> None:
        self.columns: dict[str, list[JsonValue]] = {name: [] for name in schema.columns}
        self.indexes = {name: MemoryIndex(schema.columns[name], cells) for name, cells in self.columns.items()}
        self.schema = schema

    @classmethod
    def of(cls, schema: TableSchema, columns: Mapping[str, list[JsonValue]], start: int, end: int) -> MemoryRows:
        """The rows from `start` to before `end` of these columns, copied."""
        made = cls(schema)
        for name, cells in made.columns.items():
            cells.extend(columns[name][start:end])
        return made

    def extended(self, row_count: int, batch: RowBatch) -> MemoryRows:
        """The first `row_count` rows with a batch behind them: this very object, or a copy where other rows follow.

        Rows of a commit that failed are such: nobody sees them, but an index may know them already.
        """
        rows = self if self._has_just(row_count) else MemoryRows.of(self.schema, self.columns, 0, row_count)
        for name, cells in rows.columns.items():
            cells.extend(batch.columns[name])
        return rows

    def reshaped(self, row_count: int, schema: TableSchema, new_column: str | None, value: JsonValue) -> MemoryRows:
        """The same rows with other columns; those that stay are shared, with their indexes, unless rows follow.

        value: what all rows have in `new_column`.
        """
        shared = self._has_just(row_count)
        made = MemoryRows(schema)
        for name, definition in schema.columns.items():
            if name == new_column:
                made.columns[name].extend([value] * row_count)
            elif shared and self.schema.columns[name] == definition:
                made.columns[name], made.indexes[name] = self.columns[name], self.indexes[name]
            else:
                made.columns[name].extend(self.columns[name][:row_count])
        return made

    def _has_just(self, row_count: int) -> bool:
        """Are there no rows behind these, in any column?"""
        return all(len(cells) == row_count for cells in self.columns.values())
