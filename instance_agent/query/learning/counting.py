"""Columns as the inference sees them: bound to a target, with counts per candidate that are kept and used again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.ragged import gathered
from instance_agent.inference.problem import Rows
from instance_agent.query.paths import PathColumn

MOST_CELLS = 2_000_000
"""Features times candidates of a column whose counts are made all at once, in one pass over the rows."""

WORTH_KEEPING = 2_000
"""A feature of fewer rows is counted again each time; that costs less than the memory."""

MOST_NUMBERS_KEPT = 4_000_000
"""Counts of single features kept for one column."""


class Source(Protocol):
    """The rows' features, and where each is."""

    @property
    def path(self) -> str: ...
    @property
    def splits(self) -> bool: ...
    @property
    def is_text(self) -> bool: ...
    @property
    def feature_count(self) -> int: ...
    @property
    def codes(self) -> NDArray[np.int32]: ...
    @property
    def offsets(self) -> NDArray[np.int64]: ...
    @property
    def feature_codes(self) -> NDArray[np.int32]: ...
    @property
    def numbers(self) -> NDArray[np.float64] | None: ...
    def rows_with(self, code: int, start: int = 0) -> Rows: ...


class PickedRows:
    """Some rows of a column, numbered from 0."""

    def __init__(self, column: PathColumn, rows: Rows) -> None:
        self.path = column.path
        self.splits = column.splits
        self.is_text = column.is_text
        self.feature_count = column.feature_count
        self._column = column
        self._rows = rows

    @cached_property
    def codes(self) -> NDArray[np.int32]:
        """Of the picked rows."""
        return self._column.codes[self._rows]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Of the picked rows."""
        return self._lists[0]

    @property
    def feature_codes(self) -> NDArray[np.int32]:
        """Of the picked rows."""
        return self._lists[1]

    @cached_property
    def _lists(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        offsets, codes = gathered(self._column.offsets, self._column.feature_codes, self._rows)
        return offsets.astype(np.int64), codes

    @cached_property
    def numbers(self) -> NDArray[np.float64] | None:
        """Of the picked rows."""
        numbers = self._column.numbers
        return None if numbers is None else numbers[self._rows]

    def rows_with(self, code: int, start: int = 0) -> Rows:
        """Places among the picked rows."""
        if not self.splits:
            return (np.flatnonzero(self.codes[start:] == code) + start).astype(np.uint32)
        having = np.flatnonzero(self.feature_codes == code)
        rows = (np.searchsorted(self.offsets, having, side="right") - 1).astype(np.uint32)
        return rows[int(np.searchsorted(rows, start)) :]


class FirstRows:
    """The rows of a column before a certain one."""

    def __init__(self, column: Source, row_count: int) -> None:
        self.path = column.path
        self.splits = column.splits
        self.is_text = column.is_text
        self._column = column
        self._row_count = row_count

    @property
    def feature_count(self) -> int:
        """Of the whole column."""
        return self._column.feature_count

    @property
    def codes(self) -> NDArray[np.int32]:
        """Of the first rows."""
        return self._column.codes[: self._row_count]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Of the first rows."""
        return self._column.offsets[: self._row_count + 1]

    @property
    def feature_codes(self) -> NDArray[np.int32]:
        """Of the first rows."""
        return self._column.feature_codes[: int(self.offsets[-1])]

    @property
    def numbers(self) -> NDArray[np.float64] | None:
        """Of the first rows."""
        numbers = self._column.numbers
        return None if numbers is None else numbers[: self._row_count]

    def rows_with(self, code: int, start: int = 0) -> Rows:
        """Those of the first rows that have the feature."""
        rows = self._column.rows_with(code, start)
        return rows[: int(np.searchsorted(rows, self._row_count))]


@dataclass(frozen=True)
class Condition:
    """A condition as a column: code 1 where it holds, else 0."""

    path: str
    rows: Rows
    row_count: int
    splits: bool = False
    is_text: bool = False
    feature_count: int = 2
    numbers: NDArray[np.float64] | None = None

    @cached_property
    def codes(self) -> NDArray[np.int32]:
        """Per row."""
        codes: NDArray[np.int32] = np.zeros(self.row_count, np.int32)
        codes[self.rows] = 1
        return codes

    @property
    def offsets(self) -> NDArray[np.int64]:
        """A condition has no lists."""
        raise TypeError("a condition doesn't split")

    @property
    def feature_codes(self) -> NDArray[np.int32]:
        """A condition has no lists."""
        raise TypeError("a condition doesn't split")

    def rows_with(self, code: int, start: int = 0) -> Rows:
        """The rows where it holds, for 1."""
        rows = self.rows if code == 1 else np.flatnonzero(self.codes == code).astype(np.uint32)
        return rows[int(np.searchsorted(rows, start)) :] if start else rows


@dataclass(frozen=True)
class Classes:
    """Which class each row has, -1 for rows not learned from; or, where rows have several, the lists of them."""

    count: int
    row_count: int
    codes: NDArray[np.int32] | None
    offsets: NDArray[np.int64]  # only where codes is None
    entries: NDArray[np.int32]  # none is -1

    def of(self, rows: Rows) -> NDArray[np.int32]:
        """The classes of these rows, one after the other."""
        found = gathered(self.offsets, self.entries, rows)[1] if self.codes is None else self.codes[rows]
        return found[found >= 0]

    def counted(self, rows: Rows) -> NDArray[np.float64]:
        """Per class, how many of the rows have it."""
        return np.bincount(self.of(rows), minlength=self.count).astype(np.float64)


