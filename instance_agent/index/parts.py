"""One column of one part of a table, as the parts beneath answer and as the table asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.bounds import Bounds
from instance_agent.index.memory_column import MemoryColumn, MemoryIndex
from instance_agent.index.ragged import Mask
from instance_agent.index.stored_column import StoredColumn
from instance_agent.schema.types import ColumnSchema, FeatureValue, Value

Rows = NDArray[np.uint32]
Lists = tuple[NDArray[np.int64], NDArray[np.int32]]
"""Row r has the features codes[offsets[r]:offsets[r + 1]]; (offsets, codes)."""


class PartColumn(Protocol):
    """The rows of one part, numbered from 0; -1 is the code of null."""

    @property
    def row_count(self) -> int: ...

    @property
    def values(self) -> Sequence[Value]:
        """The distinct whole values."""

    @property
    def features(self) -> Sequence[FeatureValue]:
        """The distinct features: `values` itself where every value is its own only feature."""

    @property
    def codes(self) -> NDArray[np.int32]:
        """Per row the place of its whole value in `values`, -1 for null."""

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which rows have a value."""

    @property
    def lists(self) -> Lists | None:
        """The features row by row; None where every value is its own only feature."""

    @property
    def numbers(self) -> NDArray[np.float64] | None:
        """The value per row, NaN for null; None where the column isn't numeric."""

    def find(self, value: Value) -> int: ...
    def find_feature(self, feature: FeatureValue) -> int: ...
    def rows_equal(self, value: Value) -> Rows: ...
    def rows_with(self, feature: FeatureValue) -> Rows: ...
    def most_rows_with(self, feature: FeatureValue) -> int: ...
    def rows_repeating(self, feature: FeatureValue, times: int) -> Rows: ...
    def rows_within(self, bounds: Bounds) -> Rows | Mask: ...
    def are_within(self, rows: Rows, bounds: Bounds) -> Mask: ...


class StoredPart:
    """A column out of a segment."""

    def __init__(self, column: StoredColumn) -> None:
        self._column = column
        self.row_count = column.row_count
        self.find = column.find
        self.find_feature = column.find_feature
        self.rows_equal = column.rows_equal
        self.rows_with = column.rows_with
        self.most_rows_with = column.most_rows_with
        self.rows_repeating = column.rows_repeating
        self.rows_within = column.rows_within
        self.are_within = column.are_within

    @property
    def values(self) -> Sequence[Value]:
        return self._column.values

    @property
    def features(self) -> Sequence[FeatureValue]:
        found = self._column.features
        return self._column.values if found is None else found

    @property
    def codes(self) -> NDArray[np.int32]:
        signed = self._column.codes.astype(np.int32)
        signed -= 1
        return signed

    @property
    def present(self) -> NDArray[np.bool_]:
        return self._column.codes > 0

    @property
    def lists(self) -> Lists | None:
        forward = self._column.forward
        return None if forward is None else (forward.offsets.astype(np.int64), forward.codes.astype(np.int32))

    @property
    def numbers(self) -> NDArray[np.float64] | None:
        return self._column.numbers if self._column.schema.type.is_numeric else None


class ConstantPart:
    """A column whose rows all have one value: it came when they were there."""

    def __init__(self, schema: ColumnSchema, value: Value, row_count: int) -> None:
        """value: None for null."""
        self.row_count = row_count
        self._one = MemoryIndex(schema, [value]).view(1)
        self.values = self._one.values
        self.features = self._one.features
        self.find = self._one.find
        self.find_feature = self._one.find_feature

    @property
    def codes(self) -> NDArray[np.int32]:
        return np.full(self.row_count, self._one.codes[0], np.int32)

    @property
    def present(self) -> NDArray[np.bool_]:
        return np.full(self.row_count, self._one.codes[0] >= 0)

    @property
    def lists(self) -> Lists | None:
        one = self._one.lists
        if one is None:
            return None
        count = len(one[1])
        return np.arange(self.row_count + 1, dtype=np.int64) * count, np.tile(one[1], self.row_count)

    @property
    def numbers(self) -> NDArray[np.float64] | None:
        one = self._one.numbers
        return None if one is None else np.full(self.row_count, one[0])

    def rows_equal(self, value: Value) -> Rows:
        return self._all_if(len(self._one.rows_equal(value)) > 0)

    def rows_with(self, feature: FeatureValue) -> Rows:
        return self._all_if(len(self._one.rows_with(feature)) > 0)

    def most_rows_with(self, feature: FeatureValue) -> int:
        return len(self.rows_with(feature))

    def rows_repeating(self, feature: FeatureValue, times: int) -> Rows:
        return self._all_if(len(self._one.rows_repeating(feature, times)) > 0)

    def rows_within(self, bounds: Bounds) -> Mask:
        return np.full(self.row_count, bool(self._one.rows_within(bounds)[0]))

    def are_within(self, rows: Rows, bounds: Bounds) -> Mask:
        return np.full(len(rows), bool(self._one.rows_within(bounds)[0]))

    def _all_if(self, there: bool) -> Rows:
        return np.arange(self.row_count if there else 0, dtype=np.uint32)


