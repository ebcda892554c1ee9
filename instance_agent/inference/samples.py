"""Sums, means and variances that depend on the samples alone: not on their order, nor on how they are added up.

Sums are exact and rounded once, as `math.fsum` does, without looking at every number in Python.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FEW = 1_000
"""So few numbers are added up one by one."""

HUGE = 2.0**900
"""Numbers from here on are added up by themselves, scaled down, so that nothing overflows on the way."""

DOWN = 2.0**-200

SMALL = 2**31
"""Whole numbers up to it have squares that 64 bits hold."""


class Samples(Protocol):
    """Numbers of which at least one statistic is asked."""

    @property
    def count(self) -> int:
        """How many there are."""

    @property
    def total(self) -> int | float:
        """The sum. Raises OverflowError when a double can't hold it."""

    @property
    def mean(self) -> float | None:
        """None without samples. Raises OverflowError when a double can't hold the sum."""

    @property
    def variance(self) -> float | None:
        """That of the population, None without samples. Raises OverflowError when a double can't hold it."""

    @property
    def least(self) -> int | float | None:
        """None without samples."""

    @property
    def most(self) -> int | float | None:
        """None without samples."""


@dataclass(frozen=True)
class WholeSamples:
    """Whole numbers of 64 bits."""

    values: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.values)

    @cached_property
    def total(self) -> int:
        """The exact sum."""
        return _whole_sum(self.values)

    @property
    def mean(self) -> float | None:
        """The exact mean, rounded once."""
        return self.total / self.count if self.count else None

    @cached_property
    def variance(self) -> float | None:
        """Exact and rounded once, where the numbers are small; else of the numbers as doubles."""
        if not self.count:
            return None
        if max(abs(int(self.values.min())), abs(int(self.values.max()))) > SMALL:
            return RealSamples(self.values.astype(np.float64)).variance
        squares = _whole_sum(self.values * self.values)
        return (self.count * squares - self.total**2) / self.count**2

    @property
    def least(self) -> int | None:
        """None without samples."""
        return int(self.values.min()) if self.count else None

    @property
    def most(self) -> int | None:
        """None without samples."""
        return int(self.values.max()) if self.count else None


@dataclass(frozen=True)
class RealSamples:
    """Finite doubles."""

    values: NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.values)

    @cached_property
    def total(self) -> float:
        """The exact sum, rounded once. Raises OverflowError."""
        return exact_sum(self.values)

    @property
    def mean(self) -> float | None:
        """None without samples. Raises OverflowError."""
        return self.total / self.count if self.count else None

    @cached_property
    def variance(self) -> float | None:
        """The mean squared distance from the mean, less what the mean's own rounding adds to it."""
        mean = self.mean
        if mean is None:
            return None
        with np.errstate(over="ignore"):
            distances = self.values - mean
            squares = distances * distances
        if not np.isfinite(squares).all():
            raise OverflowError("the squares are beyond a double")
        rest = exact_sum(distances)
        return max(0.0, (exact_sum(squares) - rest * rest / self.count) / self.count)

    @property
    def least(self) -> float | None:
        """None without samples."""
        return float(self.values.min()) if self.count else None

    @property
    def most(self) -> float | None:
        """None without samples."""
        return float(self.values.max()) if self.count else None


def exact_sum(values: NDArray[np.float64]) -> float:
    """The sum of finite doubles, exact and then rounded to a double. Raises OverflowError when it is beyond these."""
    if len(values) <= FEW:
        try:
            return math.fsum(values.tolist())
        except OverflowError:  # perhaps only on the way to a sum within the range
            pass
    huge = np.abs(values) >= HUGE
    if not huge.any():
        return float(_exact(values))
    return float(_exact(values[~huge]) + _exact(values[huge] * DOWN) / Fraction(DOWN))


def _exact(values: NDArray[np.float64]) -> Fraction:
    """The sum of doubles below HUGE.

    Of every number the bits above a common place are taken, so few that their sum in doubles is exact in any order; and
    then of what is left, until nothing is (Rump, Ogita, Oishi: Accurate floating-point summation, 2008: ExtractVector).
    """
    room = (len(values) + 2).bit_length()
    total, rest = Fraction(0), values
    while True:
        largest = float(np.abs(rest).max(initial=0.0))
        if largest == 0.0:
            return total
        common = math.ldexp(1.0, math.frexp(largest)[1] + room)
        upper = (rest + common) - common
        total += Fraction(float(upper.sum()))
        rest = rest - upper


def _whole_sum(values: NDArray[np.int64]) -> int:
    """Of fewer than 2^31 numbers; their halves add up in 64 bits."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())
