"""Sums and means over groups of samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.query.language.scores import Statistic

LEVELS = 3
LARGEST_EXPONENT = 1000
"""Of two; values near the largest double are added up as they are."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Groups:
    """Samples, each of one of `count` groups; samples without a value (NaN) are none."""

    count: int
    groups: NDArray[np.int64]
    values: Floats

    @classmethod
    def of(cls, count: int, groups: NDArray[np.int64], values: Floats) -> Groups:
        """Without what is no sample."""
        known = ~np.isnan(values)
        return cls(count, groups[known], values[known])

    @cached_property
    def samples(self) -> Floats:
        """How many samples each group has."""
        return np.bincount(self.groups, minlength=self.count).astype(np.float64)

    @cached_property
    def total(self) -> Floats:
        """The sum of each group's samples, 0 without any."""
        return sums(self.groups, self.values, self.count)

    @cached_property
    def mean(self) -> Floats:
        """NaN without samples."""
        with np.errstate(all="ignore"):
            return self.total / self.samples

    @cached_property
    def variance(self) -> Floats:
        """That of the population: the mean of the squared distances from the mean; NaN without samples."""
        with np.errstate(all="ignore"):
            distances = self.values - self.mean[self.groups]
            rest = sums(self.groups, distances, self.count)  # not 0, as a mean is rounded
            squares = sums(self.groups, distances * distances, self.count)
            return np.maximum((squares - rest * rest / self.samples) / self.samples, 0.0)

    @cached_property
    def least(self) -> Floats:
        """NaN without samples."""
        found = np.full(self.count, np.nan)
        np.fmin.at(found, self.groups, self.values)
        return found

    @cached_property
    def most(self) -> Floats:
        """NaN without samples."""
        found = np.full(self.count, np.nan)
        np.fmax.at(found, self.groups, self.values)
        return found

    def statistic(self, which: Statistic) -> Floats:
        """One number of each group."""
        match which:
            case Statistic.SUM:
                return self.total
            case Statistic.MEAN:
                return self.mean
            case Statistic.MIN:
                return self.least
            case Statistic.MAX:
                return self.most


def sums(groups: NDArray[np.int64], values: Floats, count: int) -> Floats:
    """The sum of each group's values, nearly always the exact one rounded once, whatever their order.

    Each value is cut into pieces of so few bits that adding up a group's pieces of one level makes no error (S. M.
    Rump, T. Ogita, S. Oishi, Accurate floating-point summation, 2008); the levels' sums are added at last. What is
    left after the last level is less than 2 ** -90 of the group's largest value.
    """
    levels: list[Floats] = []
    rest = values
    bits = np.frexp(np.bincount(groups, minlength=count).astype(np.float64))[1] + 1
    for _ in range(LEVELS):
        largest = np.zeros(count)
        np.maximum.at(largest, groups, np.abs(rest))
        exponents = np.frexp(largest)[1] + bits
        if not largest.any() or exponents.max(initial=0) > LARGEST_EXPONENT:
            break
        cut = np.ldexp(1.0, exponents)[groups]
        coarse = (rest + cut) - cut
        levels.append(np.bincount(groups, coarse, count).astype(np.float64))
        rest = rest - coarse
    total = np.bincount(groups, rest, count).astype(np.float64)
    for level in reversed(levels):
        total += level
    return total
