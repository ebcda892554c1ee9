"""Sums and means over groups of samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.query.scores import Statistic

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
        return np.bincount(self.groups, self.values, self.count).astype(np.float64)

    @cached_property
    def mean(self) -> Floats:
        """NaN without samples."""
        with np.errstate(all="ignore"):
            return self.total / self.samples

    @cached_property
    def variance(self) -> Floats:
        """That of the population: the mean of the squared distances from the mean; NaN without samples."""
        with np.errstate(all="ignore"):
            squares = (self.values - self.mean[self.groups]) ** 2
            return np.bincount(self.groups, squares, self.count) / self.samples

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
