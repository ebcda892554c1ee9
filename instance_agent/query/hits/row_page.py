"""Rows as hits: `_search`, `_query` and `_similarity`."""

from __future__ import annotations

from instance_agent.inference import why
from instance_agent.query.hits import members
from instance_agent.query.hits.assembly import Member, Shown, assemble
from instance_agent.query.hits.highlight import texts_of, with_highlights
from instance_agent.query.hits.highlights import highlights_of_rows
from instance_agent.query.hits.matches import matches_of_rows
from instance_agent.query.hits.ordering import Ordering
from instance_agent.query.language.scores import Highlight, HighlightOptions, Matches, Name, Projection, Scored, Why
from instance_agent.query.page import Hit, check_size
from instance_agent.query.scoring.cells import cells_at
from instance_agent.query.scoring.evaluation import compares_hits
from instance_agent.query.scoring.explanation import explain
from instance_agent.query.scoring.rows import RowHits

SORT = "$sort"


def row_hits(hits: RowHits, shown: Shown, select: tuple[Projection, ...] | None, ordering: Ordering) -> tuple[Hit, ...]:
    """The rows at these places; without `select` what they were ordered by and every column that has a value.

    Raises 400 for names that rows don't have, and for an answer that memory may not hold.
    """
    if select is None:
        check_size(len(shown), 1 + len(hits.table.schema.columns))
        rows = hits.table.rows(hits.rows[shown.places].tolist())
        if not ordering.keys:
            return tuple(rows)
        values = ordering.values_in(rows, shown.places)
        return tuple(row if value is None else {SORT: value, **row} for value, row in zip(values, rows, strict=True))
    chosen = [_member(hits, ordering, projection) for projection in select]
    check_size(len(shown), sum(member.weight for member in chosen))
    return assemble(shown, chosen)


def needs_all(select: tuple[Projection, ...] | None) -> bool:
    """Do these members depend on rows that aren't shown?"""
    return any(isinstance(one.shows, Scored) and compares_hits(one.shows.score) for one in select or ())


def _member(hits: RowHits, ordering: Ordering, projection: Projection) -> Member:
    match projection.shows:
        case Why(highlight):
            return _explained(hits, ordering, projection, highlight)
        case Highlight(options):
            return highlights_of_rows(hits, projection, options)
        case Matches():
            return matches_of_rows(hits, projection)
        case Name("$why"):
            return _explained(hits, ordering, projection, None)
        case Name(name):
            return _named(hits, ordering, projection, name)
        case scored:
            return members.score(hits, projection, scored)


def _explained(hits: RowHits, ordering: Ordering, projection: Projection, highlight: HighlightOptions | None) -> Member:
    texts = texts_of(hits.scope, hits.table, (hits.where,))

    def tree(place: int) -> why.Node:
        if not ordering.keys:
            return why.Nothing()
        found = explain(hits, ordering.keys[0].score, place, None)
        return found if highlight is None else with_highlights(found, texts, highlight)

    return members.explanation(hits, projection, tree, 1 + len(texts.said))


def _named(hits: RowHits, ordering: Ordering, projection: Projection, name: str) -> Member:
    table, rows, key = hits.table, hits.rows, projection.key
    own = members.OWN.get(name)
    if name == "$rank":
        return members.rank(projection)
    if name == "$index":
        return Member(key, lambda shown: [int(place) for place in table.positions[rows[shown.places]]])
    if name in (SORT, "$score"):
        return _sorted(ordering, key, name)
    if own is not None:
        return members.own_score(hits, projection, own)
    read = cells_at(hits.scope, table, tuple(name.split(".")), members.named(projection, name))
    return Member(key, lambda shown: read(rows[shown.places].tolist()))


def _sorted(ordering: Ordering, key: str, name: str) -> Member:
    if not ordering.keys:
        return Member(key, lambda shown: [None] * len(shown))
    if name == SORT:
        return Member(key, lambda shown: ordering.values(shown.places))
    return Member(key, lambda shown: ordering.key_values(0, shown.places))
