"""How much one feature speaks for each class: the lifts of naive Bayes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def log_lifts(counts: NDArray[np.float64], exposure: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """ln of P(feature | class) / P(feature) for every class, finite also where the pair was never seen.

    counts: rows having the feature, per class, length C.
    exposure: D_c, the class's rows for whole values, its tokens for text, length C.
    share: p, the feature's part of all exposure, in (0, 1].
    The m-estimate of Cestnik (1990) with m = 1 around the share: ln[((n_c + p) / (D_c + 1)) / p].
    """
    return np.asarray(np.log((counts + share) / (exposure + 1.0)) - np.log(share), dtype=np.float64)


def base_rates(class_rows: NDArray[np.float64], rows: float) -> NDArray[np.float64]:
    """(f + 1) / (n + 2) per class: Laplace's rule of succession for "is it this class or not"."""
    return np.asarray((class_rows + 1.0) / (rows + 2.0), dtype=np.float64)
