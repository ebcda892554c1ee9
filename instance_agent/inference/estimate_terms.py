"""The parts of an additive model of a number, each fitted to what the others leave over.

A term knows, for a sample of rows, what its column says there, and what the query says. `fit` sets its effects to the
residuals of the sample, shrunk by how much of the residuals' variance the column explains at all: a column that says
nothing gets effects of 0, whatever its values are. `at_query` is the effect of what the query says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

MOST_BINS = 32
ROWS_PER_BIN = 16
MOST_CODES_PER_ROW = 16
LEAST_T_SQUARED = 2.0
"""A feature whose effect is smaller than this many squared standard errors has none."""


class Term(Protocol):
    """One part of the model: some coefficients, each row of the sample having at most one of them."""

    @property
    def codes(self) -> NDArray[np.int32] | None:
        """Per row of the sample its coefficient, -1 for none. None: all rows have the one coefficient."""

    @property
    def values(self) -> Numbers | None:
        """Per row of the sample what its coefficient is multiplied by; None: by 1."""

    @property
    def size(self) -> int:
        """How many coefficients there are."""

    @property
    def penalty(self) -> float:
        """The weight of a coefficient's square beside the squared residuals, as last fitted; infinite: all are 0."""

    def fit(self, residuals: Numbers) -> Numbers:
        """Fit to the residuals of the sample's rows, and set the penalty; returns the coefficients."""

    def at_query(self, coefficients: Numbers, residuals: Numbers) -> float:
        """What it adds for the query; `residuals`: what all other terms leave over of the sample's rows."""


@dataclass(frozen=True)
class Components:
    """Sums of residuals by value, and the shrinkage that suits them."""

    counts: Numbers  # rows per value
    sums: Numbers
    shrinkage: float  # σ²/τ²: pseudo-rows with a residual of 0; infinite when the values explain nothing

    @property
    def effects(self) -> Numbers:
        """The posterior mean of each value's effect, 0 for values without rows."""
        if not math.isfinite(self.shrinkage):
            return np.zeros_like(self.sums)
        amount = self.counts + self.shrinkage
        return np.divide(self.sums, amount, out=np.zeros_like(self.sums), where=self.counts > 0)


def components(codes: NDArray[np.signedinteger[Any]], residuals: Numbers, size: int) -> Components:
    """The effects of a column's values as draws of one normal distribution, its variance by the method of moments.

    codes: each row's value, 0..size - 1. The estimators of one-way random-effects analysis of variance (Searle,
    Casella, McCulloch, "Variance Components", 1992, 3.6): σ² = SSW / (N - k),
    τ² = (SSB - (k - 1)·σ²) / (N - Σn²/N); an effect's best linear predictor is Σr / (n + σ²/τ²).
    """
    counts = np.bincount(codes, minlength=size).astype(np.float64)
    sums = np.bincount(codes, residuals, size).astype(np.float64, copy=False)
    total, kinds = float(counts.sum()), int(np.count_nonzero(counts))
    spread = total - float((counts * counts).sum()) / total if total else 0.0
    if kinds < 2 or total <= kinds or spread <= 0:
        return Components(counts, sums, math.inf)
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    within = max(0.0, float((residuals * residuals).sum() - (counts * means * means).sum())) / (total - kinds)
    middle = float(sums.sum()) / total
    between = float((counts * (means - middle) ** 2).sum())
    explained = (between - (kinds - 1) * within) / spread
    return Components(counts, sums, within / explained if explained > 0 else math.inf)


