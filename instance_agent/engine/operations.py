"""What a commit says, and its payload in the log (msgpack).

Row numbers are those of the table as the operations before have left it. `at` is the time of an operation that leaves
bytes behind which nobody may see any more, in unix seconds: they are purged when the grace period has passed. It is 0
in records of the first format version, which didn't tell.
"""

from __future__ import annotations

from typing import Any

import msgspec

from instance_agent.schema.rows import RowBatch
from instance_agent.schema.types import JsonValue


class PutTable(msgspec.Struct, frozen=True, tag="put_table"):
    """A new, empty table; one of the same name is gone with its rows."""

    table: str
    definition: dict[str, Any]  # the table as GET /schema answers it
    made_by_commit: int | None = None  # only in a checkpoint: the commit that first made the table
    at: int = 0


class DropTables(msgspec.Struct, frozen=True, tag="drop_tables"):
    """Tables that are gone with their rows."""

    tables: list[str]
    at: int = 0


class PutColumn(msgspec.Struct, frozen=True, tag="put_column"):
    """A column that is new, or new in place of one of that name; all rows there are have one value in it."""

    table: str
    column: str
    definition: dict[str, Any]  # the column as GET /schema answers it
    value: Any  # None for null
    at: int = 0


class DropColumn(msgspec.Struct, frozen=True, tag="drop_column"):
    """A column that is gone with its values."""

    table: str
    column: str
    at: int = 0


class RenameTable(msgspec.Struct, frozen=True, tag="rename_table"):
    """A table under another name; one that had this name is gone with its rows."""

    table: str
    new_name: str
    at: int = 0


class CopyTable(msgspec.Struct, frozen=True, tag="copy_table"):
    """A second table with the same columns and rows; one that had this name is gone with its rows."""

    table: str
    new_name: str
    at: int = 0


class InsertRows(msgspec.Struct, frozen=True, tag="insert_rows"):
    """Rows at the end of a table, column by column."""

    table: str
    count: int
    columns: dict[str, list[Any]]

    def batch(self) -> RowBatch:
        return RowBatch(self.count, self.columns)


class DeleteRows(msgspec.Struct, frozen=True, tag="delete_rows"):
    """Rows that nobody sees any more."""

    table: str
    rows: bytes  # see row_numbers
    at: int


class UpdateRows(msgspec.Struct, frozen=True, tag="update_rows"):
    """Rows that have these values from now on."""

    table: str
    rows: bytes  # see row_numbers
    values: dict[str, Any]  # None for null
    at: int


class PatchRecord(msgspec.Struct, frozen=True):
    """Values of one column that were replaced since the segment was written."""

    rows: bytes
    cells: list[Any]


class SegmentRecord(msgspec.Struct, frozen=True):
    """A segment as a table's part; row numbers are the segment's own."""

    segment_id: str
    row_count: int
    constants: dict[str, Any] = {}  # columns that came after the segment, with the value that all its rows have
    dead: bytes | None = None
    patches: dict[str, PatchRecord] = {}
    stale_since: int | None = None  # since when it has bytes that nobody may see


class AddSegments(msgspec.Struct, frozen=True, tag="add_segments"):
    """The rows of these segments at the end of a table."""

    table: str
    segments: list[SegmentRecord]


class ReplaceRows(msgspec.Struct, frozen=True, tag="replace_rows"):
    """The rows from `start` to before `end` are the rows of this segment from now on: the same without dead ones."""

    table: str
    start: int
    end: int
    segment: SegmentRecord | None  # None: no row was left


class UploadProgress(msgspec.Struct, frozen=True, tag="upload"):
    """How far a file upload has come: what makes a repeated or resumed one add its rows once."""

    id: str
    lines: int  # lines of the file that are done with, stored or refused
    stored: int  # rows stored
    failed: int  # lines refused
    at: int  # unix seconds of this commit


Operation = (
    PutTable
    | DropTables
    | PutColumn
    | DropColumn
    | RenameTable
    | CopyTable
    | InsertRows
    | DeleteRows
    | UpdateRows
    | AddSegments
    | ReplaceRows
    | UploadProgress
)


class Commit(msgspec.Struct, frozen=True):
    """Operations that become visible together."""

    operations: list[Operation]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Commit)


def encode(commit: Commit) -> bytes:
    return _encoder.encode(commit)


def encode_operation(operation: Operation) -> bytes:
    return _encoder.encode(operation)


def encode_together(operations: list[bytes]) -> bytes:
    """The payload of one commit with these encoded operations."""
    return _encoder.encode({"operations": [msgspec.Raw(operation) for operation in operations]})


def decode(payload: bytes) -> Commit:
    return _decoder.decode(payload)


def insert(table: str, batch: RowBatch) -> InsertRows:
    columns: dict[str, list[JsonValue]] = batch.columns
    return InsertRows(table, batch.count, columns)
