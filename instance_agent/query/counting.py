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
    def rows_with(self, code: int) -> Rows: ...


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

    def rows_with(self, code: int) -> Rows:
        """Places among the picked rows."""
        if not self.splits:
            return np.flatnonzero(self.codes == code).astype(np.uint32)
        having = np.flatnonzero(self.feature_codes == code)
        return (np.searchsorted(self.offsets, having, side="right") - 1).astype(np.uint32)


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

    def rows_with(self, code: int) -> Rows:
        """The rows where it holds, for 1."""
        return self.rows if code == 1 else np.flatnonzero(self.codes == code).astype(np.uint32)


@dataclass(frozen=True)
class Classes:
    """Which class each row has, -1 for rows not learned from; or, where rows have several, the lists of them."""

    count: int
    codes: NDArray[np.int32] | None
    offsets: NDArray[np.int64]  # only where codes is None
    entries: NDArray[np.int32]

    def of(self, rows: Rows) -> NDArray[np.int32]:
        """The classes of these rows, one after the other."""
        found = gathered(self.offsets, self.entries, rows)[1] if self.codes is None else self.codes[rows]
        return found[found >= 0]

    def counted(self, rows: Rows) -> NDArray[np.float64]:
        """Per class, how many of the rows have it."""
        return np.bincount(self.of(rows), minlength=self.count).astype(np.float64)


class BoundColumn:
    """A column of a problem (`inference.problem.Column`)."""

    def __init__(
        self, source: Source, classes: Classes, learned: NDArray[np.bool_] | None, origin: PathColumn | None
    ) -> None:
        """learned: mask of the rows learned from; None: those with a class. origin: the column it is made of."""
        self.source = source
        self.origin = origin
        self.path = source.path
        self.splits = source.splits
        self.is_text = source.is_text
        self._classes = classes
        self._learned = learned
        self._kept: dict[int, NDArray[np.float64]] = {}

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
        lengths = self.offsets[1:] - self.offsets[:-1]
        if self._classes.codes is not None:
            having = self._classes.codes >= 0
            return np.bincount(self._classes.codes[having], lengths[having], self._classes.count).astype(np.float64)
        repeats = self._classes.offsets[1:] - self._classes.offsets[:-1]
        entries = self._classes.entries
        weights = np.repeat(lengths, repeats)
        return np.bincount(entries[entries >= 0], weights[entries >= 0], self._classes.count).astype(np.float64)

    @cached_property
    def token_total(self) -> float:
        """Tokens of all rows learned from."""
        lengths = self.offsets[1:] - self.offsets[:-1]
        if self._learned is not None:
            return float(lengths[self._learned].sum())
        return float(self.token_exposure.sum())

    def rows_with(self, code: int) -> Rows:
        """The rows that have the feature, learned from or not."""
        return self.source.rows_with(code)

    def class_counts(self, code: int) -> NDArray[np.float64]:
        """Per class, how many rows learned from have both."""
        if self._matrix is not None:
            return np.asarray(self._matrix[code], dtype=np.float64)
        kept = self._kept.get(code)
        if kept is None:
            rows = self.source.rows_with(code)
            kept = self._classes.counted(rows)
            if len(rows) >= WORTH_KEEPING and len(self._kept) * self._classes.count < MOST_NUMBERS_KEPT:
                self._kept[code] = kept
        return kept

    def learned_with(self, code: int) -> float:
        """How many rows learned from have the feature."""
        if self._learned is None:
            return float(self.class_counts(code).sum())
        return float(np.count_nonzero(self._learned[self.source.rows_with(code)]))

    @cached_property
    def _matrix(self) -> NDArray[np.int32] | None:
        """Counts of all features at once, features x classes, where they are few enough."""
        cells = self.feature_count * self._classes.count
        if cells > MOST_CELLS or self._classes.codes is None or isinstance(self.source, Condition):
            return None
        if self.splits:
            repeats = self.offsets[1:] - self.offsets[:-1]
            classes, features = np.repeat(self._classes.codes, repeats), self.feature_codes
        else:
            classes, features = self._classes.codes, self.codes
        both = (classes >= 0) & (features >= 0)
        pairs = features[both].astype(np.int64) * self._classes.count + classes[both]
        matrix = np.bincount(pairs, minlength=cells).astype(np.int32)
        return matrix.reshape(self.feature_count, self._classes.count)