@dataclass
class Levels:
    """The values of a column, each with an effect of its own.

    Sums over values are in the order of the codes, and their last bits with it: `in_order` makes codes that are the
    same for the same rows, however the table is stored.
    """

    codes: NDArray[np.int32]
    size: int
    code: int  # the query's, -1 for a value that no row of the sample has
    penalty: float = math.inf
    values: None = None

    def __post_init__(self) -> None:
        """Find the rows that have a value."""
        having = np.flatnonzero(self.codes >= 0)
        self._having = None if len(having) == len(self.codes) else having
        self._own = self.codes if self._having is None else self.codes[having]

    def fit(self, residuals: Numbers) -> Numbers:
        """See Term."""
        found = components(self._own, residuals if self._having is None else residuals[self._having], self.size)
        self.penalty = found.shrinkage
        return found.effects

    def at_query(self, coefficients: Numbers, residuals: Numbers) -> float:  # noqa: ARG002
        """See Term."""
        return float(coefficients[self.code]) if self.code >= 0 else 0.0

    @classmethod
    def in_order(cls, codes: NDArray[np.int32], size: int, code: int) -> Levels:
        """The values numbered by first appearance in the sample; `codes` are 0..size - 1, -1 for absent."""
        if size > MOST_CODES_PER_ROW * len(codes):
            values, places = np.unique(np.append(codes, np.int32(code)), return_inverse=True)
            absent = int(len(values) > 0 and values[0] < 0)
            made = places.astype(np.int32) - np.int32(absent)
            codes, size, code = made[:-1], len(values) - absent, int(made[-1])
        firsts = np.full(size + 1, len(codes), np.int64)
        firsts[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
        firsts[-1] = len(codes)
        ordered = np.flatnonzero(firsts < len(codes))
        ordered = ordered[np.argsort(firsts[ordered])]
        numbers = np.full(size + 1, -1, np.int32)
        numbers[ordered] = np.arange(len(ordered), dtype=np.int32)
        return cls(numbers[codes], len(ordered), int(numbers[code]))


@dataclass
class Flag:
    """One feature, or one condition, that a row has or hasn't."""

    holds: NDArray[np.bool_]  # per row of the sample
    share: float  # of all rows learned from: in the mean over these the term adds 0
    penalty: float = math.inf
    size: int = 1
    codes: None = None

    def __post_init__(self) -> None:
        """Centre the feature."""
        self.values = self.holds.astype(np.float64) - self.share

    def fit(self, residuals: Numbers) -> Numbers:
        """See Term."""
        slope, variance, square = _line(self.values, residuals)
        explained = slope * slope - variance / square if square > 0 else 0.0
        if slope * slope * square < LEAST_T_SQUARED * variance or explained <= 0:
            self.penalty = math.inf
            return np.zeros(1)
        self.penalty = max(1.0, variance / explained)
        return np.array([slope * square / (square + self.penalty)])

    def at_query(self, coefficients: Numbers, residuals: Numbers) -> float:  # noqa: ARG002
        """See Term."""
        return float(coefficients[0]) * (1.0 - self.share)


@dataclass
class Line:
    """A straight line through a numeric column, in units of its deviation from the mean; absent numbers add 0."""

    numbers: Numbers  # per row of the sample, NaN for absent
    number: float  # the query's, taken no further out than the sample goes
    penalty: float = math.inf
    size: int = 1
    codes: None = None

    def __post_init__(self) -> None:
        """Standardise the numbers."""
        known = np.isfinite(self.numbers)
        there = self.numbers[known]
        middle, spread = (float(there.mean()), float(there.std())) if len(there) else (0.0, 0.0)
        spread = spread if spread > 0 and math.isfinite(spread) else math.inf
        self.values = np.where(known, (np.where(known, self.numbers, middle) - middle) / spread, 0.0)
        self._at = (self.number - middle) / spread

    def fit(self, residuals: Numbers) -> Numbers:
        """See Term."""
        slope, variance, square = _line(self.values, residuals)
        self.penalty = variance / (slope * slope) if slope * slope > 0 else math.inf
        return np.array([slope * square / (square + self.penalty) if math.isfinite(self.penalty) else 0.0])

    def at_query(self, coefficients: Numbers, residuals: Numbers) -> float:  # noqa: ARG002
        """See Term."""
        return float(coefficients[0]) * self._at


@dataclass
class Curve:
    """What a line leaves over of a numeric column: bins of equally many rows, and for the query the rows around it."""

    numbers: Numbers  # per row of the sample, NaN for absent
    number: float
    values: None = None

    def __post_init__(self) -> None:
        """Cut the numbers into bins; equal numbers are in one."""
        known = np.flatnonzero(np.isfinite(self.numbers))
        self._sorted = np.sort(self.numbers[known])
        bins = max(2, min(MOST_BINS, len(known) // ROWS_PER_BIN))
        places = np.arange(1, bins) * len(known) // bins
        edges = np.unique(self._sorted[places]) if len(known) else self._sorted
        self.codes = np.full(len(self.numbers), -1, np.int32)
        self.codes[known] = np.searchsorted(edges, self.numbers[known], side="right")
        self.size = len(edges) + 1
        self._bins = Levels(self.codes, self.size, -1)

    @property
    def penalty(self) -> float:
        """See Term."""
        return self._bins.penalty

    def fit(self, residuals: Numbers) -> Numbers:
        """See Term."""
        return self._bins.fit(residuals)

    def at_query(self, coefficients: Numbers, residuals: Numbers) -> float:  # noqa: ARG002
        """The mean of the residuals around the query's number, nearer ones weighing more (Epanechnikov's kernel)."""
        if not math.isfinite(self.penalty) or not len(self._sorted):
            return 0.0
        low, high = self._window()
        rows = np.flatnonzero((self.numbers >= low) & (self.numbers <= high))
        distances = np.abs(self.numbers[rows] - self.number)
        widest = float(distances.max())
        weights = 1.0 - (distances / widest) ** 2 if widest > 0 else np.ones(len(rows))
        total = float(weights.sum())
        if total <= 0:
            return float(residuals[rows].mean())
        return float((weights * residuals[rows]).sum()) / total

    def _window(self) -> tuple[float, float]:
        """The numbers of about 2·√n rows around the query's lie between these, and its own."""
        count = len(self._sorted)
        width = min(count, int(2 * math.sqrt(count)) + 8)
        first, last = (int(np.searchsorted(self._sorted, self.number, side=side)) for side in ("left", "right"))
        start = min(max(0, (first + last) // 2 - width // 2), count - width)
        return float(self._sorted[min(start, first)]), float(self._sorted[max(start + width, last) - 1])


def _line(values: Numbers, residuals: Numbers) -> tuple[float, float, float]:
    """The least-squares slope through the origin, the variance that it leaves over, and Σ values²."""
    square = float((values * values).sum())
    slope = float((values * residuals).sum()) / square if square > 0 else 0.0
    left = residuals - slope * values
    return slope, float((left * left).sum()) / max(1, len(values) - 2), square
