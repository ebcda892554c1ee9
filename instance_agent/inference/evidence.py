"""One prediction from the counts of its evidence: gate, lifts, redundancy, probabilities."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference import classify, gate, naive_bayes, redundancy
from instance_agent.inference.classify import Distribution

MOST_EVIDENCE = 48
"""Features looked at in one prediction: those that say most; the others would share in a capped sum anyway."""


MOST_LIFTS = 16_000_000
"""Numbers in the table of lifts, one per feature and candidate."""


@dataclass(frozen=True)
class ClassCounts:
    """What is known of the target without evidence."""

    rows: float  # rows learned from, n
    class_rows: NDArray[np.float64]  # rows having each candidate, length C
    partition: bool  # True when every row has exactly one candidate; False for tokens and elements


@dataclass(frozen=True)
class FeatureCounts:
    """What is known of one feature, in the rows learned from."""

    total: float  # rows having it, above 0
    counts: NDArray[np.float64]  # of these, rows having each candidate, length C
    exposure: NDArray[np.float64]  # D_c: the candidate's rows, or for text its tokens, length C
    all_exposure: float  # rows learned from, or for text all their tokens


@dataclass(frozen=True)
class Selection:
    """The features that passed the gate, strongest first, at most MOST_EVIDENCE."""

    kept: tuple[int, ...]  # their places among those given
    features: list[FeatureCounts]  # in the same order


def select_evidence(target: ClassCounts, features: Iterable[FeatureCounts]) -> Selection:
    """Those features whose dependence on the target pays for itself (`gate.log_bayes_factor` above 0).

    No more than are kept are in memory at a time, and these are fewer where there are very many candidates.
    """
    most = max(1, min(MOST_EVIDENCE, MOST_LIFTS // max(1, target.class_rows.size)))
    scored = ((_dependence(target, feature), -place, feature) for place, feature in enumerate(features))
    kept = heapq.nlargest(most, (one for one in scored if one[0] > 0))
    return Selection(tuple(-place for _, place, _ in kept), [feature for _, _, feature in kept])


def _dependence(target: ClassCounts, feature: FeatureCounts) -> float:
    if target.partition:
        return gate.log_bayes_factor(feature.counts, _shares(target, feature))
    return float(np.max(_dependence_per_candidate(feature), initial=0.0))


def _shares(target: ClassCounts, feature: FeatureCounts) -> NDArray[np.float64]:
    """What each candidate gets of features that depend on nothing; sums to 1 where the candidates are a partition."""
    return gate.smoothed_shares(feature.exposure) if target.partition else _binary_shares(feature)


def _binary_shares(feature: FeatureCounts) -> NDArray[np.float64]:
    """The same for "has the candidate or not": the shares of those that have it."""
    return np.asarray((feature.exposure + 1.0) / (feature.all_exposure + 2.0), dtype=np.float64)


def _dependence_per_candidate(feature: FeatureCounts) -> NDArray[np.float64]:
    """The gate's score of "has the candidate or not", for each candidate by itself, length C."""
    return gate.log_bayes_factors(feature.counts, feature.total, _binary_shares(feature))


def feature_weights(
    target: ClassCounts, features: list[FeatureCounts], overlaps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The weight of each feature's log-lift, length k; see `redundancy`.

    overlaps: rows having both features, k x k. Where the candidates are no partition, dependence on the target
    can't be told from redundancy by one table, and all correlation counts as redundancy.
    """
    if not features:
        return np.zeros(0, dtype=np.float64)
    if target.partition:
        class_counts = np.stack([feature.counts for feature in features])
        class_rows = target.class_rows
    else:
        class_counts = np.diag(overlaps).reshape(-1, 1)
        class_rows = np.array([target.rows])
    return redundancy.weights(redundancy.correlations(overlaps, class_counts, class_rows, target.rows))


def predict_one(
    target: ClassCounts, features: list[FeatureCounts], weights: NDArray[np.float64], allowed: NDArray[np.bool_]
) -> Distribution:
    """Exactly one of the allowed candidates is true; the answer covers these only, in their order."""
    base = naive_bayes.base_rates(target.class_rows, target.rows)[allowed]
    lifts = np.zeros((len(features), base.size))
    for row, (feature, weight) in enumerate(zip(features, weights.tolist(), strict=True)):
        shares = _shares(target, feature)[allowed]
        lifts[row] = weight * naive_bayes.log_lifts(feature.counts[allowed], feature.total, shares)
    return classify.exclusive(base, lifts)


def predict_each(
    target: ClassCounts, features: list[FeatureCounts], weights: NDArray[np.float64], allowed: NDArray[np.bool_]
) -> Distribution:
    """Each of the allowed candidates is judged by itself, on the evidence that says something about that one."""
    base = naive_bayes.base_rates(target.class_rows, target.rows)[allowed]
    lifts = np.zeros((len(features), base.size))
    against = np.zeros_like(lifts)
    for row, (feature, weight) in enumerate(zip(features, weights.tolist(), strict=True)):
        speaks = weight * (_dependence_per_candidate(feature)[allowed] > 0)
        counts, shares = feature.counts[allowed], _binary_shares(feature)[allowed]
        lifts[row] = speaks * naive_bayes.log_lifts(counts, feature.total, shares)
        against[row] = speaks * naive_bayes.log_lifts(feature.total - counts, feature.total, 1.0 - shares)
    return classify.independent(base, lifts, against)
