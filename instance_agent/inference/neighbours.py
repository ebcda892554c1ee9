"""Votes of the nearest rows, each by how near it is."""

from __future__ import annotations

import numpy as np

from instance_agent.inference.problem import Numbers
from instance_agent.inference.sample import Sample

NEIGHBOURS = (10, 40)
"""A vote falls from 1 for the nearest row to e^-FALL at the row of this rank, and on beyond it."""

FALL = 1.5

OTHERS = 2.0
"""As many votes go to what is expected without neighbours."""


def votes(sample: Sample, distances: Numbers, otherwise: Numbers, rank: int) -> Numbers:
    """Log-probabilities per class, length C.

    distances: of the query from each sample row, infinite for those that don't vote.
    otherwise: probabilities without neighbours, length C, above 0.
    """
    rank = min(rank, sample.size) - 1
    nearest, far = float(distances.min()), float(np.partition(distances, rank)[rank])
    if not np.isfinite(nearest):
        return np.log(otherwise)
    far = far if np.isfinite(far) else float(distances[np.isfinite(distances)].max())
    weights = np.exp((nearest - distances) * (FALL / (far - nearest + 1e-6)))
    found = np.bincount(sample.classes, weights, len(otherwise))
    return np.asarray(np.log((found + OTHERS * otherwise) / (found.sum() + OTHERS)), dtype=np.float64)
