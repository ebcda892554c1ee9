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

    def at(self, places: NDArray[np.int64]) -> Observed:
        """Those at these places."""
        return Observed(self.trials[places], self.successes[places], self.expected[places])


@dataclass(frozen=True)
class Effects:
    """By how much the log-odds of success differ from those expected, for each of some groups of trials.

    The posterior mean of a Beta prior around the expected rate q with so much variance that log-odds have a standard
    deviation of about 1/√strength, whatever q is: strength/(q·(1 - q)) pseudo-trials. For rare successes it is
    DuMouchel's shrunk ratio of observed and expected, (O + a) / (E + a), in "Bayesian data mining in large frequency
    tables" (1999).
    """

    parts: NDArray[np.float64]  # groups x 4: successes, failures expected, successes expected, failures

    @classmethod
    def of(cls, observed: Observed, strength: float) -> Effects:
        """From the sums of each group; groups without trials have no effect."""
        trials = observed.trials
        rate = np.divide(observed.expected, trials, out=np.full(len(trials), 0.5), where=trials > 0)
        rate = np.clip(rate, 1e-13, 1.0 - 1e-13)
        more, less = strength / (1.0 - rate), strength / rate  # pseudo-successes, pseudo-failures
        return cls(_parts(observed) + np.stack([more, less, more, less], axis=1))

    @property
    def values(self) -> Numbers:
        """Per group."""
        return _effects(self.parts)

    def without(self, groups: NDArray[np.int64], own: Observed, places: NDArray[np.int64]) -> Numbers:
        """For each of `groups` the effect without a part of its trials: those of `own` at the place given with it."""
        return _effects(self.parts.take(groups, axis=0) - _parts(own).take(places, axis=0))


def _parts(observed: Observed) -> NDArray[np.float64]:
    failures_expected = observed.trials - observed.expected
    failures = observed.trials - observed.successes
    return np.stack([observed.successes, failures_expected, observed.expected, failures], axis=1)


def _effects(parts: NDArray[np.float64]) -> Numbers:
    return np.asarray(np.log(parts[:, 0] * parts[:, 1] / (parts[:, 2] * parts[:, 3])), dtype=np.float64)
