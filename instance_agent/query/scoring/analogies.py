"""`$analogy`: how alike a hit is to another one, by the company they keep.

Each hit has a count for each feature of the fields: of a field of the hit's own row 1 for those it has; of a field of
`from` the number of rows with the hit that have the feature. The analogy is the cosine of the two hits' counts: 1 for
the same proportions, 0 where nothing is shared, missing for hits without any feature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.ragged import gathered
from instance_agent.query.filtering.filters import everything, rows_satisfying
from instance_agent.query.filtering.rowsets import as_list, both
from instance_agent.query.language.propositions import All, FeaturesOf
from instance_agent.query.language.scores import Analogy
from instance_agent.query.learning.targets import Target, make_target
from instance_agent.query.refusals import invalid, unsupported
from instance_agent.query.scope import FieldName
from instance_agent.query.scoring.arithmetic import Scores
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.scoring.counts import candidates_of
from instance_agent.query.scoring.fields import Hits, path_of_hit

MOST_PAIRS = 20_000_000
"""Pairs of a hit and a feature of one row that are counted."""

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """A candidate and a feature found together, once for each time."""

    candidates: Places
    features: Places
    feature_count: int


def analogy(hits: Hits, score: Analogy) -> Scores:
    """Per hit the cosine of its counts and those of the hit named."""
    found = candidates_of(hits, "$analogy", score.place)
    count = len(found.target.candidates)
    dot, squares = np.zeros(count), np.zeros(count)
    other = _candidate(found, score.with_value)
    for part in score.based_on:
        if not isinstance(part, FeaturesOf):
            raise unsupported("$analogy is based on fields", score.place)
        found.scope.deadline.check()
        pairs = _pairs(found, part)
        own = np.bincount(pairs.features[pairs.candidates == other], minlength=pairs.feature_count)
        dot += np.bincount(pairs.candidates, own[pairs.features], count)
        cells, times = np.unique(pairs.candidates * pairs.feature_count + pairs.features, return_counts=True)
        squares += np.bincount(cells // max(pairs.feature_count, 1), times.astype(np.float64) ** 2, count)
    with np.errstate(all="ignore"):
        cosines = dot / np.sqrt(squares * (squares[other] if other >= 0 else np.nan))
    return np.minimum(cosines, 1.0)[found.candidates]


def _candidate(hits: CandidateHits, value: str | int | float | bool) -> int:
    """The number of the candidate that is this value, -1 for none."""
    target = hits.target
    column = target.column.column if target.linked is None else target.linked.table.column(target.linked.key)
    code = column.code_of(value) if target.linked is not None else target.column.code_of(value)
    found = np.flatnonzero(target.candidates.codes == code)
    return int(found[0]) if code >= 0 and len(found) else -1


def _pairs(hits: CandidateHits, part: FeaturesOf) -> Pairs:
    path = path_of_hit(hits, part.path)
    linked = hits.target.linked
    if path and linked is not None:
        name = FieldName(path, part.place, part.place)
        fields = make_target(hits.scope, linked.table, everything(linked.table), name)
        at, features = fields.entries(linked.first_rows.astype(np.uint32))
        return Pairs(at, features, len(fields.candidates))
    name = FieldName(part.path, part.place, part.place)
    fields = make_target(hits.scope, hits.table, hits.population, name)
    rows = as_list(both(hits.population, rows_satisfying(hits.scope, hits.table, All(tuple(hits.evidence)))))
    at, candidates = hits.target.entries(rows)
    offsets, features = _lists(fields, rows)
    lengths = offsets[1:] - offsets[:-1]
    if int(lengths[at].sum()) > MOST_PAIRS:
        raise invalid("this analogy has too much to count; base it on fewer fields or narrow 'from'", part.place)
    return Pairs(
        np.repeat(candidates, lengths[at]),
        gathered(offsets, features, at)[1],
        len(fields.candidates),
    )


def _lists(fields: Target, rows: NDArray[np.uint32]) -> tuple[Places, Places]:
    """The candidates of each of the rows: (offsets, candidates)."""
    at, features = fields.entries(rows)
    offsets: Places = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.bincount(at, minlength=len(rows)), out=offsets[1:])
    return offsets, features
