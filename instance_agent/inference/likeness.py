"""How far rows are apart, column by column. Two rows that differ in all of a column are 2 apart in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from instance_agent.inference.sample import Floats, Listed, Numeric, Part, Places

MOST_SHARED = 2_048
"""Features of a column by which rows of the sample are compared with each other: those that weigh most together."""


def between_rows(part: Part, rows: Places) -> Floats:
    """Distances of n sample rows from each other, n x n. A missing value is like another missing one, and a missing
    number like the mean."""
    if isinstance(part, Numeric):
        scaled = part.scaled[rows]
        return np.asarray(np.square(scaled[:, None] - scaled[None, :]), dtype=np.float32)
    if isinstance(part, Listed):
        norms = part.norms[rows].astype(np.float32)
        together = _shared_weight(part, rows) / (norms[:, None] * norms[None, :])
        return np.asarray(np.maximum(2 - 2 * together, 0), dtype=np.float32)
    codes = part[rows]
    return np.asarray(2 * (codes[:, None] != codes[None, :]), dtype=np.float32)


def from_number(part: Numeric, number: float) -> Floats:
    """Distances of all sample rows from a number."""
    return np.asarray(np.square(part.scaled - np.float32(part.scale(number))), dtype=np.float32)


def from_features(part: Listed, codes: Sequence[int]) -> Floats:
    """Distances of all sample rows from a row that had these features."""
    together = np.zeros(len(part.norms))
    norm = 0.0
    for place in map(part.find, codes):
        if place >= 0:
            weight = float(part.weights[place])
            together[part.rows_of(place)] += weight
            norm += weight
    if not norm:
        return np.full(len(part.norms), 2.0, np.float32)
    return np.asarray(np.maximum(2 - 2 * together / (part.norms * norm**0.5), 0), dtype=np.float32)


def _shared_weight(part: Listed, rows: Places) -> Floats:
    """The summed weight of the features that each two of n rows share, n x n; exact, as the weights are."""
    place_of = np.full(len(part.norms), -1)
    place_of[rows] = np.arange(len(rows))
    owners = place_of[part.rows]
    numbers = np.repeat(np.arange(len(part.features)), np.diff(part.starts))
    inside = owners >= 0
    owners, numbers = owners[inside], numbers[inside]
    counts = np.bincount(numbers, minlength=len(part.features))
    gain = np.where(counts > 1, counts * part.weights, 0.0)
    least = np.sort(gain)[-MOST_SHARED - 1] if len(gain) > MOST_SHARED else 0.0
    chosen = np.flatnonzero(gain > least)
    column = np.full(len(part.features), -1)
    column[chosen] = np.arange(len(chosen))
    taken = column[numbers] >= 0
    having = np.zeros((len(rows), len(chosen)), np.float32)
    having[owners[taken], column[numbers[taken]]] = 1.0
    return np.asarray((having * part.weights[chosen].astype(np.float32)) @ having.T, dtype=np.float32)
