"""Conditions on rows, checked against the schema, to be asked in whichever way costs least.

A condition can be asked for all rows that it holds for, or which of a few given rows it holds for. A conjunction first
finds rows by posting lists, and then asks its other parts about these rows only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.bounds import Bounds
from instance_agent.index.column import ColumnView
from instance_agent.index.ragged import gathered
from instance_agent.query.deadline import Deadline
from instance_agent.query.filtering.codes import CodeTest
from instance_agent.query.filtering.rowsets import Mask, Rows, RowSet, as_list, both, contained, either, without
from instance_agent.schema.types import ColumnType, JsonValue

FEW_POSTINGS = 4
"""So few posting lists are always read instead of looking at every row."""
CODES_PER_POSTING = 4096
"""Going to one more posting list costs about as much as looking at the codes of so many rows."""
CODES_PER_POSTED_ROW = 4
"""Reading one row of a posting list costs about as much as looking at the codes of so many."""
CODES_PER_ENTRY = 4
"""Looking at one of a row's several features costs about as much as looking at the codes of so many rows."""
ROWS_PER_CHECK = 8
"""Rows that are left are asked one by one where a part that must be looked for holds for so many times as many."""


class Effort(IntEnum):
    """What it takes to find all rows that a condition holds for."""

    POSTINGS = 0  # as many steps as there are such rows
    NUMBERS = 1  # a look at every row
    VALUES = 2  # a look at every distinct value, and at every row
    TABLE = 3  # that, and the making of a set nearly as large as the table


class Condition(ABC):
    """Something that holds for some rows of one table."""

    effort: Effort

    @abstractmethod
    def rows(self) -> RowSet:
        """All rows it holds for. Raises `query_timeout`."""

    @abstractmethod
    def among(self, rows: Rows) -> Mask:
        """Which of these rows, increasing and none of them dead, it holds for. Raises `query_timeout`."""


class Found(Condition):
    """Rows that are found by themselves, as in a posting list."""

    effort = Effort.POSTINGS

    def __init__(self, find: Callable[[], RowSet]) -> None:
        self._find = find

    def rows(self) -> RowSet:
        return self._find()

    def among(self, rows: Rows) -> Mask:
        return contained(self._find(), rows)

    @property
    def most_rows(self) -> int:
        """At least as many as there are, where that is known without finding them; else 0."""
        return 0


class Having(Found):
    """Rows whose whole value, of a column where it is the one feature, is this."""

    def __init__(self, column: ColumnView, value: JsonValue) -> None:
        super().__init__(lambda: column.rows_equal(value))
        self._column = column
        self._value = value

    def among(self, rows: Rows) -> Mask:
        value = self._value
        if self._column.schema.type is ColumnType.JSON or not isinstance(value, bool | int | float | str):
            return super().among(rows)
        return self._column.are_within(rows, Bounds(value, value))

    @property
    def most_rows(self) -> int:
        return self._column.most_rows_with(self._value)


class Tagged(Found):
    """Rows with a feature of a column where values have several."""

    def __init__(self, column: ColumnView, feature: JsonValue) -> None:
        super().__init__(lambda: column.rows_with(feature))
        self._column = column
        self._feature = feature

    @property
    def most_rows(self) -> int:
        return self._column.most_rows_with(self._feature)


class Flagged(Condition):
    """Rows that an array of the whole table says something about."""

    effort = Effort.NUMBERS

    def __init__(self, all_rows: Callable[[], RowSet], among: Callable[[Rows], Mask]) -> None:
        """all_rows: those it holds for. among: which of these rows it holds for."""
        self._all_rows = all_rows
        self._among = among

    def rows(self) -> RowSet:
        return self._all_rows()

    def among(self, rows: Rows) -> Mask:
        return self._among(rows)


class Within(Condition):
    """Rows whose number or string is inside some bounds."""

    effort = Effort.NUMBERS

    def __init__(self, column: ColumnView, bounds: Bounds) -> None:
        """column: of numbers or strings, as the bounds are."""
        self.column = column
        self.bounds = bounds

    def rows(self) -> RowSet:
        return self.column.rows_within(self.bounds)

    def among(self, rows: Rows) -> Mask:
        return self.column.are_within(rows, self.bounds)


