"""Literals of a request against the types of columns. Types are strict, and refusals are in the published words."""

from __future__ import annotations

from instance_agent.query.refusals import wrong_type
from instance_agent.query.scope import FieldName
from instance_agent.schema.types import ColumnType, JsonValue


def whole_value(column_type: ColumnType, value: JsonValue, field: FieldName) -> JsonValue:
    """The literal as the column would store it. Raises 400 when it could never be one of the column's values.

    Numbers are equal by value: 1.0 is an Int, 1 is a Decimal. A whole number of more than 32 bits is no Int.
    """
    if column_type is ColumnType.JSON:
        return value
    if column_type.is_array:
        if not isinstance(value, list):
            raise _wrong(column_type, value, field)
        return [_scalar(column_type.element, element, column_type, field) for element in value]
    return _scalar(column_type, value, column_type, field)


def element(column_type: ColumnType, value: JsonValue, field: FieldName) -> JsonValue:
    """The literal as one feature of the column: an element, a token, or any other type's whole value. Raises 400."""
    if column_type is ColumnType.JSON:
        return value
    return _scalar(column_type.element, value, column_type, field)


def _scalar(expected: ColumnType, value: JsonValue, column_type: ColumnType, field: FieldName) -> JsonValue:
    match expected, value:
        case (ColumnType.BOOLEAN, bool()) | (ColumnType.STRING | ColumnType.TEXT, str()):
            return value
        case ColumnType.DECIMAL, int() | float() if not isinstance(value, bool):
            return double(value)
        case ColumnType.INT | ColumnType.LONG, int() | float() if not isinstance(value, bool):
            whole = _whole(value)
            if whole is not None and (expected is ColumnType.LONG or -(2**31) <= whole < 2**31):
                return whole
    raise _wrong(column_type, value, field)


def _whole(value: float) -> int | None:
    if isinstance(value, int):
        return value
    return int(value) if value.is_integer() else None


def double(value: float) -> float:
    """Numbers beyond a double's range become infinite: no stored value equals them."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _wrong(column_type: ColumnType, value: JsonValue, field: FieldName) -> Exception:
    return wrong_type(field.text, column_type.value, value, field.place, said_by=field.said_by)
