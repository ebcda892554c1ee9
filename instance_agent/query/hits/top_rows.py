"""The first rows of a whole table in the order of one of its columns, kept with the table's view.

Where the column's values are sorted in one segment, their posting lists are walked from the end until enough rows are
found. Else, and where a filter leaves only some of the rows, all values are compared once, and the first rows kept: a
filter that leaves many rows of the table leaves enough of these.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.column import ColumnView
from instance_agent.query.filtering.filters import everything
from instance_agent.query.filtering.rowsets import RowSet, as_list, contained, size_of
from instance_agent.query.hits.ordering import Ordering
from instance_agent.query.language.scores import FieldValue, SortKey
from instance_agent.query.scope import Scope
from instance_agent.query.scoring.ranks import sortable
from instance_agent.query.scoring.rows import RowHits
from instance_agent.schema.types import ColumnType

Rows = NDArray[np.uint32]

KEPT = 1_000
"""First rows of an order that are kept."""

WALKED = 32
"""So many rows are walked to at least; the next page is then at hand."""

MOST_OTHERS = 1_000
"""Values that aren't sorted with the others (those of new rows), which are sorted each time."""

MOST_VALUES = 2_000
"""Values that are walked: those of deleted rows lead to nothing."""

MANY = 16
"""A filter leaves many rows when it leaves one in so many."""

LOOKED_AT = 8
"""So many times the rows wanted are looked at before all that are kept."""

SORTED_TYPES = frozenset({ColumnType.BOOLEAN, ColumnType.INT, ColumnType.LONG, ColumnType.DECIMAL, ColumnType.STRING})


def first_rows(scope: Scope, table: TableView, rows: RowSet | None, key: SortKey, wanted: int) -> Rows | None:
    """The first `wanted` of the rows in the order of a column, ties in table order; None where this isn't the way.

    rows: None for all of the table. It is for columns of the table itself, and for filters that leave many of its rows.
    """
    size = table.live_count if rows is None else size_of(rows)
    if size * MANY < table.live_count or wanted > KEPT:
        return None
    if not isinstance(key.score, FieldValue) or len(key.score.path) > 1:
        return None
    name = key.score.path[0]
    schema = table.schema.columns.get(name)
    if schema is None or schema.type not in SORTED_TYPES:
        return None
    kept = ("top rows", name, key.descending)
    top = table.derived.get(kept)
    if rows is None:
        if not _is_enough(top, wanted, size):
            top = _walked(scope, table, key.descending, table.column(name), max(WALKED, 2 * wanted))
        if _is_enough(top, wanted, size):
            table.derived[kept] = top
            return np.asarray(top, np.uint32)[:wanted]
        rows = everything(table)
    if not _is_enough(top, KEPT, table.live_count):
        top = table.derived[kept] = _compared(scope, table, key)
    return _first_among(rows, np.asarray(top, np.uint32), min(wanted, size))


def _first_among(rows: RowSet, top: Rows, wanted: int) -> Rows | None:
    """The first of `top` that are in the set; looks at some of them first. None where they are too few."""
    looked_at = LOOKED_AT * max(wanted, 1)
    found = top[:looked_at][_among(rows, top[:looked_at])][:wanted]
    if len(found) < wanted:
        found = top[_among(rows, top)][:wanted]
    return found if len(found) == wanted else None


def _is_enough(top: object, wanted: int, size: int) -> bool:
    return isinstance(top, np.ndarray) and len(top) >= min(wanted, size)


def _among(rows: RowSet, sought: Rows) -> NDArray[np.bool_]:
    """Which of `sought`, in any order, are in the set."""
    order = np.argsort(sought)
    among = np.zeros(len(sought), np.bool_)
    among[order] = contained(rows, sought[order])
    return among


def _compared(scope: Scope, table: TableView, key: SortKey) -> Rows:
    rows = as_list(everything(table))
    return rows[Ordering(RowHits(scope, table, rows, rows), (key,)).first(KEPT)[:KEPT]]


def _walked(scope: Scope, table: TableView, descending: bool, column: ColumnView, wanted: int) -> Rows | None:
    """By the posting lists of the values; None where these are of no use."""
    if not column.sorted_count or len(column.values) - column.sorted_count > MOST_OTHERS:
        return None
    found: list[Rows] = [np.empty(0, np.uint32)]
    count = 0
    for walked, value in enumerate(_in_order(column, descending)):
        scope.deadline.check()
        if walked == MOST_VALUES:
            return None
        found.append(column.rows_equal(value)[: wanted - count])
        count += len(found[-1])
        if count == wanted:
            return np.concatenate(found)
    absent = np.flatnonzero(everything(table) & ~column.present)[: wanted - count]
    return np.concatenate([*found, absent.astype(np.uint32)])


def _in_order(column: ColumnView, descending: bool) -> Iterator[str | int | float]:
    codes = range(column.sorted_count)
    front = (sortable(column.values[code]) for code in (reversed(codes) if descending else codes))
    behind = range(column.sorted_count, len(column.values))
    others = sorted((sortable(column.values[code]) for code in behind), reverse=descending)
    return heapq.merge(front, others, reverse=descending)
