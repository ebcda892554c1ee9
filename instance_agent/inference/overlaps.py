"""How many rows pairs of features share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE = 4096
"""Rows of the shorter list that are looked up in the longer; longer lists are sampled at even distances."""


def overlaps(lists: list[NDArray[np.uint32]], table_rows: int) -> NDArray[np.float64]:
    """Rows in both lists, for every pair: k x k, symmetric, the lists' lengths on the diagonal.

    lists: strictly increasing row numbers below `table_rows`. Exact when the shorter list has at most SAMPLE rows, else
    an estimate from every m-th of its rows; the same lists always give the same numbers.
    """
    counts = np.zeros((len(lists), len(lists)))
    mask = np.zeros(table_rows, dtype=np.bool_)
    longest_first = sorted(range(len(lists)), key=lambda place: -len(lists[place]))
    for rank, long in enumerate(longest_first):
        mask[lists[long]] = True
        counts[long, long] = len(lists[long])
        for short in longest_first[rank + 1 :]:
            rows = lists[short]
            step = -(-len(rows) // SAMPLE) or 1
            sampled = rows[::step]
            shared = np.count_nonzero(mask[sampled]) * (len(rows) / max(len(sampled), 1))
            counts[long, short] = counts[short, long] = shared
        mask[lists[long]] = False
    return counts
