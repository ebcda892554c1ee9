"""A page of candidates: the hits of `_predict`, `_match`, `_recommend`, and of `_query` with `get`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference import why
from instance_agent.query.hits.assembly import Column, Member, Shown, assemble, numbers
from instance_agent.query.hits.cells import cells_at
from instance_agent.query.page import Page, check_size
from instance_agent.query.queries import Slice
from instance_agent.query.refusals import unsupported
from instance_agent.query.scope import FieldName
from instance_agent.query.scores import HighlightOptions, Name, Own, Projection, Why
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.targets import Target

WHOLE_ROW = "*"
"""In a default hit: every column of the linked row that has a value, keys alphabetical."""

VALUE_HIT = ("$p", "field", "feature")
"""The published hit for values and features."""

VALUES_OF_AN_EXPLANATION = 8
"""About so many values are in one, for each part of the evidence."""

OWN = {own.value: own for own in Own}


def ranked_hit(target: Target) -> tuple[str, ...]:
    """The default hit of `_match` and `_recommend`: `$p` and the linked row, or the value."""
    return VALUE_HIT if target.linked is None else ("$p", WHOLE_ROW)


def candidate_page(
    hits: CandidateHits,
    order: NDArray[np.int64],
    select: tuple[Projection, ...] | None,
    default: tuple[str, ...],
    slice: Slice,
) -> Page:
    """One page of the candidates in this order (places, best first); `total` counts all of the order.

    Without `select` a hit has the members of `default`. Raises 400 for names that such hits don't have, and for an
    answer that memory may not hold.
    """
    if select is None:
        select = tuple(Projection(name, Name(name), "select") for name in default)
    members = [_member(hits, projection) for projection in select]
    hits.scope.deadline.check()
    places = order[slice.offset : slice.offset + slice.limit]
    check_size(len(places), sum(member.weight for member in members))
    return Page(slice.offset, len(order), assemble(Shown(places, slice.offset), members))


def _member(hits: CandidateHits, projection: Projection) -> Member:
    match projection.shows:
        case Why() as shows:
            return _explained(hits, projection, shows.highlight)
        case Name("$why"):
            return _explained(hits, projection, None)
        case Name(name):
            return _named(hits, projection, name)
    raise unsupported("this version selects by name only", projection.place)


def _explained(hits: CandidateHits, projection: Projection, highlight: HighlightOptions | None) -> Member:
    explain = hits.explain
    if explain is None:
        raise unsupported("there is nothing to explain in these hits", projection.place)

    def read(shown: Shown) -> Column:
        told = []
        for place in shown.places.tolist():
            hits.scope.deadline.check()
            told.append(why.to_json(explain(place, highlight)))
        return told

    return Member(projection.key, read, weight=VALUES_OF_AN_EXPLANATION * (1 + len(hits.evidence)))


def _named(hits: CandidateHits, projection: Projection, name: str) -> Member:
    if name in hits.refused:
        raise _field(projection, name).not_found()
    if name == WHOLE_ROW and hits.target.linked is not None:
        return _whole_row(hits)
    if name == "$sort" and hits.sort is not None:
        sort = hits.sort
        return Member(projection.key, lambda shown: [sort(place) for place in shown.places.tolist()])
    linked = _of_linked_row(hits, projection, name)
    if linked is not None:
        return linked
    read = _simple(hits).get(name)
    if read is not None:
        return Member(projection.key, read)
    own = OWN.get(name)
    scores = None if own is None else hits.scores.get(own)
    if scores is None:
        raise _field(projection, name).not_found()
    return Member(projection.key, lambda shown: numbers(scores[shown.places]))


def _simple(hits: CandidateHits) -> Mapping[str, Callable[[Shown], Column]]:
    def propositions(shown: Shown) -> Column:
        return [{hits.name: {"$has": value}} for value in hits.values(shown.places)]

    return {
        "$value": lambda shown: hits.values(shown.places),
        "feature": lambda shown: hits.values(shown.places),
        "field": lambda shown: [hits.name] * len(shown),
        "$rank": lambda shown: list(range(shown.first_rank, shown.first_rank + len(shown))),
        "$proposition": propositions,
    }


def _whole_row(hits: CandidateHits) -> Member:
    linked = hits.target.linked
    if linked is None:
        raise TypeError("these candidates are no linked rows")
    table = linked.table
    return Member(
        WHOLE_ROW,
        lambda shown: table.rows(hits.linked_rows(shown.places).tolist()),
        spread=True,
        weight=len(table.schema.columns),
    )


def _of_linked_row(hits: CandidateHits, projection: Projection, name: str) -> Member | None:
    """A column of the row that a candidate is; it wins over `field` and `feature` of the same name."""
    linked = hits.target.linked
    path = tuple(name.split("."))
    if linked is None or path[0] not in linked.table.schema.columns:
        return None
    read = cells_at(hits.scope, linked.table, path, _field(projection, name))
    return Member(projection.key, lambda shown: read(hits.linked_rows(shown.places).tolist()))


def _field(projection: Projection, name: str) -> FieldName:
    said_by = projection.place if projection.key == name else ""
    return FieldName(tuple(name.split(".")), projection.place, said_by)