class Passing(Condition):
    """Rows whose value has a code that passes; or, by_feature, any of whose features has."""

    effort = Effort.VALUES

    def __init__(self, column: ColumnView, test: Callable[[], CodeTest], *, by_feature: bool) -> None:
        """test: makes the test of the codes of values, or of features, when it is needed."""
        self._column = column
        self._make_test = test
        self._by_feature = by_feature and column.splits

    @cached_property
    def _test(self) -> CodeTest:
        return self._make_test()

    def rows(self) -> RowSet:
        column, truth = self._column, self._test.all()
        passing = np.flatnonzero(truth)
        if self._is_by_postings(len(passing)):
            names = column.features if self._by_feature else column.values
            return either((column.rows_with(names[code]) for code in passing.tolist()), column.row_count)
        if not self._by_feature:
            return np.append(truth, False).take(column.codes)  # the code -1 finds the False at the end
        before: NDArray[np.int64] = np.zeros(len(column.feature_codes) + 1, np.int64)
        np.cumsum(truth.take(column.feature_codes), out=before[1:])
        return np.diff(before[column.feature_offsets]) > 0

    def _is_by_postings(self, passing: int) -> bool:
        """Does it cost less to read so many posting lists of usual length than to look at every row?"""
        column = self._column
        if column.splits and not self._by_feature:
            return False  # whole texts and arrays have no posting lists
        if passing <= FEW_POSTINGS:
            return True
        entries = int(column.feature_offsets[-1]) if self._by_feature else column.row_count
        posted = passing * CODES_PER_POSTING + CODES_PER_POSTED_ROW * entries * passing // self._test.count
        return posted <= column.row_count + (CODES_PER_ENTRY * entries if self._by_feature else 0)

    def among(self, rows: Rows) -> Mask:
        column = self._column
        if not self._by_feature:
            return self._of(column.codes[rows])
        offsets, codes = gathered(column.feature_offsets, column.feature_codes, rows)
        holds = np.zeros(len(rows), np.bool_)
        holds[np.repeat(np.arange(len(rows)), np.diff(offsets))[self._of(codes)]] = True
        return holds

    def _of(self, codes: NDArray[np.int32]) -> Mask:
        if len(codes) > self._test.count:
            return np.append(self._test.all(), False).take(codes)
        distinct, places = np.unique(codes, return_inverse=True)
        truth = np.zeros(len(distinct), np.bool_)
        truth[distinct >= 0] = self._test.of(distinct[distinct >= 0])
        return np.asarray(truth[places])


class AllOf(Condition):
    """Every part holds; everything when there is none."""

    def __init__(self, parts: Sequence[Condition], everything: Callable[[], Mask], deadline: Deadline) -> None:
        self._parts = sorted(_with_bounds_merged(parts), key=lambda part: part.effort)
        self._everything = everything
        self._deadline = deadline
        self.effort = self._parts[0].effort if self._parts else Effort.TABLE

    def rows(self) -> RowSet:
        everything = self._everything()
        size = len(everything)
        found: RowSet | None = None
        for part, most in self._in_order(size):
            self._deadline.check()
            if found is None:
                found = part.rows()
            elif found.dtype != np.bool_ and found.size * ROWS_PER_CHECK < most:
                candidates = as_list(found)
                found = candidates[part.among(candidates)]
            else:
                found = both(found, part.rows())
        return everything if found is None else found

    def _in_order(self, size: int) -> list[tuple[Condition, int]]:
        """The parts as they are best asked, each with the most rows that it may have to be looked for in."""
        listed = [part for part in self._parts if part.effort is Effort.POSTINGS]
        others = self._parts[len(listed) :]
        sizes = [part.most_rows if isinstance(part, Found) and len(self._parts) > 1 else 0 for part in listed]
        order = sorted(range(len(listed)), key=sizes.__getitem__)
        return [(listed[at], sizes[at]) for at in order] + [(part, size) for part in others]

    def among(self, rows: Rows) -> Mask:
        left = np.arange(len(rows))
        for part in self._parts:
            self._deadline.check()
            left = left[part.among(rows[left])]
        holds = np.zeros(len(rows), np.bool_)
        holds[left] = True
        return holds


def _with_bounds_merged(parts: Sequence[Condition]) -> list[Condition]:
    """Bounds of one column as one."""
    merged: dict[object, Condition] = {}
    for part in parts:
        name = (id(part.column),) if isinstance(part, Within) else id(part)
        known = merged.get(name)
        if isinstance(part, Within) and isinstance(known, Within):
            part = Within(part.column, known.bounds.both(part.bounds))  # noqa: PLW2901 - the two of them
        merged[name] = part
    return list(merged.values())


class AnyOf(Condition):
    """At least one part holds; false when there is none."""

    def __init__(self, parts: Sequence[Condition], row_count: int, deadline: Deadline) -> None:
        self._parts = parts
        self._row_count = row_count
        self._deadline = deadline
        self.effort = max((part.effort for part in parts), default=Effort.POSTINGS)

    def rows(self) -> RowSet:
        return either(self._each(), self._row_count)

    def among(self, rows: Rows) -> Mask:
        left = np.arange(len(rows))
        for part in self._parts:
            self._deadline.check()
            left = left[~part.among(rows[left])]
        holds = np.ones(len(rows), np.bool_)
        holds[left] = False
        return holds

    def _each(self) -> Iterator[RowSet]:
        for part in self._parts:
            self._deadline.check()
            yield part.rows()


class NoneOf(Condition):
    """The part doesn't hold."""

    effort = Effort.TABLE

    def __init__(self, part: Condition, everything: Callable[[], Mask]) -> None:
        self._part = part
        self._everything = everything

    def rows(self) -> RowSet:
        return without(self._everything(), self._part.rows())

    def among(self, rows: Rows) -> Mask:
        return ~self._part.among(rows)
