"""What a score is for every hit: float64 per place, NaN where it is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from instance_agent.query.language.propositions import EVERYTHING
from instance_agent.query.language.scores import (
    Analogy,
    Arithmetic,
    Constant,
    Decision,
    FieldValue,
    Frequency,
    Impact,
    Likeness,
    Normalize,
    OfHit,
    OverContext,
    Own,
    OwnScore,
    Probability,
    Score,
    SmoothedRate,
    parts_of,
)
from instance_agent.query.refusals import invalid
from instance_agent.query.scoring import analogies, draws, likenesses, probabilities
from instance_agent.query.scoring.arithmetic import Scores, combined, finite, normalized
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.scoring.counts import frequencies, groups_of, impacts
from instance_agent.query.scoring.fields import Hits, Places, field_of
from instance_agent.query.scoring.identity import identity_of
from instance_agent.query.scoring.rates import smoothed
from instance_agent.query.scoring.rows import RowHits


def evaluated(hits: Hits, score: Score) -> Scores:
    """The score of every hit. Raises 400 for a score that such hits don't have; the caller must not write to it."""
    hits.scope.deadline.check()
    key = ("score", identity_of(score))
    found = hits.kept.get(key)
    if not isinstance(found, np.ndarray):
        found = hits.kept[key] = _evaluated(hits, score)
    return np.asarray(found, np.float64)


def evaluated_at(hits: Hits, score: Score, places: Places) -> Scores:
    """The score of the hits at these places. Of rows, no other is looked at where that gives the same."""
    known = ("score", identity_of(score)) in hits.kept
    if isinstance(hits, CandidateHits) or known or compares_hits(score):
        return evaluated(hits, score)[places]
    return evaluated(_some(hits, places), score)


def _some(hits: RowHits, places: Places) -> RowHits:
    """Some of the rows; the same ones again where they were asked for last."""
    known = hits.kept.get("some")
    if isinstance(known, _Some) and np.array_equal(known.places, places):
        return known.hits
    made = hits.kept["some"] = _Some(places, hits.only(places))
    return made.hits


@dataclass(frozen=True)
class _Some:
    places: Places
    hits: RowHits


def compares_hits(score: Score) -> bool:
    """Does a hit's score depend on the other hits?"""
    return isinstance(score, Normalize) or any(map(compares_hits, parts_of(score)))


def _evaluated(hits: Hits, score: Score) -> Scores:  # noqa: PLR0911, PLR0912 - one line per score
    match score:
        case Constant():
            return np.full(len(hits), score.value)
        case FieldValue():
            return field_of(hits, score).numbers()
        case OwnScore():
            return _own(hits, score)
        case Probability():
            return finite(probabilities.probability(hits, score))
        case Frequency():
            return frequencies(hits, score)
        case OverContext():
            return finite(groups_of(hits, score.value, score.place, evaluated).statistic(score.statistic))
        case Impact():
            return finite(impacts(hits, score, evaluated))
        case SmoothedRate():
            return smoothed(hits, score, evaluated)
        case Decision():
            return finite(draws.drawn(hits, score, evaluated))
        case Likeness():
            return finite(likenesses.likeness_to(hits, score))
        case Analogy():
            return finite(analogies.analogy(hits, score))
        case Arithmetic():
            return combined(score.operation, [evaluated(hits, part) for part in score.parts])
        case Normalize():
            return normalized(evaluated(hits, score.score))
        case OfHit():
            return evaluated(hits, score.score)


def _own(hits: Hits, score: OwnScore) -> Scores:
    known = hits.scores.get(score.which) if isinstance(hits, CandidateHits) else None
    if known is not None:
        return known
    match score.which:
        case Own.VALUE:
            return field_of(hits, score).numbers()
        case Own.SIMILARITY | Own.SAMENESS:
            return finite(likenesses.likeness_to_where(hits, sameness=score.which is Own.SAMENESS))
        case Own.FREQUENCY:
            return frequencies(hits, Frequency(EVERYTHING, score.place))
        case Own.PROBABILITY | Own.LIFT | Own.SCORE if isinstance(hits, RowHits):
            raise invalid(
                f"{score.which.value} is that of candidates; this needs 'get' or another endpoint", score.place
            )
        case Own.PROBABILITY | Own.SCORE:
            return probabilities.own(hits).probabilities
        case Own.LIFT:
            found = probabilities.own(hits)
            return finite(found.probabilities / found.priors)
