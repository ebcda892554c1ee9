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


def sorted_rows(table: TableView, rows: NDArray[np.uint32], keys: tuple[SortKey, ...]) -> NDArray[np.uint32]:
    """`rows` (increasing) in the order of the keys, the first one deciding first. Raises 400 for a bad key."""
    if not keys:
        return rows
    columns: list[NDArray[np.int64] | NDArray[np.bool_]] = []
    for key in reversed(keys):
        ranks = _ranks(table, rows, key)
        columns.append(-ranks if key.descending else ranks)
        columns.append(ranks < 0)
    return rows[np.lexsort(columns)]


def sort_value(table: TableView, keys: tuple[SortKey, ...], row: int) -> Hit:
    """`{"$sort": value}` of a row: the value it was ordered by, a list of them for several keys; {} without one."""
    values = [_value(table, key, row) for key in keys]
    if len(values) > 1:
        return {"$sort": values}
    return {"$sort": values[0]} if values and values[0] is not None else {}


def _value(table: TableView, key: SortKey, row: int) -> JsonValue:
    if key.name == "$index":
        return row
    column = table.column(key.name)
    code = int(column.codes[row])
    return column.values[code] if code >= 0 else None


def _ranks(table: TableView, rows: NDArray[np.uint32], key: SortKey) -> NDArray[np.int64]:
    """Equal values have equal ranks, larger ones larger ranks from 0 up, absent ones -1."""
    if key.name == "$index":
        return rows.astype(np.int64)
    if "." in key.name:
        raise unsupported("this version orders by the table's own columns", key.place)
    column = column_of(table, key.name, FieldName((key.name,), key.place, "orderBy"))
    column_type = column.schema.type
    if column_type.is_array or column_type is ColumnType.JSON:
        raise invalid(f"'{key.name}' of type {column_type.value} has no order", key.place)
    return np.append(_value_ranks(column), -1)[column.codes[rows]]


def _value_ranks(column: ColumnView) -> NDArray[np.int64]:
    values = list(column.values)
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[sorted(range(len(values)), key=values.__getitem__)] = np.arange(len(values))  # type: ignore[arg-type]
    return ranks
