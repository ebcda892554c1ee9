"""`orderBy` over columns: numbers by value, strings by code point, absent values last, ties in table order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.column import ColumnView
from instance_agent.query.page import Hit
from instance_agent.query.refusals import invalid, unsupported
from instance_agent.query.scope import FieldName, column_of
from instance_agent.query.scores import FieldValue, SortKey
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
    if _name(key) == "$index":
        return int(table.positions[row])
    column = table.column(_name(key))
    code = int(column.codes[row])
    return column.values[code] if code >= 0 else None


def _comparable(
    table: TableView, rows: NDArray[np.uint32], key: SortKey
) -> tuple[NDArray[np.float64] | NDArray[np.int64], NDArray[np.bool_]]:
    """Numbers that compare as the rows' values do, equal for equal ones and 0 for absent ones; and which are absent."""
    if _name(key) == "$index":
        return rows.astype(np.int64), np.zeros(len(rows), dtype=np.bool_)
    if "." in _name(key):
        raise unsupported("this version orders by the table's own columns", key.place)
    column = column_of(table, _name(key), FieldName((_name(key),), key.place, "orderBy"))
    column_type = column.schema.type
    if column_type.is_array or column_type is ColumnType.JSON:
        raise invalid(f"'{_name(key)}' of type {column_type.value} has no order", key.place)
    codes = column.codes[rows]
    absent = np.asarray(codes < 0)
    if column_type in (ColumnType.INT, ColumnType.DECIMAL):
        return np.where(absent, 0.0, column.numbers[rows]), absent
    return _ranks(column, codes), absent


def _ranks(column: ColumnView, codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Numbers that compare as the values of these codes do; 0 for the code -1.

    Codes below `sorted_count` do so already; only values behind it are compared, and put in between.
    """
    behind = np.unique(codes[codes >= column.sorted_count])
    others = sorted(behind.tolist(), key=lambda code: _sortable(column.values[code]))
    front = _Sortables(column)
    places = np.array([bisect_left(front, _sortable(column.values[code])) for code in others], np.int64)
    ranks = codes + np.searchsorted(places, codes, side="right")
    if others:
        rank_of = np.zeros(max(others) + 1, np.int64)
        rank_of[others] = places + np.arange(len(others))
        late = codes >= column.sorted_count
        ranks[late] = rank_of[codes[late]]
    return np.where(codes < 0, 0, ranks)


class _Sortables(Sequence[str | int]):
    """The values that are in order, for a binary search."""

    def __init__(self, column: ColumnView) -> None:
        self._column = column

    def __len__(self) -> int:
        return self._column.sorted_count

    @overload
    def __getitem__(self, index: int) -> str | int: ...
    @overload
    def __getitem__(self, index: slice) -> list[str | int]: ...
    def __getitem__(self, index: int | slice) -> str | int | list[str | int]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        return _sortable(self._column.values[index])


def _sortable(value: JsonValue) -> str | int:
    if not isinstance(value, str | int):
        raise TypeError("only strings, whole numbers and booleans are ranked")
    return value


def _name(key: SortKey) -> str:
    if not isinstance(key.score, FieldValue):
        raise unsupported("this version orders by columns", key.place)
    return ".".join(key.score.path)
