"""A bounded number of the rows learned from, laid out so that any query can be compared with all of them at once.

Small tables are in it as a whole. Of larger ones it has one row of each stretch of equal length, at a place in the
stretch that depends on nothing but the stretch's number: evenly spread, and blind to patterns that repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.problem import Column, Numbers, Problem, Rows

Places = NDArray[np.int64]
Codes = NDArray[np.int32]
Floats = NDArray[np.float32]

SAMPLE_ROWS = 4_096
SAMPLE_FEATURES = 65_536
"""Features of one column that are looked at: of long texts fewer rows."""

FARTHEST = 3.0
"""Numbers further from the mean than this many standard deviations count as that far."""

MOST_KEPT = {"frame": 8, "part": 256}
MOST_OTHERS_KEPT = 64
"""Things of one kind cached at a time: requests come from strangers, and any set of conditions is its own thing."""

HEAVY = 0.25
"""A value that so large a part of the rows has is a class of its own: no window of numbers crosses it."""

GRAIN = 2.0**-10
"""What weights of features are multiples of: sums of them are exact, in whatever order."""

TOKEN_STRENGTH = 2.0
"""Pseudo-observations of the class distribution behind a token's."""


@dataclass(frozen=True)
class Numeric:
    """A numeric column."""

    mean: float
    deviation: float  # above 0
    scaled: Floats  # per sample row, in standard deviations from the mean, 0 for none
    values: list[float]  # those there are, increasing
    value_rows: Places  # the sample row of each
    heavy: list[float]  # the values that HEAVY of them have, increasing

    def scale(self, number: float) -> float:
        """The number as `scaled` has it."""
        return min(max((number - self.mean) / self.deviation, -FARTHEST), FARTHEST)


@dataclass(frozen=True)
class Listed:
    """A column with several features per row. Those that tell more about the class weigh more."""

    features: Codes  # that occur in the sample, increasing
    starts: Places  # feature number f is in the rows `rows[starts[f]:starts[f + 1]]`
    rows: Places  # sample rows, per feature increasing
    weights: Numbers  # per feature the square of its weight, above 0, a multiple of GRAIN
    norms: Numbers  # per sample row the length of the vector of its features' weights, above 0

    def find(self, code: int) -> int:
        """The number of the feature, -1 when no sample row has it."""
        # A scalar of another type would have the whole array converted.
        place = int(self.features.searchsorted(np.int32(code)))
        return place if place < len(self.features) and int(self.features[place]) == code else -1

    def rows_of(self, place: int) -> Places:
        """The sample rows that have the feature of this number."""
        return self.rows[self.starts[place] : self.starts[place + 1]]


Part = Numeric | Listed | Codes
"""One column of the sample; a plain column is its codes, -1 for none."""


@dataclass(frozen=True)
class Sample:
    """Rows of a problem with one class per row."""

    rows: Rows  # increasing
    classes: Codes
    class_count: int

    @property
    def size(self) -> int:
        return len(self.rows)

    @cached_property
    def class_rows(self) -> Numbers:
        """Per class its rows."""
        return np.asarray(np.bincount(self.classes, minlength=self.class_count), dtype=np.float64)

    def places_of(self, rows: Rows) -> Places:
        """The places of those of the rows that are in the sample."""
        places = np.searchsorted(self.rows, rows)
        places = np.minimum(places, self.size - 1)
        return np.asarray(places[self.rows[places] == rows], dtype=np.int64)


def spread(count: int, most: int) -> Places:
    """`most` of `count` places, increasing: all of fewer, else one of each stretch of equal length."""
    if count <= most:
        return np.arange(count)
    stretches = np.arange(most + 1, dtype=np.uint64)
    starts = (stretches * np.uint64(count)) // np.uint64(most)
    # Multiplicative hashing (Knuth 6.4): the high bits of a product with the golden ratio look random.
    jitter = (stretches[:-1] * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(33)) % np.diff(starts)
    return (starts[:-1] + jitter).astype(np.int64)


def sample_of(problem: Problem, columns: Sequence[Column]) -> Sample:
    """The sample by which these columns are compared, of a problem with one class per row, cached.

    Rows left out are in it.
    """
    most = SAMPLE_ROWS
    for column in columns:
        if column.splits:
            most = min(most, kept(problem, ("most", column.path), partial(_most, problem, column)))
    # A power of two, so that columns with lists of like length share a sample.
    most = 1 << max(6, most.bit_length() - 1)
    return kept(problem, ("sample", most), partial(_drawn, problem, most))


