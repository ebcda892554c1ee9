"""Averaged one-dependence estimators: evidence that speaks through one other piece of evidence.

Each of the strongest pieces in turn is taken for given together with the class, and the others are counted among the
rows that have both: Webb, Boughton and Wang, "Not so naive Bayes" (2005).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.gate import STRENGTH
from instance_agent.inference.problem import Numbers
from instance_agent.inference.sample import Codes

PARENTS = 8
"""Pieces of evidence looked at together: the strongest."""


def log_probabilities(matches: NDArray[np.bool_], classes: Codes, base: Numbers) -> Numbers | None:
    """Log-probabilities per class, length C; None where no row matches.

    matches: which rows have which piece of evidence, k x n. classes: of the rows, -1 for those left out, which match
    nothing.
    base: base rates, length C, sum 1.
    """
    count = len(base)
    rows = float(np.count_nonzero(classes >= 0))
    class_rows = np.bincount(classes[classes >= 0], minlength=count).astype(np.float64)
    having = [np.flatnonzero(match) for match in matches]
    counts = np.stack([np.bincount(classes[places], minlength=count) for places in having]).astype(np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    expected = (counts + (totals + 0.5) / (rows + 1.0)) / (class_rows + 1.0)
    found = []
    for parent, places in enumerate(having):
        if not len(places):
            continue
        piece, at = np.nonzero(matches[:, places])
        both = np.bincount(piece * count + classes[places[at]], minlength=len(matches) * count)
        logs = np.log((both.reshape(len(matches), count) + expected) / (counts[parent] + 1.0))
        given = np.log((counts[parent] + STRENGTH * base) / (len(places) + STRENGTH))
        scores = given + logs.sum(axis=0) - logs[parent]
        scores -= scores.max()
        likely = np.exp(scores)
        found.append(likely / likely.sum())
    return np.log(np.mean(found, axis=0) + 1e-12) if found else None
