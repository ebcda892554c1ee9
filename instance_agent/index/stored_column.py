"""One column of a segment: which arrays of the segment's file it has, how they are written and read.

All names start with the column's prefix. "places" are numbers of values or features in their sorted dictionary.

    values...       the dictionary of the whole values (see `stored_dictionary`)
    codes           per row 0 for null, 1 + place of its value otherwise; a single one when all rows have the same; none
                    when row r has the value r, as where rows came in the order of a unique column
    features...     the dictionary of the features; this and the following only for Text and arrays
    lists.lengths, lists.starts     how many features each row has (see `ragged.Spans`)
    lists.codes     their places, row by row
    lists.repeated  the places in `lists.codes` of features that occur more than once in their row, increasing
    lists.times     how often each of those occurs, 255 for more; both only where there are such
    rows            the posting lists of the features, or, where a value is the one feature, of the values (see
                    `posting_lists`); none when row r has the value r, or all rows the same
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.analysis import feature_type
from instance_agent.index.bounds import Bounds
from instance_agent.index.column_arrays import ColumnArrays, Forward
from instance_agent.index.dictionaries import Numbers, SortedDictionary
from instance_agent.index.posting_lists import (
    PostingLists,
    Rows,
    postings_of_codes,
    postings_of_lists,
    store_postings,
    store_small_postings,
)
from instance_agent.index.ragged import (
    Mask,
    Spans,
    Unsigned,
    offsets_type,
    smallest_unsigned,
)
from instance_agent.index.stored_dictionary import open_dictionary, open_spans, store_dictionary, store_spans
from instance_agent.schema.types import ColumnSchema, FeatureValue, JsonValue, Value
from instance_agent.storage.segment_file import SegmentFile, SegmentWriter

ROWS_PER_SORTED = 128
"""Sorting one row costs about as much as looking at the codes of so many."""


def store(writer: SegmentWriter, prefix: str, arrays: ColumnArrays) -> None:
    """Write the column's arrays and its posting lists. Raises OSError."""
    codes, value_count = arrays.codes, len(arrays.values)
    store_dictionary(writer, prefix + "values", arrays.values, kind="data")
    if is_constant(codes) and not is_counting(codes, value_count):
        writer.add(prefix + "codes", codes[:1], kind="data")
    elif not is_counting(codes, value_count):
        writer.add(prefix + "codes", codes, kind="data")
        if arrays.forward is None:
            store_postings(writer, prefix + "rows", postings_of_codes(codes, value_count))
    if arrays.forward is not None and arrays.features is not None:
        store_dictionary(writer, prefix + "features", arrays.features, kind="index")
        _store_forward(writer, prefix, arrays.forward, len(arrays.features))


def _store_forward(writer: SegmentWriter, prefix: str, forward: Forward, feature_count: int) -> None:
    store_spans(writer, prefix + "lists", Spans.of(forward.offsets), kind="index")
    writer.add(prefix + "lists.codes", forward.codes, kind="index")
    if forward.frequencies is not None:
        repeated = np.flatnonzero(forward.frequencies > 1)
        writer.add(prefix + "lists.repeated", offsets_type(repeated), kind="index")
        writer.add(prefix + "lists.times", forward.frequencies[repeated], kind="index")
    lists = postings_of_lists(forward.offsets, forward.codes, feature_count)
    store_small_postings(writer, prefix + "rows", lists, len(forward.offsets) - 1)


def is_counting(codes: Unsigned, value_count: int) -> bool:
    """Has row r the value r?"""
    return len(codes) == value_count and bool((codes == np.arange(1, value_count + 1)).all())


def is_constant(codes: Unsigned) -> bool:
    """Have all rows the same value, or null?"""
    return len(codes) > 0 and bool((codes == codes[0]).all())


