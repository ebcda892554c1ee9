"""What a row must obey, and how rows become columns.

Types are strict: `1` is no Boolean, `"5"` is no Int. An integer is accepted for a Decimal and stored as a double.
Messages name the row, the field, the kind of the value and the rule, never the value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from instance_agent.errors import RowInvalid
from instance_agent.schema.analyzers import SHORTEST_LIMIT, longest_text
from instance_agent.schema.types import ColumnSchema, ColumnType, JsonValue, Row, TableSchema, type_name

DEEPEST_JSON = 64
Columns = dict[str, list[JsonValue]]


class Misfit(ValueError):
    """A value that its column refuses; the text is the rule that it breaks."""


@dataclass(frozen=True)
class RowBatch:
    """Rows that fit their table, column by column; every list has `count` elements, None for null."""

    count: int
    columns: Columns


def to_batch(table: TableSchema, rows: Sequence[JsonValue], *, first_number: int = 0) -> RowBatch:
    """The rows as columns, all of them checked. Raises RowInvalid for the first that doesn't fit."""
    fitting = _fitting_columns(table, rows)
    if fitting is not None:
        return RowBatch(len(rows), fitting)
    checked = [
        check_row(table, row, label=f"row {first_number + at} (counting from 0): ") for at, row in enumerate(rows)
    ]
    return RowBatch(len(checked), {name: [row.get(name) for row in checked] for name in table.columns})


def check_row(table: TableSchema, row: JsonValue, *, label: str = "") -> Row:
    """The row as it is stored: known fields only, without nulls, keys alphabetical. Raises RowInvalid."""
    if not isinstance(row, dict):
        raise RowInvalid(f"{label}a row is a JSON object, and this is a value of type {type_name(row)}.")
    if not row.keys() <= table.columns.keys():
        unknown = next(name for name in row if name not in table.columns)
        raise RowInvalid(f"{label}field {unknown[:80]!r} not found: the table has no such column.")
    stored: Row = {}
    for name, column in table.columns.items():
        value = row.get(name)
        if value is None:
            if not column.nullable:
                what = "null" if name in row else "missing"
                raise RowInvalid(f"{label}field '{name}' of type {column.type.value} is {what}, and it isn't nullable.")
            continue
        try:
            stored[name] = CHECKS[column.type](value)
            if column.analyzer is not None:
                _check_length(column, value)
        except Misfit as misfit:
            raise RowInvalid(f"{label}field '{name}' {misfit}") from None
    return stored


def _fitting_columns(table: TableSchema, rows: Sequence[JsonValue]) -> Columns | None:
    """The rows as columns, checked column by column, which costs a fifth; None when one doesn't fit: rows say which."""
    names = table.columns.keys()
    objects = [row for row in rows if isinstance(row, dict)]
    if len(objects) < len(rows) or not all(row.keys() <= names for row in objects):
        return None
    columns: Columns = {}
    for name, column in table.columns.items():
        cells = _fitting_cells(column, [row.get(name) for row in objects])
        if cells is None:
            return None
        columns[name] = cells
    return columns


def _fitting_cells(column: ColumnSchema, cells: list[JsonValue]) -> list[JsonValue] | None:
    """The cells as the column stores them, None when one doesn't fit."""
    kinds = set(map(type, cells))
    if type(None) in kinds and not column.nullable:
        return None
    if column.type not in KINDS or column.analyzer is not None:
        try:
            return [None if cell is None else check_value(column, cell) for cell in cells]
        except Misfit:
            return None
    if not kinds <= KINDS[column.type] | {type(None)}:
        return None
    return _in_range(column.type, cells) if column.type.is_numeric else cells


def _in_range(column_type: ColumnType, cells: list[JsonValue]) -> list[JsonValue] | None:
    """Numbers as they are stored, None when one is out of its type's range."""
    numbers = [cell for cell in cells if isinstance(cell, int | float)]
    if column_type is ColumnType.DECIMAL:
        try:
            stored = [float(cell) if isinstance(cell, int | float) else None for cell in cells]
        except OverflowError:
            return None
        return [*stored] if all(map(math.isfinite, numbers)) else None
    low, high = LIMITS[column_type]
    return cells if not numbers or (low <= min(numbers) and max(numbers) <= high) else None


def check_value(column: ColumnSchema, value: JsonValue) -> JsonValue:
    """A value that isn't null as `column` stores it. Raises Misfit."""
    stored = CHECKS[column.type](value)
    if column.analyzer is not None:
        _check_length(column, value)
    return stored


