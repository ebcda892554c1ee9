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
