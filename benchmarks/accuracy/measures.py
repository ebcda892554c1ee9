"""How good probabilities are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
SMALLEST = 1e-15
"""A probability below this counts as this: no answer costs more than 34.5 nats."""


@dataclass(frozen=True)
class Measured:
    """One method on one split of one set."""

    accuracy: float  # share of the rows whose most probable class is the true one
    log_loss: float  # mean of -ln of the true class's probability
    calibration_error: float  # 0..1
    milliseconds: float  # for one prediction


def measure(probabilities: NDArray[np.float64], truth: NDArray[np.int64], milliseconds: float) -> Measured:
    """probabilities: rows x classes. truth: per row its class, -1 for one that no row learned from has."""
    rows = np.arange(len(truth))
    given = np.where(truth >= 0, probabilities[rows, np.maximum(truth, 0)], 0.0)
    right = probabilities.argmax(axis=1) == truth
    return Measured(
        accuracy=float(right.mean()),
        log_loss=float(-np.log(np.maximum(given, SMALLEST)).mean()),
        calibration_error=calibration_error(probabilities.max(axis=1), right),
        milliseconds=milliseconds,
    )


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error: |how often right - how sure| in bins of equal width of the highest probability.

    Guo et al., "On calibration of modern neural networks" (2017). Of few rows it is large even for true
    probabilities: about 0.02 for 500.
    """
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, right - confidence, BINS)
    return float(np.abs(gaps).sum() / len(right))


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def standard_error(values: Sequence[float]) -> float:
    """Of the mean; 0 for a single value."""
    if len(values) < 2:
        return 0.0
    center = mean(values)
    return math.sqrt(math.fsum((value - center) ** 2 for value in values) / (len(values) - 1) / len(values))
