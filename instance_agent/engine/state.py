"""The database in memory, as the commits up to one number make it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from instance_agent.engine.operations import Commit, DropTables, InsertRows, PutTable, UploadProgress, insert
from instance_agent.engine.tables import ReadView, TableData, TableView
from instance_agent.schema.parse import parse_table
from instance_agent.schema.render import render_table
from instance_agent.schema.rows import RowBatch
from instance_agent.schema.types import DatabaseSchema

UPLOADS_REMEMBERED_SECONDS = 30 * 86_400
CHECKPOINT_ROWS = 10_000


class State:
    """Changed by one thread at a time; readers have views."""

    def __init__(self, commit_number: int) -> None:
        self.commit_number = commit_number
        self.tables: dict[str, TableData] = {}
        self.row_counts: dict[str, int] = {}
        self.uploads: dict[str, UploadProgress] = {}
        self.log_bytes: dict[str, int] = {}  # how much of the log each live table takes
        self.dead_log_bytes = 0

    def apply(self, commit_number: int, commit: Commit, size: int) -> None:
        """Take in one commit whose record has `size` bytes."""
        for operation in commit.operations:
            if isinstance(operation, PutTable):
                self._drop(operation.table)
                schema = parse_table(operation.table, operation.definition)
                made_by = operation.made_by_commit or commit_number
                self.tables[operation.table] = TableData(operation.table, schema, made_by)
                self.row_counts[operation.table] = 0
                self.log_bytes[operation.table] = 0
            elif isinstance(operation, DropTables):
                for table in operation.tables:
                    self._drop(table)
            elif isinstance(operation, InsertRows):
                self.tables[operation.table].append(operation.batch())
                self.row_counts[operation.table] += operation.count
                self.log_bytes[operation.table] += size
            else:
                self.uploads[operation.id] = operation
        self.commit_number = commit_number

    def view(self, previous: ReadView | None) -> ReadView:
        """What a reader sees now; tables that didn't change keep the views, and so the indexes, of `previous`."""
        views: dict[str, TableView] = {}
        for name, data in sorted(self.tables.items()):
            old = previous.tables.get(name) if previous is not None else None
            same = old is not None and old.data is data and old.row_count == self.row_counts[name]
            views[name] = old if old is not None and same else TableView(data, self.row_counts[name])
        schema = DatabaseSchema({name: data.schema for name, data in self.tables.items()})
        return ReadView(self.commit_number, schema, views)

    def as_commits(self, now: int) -> Iterator[Commit]:
        """Commits that, applied to an empty state, make this one: what a checkpoint holds."""
        for name, data in sorted(self.tables.items()):
            yield Commit([PutTable(name, render_table(data.schema), data.made_by_commit)])
            count = self.row_counts[name]
            for start in range(0, count, CHECKPOINT_ROWS):
                end = min(count, start + CHECKPOINT_ROWS)
                columns = {column: list(islice(cells, start, end)) for column, cells in data.columns.items()}
                yield Commit([insert(name, RowBatch(end - start, columns))])
        recent = [upload for upload in self.uploads.values() if upload.at > now - UPLOADS_REMEMBERED_SECONDS]
        if recent:
            yield Commit([*recent])

    def _drop(self, table: str) -> None:
        if self.tables.pop(table, None) is not None:
            self.dead_log_bytes += self.log_bytes.pop(table)
            del self.row_counts[table]
