"""How much of each piece of evidence is new, when the pieces say the same thing.

Naive Bayes counts every feature as independent news. A customer's number, name and address are one piece of news, and
fifty copies of a weak hint are still a weak hint. Each feature therefore gets a weight: one divided by how many times
the set of evidence says it, measured by correlation *within* the classes (what is common only because the class is
common isn't redundant, that is what makes it evidence).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MARGINAL_SHARE = 0.02
"""Weight of the correlation over all rows beside the one within classes: decides where a class determines a feature."""

FULL_STRENGTH = 6.0
"""Independent pieces of evidence counted in full; more of them share this much weight."""


def correlations(
    overlaps: NDArray[np.float64],
    class_counts: NDArray[np.float64],
    class_rows: NDArray[np.float64],
    rows: float,
) -> NDArray[np.float64]:
    """Correlation of each pair of features within classes, above chance, 0..1, ones on the diagonal; k x k.

    overlaps: rows having both features, k x k, each feature's own rows on the diagonal.
    class_counts: rows having the feature, per class, k x C, the classes a partition of the rows.
    class_rows: rows of each class, length C. rows: all rows, above 0.
    The pooled within-class covariance Σ_c (n_ijc - n_ic·n_jc / n_c) as a correlation; what chance makes of `rows`
    independent rows (one standard error, 1/√n) and everything negative counts as none.
    """
    scale = np.divide(1.0, np.sqrt(class_rows), out=np.zeros_like(class_rows), where=class_rows > 0)
    scaled = class_counts * scale
    counts = np.diag(overlaps)
    covariance = overlaps - scaled @ scaled.T + MARGINAL_SHARE * (overlaps - np.outer(counts, counts) / rows)
    variance = np.clip(np.diag(covariance), 0.0, None)
    spread = np.sqrt(np.outer(variance, variance))
    found = np.divide(covariance, spread, out=np.zeros_like(covariance), where=spread > 1e-9)
    above_chance: NDArray[np.float64] = np.clip(found - 1.0 / np.sqrt(rows), 0.0, 1.0)
    above_chance[found >= 1.0 - 1e-9] = 1.0
    np.fill_diagonal(above_chance, 1.0)
    return above_chance


def weights(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """What part of its log-lift each feature may add, 0..1, length k.

    k copies of one feature get 1/k each, independent features 1 each; k features all correlated by r together get
    k / (1 + (k - 1)·r), the effective number of observations of a cluster (Kish's design effect). The sum never
    exceeds FULL_STRENGTH: beyond it dependence too weak to be measured adds up.
    """
    if correlation.size == 0:
        return np.zeros(0, dtype=np.float64)
    each = 1.0 / correlation.sum(axis=1)
    return np.asarray(each * min(1.0, FULL_STRENGTH / float(each.sum())), dtype=np.float64)
