"""`orderBy` over columns: numbers by value, strings by code point, absent values last, ties in table order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.column import ColumnView
from instance_agent.query.page import Hit
from instance_agent.query.queries import SortKey
from instance_agent.query.refusals import invalid, unsupported
from instance_agent.query.scope import FieldName, column_of
from instance_agent.schema.types import ColumnType, JsonValue


def sorted_rows(
    table: TableView, rows: NDArray[np.uint32], keys: tuple[SortKey, ...], wanted: int
) -> NDArray[np.uint32]:
    """The first `wanted` of `rows` (increasing), or more, in the order of the keys, the first one deciding first.

    Raises 400 for a bad key.
    """
    if not keys:
        return rows
    columns = [_ascending(table, rows, key) for key in keys]
    if 0 < wanted < len(rows):
        last = np.partition(columns[0], wanted - 1)[wanted - 1]
        near = np.flatnonzero(columns[0] <= last)
        rows, columns = rows[near], [column[near] for column in columns]
    return rows[np.lexsort(columns[::-1])]


def _ascending(table: TableView, rows: NDArray[np.uint32], key: SortKey) -> NDArray[np.float64]:
    """Numbers that increase in the key's order, infinite for absent values."""
    values, absent = _comparable(table, rows, key)
    numbers = np.where(absent, np.inf, -values if key.descending else values)
    return np.asarray(numbers, dtype=np.float64)


def sort_value(table: TableView, keys: tuple[SortKey, ...], row: int) -> Hit:
    """`{"$sort": value}` of a row: the value it was ordered by, a list of them for several keys; {} without one."""
    values = [_value(table, key, row) for key in keys]
    if len(values) > 1:
        return {"$sort": values}
    return {"$sort": values[0]} if values and values[0] is not None else {}


def _value(table: TableView, key: SortKey, row: int) -> JsonValue:
    if key.name == "$index":
        return int(table.positions[row])
    column = table.column(key.name)
    code = int(column.codes[row])
    return column.values[code] if code >= 0 else None


def _comparable(
    table: TableView, rows: NDArray[np.uint32], key: SortKey
) -> tuple[NDArray[np.float64] | NDArray[np.int64], NDArray[np.bool_]]:
    """Numbers that compare as the rows' values do, equal for equal ones and 0 for absent ones; and which are absent."""
    if key.name == "$index":
        return rows.astype(np.int64), np.zeros(len(rows), dtype=np.bool_)
    if "." in key.name:
        raise unsupported("this version orders by the table's own columns", key.place)
    column = column_of(table, key.name, FieldName((key.name,), key.place, "orderBy"))
    column_type = column.schema.type
    if column_type.is_array or column_type is ColumnType.JSON:
        raise invalid(f"'{key.name}' of type {column_type.value} has no order", key.place)
    codes = column.codes[rows]
    absent = np.asarray(codes < 0)
    if column_type in (ColumnType.INT, ColumnType.DECIMAL):
        return np.where(absent, 0.0, column.numbers[rows]), absent
    return _ranks(column, codes), absent


def _ranks(column: ColumnView, codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """The place of each code's value among the sorted distinct values of these codes; 0 for the code -1."""
    present, places = np.unique(codes, return_inverse=True)
    by_value = sorted(range(len(present)), key=lambda at: _sortable(column, int(present[at])))
    ranks = np.empty(len(present), dtype=np.int64)
    ranks[by_value] = np.arange(len(present))
    return np.where(codes < 0, 0, ranks[places])


def _sortable(column: ColumnView, code: int) -> tuple[bool, str | int]:
    value = column.values[code] if code >= 0 else None
    return (value is not None, value if isinstance(value, str | int) else 0)
