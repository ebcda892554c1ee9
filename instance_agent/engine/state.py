"""The database in memory, as the commits up to one number make it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from instance_agent.engine.operations import (
    Commit,
    CopyTable,
    DropColumn,
    DropTables,
    InsertRows,
    PutColumn,
    PutTable,
    RenameTable,
    UploadProgress,
    insert,
)
from instance_agent.engine.tables import ReadView, TableData, TableView
from instance_agent.schema.parse import parse_column, parse_table
from instance_agent.schema.render import render_table
from instance_agent.schema.rows import RowBatch
from instance_agent.schema.types import DatabaseSchema, TableSchema

UPLOADS_REMEMBERED_SECONDS = 30 * 86_400
CHECKPOINT_ROWS = 10_000
CHECKPOINT_BYTES = 64 * 1024 * 1024

SchemaOperation = PutTable | DropTables | PutColumn | DropColumn | RenameTable | CopyTable


class State:
    """Changed by one thread at a time; readers have views."""

    def __init__(self, commit_number: int) -> None:
        self.commit_number = commit_number
        self.tables: dict[str, TableData] = {}
        self.uploads: dict[str, UploadProgress] = {}
        self.log_bytes: dict[str, int] = {}  # how much of the log each live table takes
        self.dead_log_bytes = 0

    def apply(self, commit_number: int, commit: Commit, size: int) -> None:
        """Take in one commit whose record has `size` bytes."""
        for operation in commit.operations:
            if isinstance(operation, InsertRows):
                self.tables[operation.table].append(operation.batch())
                self.log_bytes[operation.table] += size
            elif isinstance(operation, UploadProgress):
                self.uploads[operation.id] = operation
            else:
                self._change_schema(operation, commit_number)
        self.commit_number = commit_number

    def _change_schema(self, operation: SchemaOperation, commit_number: int) -> None:
        if isinstance(operation, DropTables):
            for table in operation.tables:
                self._drop(table)
            return
        if isinstance(operation, PutTable):
            schema = parse_table(operation.table, operation.definition)
            made_by = operation.made_by_commit or commit_number
            self._put(TableData(operation.table, schema, made_by), log_bytes=0)
            return
        old = self.tables[operation.table]
        if isinstance(operation, PutColumn | DropColumn):
            made, kept = _with_column_changed(old, operation, commit_number), operation.table
        else:
            schema = parse_table(operation.new_name, render_table(old.schema))
            if isinstance(operation, CopyTable):
                self._put(old.copied(operation.new_name, schema, commit_number), log_bytes=0)
                return
            made, kept = old.reshaped(operation.new_name, schema, commit_number), operation.new_name
        size = self.log_bytes[operation.table]
        del self.tables[operation.table], self.log_bytes[operation.table]
        self._drop(kept)
        self._put(made, log_bytes=size)

    def view(self, previous: ReadView | None) -> ReadView:
        """What a reader sees now; tables that didn't change keep the views, and so the indexes, of `previous`."""
        views: dict[str, TableView] = {}
        for name, data in sorted(self.tables.items()):
            old = previous.tables.get(name) if previous is not None else None
            same = old is not None and old.data is data and old.row_count == data.row_count
            views[name] = old if old is not None and same else TableView(data, data.row_count)
        schema = DatabaseSchema({name: data.schema for name, data in self.tables.items()})
        return ReadView(self.commit_number, schema, views)

    def as_commits(self, now: int) -> Iterator[Commit]:
        """Commits that, applied to an empty state, make this one: what a checkpoint holds."""
        for name, data in sorted(self.tables.items()):
            yield Commit([PutTable(name, render_table(data.schema), data.made_by_commit)])
            count = data.row_count
            step = self._rows_per_record(name, count)
            for start in range(0, count, step):
                end = min(count, start + step)
                columns = {column: list(islice(cells, start, end)) for column, cells in data.columns.items()}
                yield Commit([insert(name, RowBatch(end - start, columns))])
        recent = [upload for upload in self.uploads.values() if upload.at > now - UPLOADS_REMEMBERED_SECONDS]
        if recent:
            yield Commit([*recent])

    def _rows_per_record(self, table: str, count: int) -> int:
        """So many rows of the table that a checkpoint's records stay small, by what its rows took in the log so far."""
        fitting = count * CHECKPOINT_BYTES // max(1, self.log_bytes[table])
        return max(1, min(CHECKPOINT_ROWS, fitting))

    def _put(self, data: TableData, *, log_bytes: int) -> None:
        self._drop(data.name)
        self.tables[data.name] = data
        self.log_bytes[data.name] = log_bytes

    def _drop(self, table: str) -> None:
        if self.tables.pop(table, None) is not None:
            self.dead_log_bytes += self.log_bytes.pop(table)


def _with_column_changed(old: TableData, operation: PutColumn | DropColumn, commit_number: int) -> TableData:
    columns = {name: column for name, column in old.schema.columns.items() if name != operation.column}
    if isinstance(operation, DropColumn):
        return old.reshaped(old.name, TableSchema(columns), commit_number)
    columns[operation.column] = parse_column(old.name, operation.column, operation.definition)
    return old.reshaped(old.name, TableSchema(columns), commit_number, operation.value, operation.column)
