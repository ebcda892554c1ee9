"""`_query` with `get`: the distinct values, features or linked rows at a path, as hits."""

from __future__ import annotations

import numpy as np

from instance_agent.engine.tables import TableView
from instance_agent.query.filtering.filters import population
from instance_agent.query.filtering.rowsets import RowSet, as_mask, size_of
from instance_agent.query.hits import WHOLE_ROW, CandidateHits, Shown, candidate_hits
from instance_agent.query.hits.ordering import Ordering
from instance_agent.query.language.queries import Search
from instance_agent.query.language.scores import Own, OwnScore, SortKey
from instance_agent.query.learning.evidence import split
from instance_agent.query.learning.targets import Candidates, OneValue, Target, first_appearances, make_target
from instance_agent.query.page import Page
from instance_agent.query.paths import FEATURE, PathColumn, path_column
from instance_agent.query.scope import FieldName, Scope

BY_VALUE = SortKey(OwnScore(Own.VALUE, "get"), descending=False, place="get")


def getting(scope: Scope, query: Search, path: tuple[str, ...]) -> Page:
    """The distinct values at the path, of all rows of `from`; `where` is evidence about them, or restricts them.

    In the order asked for, else ascending by value. Raises 400 for what doesn't fit the schema, `query_timeout`.
    """
    table, rows = population(scope, query.source)
    field = FieldName(path, "get", "get")
    target = _target(scope, table, rows, field)
    evidence, about_target = split(query.where, target.path)
    allowed = target.restricted(scope, table, about_target)
    scope.deadline.check()
    hits = CandidateHits(
        scope=scope,
        table=table,
        population=rows,
        field=field,
        target=target,
        allowed=allowed,
        evidence=evidence,
        about_target=about_target,
    )
    end = query.slice.offset + query.slice.limit
    places = Ordering(hits, query.order or (BY_VALUE,)).first(end)[query.slice.offset : end]
    ordering = Ordering(hits, query.order) if query.order else None
    shown = Shown.page(places, query.slice.offset)
    return Page(
        query.slice.offset, len(hits), candidate_hits(hits, shown, query.select, _default(target, query), ordering)
    )


def _default(target: Target, query: Search) -> tuple[str, ...]:
    if target.linked is not None:
        return ("$sort", WHOLE_ROW) if query.order else (WHOLE_ROW,)
    return ("$score" if query.order else "$p", "field", "feature")


def _target(scope: Scope, table: TableView, rows: RowSet, field: FieldName) -> Target:
    """The candidates at the path: whole values also where they have several features, unless it ends in $feature."""
    column = path_column(scope, table, field)
    whole = column.column.splits and column.schema.link is None and field.path[-1] != FEATURE
    if not whole or any(hop.link.splits for hop in column.hops):
        return make_target(scope, table, rows, field)
    key = ("whole values", field.path)
    everyone = size_of(rows) == table.live_count
    found = table.derived.get(key) if everyone else None
    if isinstance(found, OneValue) and found.column is column:
        return found
    made = _of_whole_values(table, rows, field, column)
    if everyone:
        table.derived[key] = made
    return made


def _of_whole_values(table: TableView, rows: RowSet, field: FieldName, column: PathColumn) -> OneValue:
    codes = column.codes
    mask = as_mask(rows, table.row_count)
    count = len(column.column.values)
    order = first_appearances(codes[mask], count)
    places: np.ndarray[tuple[int], np.dtype[np.int32]] = np.full(count + 1, -1, np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    return OneValue(field.path, column, Candidates(column.column.values, order), places[codes], mask, None)
