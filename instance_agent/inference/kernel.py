"""Kernel regression on a few hundred rows: what columns say together, and which of them matter.

A Gaussian process with the kernel k(x, y) = exp(-Σ_j θ_j d_j(x, y)) (Rasmussen and Williams, "Gaussian processes for
machine learning", 2006), one output per class. The relevances θ and the noise are those of highest marginal likelihood
(5.4.1 there, automatic relevance determination) on fewer rows still, held near a first guess. What one row, or some,
would be predicted to be without themselves is exact and needs no second fit (5.4.2 there).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference import likeness
from instance_agent.inference.problem import Numbers
from instance_agent.inference.sample import Codes, Floats, Listed, Numeric, Part, Places, Sample, spread

ANCHORS = 768
"""Rows the regression is fitted on."""

LEAST_ANCHORS = 64

MOST_COMPARED = 20_000_000
"""Distances between anchors, one per column and pair of rows: with very many columns there are fewer anchors."""

MOST_SHARES = 300_000
"""Numbers in the table of anchors and classes: with very many classes there are fewer anchors."""

RELEVANCE_ROWS = 192
RELEVANCE_STEPS = 12
MOST_DISTANCES = 4_000_000
"""Distances held while relevances are sought, one per column and pair of rows."""

FIRST_NOISE = 0.3
SPREAD_OF_LOGS = 1.5
"""Standard deviation of the Gaussian prior of a relevance's logarithm around its first guess."""

MOST_RELEVANCE = 30.0
"""Times the first guess of all columns together."""


@dataclass(frozen=True)
class Kernel:
    """A fitted regression."""

    anchors: Places  # sample rows, increasing, n of them
    relevances: Numbers  # θ, per column
    means: Numbers  # per class its share of the anchors, length C
    weights: Numbers  # n x C
    inverse: Floats  # of the anchors' covariance with noise, n x n

    def expected(self, distances: Numbers, without: Places) -> Numbers:
        """What share of each class is expected, length C; below 0 or above 1 where it is extrapolated.

        distances: Σ_j θ_j d_j of the query from each sample row. without: sample rows to forget, increasing.
        """
        likeness_to = np.exp(-distances[self.anchors])
        weights = self.weights
        if len(without):
            out = np.flatnonzero(np.isin(self.anchors, without))
            if len(out):
                moved = self.inverse[:, out] @ np.linalg.solve(self.inverse[np.ix_(out, out)], weights[out])
                weights = weights - moved
                weights[out] = 0.0
        return np.asarray(self.means + likeness_to @ weights, dtype=np.float64)