class StoredColumn:
    """Reads one column of a segment. Holds views of the mapped file only; safe for many threads.

    Each access raises DamagedSegment when an array that it needs for the first time isn't what was written.
    """

    def __init__(self, file: SegmentFile, prefix: str, schema: ColumnSchema, row_count: int) -> None:
        self.schema = schema
        self.row_count = row_count
        self._file = file
        self._prefix = prefix
        self._feature_type = feature_type(schema)

    @cached_property
    def values(self) -> SortedDictionary:
        """The distinct whole values, increasing, decoded when asked for."""
        return open_dictionary(self._file, self._prefix + "values", self.schema.type)

    @cached_property
    def features(self) -> SortedDictionary | None:
        """The distinct features, increasing: tokens of a Text, elements of arrays; None for other types."""
        if self._feature_type is None:
            return None
        return open_dictionary(self._file, self._prefix + "features", self._feature_type)

    @property
    def codes(self) -> Unsigned:
        """Per row 0 for null, k + 1 for values[k]."""
        if not self._has("codes"):
            return np.arange(1, self.row_count + 1, dtype=smallest_unsigned(self.row_count))
        codes = self._array("codes")
        return codes if len(codes) == self.row_count else np.broadcast_to(codes, self.row_count)

    @property
    def forward(self) -> Forward | None:
        """The features row by row; None where `features` is."""
        if self._feature_type is None:
            return None
        codes, frequencies = self._array("lists.codes"), None
        if self._has("lists.repeated"):
            frequencies = np.ones(len(codes), np.uint8)
            frequencies[self._array("lists.repeated")] = self._array("lists.times")
        return Forward(self.spans.offsets(), codes, frequencies)

    @property
    def numbers(self) -> NDArray[np.float64]:
        """Int, Long, Decimal: the value per row, NaN for null. Longs beyond 2**53 are rounded. Else all NaN."""
        if not self.schema.type.is_numeric or not isinstance(self.values, Numbers):
            return np.full(self.row_count, np.nan)
        return np.concatenate(([np.nan], self.values.values.astype(np.float64)))[self.codes]

    def find(self, value: JsonValue) -> int:
        """The place of a value in `values`, -1 when it isn't there. 1 finds 1.0, True finds neither."""
        return self.values.find(value)

    def find_feature(self, feature: JsonValue) -> int:
        """The place of a feature in `features`, or in `values` where those are the features; -1 for none."""
        return self.values.find(feature) if self.features is None else self.features.find(feature)

    def value_at(self, row: int) -> Value | None:
        """The whole value of one row, None for null; touches no other row. Raises IndexError."""
        if not 0 <= row < self.row_count:
            raise IndexError(row)
        codes = self._stored_codes
        place = row if codes is None else codes.item(row if len(codes) > 1 else 0) - 1
        return self.values.value_at(place) if place >= 0 else None

    def features_at(self, row: int) -> list[FeatureValue]:
        """The features of one row, in order of first occurrence; touches no other row. Raises IndexError."""
        if self.features is None:
            value = self.value_at(row)
            return [] if value is None else [value]
        if not 0 <= row < self.row_count:
            raise IndexError(row)
        start, end = self.spans.span(row)
        return [self.features.value_at(place) for place in self._array("lists.codes")[start:end].tolist()]

    def rows_equal(self, value: JsonValue) -> Rows:
        """The rows whose whole value it is, increasing; null has none."""
        place = -1 if value is None else self.values.find(value)
        if place < 0:
            return np.empty(0, np.uint32)
        if self.features is None:
            return self._rows_of_place(place)
        if not self._has("codes"):
            return np.array([place], np.uint32)
        return np.flatnonzero(self.codes == place + 1).astype(np.uint32)

    def rows_with(self, feature: JsonValue) -> Rows:
        """The rows that have the feature, increasing."""
        if self.features is None:
            return self.rows_equal(feature)
        place = self.features.find(feature)
        return self._lists.listed(place) if place >= 0 else np.empty(0, np.uint32)

    def most_rows_with(self, feature: JsonValue) -> int:
        """How many rows have the feature; found without reading which."""
        place = self.find_feature(feature)
        if place < 0 or not self._has("rows"):
            return len(self.rows_with(feature))
        return self._lists.count_between(place, place + 1)

    def rows_within(self, bounds: Bounds) -> Rows | Mask:
        """The rows whose whole value is inside, of a column of numbers or strings: increasing, or as a mask."""
        start, end = self.values.places_within(bounds)
        if start >= end:
            return np.empty(0, np.uint32)
        if not self._has("codes"):
            return np.arange(start, end, dtype=np.uint32)
        codes = self._array("codes")
        if len(codes) != self.row_count:
            return np.full(self.row_count, start < codes[0] <= end)
        if self.features is None and self._lists.count_between(start, end) * ROWS_PER_SORTED < self.row_count:
            return np.sort(self._lists.listed_between(start, end))
        inside = codes > start
        if end < len(self.values):
            inside &= codes <= end
        return inside

    def are_within(self, rows: Rows, bounds: Bounds) -> Mask:
        """Which of these rows have a value inside."""
        start, end = self.values.places_within(bounds)
        if not self._has("codes"):
            return (rows >= start) & (rows < end)
        codes = self.codes[rows]
        return (codes > start) & (codes <= end)

    def rows_repeating(self, feature: JsonValue, times: int) -> Rows:
        """The rows that have the feature at least so many times, from 2 to 255, increasing."""
        place = -1 if self.features is None else self.features.find(feature)
        if place < 0 or not self._has("lists.repeated"):
            return np.empty(0, np.uint32)
        repeated = self._array("lists.repeated")
        found = repeated[(self._array("lists.codes")[repeated] == place) & (self._array("lists.times") >= times)]
        rows: Rows = (np.searchsorted(self.spans.offsets(), found, side="right") - 1).astype(np.uint32)
        return rows

    @property
    def postings(self) -> tuple[NDArray[np.integer[Any]], Rows]:
        """All posting lists: the rows with place p are rows[starts[p]:starts[p + 1]]; (starts, rows).

        Of the features, or where a value is the one feature, of the values.
        """
        if self._has("rows"):
            return self._lists.all()
        count = len(self.values)
        rows: Rows = np.arange(self.row_count if count else 0, dtype=np.uint32)
        return np.arange(count + 1) if count == len(rows) else np.array([0, len(rows)]), rows

    @property
    def has_sound_postings(self) -> bool:
        """Can `postings` be read? Not where they were written wrongly."""
        return not self._has("rows") or self._lists.is_sound

    def arrays(self) -> ColumnArrays:
        """All of it, without copying what is stored as it is."""
        return ColumnArrays(self.schema, self.row_count, self.values, self.codes, self.features, self.forward)

    def _rows_of_place(self, place: int) -> Rows:
        if not self._has("codes"):
            return np.array([place], np.uint32)
        if not self._has("rows"):
            return np.arange(self.row_count, dtype=np.uint32)
        return self._lists.listed(place)

    @cached_property
    def _stored_codes(self) -> Unsigned | None:
        """As they lie in the file: None where row r has the value r, one where all rows have the same."""
        return self._array("codes") if self._has("codes") else None

    @cached_property
    def _lists(self) -> PostingLists:
        return PostingLists(self._file, self._prefix + "rows", self.row_count)

    @cached_property
    def spans(self) -> Spans:
        """Where each row's features lie in `forward.codes`, for columns that have them."""
        return open_spans(self._file, self._prefix + "lists", self.row_count)

    def _has(self, name: str) -> bool:
        return self._prefix + name in self._file.arrays

    def _array(self, name: str) -> NDArray[Any]:
        return self._file.array(self._prefix + name)
