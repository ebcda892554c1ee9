"""Averaged one-dependence estimators: evidence that speaks through one other piece of evidence.

Each of the strongest pieces in turn is taken for given together with the class, and the others are counted among the
rows that have both: Webb, Boughton and Wang, "Not so naive Bayes" (2005).
"""

from __future__ import annotations

import numpy as np

from instance_agent.inference.gate import STRENGTH
from instance_agent.inference.problem import Numbers
from instance_agent.inference.sample import Codes, Places

MOST_PARENTS = 8
MOST_LOGARITHMS = 8_000
"""Of pairs of pieces and classes: of very many classes fewer pieces are looked at together."""


def parents(class_count: int) -> int:
    """How many pieces of evidence are looked at together."""
    return min(MOST_PARENTS, max(2, int((MOST_LOGARITHMS / class_count) ** 0.5)))


def log_probabilities(having: list[Places], classes: Codes, base: Numbers) -> Numbers | None:
    """Log-probabilities per class, length C; None where no row has any piece.

    having: per piece of evidence the rows that have it, at most MOST_PARENTS. classes: per row, -1 for those left out,
    which have nothing. base: base rates, length C, sum 1.
    """
    size, count = len(having), len(base)
    # Rows are counted by which of the pieces they have, a bit each, and by class: all pairs follow from that.
    patterns = np.zeros(len(classes), dtype=np.int64)
    for bit, rows in enumerate(having):
        patterns[rows] |= 1 << bit
    kept = np.flatnonzero(classes >= 0)
    table = np.bincount(patterns[kept] * count + classes[kept], minlength=count << size).reshape(-1, count)
    seen = np.flatnonzero(table.any(axis=1))
    counted = table[seen].astype(np.float64)
    bits = (seen[:, None] >> np.arange(size) & 1).astype(np.float64)
    pairs = (bits[:, :, None] * bits[:, None, :]).reshape(len(seen), -1)
    both = (pairs.T @ counted).reshape(size, size, count)
    counts = both[np.arange(size), np.arange(size)]
    totals = counts.sum(axis=1)
    if not totals.any():
        return None
    expected = (counts + ((totals + 0.5) / (len(kept) + 1.0))[:, None]) / (counted.sum(axis=0) + 1.0)
    logs = np.log(both + expected)
    others = logs.sum(axis=1) - logs[np.arange(size), np.arange(size)]
    given = np.log(counts + STRENGTH * base)
    scores = (given + others - (size - 1) * np.log(counts + 1.0))[totals > 0]
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    return np.asarray(np.log(likely.mean(axis=0) + 1e-12), dtype=np.float64)