def _check_length(column: ColumnSchema, text: JsonValue) -> None:
    """Refuse a text whose n-grams would take more memory than those of one text may."""
    if not isinstance(text, str) or len(text) <= SHORTEST_LIMIT:
        return
    longest = longest_text(column.analyzer)
    if longest is not None and len(text) > longest:
        raise Misfit(
            f"of type {column.type.value} takes at most {longest} characters with its analyzer, as n-grams multiply a "
            f"text, and this String has {len(text)}."
        )


def _refusal(column_type: ColumnType, value: JsonValue) -> Misfit:
    return Misfit(f"of type {column_type.value} cannot be a value of type {type_name(value)}.")


def _boolean(value: JsonValue) -> JsonValue:
    if isinstance(value, bool):
        return value
    raise _refusal(ColumnType.BOOLEAN, value)


def _limits(bits: int) -> tuple[int, int]:
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


LIMITS = {ColumnType.INT: _limits(32), ColumnType.LONG: _limits(64)}


def _integer(column_type: ColumnType, bits: int) -> Callable[[JsonValue], JsonValue]:
    low, high = LIMITS[column_type]

    def check(value: JsonValue) -> JsonValue:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _refusal(column_type, value)
        if not low <= value <= high:
            raise Misfit(f"of type {column_type.value} holds whole numbers of {bits} bits, and this one needs more.")
        return value

    return check


def _decimal(value: JsonValue) -> JsonValue:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refusal(ColumnType.DECIMAL, value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Misfit("of type Decimal holds doubles, and this number is outside their range.")
    return number


def _text(column_type: ColumnType) -> Callable[[JsonValue], JsonValue]:
    def check(value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return value
        raise _refusal(column_type, value)

    return check


def _json(value: JsonValue) -> JsonValue:
    _check_json(value, 0)
    return value


def _check_json(value: JsonValue, depth: int) -> None:
    if depth > DEEPEST_JSON:
        raise Misfit(f"of type Json nests deeper than {DEEPEST_JSON} levels.")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise Misfit("of type Json holds whole numbers of 64 bits, and this one needs more.")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_json(inner, depth + 1)


def _array(column_type: ColumnType, element: Callable[[JsonValue], JsonValue]) -> Callable[[JsonValue], JsonValue]:
    def check(value: JsonValue) -> JsonValue:
        if not isinstance(value, list):
            raise _refusal(column_type, value)
        stored: list[JsonValue] = []
        try:
            for inner in value:
                stored.append(element(inner))
        except Misfit as misfit:
            at = f"element {len(stored)} (counting from 0)"
            raise Misfit(f"of type {column_type.value}: {at} {misfit}") from None
        return stored

    return check


CHECKS: Mapping[ColumnType, Callable[[JsonValue], JsonValue]] = {
    ColumnType.BOOLEAN: _boolean,
    ColumnType.INT: _integer(ColumnType.INT, 32),
    ColumnType.LONG: _integer(ColumnType.LONG, 64),
    ColumnType.DECIMAL: _decimal,
    ColumnType.STRING: _text(ColumnType.STRING),
    ColumnType.TEXT: _text(ColumnType.TEXT),
    ColumnType.JSON: _json,
    ColumnType.BOOLEAN_ARRAY: _array(ColumnType.BOOLEAN_ARRAY, _boolean),
    ColumnType.INT_ARRAY: _array(ColumnType.INT_ARRAY, _integer(ColumnType.INT, 32)),
    ColumnType.LONG_ARRAY: _array(ColumnType.LONG_ARRAY, _integer(ColumnType.LONG, 64)),
    ColumnType.DECIMAL_ARRAY: _array(ColumnType.DECIMAL_ARRAY, _decimal),
    ColumnType.STRING_ARRAY: _array(ColumnType.STRING_ARRAY, _text(ColumnType.STRING)),
}

KINDS: Mapping[ColumnType, set[type]] = {
    ColumnType.BOOLEAN: {bool},
    ColumnType.INT: {int},
    ColumnType.LONG: {int},
    ColumnType.DECIMAL: {int, float},
    ColumnType.STRING: {str},
    ColumnType.TEXT: {str},
}
"""What JSON gives for the values of these types: nothing else needs a look at each value, but for numbers' ranges."""
