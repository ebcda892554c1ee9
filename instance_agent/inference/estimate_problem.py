"""What an estimate is asked of: the numbers learned from, and what the query says about the rows. And its answer.

Nothing in here computes but the sums over all numbers learned from, which are kept with a table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.problem import NO_ROWS, Numbers, Rows


@dataclass(frozen=True)
class Known:
    """The numbers learned from, and on which scale they are looked at.

    Where all of them are above 0 that is their logarithm, else they themselves, in units of `unit`.
    """

    numbers: Numbers  # per row of the table; those of rows that aren't learned from don't matter
    rows: Rows  # learned from, increasing; some of them may be `left_out`
    left_out: Rows  # increasing
    count: int  # rows learned from without those left out
    total: float  # of their numbers on the scale
    is_log: bool
    unit: float  # a power of two of the size of the largest number, so that no sum of squares overflows; 1 for logs

    @classmethod
    def of(cls, numbers: Numbers, rows: Rows, left_out: Rows = NO_ROWS) -> Known:
        """What these rows say; `left_out`: a few of them that aren't learned from after all."""
        there = numbers[np.delete(rows, np.searchsorted(rows, left_out)) if len(left_out) else rows]
        is_log = bool(len(there)) and bool((there > 0).all())
        largest = float(np.abs(there).max(initial=0.0))
        unit = 1.0 if is_log else unit_of(largest)
        total = float(np.log(there).sum() if is_log else (there / unit).sum())
        return cls(numbers, rows, left_out, len(there), total, is_log, unit)

    def without(self, left_out: Rows) -> Known:
        """The same with these rows (increasing, all of them learned from) left out."""
        if not len(left_out):
            return self
        gone = self.numbers[left_out]
        if not self.is_log and bool((gone <= 0).any()):
            return Known.of(self.numbers, self.rows, left_out)  # perhaps all others are above 0
        total = self.total - float(self.scaled(gone).sum())
        return Known(self.numbers, self.rows, left_out, self.count - len(left_out), total, self.is_log, self.unit)

    def scaled(self, numbers: Numbers) -> Numbers:
        """Numbers learned from, on the scale."""
        return np.log(numbers) if self.is_log else numbers / self.unit

    @property
    def mean(self) -> float:
        """On the scale; count is above 0."""
        return self.total / self.count


def unit_of(largest: float) -> float:
    """A power of two not far from the number, which nothing is rounded by when divided by; 1 for 0."""
    return math.ldexp(1.0, max(-1000, min(1000, math.frexp(largest)[1]))) if largest > 0 else 1.0


@dataclass(frozen=True)
class Said:
    """One thing that the query says.

    For one of the values of a column that has one per row `codes` are all rows' values; for a number `numbers` are.
    Features of texts and arrays, and conditions, have neither.
    """

    rows: Rows
    """Rows learned from where it holds, increasing, without those left out: all of them, or for a value that very many
    have some at even distances. For a number those near to it."""
    count: float  # how many rows learned from it holds for; for a number, about
    codes: NDArray[np.int32] | None = None  # per row of the table, -1 for absent
    code_count: int = 0
    code: int = -1
    numbers: Numbers | None = None  # per row of the table, NaN for absent
    number: float = math.nan
    is_text: bool = False


@dataclass(frozen=True)
class EstimateProblem:
    """One estimate."""

    row_count: int  # of the table
    known: Known  # of at least one row
    said: tuple[Said, ...]


@dataclass(frozen=True)
class Effect:
    """What one thing that was said, or two together, change; on the scale."""

    said: tuple[int, ...]  # places in `EstimateProblem.said`
    value: float


@dataclass(frozen=True)
class Neighbor:
    """A row near to what was said."""

    row: int
    weight: float  # the nearest one's is 1
    closeness: float  # Σ |effect| of what it has in common with the query
    residual: float  # the part that counts of what the effects leave over of its number; on the scale


@dataclass(frozen=True)
class Estimated:
    """mean + Σ effects, and the neighbours whose residuals the default model adds; all on the scale."""

    mean: float
    effects: tuple[Effect, ...]
    limit: float  # what keeps mean + Σ effects within reach of the numbers learned from; usually 0
    neighbors: tuple[Neighbor, ...] = field(default=())
