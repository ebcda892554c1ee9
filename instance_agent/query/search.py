"""`_search`: filter, sort, page, project. No statistics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.query.filters import population, rows_satisfying
from instance_agent.query.ordering import sort_value, sorted_rows
from instance_agent.query.page import Hit, Page, check_size
from instance_agent.query.projection import row_projector
from instance_agent.query.propositions import EVERYTHING
from instance_agent.query.queries import Search
from instance_agent.query.rowsets import as_list, both, size_of
from instance_agent.query.scope import Scope


def search(scope: Scope, query: Search) -> Page:
    """The rows of the population that satisfy `where`, in the order asked for, ties in table order.

    Raises 400 for what doesn't fit the schema, `query_timeout` when the deadline passes.
    """
    table, rows = population(scope, query.source)
    if query.where != EVERYTHING:
        rows = both(rows, rows_satisfying(scope, table, query.where))
    total = size_of(rows)
    project = row_projector(scope, table, query.select)
    scope.deadline.check()
    wanted: NDArray[np.uint32] = as_list(rows) if query.slice.limit else np.empty(0, np.uint32)
    shown = _page(table, wanted, query, scope).tolist()
    check_size(len(shown), len(table.schema.columns if query.select is None else query.select))
    hits = []
    for number in shown:
        scope.deadline.check()
        first: Hit = sort_value(table, query.order, number) if query.select is None else {}
        hits.append({**first, **project(number)})
    return Page(query.slice.offset, total, tuple(hits))


def _page(table: TableView, rows: NDArray[np.uint32], query: Search, scope: Scope) -> NDArray[np.uint32]:
    ordered = sorted_rows(table, rows, query.order, query.slice.offset + query.slice.limit)
    scope.deadline.check()
    return ordered[query.slice.offset : query.slice.offset + query.slice.limit]
