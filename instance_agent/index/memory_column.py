"""The index of one column of rows in memory, extended as rows arrive, and the view of it that one reader keeps.

`MemoryIndex` belongs to one column of a memory part for the part's life. `view(row_count)` first indexes the rows that
are new since the last call, then hands out a `MemoryColumn` of exactly the first `row_count` rows; views never change.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.bounds import Bounds
from instance_agent.index.growing import Dictionary, GrowingArray, Prefix, key_of
from instance_agent.index.postings import NOTHING_SORTED, Postings, sort_more
from instance_agent.schema.analyzers import Analyzer, make_analyzer
from instance_agent.schema.types import ColumnSchema, ColumnType, FeatureValue, JsonValue, Value


class MemoryIndex:
    """Grows with its column. Safe for many threads."""

    def __init__(self, schema: ColumnSchema, cells: list[JsonValue]) -> None:
        """cells: the column's values row by row, None for null; the list may grow at its end, and only there."""
        self.schema = schema
        self.analyzer: Analyzer = make_analyzer(schema.analyzer, "column")
        self._cells = cells
        self._lock = threading.Lock()
        self._whole = _WholeValues(numeric=schema.type.is_numeric)
        splits = schema.type.is_array or schema.type is ColumnType.TEXT
        self._parts = _Parts(self.analyzer if schema.type is ColumnType.TEXT else None) if splits else None

    def view(self, row_count: int) -> MemoryColumn:
        """The column as it is for a reader of the first `row_count` rows."""
        return MemoryColumn(self, row_count, self.whole(row_count))

    def whole(self, row_count: int) -> WholeView:
        with self._lock:
            return self._whole.extended_to(row_count, self._cells)

    def parts(self, row_count: int) -> PartsView | None:
        """The features, where they aren't simply the values. Built on first use: texts must be analysed."""
        if self._parts is None:
            return None
        with self._lock:
            return self._parts.extended_to(row_count, self._cells)

    def times(self, row: int, feature: FeatureValue) -> int:
        """How often a row that is indexed has the feature."""
        key = key_of(feature)
        return 1 if self._parts is None else sum(key_of(part) == key for part in self._parts.split(self._cells[row]))


class MemoryColumn:
    """One column of one commit. Immutable: whatever is written meanwhile, it answers the same."""

    def __init__(self, index: MemoryIndex, row_count: int, whole: WholeView) -> None:
        self._index = index
        self._whole = whole
        self._parts_view: PartsView | None = None
        self.row_count = row_count
        self.schema = index.schema

    @property
    def codes(self) -> NDArray[np.int32]:
        """Per row the place of its whole value in `values`, -1 for null."""
        return self._whole.codes

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which rows have a value."""
        return self._whole.codes >= 0

    @property
    def values(self) -> Sequence[Value]:
        """The distinct whole values, in order of first appearance."""
        return self._whole.values

    @property
    def numbers(self) -> NDArray[np.float64] | None:
        """Int, Long, Decimal: the value per row, NaN for null. Longs beyond 2**53 are rounded. Else None."""
        return self._whole.numbers

    @property
    def features(self) -> Sequence[FeatureValue]:
        """The distinct features in order of first appearance: values, the tokens of a Text, an array's elements."""
        parts = self._parts
        return self._whole.values if parts is None else parts.features

    @property
    def lists(self) -> tuple[NDArray[np.int64], NDArray[np.int32]] | None:
        """(offsets, codes): row r has the features codes[offsets[r]:offsets[r + 1]], each once, in order.

        None where every value is its own only feature.
        """
        parts = self._parts
        return None if parts is None else (parts.offsets, parts.postings.entries)

    def find(self, value: Value) -> int:
        """The place of a value in `values`, -1 when it isn't there."""
        place = self._whole.dictionary.find(value)
        return place if place < len(self._whole.values) else -1

    def find_feature(self, feature: FeatureValue) -> int:
        """The place of a feature in `features`, -1 when it isn't there."""
        parts = self._parts
        if parts is None:
            return self.find(feature)
        place = parts.dictionary.find(feature)
        return place if place < len(parts.features) else -1

    def rows_with(self, feature: FeatureValue) -> NDArray[np.uint32]:
        """The rows that have the feature, increasing; empty when no row has it."""
        parts = self._parts
        return self.rows_equal(feature) if parts is None else parts.rows_with(feature)

    def rows_equal(self, value: Value) -> NDArray[np.uint32]:
        """The rows whose whole value it is, increasing, also on Text and arrays; empty for none and for null."""
        return self._whole.rows_equal(value)

    def most_rows_with(self, feature: FeatureValue) -> int:
        """How many rows have the feature."""
        return len(self.rows_with(feature))

    def rows_within(self, bounds: Bounds) -> NDArray[np.bool_]:
        """Which rows have a whole value inside, of a column of numbers or strings."""
        numbers = self._exact_numbers
        if numbers is not None:
            return bounds.hold(numbers)
        values = self._whole.values
        inside = np.zeros(len(values) + 1, np.bool_)  # the code -1 finds the False at the end
        inside[:-1] = bounds.hold_each(values)
        return inside.take(self._whole.codes)

    def are_within(self, rows: NDArray[np.uint32], bounds: Bounds) -> NDArray[np.bool_]:
        """Which of these rows have."""
        numbers = self._exact_numbers
        if numbers is not None:
            return bounds.hold(numbers[rows])
        values, codes = self._whole.values, self._whole.codes[rows]
        distinct, places = np.unique(codes, return_inverse=True)
        inside = [code >= 0 and bounds.holds(values[code]) for code in distinct.tolist()]
        return np.array(inside, np.bool_)[places]

    @property
    def _exact_numbers(self) -> NDArray[np.float64] | None:
        """The numbers, where none of them is rounded."""
        return None if self.schema.type is ColumnType.LONG else self._whole.numbers

    def rows_repeating(self, feature: FeatureValue, times: int) -> NDArray[np.uint32]:
        """The rows that have the feature at least so many times, from 2 on, increasing. Splits their values again."""
        rows = self.rows_with(feature)
        enough = [self._index.times(row, feature) >= times for row in rows.tolist()]
        return rows[np.array(enough, np.bool_)]

    @property
    def _parts(self) -> PartsView | None:
        if self._parts_view is None:
            self._parts_view = self._index.parts(self.row_count)
        return self._parts_view


