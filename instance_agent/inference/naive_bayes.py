"""How much one feature speaks for each class: the lifts of naive Bayes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.gate import STRENGTH


def log_lifts(counts: NDArray[np.float64], total: float, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln of P(class | feature) / P(class) for every class, finite also where the pair was never seen.

    counts: rows having the feature, per class, length C. total: rows having it.
    shares: the class's part of all rows (of all tokens for text), length C, each in (0, 1).
    The posterior mean of the very model that the gate tests, a Dirichlet prior of strength s around the shares:
    ln[((n_c + s·π_c) / (n + s)) / π_c]. The smoothing is in the feature's rows, so few rows move little; an m-estimate
    in the class's rows calls a class that five rows lack impossible.
    """
    return np.asarray(np.log((counts + STRENGTH * shares) / (total + STRENGTH)) - np.log(shares), dtype=np.float64)


def base_rates(class_rows: NDArray[np.float64], rows: float) -> NDArray[np.float64]:
    """(f + 1) / (n + 2) per class: Laplace's rule of succession for "is it this class or not"."""
    return np.asarray((class_rows + 1.0) / (rows + 2.0), dtype=np.float64)