@dataclass(frozen=True)
class Patched:
    """Rows of a part whose value was replaced."""

    rows: Rows  # increasing
    column: MemoryColumn  # its row i is the value of rows[i]


@dataclass(frozen=True)
class PlacedPart:
    """A part in its table, with what was deleted and replaced since it was written."""

    start: int  # the table's row number of its first row
    column: PartColumn
    dead: NDArray[np.bool_] | None  # per row; None: none
    patch: Patched | None

    @property
    def end(self) -> int:
        return self.start + self.column.row_count

    @property
    def as_written(self) -> bool:
        return self.dead is None and self.patch is None

    def rows_equal(self, value: Value) -> Rows:
        """The table's rows whose whole value it is, increasing."""
        patched = None if self.patch is None else self.patch.column.rows_equal(value)
        return self._overlaid(self.column.rows_equal(value), patched)

    def rows_with(self, feature: FeatureValue, start: int = 0) -> Rows:
        """The table's rows from `start` on that have the feature, increasing."""
        rows, first = self.column.rows_with(feature), start - self.start
        if self.patch is not None:
            found = self._overlaid(rows, self.patch.column.rows_with(feature))
            return found[int(np.searchsorted(found, start)) :] if first > 0 else found
        return self._overlaid(rows[int(np.searchsorted(rows, first)) :] if first > 0 else rows, None)

    def most_rows_with(self, feature: FeatureValue) -> int:
        """At least as many rows as have the feature."""
        return self.column.most_rows_with(feature) + (0 if self.patch is None else len(self.patch.rows))

    def rows_repeating(self, feature: FeatureValue, times: int) -> Rows:
        """The table's rows that have the feature at least so many times, from 2 to 255, increasing."""
        patched = None if self.patch is None else self.patch.column.rows_repeating(feature, times)
        return self._overlaid(self.column.rows_repeating(feature, times), patched)

    def rows_within(self, bounds: Bounds) -> Rows | Mask:
        """The part's own rows whose whole value is inside: increasing, or as a mask."""
        rows = self.column.rows_within(bounds)
        patched = None if self.patch is None else self.patch.column.rows_within(bounds)
        if rows.dtype != np.bool_:
            listed = None if patched is None else np.flatnonzero(patched).astype(np.uint32)
            return self._own(np.asarray(rows, np.uint32), listed)
        inside = rows.astype(np.bool_, copy=False)
        if self.patch is not None and patched is not None:
            inside[self.patch.rows] = patched
        return inside if self.dead is None else np.greater(inside, self.dead, out=inside)  # inside and not dead

    def are_within(self, rows: Rows, bounds: Bounds) -> Mask:
        """Which of these rows of the part, increasing, have a whole value inside."""
        inside = self.column.are_within(rows, bounds)
        if self.patch is not None and len(rows):
            places = np.searchsorted(rows, self.patch.rows)
            asked = np.flatnonzero(rows[np.minimum(places, len(rows) - 1)] == self.patch.rows).astype(np.uint32)
            inside[places[asked]] = self.patch.column.are_within(asked, bounds)
        return inside if self.dead is None else inside & ~self.dead[rows]

    def _overlaid(self, rows: Rows, patched: Rows | None) -> Rows:
        rows = self._own(rows, patched)
        return rows + np.uint32(self.start) if self.start else rows

    def _own(self, rows: Rows, patched: Rows | None) -> Rows:
        """Rows of the part without those that are dead or replaced, with those of the patch."""
        if self.patch is not None and patched is not None:
            replaced: NDArray[np.bool_] = np.zeros(self.column.row_count, np.bool_)
            replaced[self.patch.rows] = True
            rows = np.sort(np.concatenate((rows[~replaced[rows]], self.patch.rows[patched])))
        if self.dead is not None:
            rows = rows[~self.dead[rows]]
        return rows


def rows_within(parts: Sequence[PlacedPart], bounds: Bounds) -> Rows | Mask:
    """The table's rows whose whole value is inside: increasing, or as a mask."""
    found = [part.rows_within(bounds) for part in parts]
    if len(found) == 1:
        return found[0]
    if all(rows.dtype != np.bool_ for rows in found):
        listed = [np.asarray(rows, np.uint32) + np.uint32(part.start) for rows, part in zip(found, parts, strict=True)]
        return np.concatenate(listed) if listed else np.empty(0, np.uint32)
    inside = np.zeros(parts[-1].end, np.bool_)
    for rows, part in zip(found, parts, strict=True):
        if rows.dtype == np.bool_:
            inside[part.start : part.end] = rows
        else:
            inside[part.start : part.end][rows] = True
    return inside


def are_within(parts: Sequence[PlacedPart], rows: Rows, bounds: Bounds) -> Mask:
    """Which of these rows of the table, increasing, have a whole value inside."""
    inside = np.zeros(len(rows), np.bool_)
    borders = [*np.searchsorted(rows, [part.start for part in parts]).tolist(), len(rows)]
    for part, first, last in zip(parts, borders, borders[1:], strict=False):
        if first < last:
            inside[first:last] = part.are_within(rows[first:last] - np.uint32(part.start), bounds)
    return inside
