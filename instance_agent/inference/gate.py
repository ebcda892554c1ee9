"""Which pieces of evidence say anything about the target: a test by minimum description length."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

STRENGTH = 2.0
"""Pseudo-observations behind the class distribution of a feature that depends on the class."""


def log_bayes_factor(counts: NDArray[np.float64], shares: NDArray[np.float64]) -> float:
    """ln P(counts | the feature depends on the class) - ln P(counts | it doesn't): above 0, dependence pays for itself.

    counts: rows having the feature, per class, length C, whole numbers.
    shares: what each class would get without dependence, length C, all above 0, sum 1.
    The Bayes factor of a Dirichlet prior of strength s around the shares, as in Heckerman, Geiger and Chickering,
    "Learning Bayesian networks" (1995):
    Σ_c [lnΓ(n_c + s·π_c) - lnΓ(s·π_c) - n_c·ln π_c] - [lnΓ(n + s) - lnΓ(s)].
    """
    seen = np.flatnonzero(counts)
    total = float(counts.sum())
    score = math.lgamma(STRENGTH) - math.lgamma(total + STRENGTH)
    for count, share in zip(counts[seen].tolist(), shares[seen].tolist(), strict=True):
        score += math.lgamma(count + STRENGTH * share) - math.lgamma(STRENGTH * share) - count * math.log(share)
    return score


def smoothed_shares(exposure: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each class's part of all exposure with one pseudo-count per class (Laplace): above 0, sum 1.

    exposure: the class's rows, or for the tokens of a text all its tokens, length C.
    """
    return np.asarray((exposure + 1.0) / (exposure.sum() + exposure.size), dtype=np.float64)


def log_bayes_factors(having: NDArray[np.float64], total: float, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """`log_bayes_factor` of "has the candidate or not" for many candidates at once, length C; to about 1e-9.

    having: of the feature's `total` rows those that have the candidate. shares: their expected part, in (0, 1).
    """
    score = np.full(having.shape, math.lgamma(STRENGTH) - math.lgamma(total + STRENGTH))
    for counts, parts in ((having, shares), (total - having, 1.0 - shares)):
        score += _lgamma(counts + STRENGTH * parts) - _lgamma(STRENGTH * parts) - counts * np.log(parts)
    return np.asarray(score, dtype=np.float64)


def _lgamma(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln Γ(x) for x > 0: Stirling's series at x + 8, brought back by Γ(x + 1) = x·Γ(x)."""
    product = x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5) * (x + 6) * (x + 7)
    z = x + 8.0
    series = 1 / (12 * z) - 1 / (360 * z**3) + 1 / (1260 * z**5) - 1 / (1680 * z**7)
    return np.asarray((z - 0.5) * np.log(z) - z + 0.5 * math.log(2 * math.pi) + series - np.log(product))
