"""Rows out of blocks of JSON lines, fast: the same rows and the same refusals as decoding and `check_row` give.

A table's schema becomes a type that the JSON decoder checks while it reads, so a row that fits costs nothing more. What
that type refuses, or can't check, is read again value by value: the answer of that is the one that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from instance_agent.errors import RowInvalid
from instance_agent.limits import LARGEST_BODY_BYTES
from instance_agent.schema.rows import RowBatch, check_row, check_value
from instance_agent.schema.types import ColumnType, JsonValue, Row, TableSchema

NO_DOCUMENT = "the line isn't one JSON document in UTF-8."
_Int = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
_Long = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
TYPES: Mapping[ColumnType, Any] = {
    ColumnType.BOOLEAN: bool,
    ColumnType.INT: _Int,
    ColumnType.LONG: _Long,
    ColumnType.DECIMAL: float,
    ColumnType.STRING: str,
    ColumnType.TEXT: str,
    ColumnType.JSON: Any,
    ColumnType.BOOLEAN_ARRAY: list[bool],
    ColumnType.INT_ARRAY: list[_Int],
    ColumnType.LONG_ARRAY: list[_Long],
    ColumnType.DECIMAL_ARRAY: list[float],
    ColumnType.STRING_ARRAY: list[str],
}
"""What the decoder may accept for a column. Strict: no 1 for a Boolean, no 1.0 for an Int, but 1 for a Decimal."""


@dataclass(frozen=True)
class BadLine:
    """A line that is no row of its table."""

    at: int  # its place in the block, counting from 0
    reason: str  # names the field, the kind of value and the rule, never the value
    text: bytes  # as it was sent, without its line break


@dataclass(frozen=True)
class DecodedBlock:
    """What became of the lines of one block."""

    rows: RowBatch  # the good ones, in their order
    bad: Sequence[BadLine]  # in their order
    line_count: int  # with blank lines, which are neither good nor bad


class RowDecoder:
    """Reads rows of one table. Not for several threads."""

    def __init__(self, table: TableSchema, *, line_limit_bytes: int = LARGEST_BODY_BYTES) -> None:
        """line_limit_bytes: a line with so many bytes before its line break, or more, is a bad one."""
        self._table = table
        self._line_limit_bytes = line_limit_bytes
        self._attributes = {name: f"c{number}" for number, name in enumerate(table.columns)}
        self._getters = {name: attrgetter(attribute) for name, attribute in self._attributes.items()}
        self._row_type, self._decode = self._prepared()

    def decode(self, block: bytes) -> DecodedBlock:
        """block: whole lines; the last one may lack its line break."""
        if len(block) < self._line_limit_bytes and block.isspace():
            return DecodedBlock(self._batch([]), (), _line_count(block))
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        if len(block) < self._line_limit_bytes:
            try:
                return DecodedBlock(self._batch(list(map(self._decode, lines))), (), len(lines))
            except (ValueError, RecursionError):
                pass  # at least one line is blank, or bad, or has to be looked at closely
        return self._decode_one_by_one(lines)

    def _decode_one_by_one(self, lines: Sequence[bytes]) -> DecodedBlock:
        rows: list[Any] = []
        bad: list[BadLine] = []
        for at, line in enumerate(lines):
            if len(line) >= self._line_limit_bytes:
                bad.append(BadLine(at, f"the line is longer than {self._line_limit_bytes} bytes.", line))
                continue
            if not line or line.isspace():
                continue
            try:
                rows.append(self._decode(line))
            except (ValueError, RecursionError):
                found = self._decode_closely(line)
                if isinstance(found, str):
                    bad.append(BadLine(at, found, line))
                else:
                    rows.append(found)
        return DecodedBlock(self._batch(rows), bad, len(lines))

    def _decode_closely(self, line: bytes) -> Any:
        """The row, or as a str what is wrong with it."""
        try:
            value: JsonValue = msgspec.json.decode(line)
            row: Row = check_row(self._table, value)
        except RowInvalid as error:
            return error.message
        except (ValueError, RecursionError):
            return NO_DOCUMENT
        return self._row_type(**{attribute: row.get(name) for name, attribute in self._attributes.items()})

    def _prepared(self) -> tuple[type[Any], Callable[[bytes], Any]]:
        """What holds a row, and the fast decoder of a line.

        It raises ValueError or RecursionError for all that are no rows, and for some that are rows all the same.
        """
        try:
            row_type = self._make_type({attribute: name for name, attribute in self._attributes.items()})
        except ValueError:  # the decoder can't have a field of such a name
            return self._make_type(None), _refuse
        decode = msgspec.json.Decoder(row_type).decode
        columns = self._table.columns.items()
        unchecked = [(column, self._getters[name]) for name, column in columns if column.type is ColumnType.JSON]
        if not unchecked:
            return row_type, decode

        def decode_and_check(line: bytes) -> Any:
            row = decode(line)
            for column, get in unchecked:
                value = get(row)
                if value is not None:
                    check_value(column, value)
                elif not column.nullable:
                    raise ValueError("null")
            return row

        return row_type, decode_and_check

    def _make_type(self, rename: Mapping[str, str] | None) -> type[Any]:
        """A type with an attribute for each column. rename: the fields that JSON has in their place."""
        fields: list[Any] = []
        for name, column in self._table.columns.items():
            attribute, kind = self._attributes[name], TYPES[column.type]
            fields.append((attribute, kind | None, None) if column.nullable else (attribute, kind))
        return msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False)

    def _batch(self, rows: Sequence[Any]) -> RowBatch:
        return RowBatch(len(rows), {name: list(map(get, rows)) for name, get in self._getters.items()})


def _refuse(_: bytes) -> Any:
    raise ValueError("to be looked at closely")


def _line_count(block: bytes) -> int:
    return block.count(b"\n") + (not block.endswith(b"\n"))