@dataclass(frozen=True)
class Counted:
    """What was counted in the first rows of a table, which stays true while rows are only added behind them."""

    rows: int  # the first so many were counted
    matrix: NDArray[np.int32] | None  # features x classes, where these are few enough
    exposure: NDArray[np.float64] | None  # of text: per class the tokens
    total: float  # of text: tokens of rows learned from
    single: dict[int, NDArray[np.float64]]  # counts per class of features of many rows, by code

    def of(self, code: int) -> NDArray[np.integer] | NDArray[np.float64] | None:
        """Per class the rows with the feature, None where they weren't counted."""
        if self.matrix is None:
            return self.single.get(code)
        return self.matrix[code] if code < len(self.matrix) else self.matrix[:1, :0].ravel()

    @classmethod
    def nothing(cls) -> Counted:
        """No row."""
        return cls(0, None, None, 0.0, {})

    @classmethod
    def all_of(cls, source: Source, classes: Classes, learned: NDArray[np.bool_] | None) -> Counted:
        """Every row of the source."""
        made = matrix(source, classes)
        if not source.is_text:
            return cls(classes.row_count, made, None, 0.0, {})
        total = 0.0 if learned is None else tokens_of_rows(source, learned, 0)
        return cls(classes.row_count, made, exposure(source, classes, 0), total, {})


class BoundColumn:
    """A column of a problem (`inference.problem.Column`)."""

    def __init__(self, source: Source, classes: Classes, learned: NDArray[np.bool_] | None, counted: Counted) -> None:
        """learned: mask of the rows learned from; None: those with a class. counted: in the first of these rows."""
        self.source = source
        self.path = source.path
        self.splits = source.splits
        self.is_text = source.is_text
        self._classes = classes
        self._learned = learned
        self._counted = counted

    @property
    def feature_count(self) -> int:
        """How many codes there are."""
        return self.source.feature_count

    @property
    def codes(self) -> NDArray[np.int32]:
        """Per row."""
        return self.source.codes

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Of the lists of features."""
        return self.source.offsets

    @property
    def feature_codes(self) -> NDArray[np.int32]:
        """All lists, row by row."""
        return self.source.feature_codes

    @property
    def numbers(self) -> NDArray[np.float64] | None:
        """Per row, for numeric columns."""
        return self.source.numbers

    @cached_property
    def token_exposure(self) -> NDArray[np.float64]:
        """Per class the tokens of its rows."""
        known = self._counted.exposure
        more = exposure(self.source, self._classes, 0 if known is None else self._counted.rows)
        return more if known is None else _padded(known, len(more)) + more

    @cached_property
    def token_total(self) -> float:
        """Tokens of all rows learned from."""
        if self._learned is None:
            return float(self.token_exposure.sum())
        start = 0 if self._counted.exposure is None else self._counted.rows
        return self._counted.total + tokens_of_rows(self.source, self._learned, start)

    def rows_with(self, code: int) -> Rows:
        """The rows that have the feature, learned from or not."""
        return self.source.rows_with(code)

    def class_counts(self, code: int) -> NDArray[np.float64]:
        """Per class, how many rows learned from have both."""
        counted = self._counted
        if counted.matrix is not None and counted.rows == self.row_count:
            return np.asarray(counted.matrix[code], dtype=np.float64)
        known = counted.of(code)
        if known is not None:
            behind = self._classes.counted(self.source.rows_with(code, counted.rows))
            return _padded(known, self._classes.count) + behind
        rows = self.source.rows_with(code)
        first = int(np.searchsorted(rows, counted.rows))
        known = self._classes.counted(rows[:first])
        if first >= WORTH_KEEPING and len(counted.single) * self._classes.count < MOST_NUMBERS_KEPT:
            counted.single[code] = known
        return known + self._classes.counted(rows[first:])

    def learned_with(self, code: int) -> float:
        """How many rows learned from have the feature."""
        if self._learned is None:
            return float(self.class_counts(code).sum())
        return float(np.count_nonzero(self._learned[self.source.rows_with(code)]))

    @property
    def row_count(self) -> int:
        """Rows there are, learned from or not."""
        return self._classes.row_count


def exposure(source: Source, classes: Classes, start: int) -> NDArray[np.float64]:
    """Per class the features of its rows from `start` on."""
    offsets = source.offsets[start:]
    lengths = offsets[1:] - offsets[:-1]
    if classes.codes is not None:
        codes = classes.codes[start:]
        having = codes >= 0
        return np.bincount(codes[having], lengths[having], classes.count).astype(np.float64)
    entries = classes.entries[classes.offsets[start] :]
    weights = np.repeat(lengths, classes.offsets[start + 1 :] - classes.offsets[start:-1])
    return np.bincount(entries, weights, classes.count).astype(np.float64)


def tokens_of_rows(source: Source, learned: NDArray[np.bool_], start: int) -> float:
    """The features of rows learned from, from `start` on."""
    offsets = source.offsets[start:]
    return float((offsets[1:] - offsets[:-1])[learned[start:]].sum())


def matrix(source: Source, classes: Classes) -> NDArray[np.int32] | None:
    """Counts of all features at once, features x classes, where they are few enough."""
    cells = source.feature_count * classes.count
    if cells > MOST_CELLS or classes.codes is None:
        return None
    if source.splits:
        repeats = source.offsets[1:] - source.offsets[:-1]
        codes, features = np.repeat(classes.codes, repeats), source.feature_codes
    else:
        codes, features = classes.codes, source.codes
    both = (codes >= 0) & (features >= 0)
    pairs = features[both].astype(np.int64) * classes.count + codes[both]
    return np.bincount(pairs, minlength=cells).astype(np.int32).reshape(source.feature_count, classes.count)


def _padded(counts: NDArray[np.integer] | NDArray[np.float64], size: int) -> NDArray[np.float64]:
    padded = np.zeros(size)
    padded[: len(counts)] = counts
    return padded
