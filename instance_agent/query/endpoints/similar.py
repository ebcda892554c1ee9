"""`_similarity`: rows by their likeness to a proposition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from instance_agent.query.filtering.filters import population, rows_satisfying
from instance_agent.query.filtering.rowsets import Rows, RowSet, as_list, both, contained, size_of, without
from instance_agent.query.filtering.similarity import Alike, alike, as_score, best
from instance_agent.query.hits import Shown
from instance_agent.query.hits.ordering import Ordering
from instance_agent.query.hits.row_page import row_hits
from instance_agent.query.language.propositions import EVERYTHING, All
from instance_agent.query.language.queries import Similarity, Slice
from instance_agent.query.language.scores import Likeness, Name, Projection, SortKey
from instance_agent.query.page import Hit, Page, check_size
from instance_agent.query.scope import Scope
from instance_agent.query.scoring.identity import identity_of
from instance_agent.query.scoring.rows import RowHits

PLACE = "similarity"


def similar(scope: Scope, query: Similarity) -> Page:
    """All rows of the population that satisfy `where`, the most alike first, ties in table order.

    A row that shares nothing has the score 1. Without `select` a hit has its score and every column that has a value.
    Raises 400 for what doesn't fit the schema, `query_timeout`.
    """
    table, everyone = population(scope, query.source)
    rows = everyone if query.where == EVERYTHING else both(everyone, rows_satisfying(scope, table, query.where))
    found = alike(scope, table, query.near)
    kept = contained(rows, found.rows)
    if not kept.all():
        found = Alike(found.rows[kept], found.logs[kept])
    scope.deadline.check()
    page = _page(rows, found, query.slice)
    score = Likeness(query.near, sameness=False, place=PLACE)
    known = {("score", identity_of(score)): as_score(found.of(page))}
    hits = RowHits(scope, table, everyone, page, All((query.near, query.where)), dict(known))
    shown = Shown.page(np.arange(len(page)), query.slice.offset)
    ordering = Ordering(hits, (SortKey(score, descending=True, place=PLACE),))
    if query.select is None:
        members: tuple[Hit, ...] = _default_hits(hits, shown, ordering)
    else:
        members = row_hits(hits, shown, tuple(map(_as_score, query.select)), ordering)
    return Page(query.slice.offset, size_of(rows), members)


def _page(rows: RowSet, found: Alike, part: Slice) -> Rows:
    """The rows of the page; those that share nothing come last, in table order."""
    if not part.limit:
        return as_list(rows)[:0]
    first = found.rows[best(found.logs, part.offset + part.limit)[part.offset :]]
    missing = part.limit - len(first)
    if not missing:
        return first
    start = max(part.offset - len(found.rows), 0)
    others = as_list(without(rows, found.rows))[start : start + missing]
    return np.concatenate((first, others))


def _default_hits(hits: RowHits, shown: Shown, ordering: Ordering) -> tuple[Hit, ...]:
    check_size(len(shown), 1 + len(hits.table.schema.columns))
    scores = ordering.key_values(0, shown.places)
    rows = hits.table.rows(hits.rows.tolist())
    return tuple({"$score": score, **row} for score, row in zip(scores, rows, strict=True))


def _as_score(projection: Projection) -> Projection:
    """`$similarity` is the score here."""
    return replace(projection, shows=Name("$score")) if projection.shows == Name("$similarity") else projection
