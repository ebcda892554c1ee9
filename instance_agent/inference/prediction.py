"""The probabilities of classes: of exactly one of them (`predict`), or of each by itself (`predict_each`)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.evidence import (
    FeatureCounts,
    feature_weights,
    predict_one,
    select_evidence,
)
from instance_agent.inference.evidence import (
    predict_each as each_of,
)
from instance_agent.inference.overlaps import overlaps
from instance_agent.inference.pieces import Counting
from instance_agent.inference.problem import Distribution, Normalizer, Problem, Rows


def predict(problem: Problem, allowed: NDArray[np.bool_]) -> Distribution:
    """Exactly one of the allowed classes is true: probabilities that sum to 1.

    allowed: per class, length C. Base rates · lifts · normalizers multiply up to the probabilities within 1e-12.
    """
    return _decide(problem, allowed, exclusive=True)


def predict_each(problem: Problem, allowed: NDArray[np.bool_]) -> Distribution:
    """Each of the allowed classes is judged by itself: probabilities in [0, 1]."""
    return _decide(problem, allowed, exclusive=False)


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
