"""Medians and percentiles of a list of seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(seconds: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values don't exceed. Raises ValueError for no values."""
    if not seconds:
        raise ValueError("there is nothing to take a percentile of")
    return sorted(seconds)[max(0, math.ceil(share * len(seconds)) - 1)]


def median(seconds: Sequence[float]) -> float:
    return percentile(seconds, 0.5)


def p99(seconds: Sequence[float]) -> float:
    """Of fewer than 100 values, the largest."""
    return percentile(seconds, 0.99)
