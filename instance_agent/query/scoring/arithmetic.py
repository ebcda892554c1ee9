"""Arithmetic of scores: whatever has no finite answer is missing, which is NaN."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from instance_agent.query.language.scores import Operation

Scores = NDArray[np.float64]


def combined(operation: Operation, parts: Sequence[Scores]) -> Scores:
    """The operation on each hit's parts: any number of them to multiply and add, else two."""
    with np.errstate(all="ignore"):
        return finite(_combined(operation, parts))


def _combined(operation: Operation, parts: Sequence[Scores]) -> Scores:
    match operation:
        case Operation.MULTIPLY:
            return reduce(np.multiply, parts)
        case Operation.ADD:
            return reduce(np.add, parts)
        case Operation.DIVIDE:
            return np.divide(*parts)
        case Operation.SUBTRACT:
            return np.subtract(*parts)
        case Operation.POWER:
            return np.power(*parts)


def normalized(scores: Scores) -> Scores:
    """Each divided by the sum of those that aren't missing."""
    with np.errstate(all="ignore"):
        return finite(scores / np.nansum(scores))


def finite(scores: Scores) -> Scores:
    """With NaN for what is infinite."""
    return np.where(np.isfinite(scores), scores, np.nan)