def fit(sample: Sample, parts: list[Part]) -> Kernel:
    """The regression of the sample's classes on these columns."""
    most = min(ANCHORS, int((MOST_COMPARED / len(parts)) ** 0.5), MOST_SHARES // sample.class_count)
    anchors = spread(sample.size, max(most, LEAST_ANCHORS))
    relevances, noise = _relevances(sample, parts, anchors)
    total = np.zeros((len(anchors), len(anchors)), np.float32)
    for part, relevance in zip(parts, relevances.tolist(), strict=True):
        total += np.float32(relevance) * likeness.between_rows(part, anchors)
    np.fill_diagonal(total, 0.0)
    inverse = np.linalg.inv(np.exp(-total.astype(np.float64)) + noise * np.eye(len(anchors)))
    shares, means = _centered(sample, anchors)
    return Kernel(anchors, relevances, means, inverse @ shares, inverse.astype(np.float32))


def _centered(sample: Sample, rows: Places) -> tuple[Numbers, Numbers]:
    """Per row 1 for its class, else 0, less the mean; and the mean, length C."""
    shares = np.zeros((len(rows), sample.class_count))
    shares[np.arange(len(rows)), sample.classes[rows]] = 1.0
    means = shares.mean(axis=0)
    return shares - means, means


def _relevances(sample: Sample, parts: list[Part], anchors: Places) -> tuple[Numbers, float]:
    """Of the highest posterior found in RELEVANCE_STEPS steps of resilient propagation (Riedmiller and Braun, 1993)."""
    size = min(RELEVANCE_ROWS, max(16, int((MOST_DISTANCES / len(parts)) ** 0.5)))
    rows = anchors[spread(len(anchors), size)]
    distances = np.stack([likeness.between_rows(part, rows) for part in parts])
    for each in distances:
        np.fill_diagonal(each, 0.0)
    guess = np.sqrt(_information(sample, parts) + 0.02)
    guess /= guess.sum()
    typical = float(np.median(np.tensordot(guess.astype(np.float32), distances, 1)))
    first = np.append(np.log(guess / max(typical, 1e-6)), [np.log(FIRST_NOISE), 0.0])
    shares, _ = _centered(sample, rows)
    seen = max(1, len(np.unique(sample.classes[rows])) - 1)
    state, best, at_best = first.copy(), -np.inf, first
    steps, last = np.full(len(first), 0.5), np.zeros(len(first))
    for _ in range(RELEVANCE_STEPS):
        value, gradient = _posterior(distances, shares, seen, state, first)
        if value > best:
            best, at_best = value, state.copy()
        turned = gradient * last
        steps = np.clip(np.where(turned > 0, steps * 1.3, np.where(turned < 0, steps * 0.4, steps)), 0.02, 1.5)
        last = gradient
        state = state + np.sign(gradient) * steps
        state[-2] = np.clip(state[-2], np.log(0.01), np.log(10.0))
        state[:-2] = np.minimum(state[:-2], np.log(MOST_RELEVANCE / max(typical, 1e-6)) - state[-1])
    return np.exp(at_best[:-2] + at_best[-1]), float(np.exp(at_best[-2]))


def _posterior(
    distances: Floats, shares: Numbers, classes: int, state: Numbers, first: Numbers
) -> tuple[float, Numbers]:
    """The logarithm of the posterior and its gradient at `state`: log-relevances, log-noise, a log-factor of all.

    The marginal likelihood of `classes` independent outputs, its scale set to the best one, over the square root of
    `classes`: shares of the classes of one row aren't independent.
    """
    count = len(shares)
    relevances, noise = np.exp(state[:-2] + state[-1]), float(np.exp(state[-2]))
    similar = np.exp(-np.tensordot(relevances.astype(np.float32), distances, 1)).astype(np.float64)
    covariance = similar + noise * np.eye(count)
    inverse = np.linalg.inv(covariance)
    fitted = inverse @ shares
    scale = float((shares * fitted).sum()) / (count * classes)
    if scale <= 0:
        return -np.inf, np.zeros_like(state)
    log_determinant = float(np.linalg.slogdet(covariance)[1])
    root = classes**0.5
    away = state - first
    value = -0.5 * root * (count * np.log(scale) + log_determinant) - 0.5 * float((away**2).sum()) / SPREAD_OF_LOGS**2
    slope = (fitted @ fitted.T / scale - classes * inverse) / root
    gradient = -away / SPREAD_OF_LOGS**2
    flat = (slope * similar).astype(np.float32).ravel()
    by_column = -0.5 * relevances * (distances.reshape(len(distances), -1) @ flat)
    gradient[:-2] += by_column
    gradient[-1] += by_column.sum()
    gradient[-2] += 0.5 * noise * float(np.trace(slope))
    return value, gradient


def _information(sample: Sample, parts: list[Part]) -> Numbers:
    """Per column what part of the class's entropy it tells by itself, roughly, 0..1."""
    counts = np.bincount(sample.classes, minlength=sample.class_count)
    shares = counts[counts > 0] / sample.size
    entropy = max(float(-(shares * np.log(shares)).sum()), 1e-9)
    told = [entropy / 2 if isinstance(part, Listed) else _told(sample, part) for part in parts]
    return np.asarray(np.clip(np.array(told) / entropy, 0.0, 1.0), dtype=np.float64)


def _told(sample: Sample, part: Numeric | Codes) -> float:
    """Mutual information with the class in nats, less its expectation for independent columns (Miller, 1955)."""
    groups = _eighths(part) if isinstance(part, Numeric) else part.astype(np.int64)
    _, groups = np.unique(groups, return_inverse=True)
    pairs, counts = np.unique(groups * sample.class_count + sample.classes, return_counts=True)
    by_group = np.bincount(groups).astype(np.float64)
    by_class = np.bincount(sample.classes, minlength=sample.class_count).astype(np.float64)
    group, of_class = np.divmod(pairs, sample.class_count)
    expected = by_group[group] * by_class[of_class] / sample.size
    # Summed exactly: the codes' order, and so that of the terms, is an accident.
    told = math.fsum((counts * np.log(counts / expected)).tolist()) / sample.size
    freedom = len(pairs) - len(by_group) - np.count_nonzero(by_class) + 1
    return told - freedom / (2 * sample.size)


def _eighths(part: Numeric) -> NDArray[np.int64]:
    """Which eighth of the numbers each row's is in; equal numbers are in the same. -1 for none."""
    groups = np.full(len(part.scaled), -1)
    values = np.array(part.values)
    limits = values[(np.arange(1, 8) * len(values)) // 8] if len(values) else values
    groups[part.value_rows] = np.searchsorted(limits, values, side="right")
    return groups
