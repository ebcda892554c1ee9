"""Which rows of one column pass one test.

A test of values is asked once per distinct value; the rows follow from their codes. Absent values pass no test but
`Defined(False)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.column import ColumnView
from instance_agent.query import literals
from instance_agent.query.propositions import (
    Compare,
    Defined,
    Equals,
    Has,
    Is,
    JsonIs,
    Match,
    Mod,
    Order,
    StartsWith,
    Test,
)
from instance_agent.query.refusals import invalid, wrong_type
from instance_agent.query.rowsets import RowSet, both
from instance_agent.query.scope import FieldName
from instance_agent.schema.analyzers import longest_text
from instance_agent.schema.types import ColumnType, JsonValue

STRINGS = (ColumnType.STRING, ColumnType.TEXT)
LONGEST_TEXT = 100_000
"""Characters of a text in a request that is analysed: an analyzer may make many times as many tokens."""


def rows_passing(column: ColumnView, test: Test, field: FieldName) -> RowSet:  # noqa: PLR0911 - one line per test
    """The rows whose value passes. Raises 400 where the test doesn't fit the column's type."""
    match test:
        case Defined():
            return np.asarray(column.present == test.present)
        case Equals():
            return _equal(column, test.value, field)
        case Is():
            return column.rows_equal(literals.whole_value(column.schema.type, test.value, field))
        case JsonIs():
            return _json_is(column, test.value, field)
        case Has():
            return column.rows_with(literals.element(column.schema.type, test.feature, field))
        case Match():
            return _matching(column, test.text, field)
        case StartsWith():
            return _starting(column, test.prefix, field)
        case Compare():
            return _comparing(column, test, field)
        case Mod():
            return _leaving(column, test, field)
        case _:
            raise invalid("this operator is not supported by this version", field.place)


def tokens_of(column: ColumnView, text: JsonValue, field: FieldName) -> list[str]:
    """The distinct tokens of a text in a request, in order, as the Text column's analyzer makes them. Raises 400."""
    value = literals.element(column.schema.type, text, field)
    longest = min(LONGEST_TEXT, longest_text(column.schema.analyzer) or LONGEST_TEXT)
    if isinstance(value, str) and len(value) > longest:
        raise invalid(f"a text to compare with '{field.text}' has at most {longest} characters", field.place)
    return list(dict.fromkeys(column.analyze(value))) if isinstance(value, str) else []


def _equal(column: ColumnView, value: JsonValue, field: FieldName) -> RowSet:
    if column.schema.type.is_array and not isinstance(value, list):
        return column.rows_with(literals.element(column.schema.type, value, field))
    return column.rows_equal(literals.whole_value(column.schema.type, value, field))


def _json_is(column: ColumnView, value: JsonValue, field: FieldName) -> RowSet:
    if column.schema.type is not ColumnType.JSON:
        raise wrong_type(field.text, column.schema.type.value, value, field.place, said_by=field.said_by)
    return column.rows_equal(value)


def _matching(column: ColumnView, text: JsonValue, field: FieldName) -> RowSet:
    if column.schema.type is not ColumnType.TEXT:
        return column.rows_with(literals.element(column.schema.type, text, field))
    lists: list[RowSet] = sorted((column.rows_with(token) for token in tokens_of(column, text, field)), key=len)
    if not lists:
        return column.present
    return reduce(both, lists)


def _starting(column: ColumnView, prefix: str, field: FieldName) -> RowSet:
    if column.schema.type not in STRINGS:
        raise invalid(f"$startsWith needs a String or Text field, and '{field.text}' is {_typed(column)}", field.place)
    return _by_value(column, lambda value: isinstance(value, str) and value.startswith(prefix))


def _comparing(column: ColumnView, test: Compare, field: FieldName) -> RowSet:
    column_type, bound = column.schema.type, test.bound
    if column_type in STRINGS and isinstance(bound, str):
        return _by_value(column, lambda value: isinstance(value, str) and _string_order(test.order, value, bound))
    if column_type.is_numeric and not isinstance(bound, str):
        if column_type is ColumnType.LONG:
            return _longs_comparing(column, test.order, bound)
        return ordered(test.order, column.numbers, literals.double(bound))
    if column_type in STRINGS or column_type.is_numeric:
        raise wrong_type(field.text, column_type.value, bound, field.place, said_by=field.said_by)
    raise invalid(f"{test.order.value} needs numbers or strings, and '{field.text}' is {_typed(column)}", field.place)


def _longs_comparing(column: ColumnView, order: Order, bound: float) -> RowSet:
    """Exact also beyond 2**53: a fraction is moved to the whole number that decides the same."""
    if not math.isfinite(bound):
        return ordered(order, column.numbers, bound)
    down = order in (Order.GREATER, Order.LESS_OR_EQUAL)
    limit = math.floor(bound) if down else math.ceil(bound)
    longs = np.fromiter(column.values, np.int64, len(column.values))
    return _spread(ordered(order, longs, limit), column.codes)


def ordered(order: Order, values: NDArray[np.float64] | NDArray[np.int64], bound: float) -> NDArray[np.bool_]:
    match order:
        case Order.GREATER:
            return np.asarray(values > bound)
        case Order.GREATER_OR_EQUAL:
            return np.asarray(values >= bound)
        case Order.LESS:
            return np.asarray(values < bound)
        case Order.LESS_OR_EQUAL:
            return np.asarray(values <= bound)


def _string_order(order: Order, value: str, bound: str) -> bool:
    match order:
        case Order.GREATER:
            return value > bound
        case Order.GREATER_OR_EQUAL:
            return value >= bound
        case Order.LESS:
            return value < bound
        case Order.LESS_OR_EQUAL:
            return value <= bound


def _leaving(column: ColumnView, test: Mod, field: FieldName) -> RowSet:
    if column.schema.type not in (ColumnType.INT, ColumnType.LONG):
        raise invalid(f"$mod needs an Int or Long field, and '{field.text}' is {_typed(column)}", field.place)
    return _by_value(column, lambda value: isinstance(value, int) and value % test.divisor == test.remainder)


def _by_value(column: ColumnView, passes: Callable[[JsonValue], bool]) -> NDArray[np.bool_]:
    truth = np.fromiter(map(passes, column.values), np.bool_, len(column.values))
    return _spread(truth, column.codes)


def _spread(truth: NDArray[np.bool_], codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """From distinct values to rows; the code -1 of absent values finds the False put at the end."""
    return np.append(truth, False)[codes]


def _typed(column: ColumnView) -> str:
    return f"of type {column.schema.type.value}"
