"""A segment: the rows of a part of a table in one immutable file, column by column.

The file's properties are the msgpack of `Properties`; the arrays of its nth column begin with "n.".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from instance_agent.index.column_arrays import ColumnArrays, from_codes
from instance_agent.index.encoding import encoder_of
from instance_agent.index.stored_column import StoredColumn, store
from instance_agent.index.verification import fault_of
from instance_agent.schema.analyzers import make_analyzer
from instance_agent.schema.rows import RowBatch
from instance_agent.schema.types import ColumnSchema, ColumnType, TableSchema
from instance_agent.storage.segment_file import SegmentFile, SegmentWriter
from instance_agent.storage.segment_format import DamagedSegment


class ColumnProperties(msgspec.Struct, forbid_unknown_fields=True):
    """What a segment says of one of its columns. Links are the table's business, which may be renamed."""

    name: str
    type: ColumnType
    nullable: bool
    analyzer: Any  # the definition, as in ColumnSchema

    @property
    def schema(self) -> ColumnSchema:
        return ColumnSchema(self.type, self.nullable, None, self.analyzer)


class Properties(msgspec.Struct, forbid_unknown_fields=True):
    """What a segment says of itself."""

    row_count: int
    columns: list[ColumnProperties]


class SegmentBuilder:
    """Takes rows and makes a segment of them. Holds codes and distinct values, not rows. Not for several threads."""

    def __init__(self, schema: TableSchema) -> None:
        self.schema = schema
        self.row_count = 0
        self._encoders = {name: encoder_of(column.type) for name, column in schema.columns.items()}

    def add(self, batch: RowBatch) -> None:
        """Append rows that fit the schema."""
        for name, encoder in self._encoders.items():
            encoder.add(batch.columns[name])
        self.row_count += batch.count

    @property
    def size_bytes(self) -> int:
        """About how much memory the rows so far take."""
        return sum(encoder.size_bytes for encoder in self._encoders.values())

    def write(self, writer: SegmentWriter) -> int:
        """Write the segment and close it, durable; its size in bytes. The builder is spent after it.

        Raises OSError; the file is removed then.
        """
        columns = (
            (name, from_codes(column, *self._encoders.pop(name).finish(), make_analyzer(column.analyzer, name)))
            for name, column in self.schema.columns.items()
        )
        return _write(writer, self.schema, columns, self.row_count)


def write_segment(
    writer: SegmentWriter, schema: TableSchema, columns: Mapping[str, ColumnArrays], row_count: int
) -> int:
    """Write a segment of these columns and close it, durable; its size in bytes.

    Asks for one column after the other, each once, so that a mapping may make them when it is asked.
    Raises OSError, and ValueError for a column of another length; the file is removed then.
    """
    return _write(writer, schema, ((name, columns[name]) for name in schema.columns), row_count)


def _write(
    writer: SegmentWriter, schema: TableSchema, columns: Iterable[tuple[str, ColumnArrays]], row_count: int
) -> int:
    described = []
    try:
        for number, (name, arrays) in enumerate(columns):
            if arrays.row_count != row_count:
                raise ValueError(f"column {number} has {arrays.row_count} rows, and its segment {row_count}")
            column = schema.columns[name]
            described.append(ColumnProperties(name, column.type, column.nullable, column.analyzer))
            store(writer, f"{number}.", arrays)
        return writer.finish(msgspec.msgpack.encode(Properties(row_count, described)))
    except BaseException:
        writer.abandon()
        raise


class StoredSegment:
    """A segment file, mapped into memory for as long as this object or an array of it lives. Safe for many threads."""

    def __init__(self, file: SegmentFile, name: str) -> None:
        """name: the file's, for messages. Raises DamagedSegment when its properties aren't those of a segment."""
        self._file = file
        self._name = name
        try:
            self._properties = msgspec.msgpack.decode(file.properties, type=Properties)
        except msgspec.MsgspecError:
            raise DamagedSegment(f"{name}: its properties don't describe a segment") from None
        self.row_count = self._properties.row_count
        self._numbers = {column.name: number for number, column in enumerate(self._properties.columns)}
        self._columns: dict[str, StoredColumn] = {}

    @classmethod
    def open(cls, path: Path) -> StoredSegment:
        """Reads only the file's table of contents. Raises DamagedSegment, OSError."""
        return cls(SegmentFile.open(path), path.name)

    @property
    def columns(self) -> Sequence[str]:
        """The names of its columns."""
        return list(self._numbers)

    def column(self, name: str) -> StoredColumn:
        """One column. Raises KeyError when the segment has none of this name."""
        found = self._columns.get(name)
        if found is None:
            number = self._numbers[name]
            schema = self._properties.columns[number].schema
            found = self._columns.setdefault(name, StoredColumn(self._file, f"{number}.", schema, self.row_count))
        return found

    def verify(self) -> None:
        """Prove checksums, and that all arrays fit together as they are written. Raises DamagedSegment."""
        self._file.verify()
        for name, number in self._numbers.items():
            fault = fault_of(self.column(name))
            if fault is not None:
                raise DamagedSegment(f"{self._name}: its column {number}: {fault}")

    @property
    def size_bytes(self) -> int:
        return self._file.size_bytes

    @cached_property
    def data_bytes(self) -> int:
        """What the rows themselves take: values and which row has which."""
        return self._bytes_of("data")

    @cached_property
    def index_bytes(self) -> int:
        """What only makes answers fast: features, posting lists."""
        return self._bytes_of("index")

    def _bytes_of(self, kind: str) -> int:
        return sum(info.size_bytes for info in self._file.arrays.values() if info.kind == kind)