@dataclass(frozen=True)
class WholeView:
    """The whole values of one view."""

    codes: NDArray[np.int32]
    values: Sequence[Value]
    numbers: NDArray[np.float64] | None  # None: the column isn't numeric
    postings: Postings
    dictionary: Dictionary

    def rows_equal(self, value: Value) -> NDArray[np.uint32]:
        return self.postings.rows_with(self.dictionary.find(value))


@dataclass(frozen=True)
class PartsView:
    """The features of one view, for columns whose values have several."""

    features: Sequence[FeatureValue]
    offsets: NDArray[np.int64]
    postings: Postings
    dictionary: Dictionary

    def rows_with(self, feature: FeatureValue) -> NDArray[np.uint32]:
        return self.postings.rows_with(self.dictionary.find(feature))


class _Entries:
    """The growing (feature, row) pairs of a column, with their posting lists."""

    def __init__(self) -> None:
        self._features = GrowingArray(np.int32)
        self._rows = GrowingArray(np.uint32)
        self._done = NOTHING_SORTED

    def __len__(self) -> int:
        return len(self._features)

    def extend(self, features: NDArray[np.int32], rows: NDArray[np.uint32]) -> None:
        self._features.extend(features)
        self._rows.extend(rows)
        self._done = sort_more(self._done, self._features.first(len(self)), self._rows.first(len(self)))

    def first(self, entry_count: int, row_count: int) -> Postings:
        return Postings(self._features.first(entry_count), self._rows.first(entry_count), self._done, row_count)


class _WholeValues:
    def __init__(self, *, numeric: bool) -> None:
        self._dictionary = Dictionary()
        self._codes = GrowingArray(np.int32)
        self._numbers = GrowingArray(np.float64)
        self._entries = _Entries()
        self._numeric = numeric

    def extended_to(self, row_count: int, cells: list[JsonValue]) -> WholeView:
        known = len(self._codes)
        if row_count > known:
            self._add(cells[known:row_count], known)
        codes = self._codes.first(row_count)
        older = row_count < len(self._codes)
        value_count = int(codes.max(initial=-1)) + 1 if older else len(self._dictionary.values)
        entry_count = int(np.count_nonzero(codes >= 0)) if older else len(self._entries)
        numbers = self._numbers.first(row_count) if self._numeric else None
        values = Prefix(self._dictionary.values, value_count)
        return WholeView(codes, values, numbers, self._entries.first(entry_count, row_count), self._dictionary)

    def _add(self, fresh: list[JsonValue], first_row: int) -> None:
        add = self._dictionary.add
        codes = np.fromiter((-1 if cell is None else add(cell) for cell in fresh), np.int32, len(fresh))
        present = np.flatnonzero(codes >= 0)
        if self._numeric:
            self._numbers.extend(np.array([np.nan if cell is None else cell for cell in fresh], np.float64))
        self._entries.extend(codes[present], (present + first_row).astype(np.uint32))
        self._codes.extend(codes)


class _Parts:
    def __init__(self, analyzer: Analyzer | None) -> None:
        self._analyzer = analyzer
        self._dictionary = Dictionary()
        self._offsets = GrowingArray(np.int64)
        self._offsets.extend(np.zeros(1, np.int64))
        self._entries = _Entries()

    def extended_to(self, row_count: int, cells: list[JsonValue]) -> PartsView:
        known = len(self._offsets) - 1
        if row_count > known:
            self._add(cells[known:row_count], known)
        offsets = self._offsets.first(row_count + 1)
        postings = self._entries.first(int(offsets[-1]), row_count)
        older = row_count < len(self._offsets) - 1
        count = int(postings.entries.max(initial=-1)) + 1 if older else len(self._dictionary.values)
        return PartsView(Prefix(self._dictionary.values, count), offsets, postings, self._dictionary)

    def _add(self, fresh: list[JsonValue], first_row: int) -> None:
        known: dict[str, tuple[int, ...]] = {}  # texts repeat, and analysing one is what costs
        per_row = [self._features_of(cell, known) for cell in fresh]
        counts = np.fromiter(map(len, per_row), np.int64, len(per_row))
        features = np.fromiter((code for codes in per_row for code in codes), np.int32, int(counts.sum()))
        rows = np.repeat(np.arange(first_row, first_row + len(fresh), dtype=np.uint32), counts)
        self._entries.extend(features, rows)
        self._offsets.extend(len(self._entries) - int(counts.sum()) + np.cumsum(counts))

    def _features_of(self, cell: JsonValue, known: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
        if not isinstance(cell, str):
            return self._added(cell)
        found = known.get(cell)
        if found is None:
            found = known[cell] = self._added(cell)
        return found

    def _added(self, cell: JsonValue) -> tuple[int, ...]:
        add = self._dictionary.add
        return tuple(dict.fromkeys(add(part) for part in self.split(cell)))

    def split(self, cell: JsonValue) -> Sequence[JsonValue]:
        """The features of a cell, repetitions included."""
        if cell is None:
            return ()
        if self._analyzer is None:
            return cell if isinstance(cell, list) else ()
        return self._analyzer(cell) if isinstance(cell, str) else ()
