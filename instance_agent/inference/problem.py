"""What a prediction is asked of: the rows learned from, the columns that speak, and what they say. And its answer.

The engine makes a `Problem` from an index; tests and benchmarks make one from arrays. Nothing in here computes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, MutableMapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint32]
Numbers = NDArray[np.float64]
Cache = MutableMapping[Hashable, object]

NO_ROWS = np.empty(0, dtype=np.uint32)


class Column(Protocol):
    """One field that evidence may speak about, for all rows of the table.

    A condition that isn't about features (`$or`, `$gt`, `$atomic`) is a column, too: code 1 in the rows where it
    holds, 0 in the others, and the query has the feature 1.
    """

    @property
    def path(self) -> str:
        """Unique in a problem, and the same thing in all problems that share a cache (for a condition: its text)."""

    @property
    def splits(self) -> bool:
        """A row may have several features: the tokens of a text, the elements of an array."""

    @property
    def is_text(self) -> bool:
        """The features are tokens of the table's own text, counted against `token_exposure`. Implies `splits`."""

    @property
    def feature_count(self) -> int:
        """Codes are in 0..feature_count - 1."""

    @property
    def codes(self) -> NDArray[np.int32]:
        """Per row of the table the code of its feature, -1 for none. Not asked for where the column splits."""

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Row r has `feature_codes[offsets[r]:offsets[r + 1]]`. Asked for only where the column splits."""

    @property
    def feature_codes(self) -> NDArray[np.int32]:
        """The codes of all rows' features, row by row, each once in its row. Only where the column splits."""

    @property
    def numbers(self) -> Numbers | None:
        """Numeric columns: per row of the table its number, NaN for none. Else None."""

    @property
    def token_exposure(self) -> Numbers:
        """Text: per class the tokens (as `feature_codes` has them) of its rows learned from, length C."""

    @property
    def token_total(self) -> float:
        """Text: tokens of all rows learned from. Less than the sum of `token_exposure` if rows have several classes."""

    def rows_with(self, code: int) -> Rows:
        """The rows that have the feature, increasing. Rows that aren't learned from may be among them."""

    def class_counts(self, code: int) -> Numbers:
        """Per class, how many of the rows learned from have both the feature and the class, length C. Not copied."""

    def learned_with(self, code: int) -> float:
        """How many rows learned from have the feature."""


@dataclass(frozen=True)
class Given:
    """One thing the query says: a feature of a column, or a number of a numeric one."""

    column: int  # place in `Problem.columns`
    code: int  # -1: no row of the table has this feature
    number: float | None = None  # set for numeric columns; infinite and NaN aren't numbers


@dataclass(frozen=True)
class Entries:
    """Targets with several classes per row: one entry for each pair of a row learned from and a class it has."""

    rows: Rows  # not decreasing
    classes: NDArray[np.int32]  # each class once per row


@dataclass(frozen=True)
class Problem:
    """One prediction of one of C classes."""

    row_count: int  # rows of the table, learned from or not
    learned: Rows  # the rows learned from, increasing
    class_rows: Numbers  # per class, how many rows learned from have it, length C
    target_codes: NDArray[np.int32] | None  # per row of the table its class, -1: not learned from. None: see `entries`
    columns: tuple[Column, ...]
    query: tuple[Given, ...]  # what is given, at most once each; several of one column where it splits
    cache: Cache  # what is fitted to `first`, for one target; may be kept while rows are only added behind these
    entries: Entries | None = None  # set where rows may have several classes
    first: Callable[[], Problem] | None = None
    """The problem of the first of these rows alone, which what is kept is fitted to: a few rows more don't change it.
    The same columns in the same order, with the counts of these rows; its classes are the first of the classes here.
    None: this problem itself."""
    conditions: frozenset[int] = frozenset()
    """Places of columns that are conditions: nothing is fitted to these, since each query may have its own."""
    without: Rows = field(default_factory=lambda: NO_ROWS)
    """Rows to leave out, increasing, a few of those learned from: the answer is as though they weren't learned from,
    though all counts above and in the columns include them. What is fitted and cached may have seen them."""


@dataclass(frozen=True)
class Normalizer:
    """A factor beyond base rates and lifts."""

    name: str
    values: Numbers  # per allowed class, length A


@dataclass(frozen=True)
class Distribution:
    """Probabilities of the A allowed classes, in their order, and the factors that each is the product of."""

    probabilities: Numbers  # length A, each in [0, 1]
    base: Numbers  # base rates, length A, each in (0, 1)
    lifts: Numbers  # k x A, one row per piece of evidence that counted
    evidence: tuple[int, ...]  # the place of each of these pieces in `Problem.query`, length k
    normalizers: tuple[Normalizer, ...]
