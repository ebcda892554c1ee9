"""The order of candidates by a score, sorted as far as a page of them shows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instance_agent.query.queries import Slice


def best_first(scores: NDArray[np.float64], shown: Slice) -> NDArray[np.int64]:
    """All places, each once; those of the page where sorting by score, descending, ties by place, puts them."""
    wanted = shown.offset + shown.limit
    if 2 * wanted >= len(scores):
        return np.argsort(-scores, kind="stable")
    if wanted == 0:
        return np.arange(len(scores))
    least = np.partition(scores, len(scores) - wanted)[len(scores) - wanted]
    ahead = scores > least
    first = np.flatnonzero(ahead)
    first = first[np.argsort(-scores[first], kind="stable")]
    return np.concatenate([first, np.flatnonzero(scores == least), np.flatnonzero(scores < least)])
