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


def votes(sample: Sample, distances: Numbers, otherwise: Numbers) -> list[Numbers]:
    """Log-probabilities per class, length C, for each of NEIGHBOURS.

    distances: of the query from each sample row, infinite for those that don't vote.
    otherwise: probabilities without neighbours, length C, above 0.
    """
    ranks = [min(rank, sample.size) - 1 for rank in NEIGHBOURS]
    fars = np.partition(distances, ranks)[ranks].tolist()
    nearest = float(distances.min())
    if not np.isfinite(nearest):
        return [np.log(otherwise)] * len(NEIGHBOURS)
    found = []
    for far in fars:
        reach = far if np.isfinite(far) else float(distances[np.isfinite(distances)].max())
        weights = np.exp((nearest - distances) * (FALL / (reach - nearest + 1e-6)))
        voted = np.bincount(sample.classes, weights, len(otherwise))
        found.append(np.log((voted + OTHERS * otherwise) / (voted.sum() + OTHERS)))
    return found
