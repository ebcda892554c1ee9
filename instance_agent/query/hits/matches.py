"""`$matches`: which propositions of `where` a hit satisfies, those inside of `$or` one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from instance_agent.query.filtering.filters import rows_satisfying
from instance_agent.query.filtering.rowsets import as_mask
from instance_agent.query.hits.assembly import Column, Member, Shown
from instance_agent.query.language.propositions import All, Any, Proposition, to_json
from instance_agent.query.language.scores import Projection
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.scoring.rows import RowHits
from instance_agent.schema.types import JsonValue

Truth = Callable[[Shown], NDArray[np.bool_]]
"""Which hits of a page satisfy a proposition."""


def matches_of_rows(hits: RowHits, projection: Projection) -> Member:
    """The propositions of `where` that each row satisfies."""

    def truth(part: Proposition) -> Truth:
        mask = as_mask(rows_satisfying(hits.scope, hits.table, part), hits.table.row_count)
        return lambda shown: mask[hits.rows[shown.places]]

    return _matches(projection, (hits.where,), truth)


def matches_of_candidates(hits: CandidateHits, projection: Projection) -> Member:
    """The propositions of `where` about the candidates that each of them satisfies."""

    def truth(part: Proposition) -> Truth:
        satisfied = hits.target.restricted(hits.scope, hits.table, [part])[hits.candidates]
        return lambda shown: satisfied[shown.places]

    return _matches(projection, hits.about_target, truth)


def _matches(projection: Projection, where: Sequence[Proposition], truth_of: Callable[[Proposition], Truth]) -> Member:
    parts = [(to_json(part), truth_of(part)) for part in _alternatives(where)]

    def read(shown: Shown) -> Column:
        columns = [(said, truth(shown)) for said, truth in parts]
        found: list[JsonValue] = [[dict(said) for said, true in columns if true[at]] for at in range(len(shown))]
        return found

    return Member(projection.key, read, weight=1 + 2 * len(parts))


def _alternatives(parts: Sequence[Proposition]) -> Iterator[Proposition]:
    for part in parts:
        if isinstance(part, All | Any):
            yield from _alternatives(part.parts)
        else:
            yield part
