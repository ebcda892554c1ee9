"""One column of one commit, over all parts of its table: what queries ask.

A deleted row looks like a row of nulls. Row numbers are the table's: part after part.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.bounds import Bounds
from instance_agent.index.growing import Scalar
from instance_agent.index.grown_arrays import GrownArray, GrownLists
from instance_agent.index.parts import Lists, PartColumn, PlacedPart, Rows, StoredPart, are_within, rows_within
from instance_agent.index.ragged import Mask
from instance_agent.index.united import Extension, Numbering
from instance_agent.schema.analyzers import Analyzer
from instance_agent.schema.types import ColumnSchema, ColumnType, FeatureValue, Value

Grown = TypeVar("Grown", GrownArray[np.int32], GrownArray[np.float64], GrownLists)


class SharedColumn:
    """What views of one column share while the table's parts stay the same and only the last one grows.

    Built piece by piece, when first asked for. Safe for many threads.
    """

    def __init__(self, fixed: Sequence[PartColumn]) -> None:
        """fixed: all parts but the last where that is one in memory."""
        self._fixed = fixed
        self._lock = threading.Lock()
        self._made: dict[str, tuple[list[NDArray[np.bool_] | None], object]] = {}

    @cached_property
    def values(self) -> Numbering:
        return Numbering([part.values for part in self._fixed], [part.find for part in self._fixed])

    @property
    def sorted_count(self) -> int:
        """So many of the first values are in increasing order: those of a single segment."""
        return len(self._fixed[0].values) if len(self._fixed) == 1 and isinstance(self._fixed[0], StoredPart) else 0

    @cached_property
    def features(self) -> Numbering:
        return Numbering([part.features for part in self._fixed], [part.find_feature for part in self._fixed])

    def codes(self, parts: Sequence[PlacedPart]) -> GrownArray[np.int32]:
        """Of the fixed parts, -1 in their dead rows; patched rows have what was written."""

        def make() -> GrownArray[np.int32]:
            pairs = zip(self._fixed, self.values.maps, strict=True)
            codes = joined([renumbered(part.codes, numbers) for part, numbers in pairs], np.int32)
            return GrownArray(_marked(codes, parts, np.int32(-1)))

        return self._grown("codes", parts, make)

    def numbers(self, parts: Sequence[PlacedPart]) -> GrownArray[np.float64]:
        """Of the fixed parts, NaN in their dead rows; patched rows have what was written."""

        def make() -> GrownArray[np.float64]:
            numbers = joined([part.numbers for part in self._fixed if part.numbers is not None], np.float64)
            return GrownArray(_marked(numbers, parts, np.float64(np.nan)))

        return self._grown("numbers", parts, make)

    def lists(self, parts: Sequence[PlacedPart]) -> GrownLists:
        """The features of the fixed parts, none in their dead rows, for columns where values have several."""
        return self._grown("lists", parts, lambda: GrownLists(joined_lists(self.written_lists(parts))))

    def written_lists(self, parts: Sequence[PlacedPart]) -> list[Lists]:
        """The same part by part; patched rows have what was written."""
        pieces: list[Lists] = []
        for part, numbers, placed in zip(self._fixed, self.features.maps, parts, strict=True):
            offsets, codes = part.lists if part.lists is not None else no_lists(part.row_count)
            pieces.append(_without_dead((offsets, renumbered(codes, numbers)), placed))
        return pieces

    def _grown(self, name: str, parts: Sequence[PlacedPart], make: Callable[[], Grown]) -> Grown:
        """Kept as long as no more rows of the fixed parts are deleted."""
        dead = [part.dead for part in parts]
        with self._lock:
            known = self._made.get(name)
            if known is None or not all(map(operator.is_, known[0], dead)):
                known = self._made[name] = (dead, make())
        return cast(Grown, known[1])


def _marked(values: NDArray[Scalar], parts: Sequence[PlacedPart], absent: Scalar) -> NDArray[Scalar]:
    """The values with `absent` in dead rows."""
    if all(part.dead is None for part in parts):
        return values
    marked = values.copy()
    for part in parts:
        if part.dead is not None:
            marked[part.start : part.end][part.dead] = absent
    return marked


@dataclass(frozen=True)
class _Names:
    """The numbers that one view gives to values (or features): those of its parts, and of what was replaced."""

    extension: Extension
    of_tail: NDArray[np.int32] | None  # per value of the tail; None: they keep their own
    of_patches: list[NDArray[np.int32] | None]  # per overlaid part, per value of its patch

    @classmethod
    def of(
        cls,
        numbering: Numbering,
        tail: Sequence[Value] | None,
        patches: Sequence[Sequence[Value] | None],
        find: Callable[[Value], int],
    ) -> _Names:
        values, of_tail = numbering.fixed_values(), None
        if tail is not None:
            values, of_tail = numbering.grown(tail)
        extension = Extension(values, find)
        return cls(extension, of_tail, [None if patch is None else extension.add(patch) for patch in patches])


class ColumnView:
    """One column of one commit. Immutable: whatever is written meanwhile, it answers the same."""

    def __init__(
        self, schema: ColumnSchema, analyzer: Analyzer, parts: Sequence[PlacedPart], fixed: int, shared: SharedColumn
    ) -> None:
        """parts: all of them, in order. fixed: how many of them `shared` is about: all, or all but the last."""
        self.schema = schema
        self.row_count = parts[-1].end if parts else 0
        self._analyzer = analyzer
        self._parts = parts
        self._fixed_parts = parts[:fixed]
        self._tail = parts[fixed] if fixed < len(parts) else None
        self._shared = shared
        self._overlaid = [part for part in parts if not part.as_written]
        self._splits = schema.type.is_array or schema.type is ColumnType.TEXT

    @property
    def codes(self) -> NDArray[np.int32]:
        """Per row the place of its whole value in `values`, -1 for null."""
        return self._codes

    def code_of(self, value: Value) -> int:
        """The place of a whole value in `values`, -1 when it isn't there."""
        return self._value_names.extension.find(value)

    def feature_code_of(self, feature: FeatureValue) -> int:
        """The place of a feature in `features`, -1 when it isn't there."""
        return self._feature_names.extension.find(feature) if self._splits else self.code_of(feature)

    @property
    def has_lasting_codes(self) -> bool:
        """Do codes keep their meaning as rows are added? Not while values were replaced in place."""
        return all(part.patch is None for part in self._parts)

    @property
    def splits(self) -> bool:
        """May a value have several features? True for Text and arrays."""
        return self._splits

    @property
    def values(self) -> Sequence[Value]:
        """The distinct whole values, in no order to rely on; no row may have some of them any more."""
        return self._value_names.extension.values

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Which rows have a value. Asks for no value's number, which texts take long to get."""
        present = joined([part.column.present for part in self._parts], np.bool_, writable=bool(self._overlaid))
        for part in self._overlaid:
            if part.patch is not None:
                present[part.patch.rows + np.uint32(part.start)] = part.patch.column.present
            if part.dead is not None:
                present[part.start : part.end][part.dead] = False
        return sealed(present)

    @property
    def sorted_count(self) -> int:
        """So many of the first `values` are in increasing order, so that their codes compare as they do."""
        return self._shared.sorted_count

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """Int, Long, Decimal: the value per row, NaN for null. Longs beyond 2**53 are rounded. Else all NaN."""
        if not self.schema.type.is_numeric:
            return np.full(self.row_count, np.nan)
        tail = None if self._tail is None else self._tail.column.numbers
        numbers = self._shared.numbers(self._fixed_parts).with_last(np.empty(0) if tail is None else tail)
        if self._is_grown:
            return numbers
        numbers = numbers.copy()
        for part in self._overlaid:
            if part.patch is not None and part.patch.column.numbers is not None:
                numbers[part.patch.rows + np.uint32(part.start)] = part.patch.column.numbers
            if part.dead is not None:
                numbers[part.start : part.end][part.dead] = np.nan
        return sealed(numbers)

    @property
    def features(self) -> Sequence[FeatureValue]:
        """The distinct features, in no order to rely on: values, the tokens of a Text, an array's elements."""
        return self._feature_names.extension.values if self._splits else self.values

    @property
    def feature_offsets(self) -> NDArray[np.int64]:
        """Row r has the features `feature_codes[feature_offsets[r]:feature_offsets[r + 1]]`; row_count + 1 numbers."""
        return self._lists[0]

    @property
    def feature_codes(self) -> NDArray[np.int32]:
        """The places in `features` of all rows' features, row by row, each once in its row."""
        return self._lists[1]

    def rows_with(self, feature: FeatureValue, start: int = 0) -> Rows:
        """The rows from `start` on that have the feature, increasing; empty when no row has it."""
        return joined([part.rows_with(feature, start) for part in self._parts if part.end > start], np.uint32)

    def most_rows_with(self, feature: FeatureValue) -> int:
        """At least as many rows as have the feature; found without reading which."""
        return sum(part.most_rows_with(feature) for part in self._parts)

    def rows_within(self, bounds: Bounds) -> Rows | Mask:
        """The rows whose whole value is inside, of a column of numbers or strings: increasing, or as a mask."""
        return rows_within(self._parts, bounds)

    def are_within(self, rows: Rows, bounds: Bounds) -> Mask:
        """Which of these rows, increasing, have a whole value inside; looks at no other row."""
        return are_within(self._parts, rows, bounds)

    def rows_repeating(self, feature: FeatureValue, times: int) -> Rows:
        """The rows whose text or array has the feature at least so many times, from 2 to 255, increasing."""
        return joined([part.rows_repeating(feature, times) for part in self._parts], np.uint32)

    def rows_equal(self, value: Value) -> Rows:
        """The rows whose whole value it is, increasing, also on Text and arrays; empty for none and for null."""
        return joined([part.rows_equal(value) for part in self._parts], np.uint32)

    def analyze(self, text: str) -> list[str]:
        """The tokens of a text as this column's analyzer makes them, repetitions included."""
        return self._analyzer(text)

    @cached_property
    def _value_names(self) -> _Names:
        numbering = self._shared.values
        tail = None if self._tail is None else self._tail.column.values
        patches = [None if part.patch is None else part.patch.column.values for part in self._overlaid]
        return _Names.of(numbering, tail, patches, self._finder(numbering, whole=True))

    @cached_property
    def _codes(self) -> NDArray[np.int32]:
        names = self._value_names
        empty: NDArray[np.int32] = np.empty(0, np.int32)
        tail = empty if self._tail is None else renumbered(self._tail.column.codes, names.of_tail)
        codes = self._shared.codes(self._fixed_parts).with_last(tail)
        if self._is_grown:
            return codes
        codes = codes.copy()
        for part, numbers in zip(self._overlaid, names.of_patches, strict=True):
            if part.patch is not None:
                codes[part.patch.rows + np.uint32(part.start)] = renumbered(part.patch.column.codes, numbers)
            if part.dead is not None:
                codes[part.start : part.end][part.dead] = -1
        return sealed(codes)

    @cached_property
    def _lists(self) -> Lists:
        if self._splits:
            return self._split_lists()
        offsets: NDArray[np.int64] = np.zeros(self.row_count + 1, np.int64)
        np.cumsum(self.codes >= 0, out=offsets[1:])
        return sealed(offsets), sealed(self.codes[self.codes >= 0])

    @cached_property
    def _feature_names(self) -> _Names:
        """Where values have several features."""
        numbering = self._shared.features
        tail = None if self._tail is None else self._tail.column.features
        patches = [None if part.patch is None else part.patch.column.features for part in self._overlaid]
        return _Names.of(numbering, tail, patches, self._finder(numbering, whole=False))

    @property
    def _is_grown(self) -> bool:
        """Is all that lies over the parts that rows of the fixed ones were deleted?"""
        tail_as_written = self._tail is None or self._tail.as_written
        return tail_as_written and all(part.patch is None for part in self._fixed_parts)

    def _split_lists(self) -> Lists:
        if self._is_grown:
            last = no_lists(0) if self._tail is None else self._tail_lists(self._tail)
            return self._shared.lists(self._fixed_parts).with_last(last)
        if all(part.patch is None for part in self._fixed_parts):
            pieces = [self._shared.lists(self._fixed_parts).with_last(no_lists(0))]
        else:
            written = self._shared.written_lists(self._fixed_parts)
            pieces = [self._patched(lists, part) for lists, part in zip(written, self._fixed_parts, strict=True)]
        if self._tail is not None:
            pieces.append(self._patched(self._tail_lists(self._tail), self._tail))
        return joined_lists(pieces)

    def _patched(self, lists: Lists, part: PlacedPart) -> Lists:
        if part.patch is None or part.patch.column.lists is None:
            return lists
        offsets, codes = part.patch.column.lists
        numbers = next(
            numbers
            for placed, numbers in zip(self._overlaid, self._feature_names.of_patches, strict=True)
            if placed is part
        )
        return _without_dead(with_lists_replaced(lists, part.patch.rows, (offsets, renumbered(codes, numbers))), part)

    def _tail_lists(self, part: PlacedPart) -> Lists:
        if part.column.lists is None:
            return no_lists(part.column.row_count)
        offsets, codes = part.column.lists
        return _without_dead((offsets, renumbered(codes, self._feature_names.of_tail)), part)

    def _finder(self, numbering: Numbering, *, whole: bool) -> Callable[[Value], int]:
        """The function that finds a value's (or feature's) number in what the view's parts have in common."""
        if self._tail is None or numbering.has_fixed_values:
            return numbering.find
        return self._tail.column.find if whole else self._tail.column.find_feature


