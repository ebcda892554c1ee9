"""What a commit says, and its payload in the log (msgpack)."""

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


class DropTables(msgspec.Struct, frozen=True, tag="drop_tables"):
    """Tables that are gone with their rows."""

    tables: list[str]


class PutColumn(msgspec.Struct, frozen=True, tag="put_column"):
    """A column that is new, or new in place of one of that name; all rows there are have one value in it."""

    table: str
    column: str
    definition: dict[str, Any]  # the column as GET /schema answers it
    value: Any  # None for null


class DropColumn(msgspec.Struct, frozen=True, tag="drop_column"):
    """A column that is gone with its values."""

    table: str
    column: str


class RenameTable(msgspec.Struct, frozen=True, tag="rename_table"):
    """A table under another name; one that had this name is gone with its rows."""

    table: str
    new_name: str


class CopyTable(msgspec.Struct, frozen=True, tag="copy_table"):
    """A second table with the same columns and rows; one that had this name is gone with its rows."""

    table: str
    new_name: str


class InsertRows(msgspec.Struct, frozen=True, tag="insert_rows"):
    """Rows at the end of a table, column by column."""

    table: str
    count: int
    columns: dict[str, list[Any]]

    def batch(self) -> RowBatch:
        return RowBatch(self.count, self.columns)


class UploadProgress(msgspec.Struct, frozen=True, tag="upload"):
    """How far a file upload has come: what makes a repeated or resumed one add its rows once."""

    id: str
    lines: int  # lines of the file that are done with, stored or refused
    stored: int  # rows stored
    failed: int  # lines refused
    at: int  # unix seconds of this commit


Operation = PutTable | DropTables | PutColumn | DropColumn | RenameTable | CopyTable | InsertRows | UploadProgress


class Commit(msgspec.Struct, frozen=True):
    """Operations that become visible together."""

    operations: list[Operation]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Commit)


def encode(commit: Commit) -> bytes:
    return _encoder.encode(commit)


def decode(payload: bytes) -> Commit:
    return _decoder.decode(payload)


def insert(table: str, batch: RowBatch) -> InsertRows:
    columns: dict[str, list[JsonValue]] = batch.columns
    return InsertRows(table, batch.count, columns)
