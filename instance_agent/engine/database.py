"""The database over one data directory: any number of threads and processes read and write it at the same time.

Order of a write: lock -> catch up with the log -> check -> append and sync -> visible to all. Every write is one
commit: whole or not at all, and on the disk when the call returns. A reader's view never changes.

Locks are taken in this order: the thread lock for writers, the file lock, the lock of the state in memory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from instance_agent.engine.operations import (
    Commit,
    CopyTable,
    DropColumn,
    DropTables,
    PutColumn,
    PutTable,
    RenameTable,
    UploadProgress,
    decode,
    encode,
    insert,
)
from instance_agent.engine.state import State
from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError, DamagedData, SchemaInvalid
from instance_agent.schema.parse import check_links, check_name
from instance_agent.schema.render import render_column, render_table
from instance_agent.schema.rows import Misfit, RowBatch, check_value, to_batch
from instance_agent.schema.types import ColumnSchema, DatabaseSchema, JsonValue, TableSchema
from instance_agent.storage.commit_log import CommitLog
from instance_agent.storage.files import exclusively, refusal

LOG_NAME = "commit.log"
LOCK_NAME = "commit.lock"
SMALLEST_CHECKPOINT_BYTES = 16 * 1024 * 1024

Prepare = Callable[[ReadView], Commit]
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Seen:
    """What readers get, and how far in which log that is; exchanged as one."""

    log: CommitLog
    position: int
    view: ReadView


class Database:
    """Use `open`. Every method may be called from any thread."""

    def __init__(self, data_dir: Path) -> None:
        self._log_path = data_dir / LOG_NAME
        self._lock_path = data_dir / LOCK_NAME
        self._writers = threading.Lock()
        self._state_lock = threading.Lock()
        with exclusively(self._lock_path):
            self._log = CommitLog.recover(self._log_path)
            self._state = State(self._log.header.base_commit)
            self._seen = Seen(self._log, self._log.position, self._state.view(None))
            with self._state_lock:
                self._catch_up()

    @classmethod
    def open(cls, data_dir: Path) -> Database:
        """The database in `data_dir`, which exists; made empty there when there is none. Opening is recovery.

        Raises DamagedData when stored bytes don't check out, OSError when the folder can't be used.
        """
        return cls(data_dir)

    @staticmethod
    def check(data_dir: Path) -> None:
        """Recover the database in `data_dir` and prove all its checksums, without keeping it in memory.

        Raises DamagedData when stored bytes don't check out, OSError when the folder can't be used.
        """
        with exclusively(data_dir / LOCK_NAME):
            for _ in CommitLog.recover(data_dir / LOG_NAME).read_on():
                pass

    def read_view(self) -> ReadView:
        """Everything that was committed before this call, by any process. Raises DamagedData."""
        seen = self._seen
        if seen.position == seen.log.published and not seen.log.is_replaced():
            return seen.view
        with self._state_lock:
            self._catch_up()
            return self._seen.view

    def warm(self, must_stop: Callable[[], bool]) -> None:
        """Index everything there is now, so that no query has to wait for that. Stops between columns when told to."""
        for table in self.read_view().tables.values():
            for name in table.schema.columns:
                if must_stop():
                    return
                table.column(name).rows_with(None)

    def upload_progress(self, upload_id: str) -> UploadProgress | None:
        """How far a file upload has come, as committed; None when nothing of it was."""
        self.read_view()
        return self._state.uploads.get(upload_id)

    def replace_schema(self, schema: DatabaseSchema) -> None:
        """Have these tables, empty, and no others. Raises SchemaInvalid for a link without a target."""
        check_links(schema, list(schema.tables))
        puts = [PutTable(name, render_table(table)) for name, table in schema.tables.items()]
        self._commit(lambda view: Commit([DropTables(list(view.tables)), *puts]))

    def put_table(self, name: str, table: TableSchema) -> None:
        """Have this table, empty, in place of any of that name. Raises SchemaInvalid for a link without a target."""

        def prepare(view: ReadView) -> Commit:
            check_links(DatabaseSchema({**view.schema.tables, name: table}), [name])
            return Commit([PutTable(name, render_table(table))])

        self._commit(prepare)

    def delete_tables(self) -> list[str]:
        """Delete all tables with their rows; their names."""
        deleted: list[str] = []

        def prepare(view: ReadView) -> Commit:
            deleted.extend(view.tables)
            return Commit([DropTables(deleted)])

        self._commit(prepare)
        return deleted

    def delete_table(self, name: str) -> None:
        """Delete a table with its rows. Raises TableNotFound."""

        def prepare(view: ReadView) -> Commit:
            view.table(name)
            return Commit([DropTables([name])])

        self._commit(prepare)

    def put_column(self, table: str, name: str, column: ColumnSchema, value: JsonValue) -> None:
        """Have this column, in place of any of that name; `value` (None: null) is what the rows there are have in it.

        Raises TableNotFound, SchemaInvalid for a value that doesn't fit, or none where rows need one.
        """
        stored = fitting_value(table, name, column, value)

        def prepare(view: ReadView) -> Commit:
            found = view.table(table)
            if stored is None and not column.nullable and found.row_count:
                raise SchemaInvalid(
                    f"column '{table}.{name}': the table has rows, so the column must be nullable or come with a value."
                )
            changed = TableSchema({**found.schema.columns, name: column})
            check_links(DatabaseSchema({**view.schema.tables, table: changed}), [table])
            return Commit([PutColumn(table, name, render_column(column), stored)])

        self._commit(prepare)

    def delete_column(self, table: str, name: str) -> None:
        """Delete a column with its values. Raises TableNotFound, AgentError column_not_found."""

        def prepare(view: ReadView) -> Commit:
            if name not in view.table(table).schema.columns:
                raise AgentError("column_not_found", f"No such column: {table}.{name}")
            return Commit([DropColumn(table, name)])

        self._commit(prepare)

    def rename_table(self, table: str, new_name: str, *, replace: bool) -> None:
        """Give a table another name. Raises TableNotFound, SchemaInvalid when that is taken and not to be replaced."""
        self._commit(lambda view: Commit([RenameTable(*_names(view, table, new_name, replace=replace))]))

    def copy_table(self, table: str, new_name: str, *, replace: bool) -> None:
        """Make a second table with the same rows. Raises as `rename_table`."""
        self._commit(lambda view: Commit([CopyTable(*_names(view, table, new_name, replace=replace))]))

    def insert_rows(self, table: str, rows: Sequence[JsonValue]) -> int:
        """Add rows at the end of a table, all or none; how many. Raises TableNotFound, RowInvalid."""
        first = self.read_view().table(table)
        batch = to_batch(first.schema, rows)
        prepared = Commit([insert(table, batch)])

        def prepare(view: ReadView) -> Commit:
            now = view.table(table)
            if now.data.made_by_commit == first.data.made_by_commit:
                return prepared
            return Commit([insert(table, to_batch(now.schema, rows))])

        self._commit(prepare)
        return batch.count

    def insert_upload_rows(self, table: str, made_by_commit: int, batch: RowBatch, progress: UploadProgress) -> None:
        """Add the next rows of a file, and how far that brings its upload, in one commit.

        Raises AgentError table_changed when the table isn't the one that the upload was started for, or when another
        process has stored these lines.
        """

        def prepare(view: ReadView) -> Commit:
            found = view.tables.get(table)
            known = self._state.uploads.get(progress.id)
            if found is None or found.data.made_by_commit != made_by_commit:
                raise AgentError("table_changed")
            if (known.stored if known else 0) + batch.count != progress.stored:
                raise AgentError("table_changed", "Another process stores the rows of this upload.")
            return Commit([insert(table, batch), progress])

        self._commit(prepare)

    def checkpoint(self) -> None:
        """Rewrite the log without what was deleted. Raises AgentError disk_full, then the log is as it was."""
        with self._writing():
            self._checkpoint()

    def _commit(self, prepare: Prepare) -> None:
        with self._writing():
            commit = prepare(self._seen.view)
            payload = encode(commit)
            number = self._state.commit_number + 1
            end = self._append(number, payload)
            with self._state_lock:
                if self._log.position < end:  # else a reader's thread was quicker and has taken it in already
                    self._apply(number, commit, len(payload))
                    self._log.position = end
                    self._show()
            if self._state.dead_log_bytes > max(SMALLEST_CHECKPOINT_BYTES, end // 2):
                self._checkpoint_if_possible()

    def _append(self, number: int, payload: bytes) -> int:
        """Append to the log; on a full disk after leaving out what was deleted. Raises AgentError."""
        try:
            return self._log.append(number, payload)
        except AgentError as error:
            if error.code != "disk_full" or not self._state.dead_log_bytes:
                raise
            self._checkpoint_if_possible()
            return self._log.append(number, payload)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer over all threads and processes, with everything committed so far in memory."""
        with self._writers, exclusively(self._lock_path):
            with self._state_lock:
                self._catch_up()
            try:
                self._log.settle()
            except OSError as error:
                raise refusal(error) from error
            with self._state_lock:
                self._catch_up()
            yield

    def _catch_up(self) -> None:
        """Take in what was committed since. For the holder of the state's lock."""
        self._read_on()
        while self._log.is_replaced():
            fresh = CommitLog(self._log_path)
            self._read_on()  # the old file is final now: nobody appends to a replaced log
            if fresh.header.base_commit == self._state.commit_number:
                fresh.position = fresh.header.base_end
                self._state.dead_log_bytes = 0
            else:
                self._state = State(fresh.header.base_commit)
            self._log = fresh
            self._read_on()
        self._show()

    def _show(self) -> None:
        """Let readers see the state in memory, together with how far in the log that is."""
        seen = self._seen
        if (seen.log, seen.position) != (self._log, self._log.position):
            self._seen = Seen(self._log, self._log.position, self._state.view(seen.view))

    def _read_on(self) -> None:
        for record in self._log.read_on():
            expected = self._state.commit_number + 1
            is_base = record.end <= self._log.header.base_end
            if not is_base and record.commit_number != expected:
                raise DamagedData(
                    f"{self._log_path} is damaged before byte {record.end}: commit {record.commit_number} "
                    f"stands where commit {expected} belongs. Restore the data directory from a snapshot."
                )
            self._apply(record.commit_number, decode(record.payload), len(record.payload))

    def _apply(self, number: int, commit: Commit, size: int) -> None:
        """Take a commit into memory. When that fails, part of it may be in: then all of the log is read again."""
        try:
            self._state.apply(number, commit, size)
        except BaseException:
            self._state = State(self._log.header.base_commit)
            self._log.rewind()
            raise

    def _checkpoint_if_possible(self) -> None:
        try:
            self._checkpoint()
        except AgentError as error:
            log.warning("checkpoint_failed", code=error.code)

    def _checkpoint(self) -> None:
        base = (encode(commit) for commit in self._state.as_commits(int(time.time())))
        CommitLog.create(self._log_path, self._state.commit_number, base)
        with self._state_lock:
            self._catch_up()


def fitting_value(table: str, name: str, column: ColumnSchema, value: JsonValue) -> JsonValue:
    """The value as the column stores it. Raises SchemaInvalid when it doesn't fit."""
    if value is None:
        return None
    try:
        return check_value(column, value)
    except Misfit as misfit:
        raise SchemaInvalid(f"column '{table}.{name}' {misfit}") from None


def _names(view: ReadView, table: str, new_name: str, *, replace: bool) -> tuple[str, str]:
    """Both names, when the one can become the other. Raises TableNotFound, SchemaInvalid."""
    view.table(table)
    check_name("table", new_name)
    if new_name == table:
        raise SchemaInvalid(f"The table '{table}' has this name already.")
    if new_name in view.tables and not replace:
        raise SchemaInvalid(f"There is a table '{new_name}' already. Choose another name, or send \"replace\": true.")
    return table, new_name
