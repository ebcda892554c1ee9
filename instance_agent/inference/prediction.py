"""The probabilities of classes: of exactly one of them (`predict`), or of each by itself (`predict_each`)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference import stack
from instance_agent.inference.evidence import FeatureCounts, feature_weights, predict_one, select_evidence
from instance_agent.inference.evidence import predict_each as each_of
from instance_agent.inference.overlaps import overlaps
from instance_agent.inference.pieces import Counting
from instance_agent.inference.problem import Distribution, Normalizer, Numbers, Problem, Rows

DOUBT = 0.5
"""Of as many rows as were learned from, and two more, so many are thought to be of any class, by its base rate."""

MOST_LOG_LIFT = 200.0
"""Lifts are told so small that no product of them leaves what a floating-point number can hold."""


def predict(problem: Problem, allowed: NDArray[np.bool_]) -> Distribution:
    """Exactly one of the allowed classes is true: probabilities that sum to 1.

    allowed: per class, length C. Base rates · lifts · normalizers multiply up to the probabilities within 1e-12. Where
    there is too little to weigh voices by, naive Bayes decides.
    """
    found = stack.say(problem) if allowed.any() else None
    return _decide(problem, allowed, exclusive=True) if found is None else _blended(problem, *found, allowed)


def predict_each(problem: Problem, allowed: NDArray[np.bool_]) -> Distribution:
    """Each of the allowed classes is judged by itself: probabilities in [0, 1]."""
    return _decide(problem, allowed, exclusive=False)


def _blended(problem: Problem, said: stack.Said, weights: Numbers, allowed: NDArray[np.bool_]) -> Distribution:
    scores = (weights @ said.voices)[allowed]
    base, log_base = said.base[allowed], said.voices[0, allowed]
    doubt = DOUBT / (len(problem.learned) + 2)
    probabilities = (1 - doubt) * _softmax(scores) + doubt * (base / base.sum())
    probabilities /= probabilities.sum()
    logs = _told_lifts(said, weights, scores, allowed)
    naive = log_base + logs.sum(axis=0)
    total = float(np.logaddexp.reduce(naive))
    normalizers = (
        Normalizer("exclusiveness", np.full(len(scores), np.exp(-total))),
        Normalizer("calibration", np.exp(np.log(probabilities) - naive + total)),
    )
    evidence = tuple(place for place, matters in zip(said.pieces, said.matters.tolist(), strict=True) if matters)
    return Distribution(probabilities, base, np.exp(logs), evidence, normalizers)


def _told_lifts(said: stack.Said, weights: Numbers, scores: Numbers, allowed: NDArray[np.bool_]) -> Numbers:
    """The logarithm of what each piece of evidence that matters is told to have done, pieces x A.

    Its part of its column's voice, and of what the voices of all columns together say as much as goes the same way as
    the evidence: the slope of their least-squares fit to the evidence's sum, at most 1. The rest is `calibration`.
    """
    lifts = said.log_lifts[said.matters][:, allowed]
    own = weights[said.piece_columns[said.matters]][:, None]
    base = said.base[allowed] / said.base[allowed].sum()
    rest = scores - said.voices[0, allowed] - (own * lifts).sum(axis=0)
    together = lifts.sum(axis=0)
    together = together - base @ together
    power = float(base @ together**2)
    slope = min(max(float(base @ (together * rest)) / power, 0.0), 1.0) if power > 1e-12 else 0.0
    told = (own + slope) * lifts
    largest = float(np.abs(told).sum(axis=0).max(initial=0.0))
    return np.asarray(told * min(1.0, MOST_LOG_LIFT / max(largest, 1e-12)), dtype=np.float64)


def _softmax(scores: Numbers) -> Numbers:
    """Probabilities; scores that are equal to ten decimals have the same.

    Vectorised arithmetic gives equal inputs results that differ in the last bit, by their position in the array. What
    is tied must stay tied, for the order of the hits.
    """
    distinct, places = np.unique(np.round(scores - scores.max(), 10), return_inverse=True)
    likely = np.exp(distinct)[places]
    return np.asarray(likely / likely.sum(), dtype=np.float64)


def _decide(problem: Problem, allowed: NDArray[np.bool_], *, exclusive: bool) -> Distribution:
    counting = Counting(problem)
    target = counting.target
    known = tuple(place for place, given in enumerate(problem.query) if given.code >= 0)
    features = list(_features(problem, counting, known))
    seen = [place for place, feature in enumerate(features) if feature.total > 0]
    selection = select_evidence(target, (features[place] for place in seen))
    evidence = tuple(known[seen[place]] for place in selection.kept)
    shared = overlaps([_rows(problem, place) for place in evidence], problem.row_count)
    weights = feature_weights(target, selection.features, shared)
    found = (predict_one if exclusive else each_of)(target, selection.features, weights, allowed)
    normalizers = (Normalizer(found.normalizer.name, found.normalizer.values),)
    return Distribution(found.probabilities, found.base, found.lifts, evidence, normalizers)


def _features(problem: Problem, counting: Counting, known: tuple[int, ...]) -> Iterator[FeatureCounts]:
    for place in known:
        given = problem.query[place]
        yield counting.feature(problem.columns[given.column], given.code)


def _rows(problem: Problem, place: int) -> Rows:
    given = problem.query[place]
    rows = problem.columns[given.column].rows_with(given.code)
    rows = rows[np.isin(rows, problem.learned)] if len(problem.learned) < problem.row_count else rows
    return rows[~np.isin(rows, problem.without)] if len(problem.without) else rows
