"""What a test asks of one column, as a condition on its rows. Absent values pass no test.

A test of values is asked once per distinct value; the rows follow from their codes, or from posting lists. On an array
a test of single values holds when one of its elements passes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from instance_agent.engine.tables import TableView
from instance_agent.index.bounds import Bounds, prefix_bounds
from instance_agent.index.column import ColumnView
from instance_agent.query.deadline import Deadline
from instance_agent.query.filtering import literals
from instance_agent.query.filtering.codes import CodeTest, EachValue, Marked
from instance_agent.query.filtering.conditions import Condition, Flagged, Found, Having, Passing, Tagged, Within
from instance_agent.query.filtering.rowsets import Mask, RowSet, both, size_of
from instance_agent.query.filtering.whole_numbers import HashOfValue, Whole, passing, whole_numbers
from instance_agent.query.language.propositions import (
    Compare,
    Defined,
    Equals,
    Has,
    Hashed,
    Is,
    JsonIs,
    Match,
    Mod,
    Numeric,
    Order,
    StartsWith,
    Test,
)
from instance_agent.query.refusals import invalid, wrong_type
from instance_agent.query.scope import FieldName, column_of
from instance_agent.schema.analyzers import longest_text
from instance_agent.schema.types import ColumnType, JsonValue

STRINGS = (ColumnType.STRING, ColumnType.TEXT)
WHOLE_NUMBERS = (ColumnType.INT, ColumnType.LONG)
LONGEST_TEXT = 100_000
"""Characters of a text in a request that is analysed: an analyzer may make many times as many tokens."""


def condition_on(table: TableView, name: str, test: Test, field: FieldName, deadline: Deadline) -> Condition:
    """The test of one of the table's own columns. field: how the request names it.

    Raises 400 where there is no such column, or the test doesn't fit its type.
    """
    column = column_of(table, name, field)
    match test:
        case Defined():
            return _defined(table, column, test.present)
        case Compare():
            return _comparing(column, test, field, deadline)
        case StartsWith():
            return _starting(column, test.prefix, field, deadline)
        case Mod():
            return _leaving(column, test, field)
        case Hashed():
            return _hashed(table, column, test, deadline, name)
        case _:
            return _equal(column, test, field)


def tokens_of(column: ColumnView, text: JsonValue, field: FieldName) -> list[str]:
    """The distinct tokens of a text in a request, in order, as the Text column's analyzer makes them. Raises 400."""
    return list(dict.fromkeys(analyzed(column, text, field)))


def analyzed(column: ColumnView, text: JsonValue, field: FieldName) -> list[str]:
    """All tokens of a text in a request, repetitions included. Raises 400."""
    value = literals.element(column.schema.type, text, field)
    longest = min(LONGEST_TEXT, longest_text(column.schema.analyzer) or LONGEST_TEXT)
    if isinstance(value, str) and len(value) > longest:
        raise invalid(f"a text to compare with '{field.text}' has at most {longest} characters", field.place)
    return column.analyze(value) if isinstance(value, str) else []


def _defined(table: TableView, column: ColumnView, present: bool) -> Condition:
    def every() -> Mask:
        if present:
            return column.present
        return ~column.present if table.live is None else table.live & ~column.present

    return Flagged(every, lambda rows: np.asarray(column.present[rows] == present))


def _equal(column: ColumnView, test: Equals | Is | JsonIs | Has | Match | Numeric, field: FieldName) -> Condition:
    """Tests that posting lists answer."""
    column_type = column.schema.type
    match test:
        case Equals(value) if not column_type.is_array or isinstance(value, list):
            whole = literals.whole_value(column_type, value, field)
        case Is(value):
            whole = literals.whole_value(column_type, value, field)
        case JsonIs(value):
            if column_type is not ColumnType.JSON:
                raise wrong_type(field.text, column_type.value, value, field.place, said_by=field.said_by)
            whole = value
        case Match(text) if column_type is ColumnType.TEXT:
            tokens = tokens_of(column, text, field)
            return Found(lambda: _with_all(column, tokens))
        case Equals(value) | Has(value) | Match(value) | Numeric(value):
            feature = literals.element(column_type, value, field)
            if isinstance(test, Numeric) and not column_type.element.is_numeric:
                raise invalid(f"$numeric needs a field of numbers, and '{field.text}' is {_typed(column)}", field.place)
            return Tagged(column, feature) if column.splits else Having(column, feature)
    return Found(lambda: column.rows_equal(whole)) if column.splits else Having(column, whole)


def _with_all(column: ColumnView, tokens: list[str]) -> RowSet:
    if not tokens:
        return column.present
    first, *others = sorted((column.rows_with(token) for token in tokens), key=size_of)
    found: RowSet = first
    for rows in others:
        found = both(found, rows)
    return found


def _comparing(column: ColumnView, test: Compare, field: FieldName, deadline: Deadline) -> Condition:
    column_type, bound = column.schema.type, test.bound
    if column_type.element in STRINGS and isinstance(bound, str):
        return _within(column, _bounds(test.order, bound), deadline)
    if column_type.element.is_numeric and not isinstance(bound, str):
        end = literals.double(bound) if column_type.element is ColumnType.DECIMAL else bound
        return _within(column, _bounds(test.order, end), deadline)
    if column_type.element in STRINGS or column_type.element.is_numeric:
        raise wrong_type(field.text, column_type.value, bound, field.place, said_by=field.said_by)
    raise invalid(f"{test.order.value} needs numbers or strings, and '{field.text}' is {_typed(column)}", field.place)


def _bounds(order: Order, end: int | float | str) -> Bounds:
    match order:
        case Order.GREATER:
            return Bounds(low=end, low_included=False)
        case Order.GREATER_OR_EQUAL:
            return Bounds(low=end)
        case Order.LESS:
            return Bounds(high=end, high_included=False)
        case Order.LESS_OR_EQUAL:
            return Bounds(high=end)


def _starting(column: ColumnView, prefix: str, field: FieldName, deadline: Deadline) -> Condition:
    if column.schema.type.element not in STRINGS:
        raise invalid(f"$startsWith needs strings, and '{field.text}' is {_typed(column)}", field.place)
    return _within(column, prefix_bounds(prefix), deadline)


def _within(column: ColumnView, bounds: Bounds, deadline: Deadline) -> Condition:
    if not column.schema.type.is_array:
        return Within(column, bounds)
    return Passing(column, lambda: EachValue(column.features, bounds.holds, deadline), by_feature=True)


def _leaving(column: ColumnView, test: Mod, field: FieldName) -> Condition:
    if column.schema.type.element not in WHOLE_NUMBERS:
        raise invalid(f"$mod needs an Int or Long field, and '{field.text}' is {_typed(column)}", field.place)
    by_element = column.schema.type.is_array

    def leaving() -> CodeTest:
        return Marked(passing(test, whole_numbers(column.features if by_element else column.values)))

    return Passing(column, leaving, by_feature=by_element)


def _hashed(table: TableView, column: ColumnView, test: Hashed, deadline: Deadline, name: str) -> Condition:
    def kept(make: Callable[[], Whole]) -> Whole:
        found = table.derived.get(("hashes", name))
        if not isinstance(found, np.ndarray):
            found = table.derived[("hashes", name)] = make()
        return found

    return Passing(column, lambda: HashOfValue(column.values, test.any_of, kept, deadline), by_feature=False)


def _typed(column: ColumnView) -> str:
    return f"of type {column.schema.type.value}"