def _most(problem: Problem, column: Column) -> int:
    """How many rows may be looked at, by how many features they have."""
    some = problem.learned[spread(len(problem.learned), SAMPLE_ROWS)]
    features = int((column.offsets[some + 1] - column.offsets[some]).sum())
    return min(SAMPLE_ROWS, SAMPLE_FEATURES * len(some) // max(features, 1))


def _drawn(problem: Problem, most: int) -> Sample:
    if problem.target_codes is None:
        raise ValueError("a sample is of rows with one class each")
    rows = problem.learned[spread(len(problem.learned), most)]
    return Sample(rows, problem.target_codes[rows], len(problem.class_rows))


def part_of(problem: Problem, sample: Sample, column: Column) -> Part:
    """The column's part of the sample, cached."""
    return kept(problem, ("part", column.path, sample.size), partial(_part, sample, column))


def _part(sample: Sample, column: Column) -> Part:
    if column.splits:
        return _listed(sample, column)
    if column.numbers is not None:
        return _numeric(column.numbers[sample.rows])
    return column.codes[sample.rows]


def _numeric(numbers: Numbers) -> Numeric:
    known = np.flatnonzero(np.isfinite(numbers))
    order = known[np.argsort(numbers[known], kind="stable")]
    values = numbers[order]
    mean, deviation = _mean_and_deviation(values)
    with np.errstate(over="ignore"):
        scaled = np.clip((numbers - mean) / deviation, -FARTHEST, FARTHEST)
    distinct, counts = np.unique(values, return_counts=True)
    return Numeric(
        mean=mean,
        deviation=deviation,
        scaled=np.nan_to_num(scaled).astype(np.float32),
        values=values.tolist(),
        value_rows=order,
        heavy=distinct[counts >= HEAVY * max(len(values), 1)].tolist(),
    )


def _mean_and_deviation(values: Numbers) -> tuple[float, float]:
    """Finite whatever the values; the deviation above 0."""
    if not len(values):
        return 0.0, 1.0
    largest = float(np.abs(values).max())
    unit = largest if largest > 1e100 or 0 < largest < 1e-100 else 1.0
    mean, deviation = float((values / unit).mean()), float((values / unit).std())
    return mean * unit, deviation * unit if deviation > 1e-12 * abs(mean) else max(largest, 1e-300)


def _listed(sample: Sample, column: Column) -> Listed:
    starts, ends = column.offsets[sample.rows], column.offsets[sample.rows + 1]
    lengths = ends - starts
    first = np.cumsum(lengths) - lengths
    places = np.repeat(starts - first, lengths) + np.arange(int(lengths.sum()))
    owners = np.repeat(np.arange(sample.size), lengths)
    # One sort of (feature, row) packed into one number is many times faster than a sort of indices.
    packed = np.sort(column.feature_codes[places].astype(np.int64) * sample.size + owners)
    codes, rows = np.divmod(packed, sample.size)
    features, first_places, counts = np.unique(codes, return_index=True, return_counts=True)
    numbers = np.repeat(np.arange(len(features)), counts)
    weights = _token_weights(sample, numbers, rows, counts)
    norms = np.sqrt(np.bincount(rows, weights[numbers], sample.size))
    return Listed(
        features=features.astype(np.int32),
        starts=np.append(first_places, len(packed)).astype(np.int64),
        rows=rows,
        weights=weights,
        norms=np.maximum(norms, GRAIN),
    )


def _token_weights(sample: Sample, numbers: Places, rows: Places, counts: Places) -> Numbers:
    """The information a feature has about the class: KL(P(class | feature) || P(class)), in nats.

    numbers, rows: per entry its feature's number and row. counts: entries per feature.
    """
    count = sample.class_count
    shares = (np.bincount(sample.classes, minlength=count) + 1.0) / (sample.size + count)
    pairs, having = np.unique(numbers * count + sample.classes[rows], return_counts=True)
    owners, classes = np.divmod(pairs, count)
    totals = counts[owners] + TOKEN_STRENGTH
    seen = (having + TOKEN_STRENGTH * shares[classes]) / totals
    information = np.bincount(owners, seen * np.log(seen / shares[classes]), len(counts))
    unseen = 1.0 - np.bincount(owners, shares[classes], len(counts))
    ratio = TOKEN_STRENGTH / (counts + TOKEN_STRENGTH)
    information += unseen * ratio * np.log(ratio)
    return np.asarray(np.maximum(np.round(information / GRAIN), 1.0) * GRAIN, dtype=np.float64)


T = TypeVar("T")


def kept(problem: Problem, key: tuple[object, ...], make: Callable[[], T]) -> T:
    """What is cached of these very rows under the key, made when it isn't there. The oldest are dropped."""
    full = (len(problem.learned), *key)
    found = problem.cache.get(full)
    if found is None:
        alike = [other for other in list(problem.cache) if isinstance(other, tuple) and other[1:2] == key[:1]]
        for oldest in alike[: max(0, len(alike) - MOST_KEPT.get(str(key[0]), MOST_OTHERS_KEPT) + 1)]:
            problem.cache.pop(oldest, None)
        found = problem.cache[full] = make()
    return cast(T, found)
