"""Probabilities on the scale of log-odds, where independent effects add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

FARTHEST = 30.0
"""No log-odds beyond this: 1e-13, and 1 - 1e-13, still have a logarithm each."""


def probabilities(log_odds: Numbers) -> Numbers:
    """1 / (1 + e^-x), strictly between 0 and 1."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -FARTHEST, FARTHEST))), dtype=np.float64)


def log_odds(probabilities_: Numbers) -> Numbers:
    """ln(p / (1 - p)) for p in (0, 1)."""
    return np.asarray(np.log(probabilities_) - np.log1p(-probabilities_), dtype=np.float64)


@dataclass(frozen=True)
class Observed:
    """Sums over trials, whole numbers or not; arrays of one shape."""

    trials: Numbers
    successes: Numbers  # 0..trials
    expected: Numbers  # successes expected, 0..trials

    def at(self, places: NDArray[np.int64] | NDArray[np.int32]) -> Observed:
        """Those at these places."""
        return Observed(self.trials[places], self.successes[places], self.expected[places])

    def without(self, part: Observed) -> Observed:
        """What is left without a part of them."""
        return Observed(
            np.maximum(self.trials - part.trials, 0.0),
            np.maximum(self.successes - part.successes, 0.0),
            np.maximum(self.expected - part.expected, 0.0),
        )


def shrunk_effect(observed: Observed, strength: float) -> Numbers:
    """By how much the log-odds of success differ from those expected: 0 where there is no trial.

    The posterior mean of a Beta prior around the expected rate q with so much variance that log-odds have a standard
    deviation of about 1/√strength, whatever q is: strength/(q·(1 - q)) pseudo-trials. For rare successes it is
    DuMouchel's shrunk ratio of observed and expected, (O + a) / (E + a), in "Bayesian data mining in large frequency
    tables" (1999).
    """
    trials, expected = observed.trials, observed.expected
    known = (trials > 1e-9) & (expected > 1e-12) & (trials - expected > 1e-12)
    trials = np.where(known, trials, 1.0)
    expected = np.where(known, expected, 0.5)
    successes = np.where(known, np.minimum(observed.successes, trials), 0.5)
    for_it = strength * trials / (trials - expected)  # pseudo-successes: strength / (1 - q)
    against = strength * trials / expected  # pseudo-failures: strength / q
    odds = (successes + for_it) * (trials - expected + against) / ((expected + for_it) * (trials - successes + against))
    return np.where(known, np.log(odds), 0.0)
