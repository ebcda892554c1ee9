"""Tests of whole numbers: of rows' positions, of hashes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.dictionaries import Numbers
from instance_agent.query.deadline import Deadline
from instance_agent.query.filtering.codes import CHUNK, Codes, CodeTest
from instance_agent.query.filtering.conditions import Condition, Flagged, Found
from instance_agent.query.filtering.rowsets import NO_ROWS, Mask, Rows, RowSet
from instance_agent.query.filtering.stable_hash import hash_of_value, hashes_of_positions
from instance_agent.query.language.propositions import ComparePosition, Equals, Mod, Order, PositionTest
from instance_agent.schema.types import JsonValue

Whole = NDArray[np.int64]
DENSE = 8
"""A set with more than one in so many rows of its table is made as a mask."""
_BEYOND = 2**63


def passing(test: PositionTest, numbers: Whole) -> Mask:
    """Which of the numbers pass. Exact, whatever the bounds are."""
    match test:
        case Equals():
            return np.asarray(numbers == test.value)
        case Mod():
            return np.asarray(numbers % test.divisor == test.remainder)
        case ComparePosition():
            start, end = _span(test)
            return np.asarray((numbers >= start) & (numbers < end))


def _span(test: ComparePosition) -> tuple[int, int]:
    """The whole numbers that pass, from the first to before the second."""
    bound = max(-_BEYOND, min(test.bound, _BEYOND))
    match test.order:
        case Order.GREATER:
            return math.floor(bound) + 1, _BEYOND
        case Order.GREATER_OR_EQUAL:
            return math.ceil(bound), _BEYOND
        case Order.LESS:
            return -_BEYOND, math.ceil(bound)
        case Order.LESS_OR_EQUAL:
            return -_BEYOND, math.floor(bound) + 1


def whole_numbers(values: Sequence[JsonValue]) -> Whole:
    """The values of a column of whole numbers as an array."""
    return values.values if isinstance(values, Numbers) else np.fromiter(values, np.int64, len(values))


def on_position(table: TableView, test: PositionTest) -> Condition:
    """Rows whose place among the rows that are there, from 0, passes."""
    if isinstance(test, Equals):
        return Found(lambda: _at_positions(table, test))
    return Flagged(lambda: _at_positions(table, test), lambda rows: passing(test, _positions_of(table, rows)))


def on_row_hash(table: TableView, test: PositionTest) -> Condition:
    """Rows the hash of whose position passes."""

    def every() -> RowSet:
        truth = np.empty(table.live_count, np.bool_)
        for start in range(0, len(truth), CHUNK):  # so few at a time stay in the processor's cache
            positions = np.arange(start, min(start + CHUNK, len(truth)), dtype=np.int64)
            truth[start : start + CHUNK] = passing(test, hashes_of_positions(positions))
        if table.live is None:
            return truth
        mask = table.live.copy()
        mask[mask] = truth
        return mask

    return Flagged(every, lambda rows: passing(test, hashes_of_positions(_positions_of(table, rows))))


def _positions_of(table: TableView, rows: Rows) -> Whole:
    return rows.astype(np.int64) if table.live is None else table.positions[rows]


def _at_positions(table: TableView, test: PositionTest) -> RowSet:
    match test:
        case Equals(int() as value):
            return _rows_between(table, value, value + 1)
        case ComparePosition():
            return _rows_between(table, *_span(test))
        case Mod():
            return _every(table, test)
    return NO_ROWS


def _rows_between(table: TableView, start: int, end: int) -> RowSet:
    """The rows at the positions from `start` to before `end`."""
    start, end = max(start, 0), min(end, table.live_count)
    if start >= end:
        return NO_ROWS
    if table.live is not None:
        start, end = (int(row) for row in np.searchsorted(table.positions, (start, end - 1)))
        end += 1
    if (end - start) * DENSE < table.row_count:
        rows = np.arange(start, end, dtype=np.uint32)
        return rows if table.live is None else rows[table.live[start:end]]
    mask = np.zeros(table.row_count, np.bool_)
    mask[start:end] = True if table.live is None else table.live[start:end]
    return mask


def _every(table: TableView, test: Mod) -> RowSet:
    step, count = abs(test.divisor), table.live_count
    remainders = range(test.divisor) if test.divisor > 0 else range(0, test.divisor, -1)
    start = test.remainder % step
    if test.remainder not in remainders or start >= count:
        return NO_ROWS
    rows = np.arange(start, count, min(step, count), dtype=np.uint32)
    if table.live is not None:
        rows = np.flatnonzero(table.live).astype(np.uint32)[rows]
    if step >= DENSE:
        return rows
    mask = np.zeros(table.row_count, np.bool_)
    mask[rows] = True
    return mask


class HashOfValue(CodeTest):
    """A test of the values' stable hashes."""

    def __init__(
        self,
        values: Sequence[JsonValue],
        any_of: Sequence[Sequence[PositionTest]],
        hashes: Callable[[Callable[[], Whole]], Whole],
        deadline: Deadline,
    ) -> None:
        """any_of: some of these hold, each list of them all together. hashes: what it is given made, or kept before."""
        self.count = len(values)
        self._values = values
        self._any_of = any_of
        self._hashes = hashes
        self._deadline = deadline

    def all(self) -> Mask:
        return self._truth(self._hashes(self._every_hash))

    def of(self, codes: Codes) -> Mask:
        self._deadline.check()
        return self._truth(np.array([hash_of_value(self._values[code]) for code in codes.tolist()], np.int64))

    def _every_hash(self) -> Whole:
        hashes = np.empty(self.count, np.int64)
        remaining = iter(self._values)
        for start in range(0, self.count, CHUNK):
            self._deadline.check()
            chunk = list(islice(remaining, CHUNK))
            hashes[start : start + len(chunk)] = np.fromiter(map(hash_of_value, chunk), np.int64, len(chunk))
        return hashes

    def _truth(self, hashes: Whole) -> Mask:
        truth = np.zeros(len(hashes), np.bool_)
        for tests in self._any_of:
            self._deadline.check()
            every = np.ones(len(hashes), np.bool_)
            for test in tests:
                every &= passing(test, hashes)
            truth |= every
        return truth
