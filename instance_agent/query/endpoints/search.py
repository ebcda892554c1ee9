"""`_search` and `_query`: filter, sort, page, project. Without `get` the hits are rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.query.endpoints.getting import getting
from instance_agent.query.filtering.filters import everything, rows_satisfying
from instance_agent.query.filtering.rowsets import NO_ROWS, RowSet, as_list, both, size_of
from instance_agent.query.filtering.sources import rows_of
from instance_agent.query.hits import Shown
from instance_agent.query.hits.ordering import Ordering
from instance_agent.query.hits.row_page import needs_all, row_hits
from instance_agent.query.hits.top_rows import first_rows
from instance_agent.query.language.propositions import EVERYTHING
from instance_agent.query.language.queries import Search
from instance_agent.query.page import Page
from instance_agent.query.scope import Scope
from instance_agent.query.scoring.rows import RowHits

CHUNK = 4_096
"""Rows of a mask that are looked at first where only a page of it is asked for; then twice as many, and so on."""


def search(scope: Scope, query: Search) -> Page:
    """The rows of the population that satisfy `where`, in the order asked for, ties in table order.

    With `get` the candidates of that path instead. Raises 400 for what doesn't fit the schema, `query_timeout` when
    the deadline passes.
    """
    if query.get is not None:
        return getting(scope, query, query.get)
    table, everyone = rows_of(scope, query.source)
    rows = everyone
    if query.where != EVERYTHING:
        rows = rows_satisfying(scope, table, query.where)
        rows = rows if everyone is None else both(everyone, rows)
    scope.deadline.check()
    total = table.live_count if rows is None else size_of(rows)
    hits, shown, ordering = _page(scope, query, table, everyone, rows)
    return Page(query.slice.offset, total, row_hits(hits, shown, query.select, ordering))


def _page(
    scope: Scope, query: Search, table: TableView, everyone: RowSet | None, rows: RowSet | None
) -> tuple[RowHits, Shown, Ordering]:
    """The hits of the page among others where these matter, else alone. rows: None for all of the table."""
    start, end = query.slice.offset, query.slice.offset + query.slice.limit
    alone = not needs_all(query.select)
    page: NDArray[np.uint32] | None = None
    if start == end and alone:
        page = NO_ROWS
    elif alone and not query.order:
        page = head_of(table, rows, end)[start:]
    elif alone and len(query.order) == 1:
        first = first_rows(scope, table, rows, query.order[0], end)
        page = None if first is None else first[start:]
    if page is None:
        every = as_list(everything(table) if rows is None else rows)
        hits = RowHits(scope, table, everyone, every, query.where)
        ordering = Ordering(hits, query.order)
        return hits, Shown.page(ordering.first(end)[start:end], start), ordering
    hits = RowHits(scope, table, everyone, page, query.where)
    ordering = Ordering(hits, query.order)
    if not len(page):
        ordering.first(end)  # refuses bad keys in any case
    return hits, Shown.page(np.arange(len(hits)), start), ordering


def head_of(table: TableView, rows: RowSet | None, count: int) -> NDArray[np.uint32]:
    """The first `count` rows of the set; costs no more of a mask than where they are. rows: None for all."""
    if rows is None:
        rows = table.live
        if rows is None:
            return np.arange(min(count, table.row_count), dtype=np.uint32)
    if rows.dtype != np.bool_:
        return as_list(rows)[:count]
    looked_at = CHUNK
    while looked_at < len(rows):
        found = as_list(rows[:looked_at])
        if len(found) >= count:
            return found[:count]
        looked_at *= 2
    return as_list(rows)[:count]
