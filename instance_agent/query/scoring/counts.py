"""Counts and statistics over the rows of `from` that have a hit.

They are over the rows that satisfy `where`, read as a filter: as evidence it would be no count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.query.filtering.filters import rows_satisfying
from instance_agent.query.filtering.rowsets import as_list, both
from instance_agent.query.language.propositions import EVERYTHING, All, Proposition
from instance_agent.query.language.scores import Frequency, Impact, Score
from instance_agent.query.refusals import invalid
from instance_agent.query.scoring.arithmetic import Scores
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.scoring.fields import Hits
from instance_agent.query.scoring.rows import RowHits
from instance_agent.query.scoring.statistics import Groups, sums

Evaluate = Callable[[Hits, Score], Scores]


@dataclass(frozen=True)
class HitRows:
    """Rows of `from` that have hits: one entry for each of the hits that a row has."""

    rows: NDArray[np.uint32]  # increasing
    at: NDArray[np.int64]  # per entry the place of its row in `rows`
    places: NDArray[np.int64]  # per entry the place of its hit


def frequencies(hits: Hits, score: Frequency) -> Scores:
    """Per hit how many rows have it and satisfy the condition, too."""
    found = rows_with_hits(candidates_of(hits, "$f", score.place), score.condition)
    return np.bincount(found.places, minlength=len(hits)).astype(np.float64)


def groups_of(hits: Hits, value: Score, place: str, evaluate: Evaluate) -> Groups:
    """The values of the score in the rows of each hit."""
    candidates = candidates_of(hits, "$context", place)
    found = rows_with_hits(candidates, EVERYTHING)
    values = evaluate(_rows(candidates, found.rows), value)
    return Groups.of(len(hits), found.places, values[found.at])


def impacts(hits: Hits, score: Impact, evaluate: Evaluate) -> Scores:
    """Per hit its samples times the distance of their mean from the base; 0 without samples."""
    candidates = candidates_of(hits, "$impact", score.place)
    groups = groups_of(candidates, score.value, score.place, evaluate)
    base = score.base
    if base is None:
        every = evaluate(_rows(candidates, as_list(candidates.population)), score.value)
        known = every[~np.isnan(every)]
        base = float(sums(np.zeros(len(known), np.int64), known, 1)[0]) / max(len(known), 1)
    return groups.total - groups.samples * base


def rows_with_hits(hits: CandidateHits, condition: Proposition) -> HitRows:
    """The rows of `from` that satisfy `where` and the condition, with the hits they have."""
    asked = All((*hits.evidence, *hits.about_target, condition))
    rows = as_list(both(hits.population, rows_satisfying(hits.scope, hits.table, asked)))
    hits.scope.deadline.check()
    at, candidates = hits.target.entries(rows)
    places = hits.place_of_candidate[candidates]
    return HitRows(rows, at[places >= 0], places[places >= 0])


def candidates_of(hits: Hits, name: str, place: str) -> CandidateHits:
    """The hits. Raises 400 for rows, which have no rows of `from`."""
    if isinstance(hits, RowHits):
        raise invalid(f"{name} is about the rows that have a hit; this needs 'get' or another endpoint", place)
    return hits


def _rows(hits: CandidateHits, rows: NDArray[np.uint32]) -> RowHits:
    return RowHits(hits.scope, hits.table, hits.population, rows)
