"""`$why` of a score: the tree that works it out from fields, counts, likenesses and probabilities."""

from __future__ import annotations

import numpy as np

from instance_agent.inference import why
from instance_agent.query.language.scores import (
    Arithmetic,
    Constant,
    FieldValue,
    HighlightOptions,
    Likeness,
    Normalize,
    OfHit,
    Operation,
    Own,
    OwnScore,
    Probability,
    Score,
)
from instance_agent.query.scoring import likenesses, probabilities
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.scoring.evaluation import evaluated, evaluated_at
from instance_agent.query.scoring.fields import Hits
from instance_agent.query.scoring.rows import RowHits

NAMES = {
    "Frequency": "$f",
    "Impact": "$impact",
    "SmoothedRate": "$freqP",
    "Decision": "$decision",
    "Analogy": "$analogy",
}


def explain(hits: Hits, score: Score, place: int, highlight: HighlightOptions | None) -> why.Node:  # noqa: PLR0911 - one line per score
    """The tree of one hit's score."""
    hits.scope.deadline.check()
    match score:
        case Constant():
            return why.Number(why.Plain.CONSTANT, score.value)
        case FieldValue():
            return why.Field(".".join(score.path), _value(hits, score, place))
        case OfHit():
            return explain(hits, score.score, place, highlight)
        case Normalize():
            total = float(np.nansum(evaluated(hits, score.score)))
            return why.Division(explain(hits, score.score, place, highlight), _constant(total))
        case Arithmetic():
            return _arithmetic(score, tuple(explain(hits, part, place, highlight) for part in score.parts))
        case OwnScore():
            return _own(hits, score, place, highlight)
        case Probability():
            return _probability(hits, score, place, highlight)
        case Likeness():
            return likenesses.explained(hits, likenesses.compared_with(hits, score), place, sameness=score.sameness)
    return _named(hits, score, place)


def _own(hits: Hits, score: OwnScore, place: int, highlight: HighlightOptions | None) -> why.Node:
    match score.which:
        case Own.SIMILARITY | Own.SAMENESS:
            sameness = score.which is Own.SAMENESS
            return likenesses.explained(hits, likenesses.compared_with_where(hits), place, sameness=sameness)
        case Own.PROBABILITY | Own.SCORE if isinstance(hits, CandidateHits):
            return (hits.explain or probabilities.own(hits).explain)(place, highlight)
        case Own.LIFT if isinstance(hits, CandidateHits):
            chance = explain(hits, OwnScore(Own.PROBABILITY, score.place), place, highlight)
            lift = _value(hits, score, place)
            return why.Division(chance, _constant(why.value_of(chance) / lift if lift else np.nan))
    return _named(hits, score, place)


def _probability(hits: Hits, score: Probability, place: int, highlight: HighlightOptions | None) -> why.Node:
    nodes: list[why.Node] = []
    for part in probabilities.parts_of(hits, score):
        if isinstance(part, probabilities.OfHits):
            nodes.append(_chance(part, place, score, highlight))
        else:
            features = probabilities.OfHits(part.likely, part.likely.proposition)
            places = part.features[part.hits == place].tolist()
            nodes += [_chance(features, at, score, highlight) for at in places]
    return nodes[0] if len(nodes) == 1 else why.Product(tuple(nodes))


def _chance(part: probabilities.OfHits, place: int, score: Probability, highlight: HighlightOptions | None) -> why.Node:
    """A probability, or how many times its base rate it is: `hitPropositionLift`."""
    chance = part.chances.explain(place, highlight)
    if not score.relative:
        return chance
    base = why.Number(why.Plain.BASE_LIFT, 1.0 / float(part.chances.priors[place]))
    return why.HitLift(part.said(place), (base, chance))


def _arithmetic(score: Arithmetic, parts: tuple[why.Node, ...]) -> why.Node:
    match score.operation:
        case Operation.MULTIPLY:
            return why.Product(parts)
        case Operation.ADD:
            return why.Sum(parts)
        case Operation.DIVIDE:
            return why.Division(*parts)
        case Operation.SUBTRACT:
            return why.Subtraction(*parts)
        case Operation.POWER:
            return why.Exponent(*parts)


def _named(hits: Hits, score: Score, place: int) -> why.Node:
    name = score.which.value if isinstance(score, OwnScore) else NAMES.get(type(score).__name__, "")
    statistic = getattr(score, "statistic", None)
    return why.Norm(name or (statistic.value if statistic else "$score"), _value(hits, score, place), "score")


def _value(hits: Hits, score: Score, place: int) -> float:
    places = np.array([place], np.int64)
    if isinstance(hits, RowHits):
        return float(evaluated_at(hits, score, places)[0])
    return float(evaluated(hits, score)[place])


def _constant(value: float) -> why.Node:
    return why.Number(why.Plain.CONSTANT, value)
