"""A page of candidates: the hits of `_predict`, `_match`, `_recommend`, and of `_query` with `get`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference import why
from instance_agent.query.hits import members
from instance_agent.query.hits.assembly import Column, Member, Shown, assemble
from instance_agent.query.hits.highlight import texts_of, with_highlights
from instance_agent.query.hits.highlights import highlights_of_candidates
from instance_agent.query.hits.matches import matches_of_candidates
from instance_agent.query.hits.ordering import Ordering
from instance_agent.query.language.queries import Slice
from instance_agent.query.language.scores import (
    Highlight,
    HighlightOptions,
    Matches,
    Name,
    Own,
    OwnScore,
    Projection,
    Score,
    Why,
)
from instance_agent.query.learning.targets import Target
from instance_agent.query.page import Hit, Page, check_size
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.scoring.cells import cells_at
from instance_agent.query.scoring.explanation import explain

WHOLE_ROW = "*"
"""In a default hit: every column of the linked row that has a value, keys alphabetical."""

VALUE_HIT = ("$p", "field", "feature")
"""The published hit for values and features."""

Places = NDArray[np.int64]


def ranked_hit(target: Target) -> tuple[str, ...]:
    """The default hit of `_match` and `_recommend`: `$p` and the linked row, or the value."""
    return VALUE_HIT if target.linked is None else ("$p", WHOLE_ROW)


def candidate_page(
    hits: CandidateHits,
    order: Places,
    select: tuple[Projection, ...] | None,
    default: tuple[str, ...],
    slice: Slice,
) -> Page:
    """One page of the candidates in this order (places, best first); `total` counts all of the order.

    Without `select` a hit has the members of `default`. Raises 400 for names that such hits don't have, and for an
    answer that memory may not hold.
    """
    places = order[slice.offset : slice.offset + slice.limit]
    shown = Shown.page(places, slice.offset)
    return Page(slice.offset, len(order), candidate_hits(hits, shown, select, default))


def candidate_hits(
    hits: CandidateHits,
    shown: Shown,
    select: tuple[Projection, ...] | None,
    default: tuple[str, ...],
    ordering: Ordering | None = None,
) -> tuple[Hit, ...]:
    """Some of the candidates; ordering: the order that they are in, where a request asked for it. Raises 400."""
    if select is None:
        select = tuple(Projection(name, Name(name), "select") for name in default)
    chosen = [_Choice(hits, ordering, projection).member() for projection in select]
    hits.scope.deadline.check()
    check_size(len(shown), sum(member.weight for member in chosen))
    return assemble(shown, chosen)


class _Choice:
    """One projection of candidates."""

    def __init__(self, hits: CandidateHits, ordering: Ordering | None, projection: Projection) -> None:
        self._hits = hits
        self._ordering = ordering
        self._projection = projection

    def member(self) -> Member:
        """How it is read. Raises 400 for what such hits don't have."""
        match self._projection.shows:
            case Why(highlight):
                return self._explained(highlight)
            case Highlight(options):
                return highlights_of_candidates(self._hits, self._projection, self._score(), options)
            case Matches():
                return matches_of_candidates(self._hits, self._projection)
            case Name("$why"):
                return self._explained(None)
            case Name(name):
                return self._named(name)
            case scored:
                return members.score(self._hits, self._projection, scored)

    def _explained(self, highlight: HighlightOptions | None) -> Member:
        hits, asked = self._hits, self._score()
        texts = texts_of(hits.scope, hits.table, hits.evidence)

        def tree(place: int) -> why.Node:
            found = explain(hits, asked, place, None)
            return found if highlight is None else with_highlights(found, texts, highlight)

        return members.explanation(hits, self._projection, tree, 1 + len(hits.evidence))

    def _score(self) -> Score:
        """What the hits are ordered by."""
        if self._ordering is not None and self._ordering.keys:
            return self._ordering.keys[0].score
        return OwnScore(Own.SCORE, self._projection.place)

    def _named(self, name: str) -> Member:
        hits, projection = self._hits, self._projection
        if name in hits.refused:
            raise members.named(projection, name).not_found()
        if name == WHOLE_ROW and hits.target.linked is not None:
            return self._whole_row()
        linked = self._of_linked_row(name)
        if linked is not None:
            return linked
        if name == "$rank":
            return members.rank(projection)
        if name in ("$sort", "$score") and self._ordering is not None:
            return self._sorted(self._ordering, name)
        read = self._simple().get(name)
        if read is not None:
            return Member(projection.key, read)
        own = members.OWN.get(name)
        if own is None:
            raise members.named(projection, name).not_found()
        return members.own_score(hits, projection, own)

    def _sorted(self, ordering: Ordering, name: str) -> Member:
        if name == "$sort":
            return Member(self._projection.key, lambda shown: ordering.values(shown.places))
        return Member(self._projection.key, lambda shown: ordering.key_values(0, shown.places))

    def _simple(self) -> Mapping[str, Callable[[Shown], Column]]:
        hits = self._hits

        def propositions(shown: Shown) -> Column:
            return [{hits.name: {"$has": value}} for value in hits.values(shown.places)]

        return {
            "$value": lambda shown: hits.values(shown.places),
            "feature": lambda shown: hits.values(shown.places),
            "field": lambda shown: [hits.name] * len(shown),
            "$proposition": propositions,
            "$sort": lambda shown: [None] * len(shown),
        }

    def _whole_row(self) -> Member:
        hits, linked = self._hits, self._hits.target.linked
        if linked is None:
            raise TypeError("these candidates are no linked rows")
        table = linked.table
        return Member(
            WHOLE_ROW,
            lambda shown: table.rows(hits.linked_rows(shown.places).tolist()),
            spread=True,
            weight=len(table.schema.columns),
        )

    def _of_linked_row(self, name: str) -> Member | None:
        """A column of the row that a candidate is; it wins over `field` and `feature` of the same name."""
        hits, linked = self._hits, self._hits.target.linked
        if linked is None:
            return None
        if name == "$index":
            positions = linked.table.positions
            return Member(
                self._projection.key,
                lambda shown: [int(position) for position in positions[hits.linked_rows(shown.places)]],
            )
        path = tuple(name.split("."))
        if path[0] not in linked.table.schema.columns:
            return None
        read = cells_at(hits.scope, linked.table, path, members.named(self._projection, name))
        return Member(self._projection.key, lambda shown: read(hits.linked_rows(shown.places).tolist()))