def renumbered(codes: NDArray[np.int32], numbers: NDArray[np.int32] | None) -> NDArray[np.int32]:
    """The codes with `numbers` put for their places, -1 as it is. None: they are right as they are."""
    return codes if numbers is None else np.append(numbers, np.int32(-1))[codes]


def sealed(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """The array, which nobody can write to any more."""
    array.flags.writeable = False
    return array


def joined(pieces: Sequence[NDArray[Scalar]], dtype: type[Scalar], *, writable: bool = False) -> NDArray[Scalar]:
    """The pieces in one array, without a copy where there is but one and nobody wants to write."""
    full = [piece for piece in pieces if len(piece)]
    if len(full) == 1 and not writable:
        return full[0]
    return np.concatenate(full) if full else np.empty(0, dtype)


def joined_lists(pieces: Sequence[Lists]) -> Lists:
    """Lists of features, part after part."""
    full = [piece for piece in pieces if len(piece[0]) > 1]
    if not full:
        return no_lists(0)
    if len(full) == 1:
        return full[0]
    counts = [np.diff(offsets) for offsets, _ in full]
    offsets: NDArray[np.int64] = np.zeros(sum(map(len, counts)) + 1, np.int64)
    np.cumsum(joined(counts, np.int64), out=offsets[1:])
    return offsets, joined([codes for _, codes in full], np.int32)


def no_lists(row_count: int) -> Lists:
    """Rows without features."""
    return np.zeros(row_count + 1, np.int64), np.empty(0, np.int32)


def _without_dead(lists: Lists, part: PlacedPart) -> Lists:
    if part.dead is None:
        return lists
    dead = np.flatnonzero(part.dead).astype(np.uint32)
    return with_lists_replaced(lists, dead, no_lists(len(dead)))


def with_lists_replaced(lists: Lists, rows: Rows, replacement: Lists) -> Lists:
    """The lists with those of `rows` (increasing) replaced, in order, by the lists of `replacement`."""
    offsets, codes = lists
    counts = np.diff(offsets)
    kept = np.ones(len(counts), np.bool_)
    kept[rows] = False
    more_counts = np.diff(replacement[0])
    changed = counts.copy()
    changed[rows] = more_counts
    made: NDArray[np.int64] = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(changed, out=made[1:])
    result = np.empty(int(made[-1]), np.int32)
    of_kept = np.repeat(kept, counts)
    moved = np.repeat(made[:-1] - offsets[:-1], counts) + np.arange(len(codes))
    result[moved[of_kept]] = codes[of_kept]
    places = np.repeat(made[:-1][rows] - replacement[0][:-1], more_counts) + np.arange(len(replacement[1]))
    result[places] = replacement[1]
    return made, result
