"""A column as arrays: what a segment stores of it, made from cells, cut, patched and put together.

All of it is immutable. Rows cost numpy operations only; Python works on distinct values, and only where there are new
ones (cells) or where two dictionaries become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.analysis import Lists, features_of_values
from instance_agent.index.dictionaries import Places, SortedDictionary, united
from instance_agent.index.encoding import encoder_of
from instance_agent.index.ragged import (
    Mask,
    Unsigned,
    gathered,
    offsets_of,
    smallest_unsigned,
)
from instance_agent.schema.analyzers import Analyzer
from instance_agent.schema.types import ColumnSchema, JsonValue


@dataclass(frozen=True, eq=False)
class Forward:
    """The features row by row: row r has features[codes[offsets[r]:offsets[r + 1]]]."""

    offsets: Unsigned  # row_count + 1 of them, u32 or u64
    codes: Unsigned  # places in the column's features, each once per row, in order of first occurrence
    frequencies: NDArray[np.uint8] | None  # how often each occurs in its row, 255 for more; None when all occur once


@dataclass(frozen=True, eq=False)
class ColumnArrays:
    """One column of some rows."""

    schema: ColumnSchema
    row_count: int
    values: SortedDictionary  # the distinct whole values, increasing; each is in some row
    codes: Unsigned  # per row 0 for null, k + 1 for values[k]; the smallest of u8, u16, u32 that fits
    features: SortedDictionary | None = None  # Text: tokens; arrays: elements; None: the value is the one feature
    forward: Forward | None = None  # where there are features

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, or of a mapped file."""
        forward = [] if self.forward is None else [self.forward.offsets, self.forward.codes, self.forward.frequencies]
        arrays = sum(array.nbytes for array in (self.codes, *forward) if array is not None)
        return arrays + self.values.size_bytes + (self.features.size_bytes if self.features is not None else 0)


def from_cells(schema: ColumnSchema, cells: Sequence[JsonValue], analyzer: Analyzer) -> ColumnArrays:
    """The column of these cells, None for null. Cells are equal as `growing.key_of` says."""
    encoder = encoder_of(schema.type)
    encoder.add(cells if isinstance(cells, list) else list(cells))
    return from_codes(schema, *encoder.finish(), analyzer)


def from_codes(schema: ColumnSchema, values: SortedDictionary, codes: Unsigned, analyzer: Analyzer) -> ColumnArrays:
    """The column of rows with these codes; each of `values` is in some row."""
    found = features_of_values(schema, values, analyzer)
    if found is None:
        return ColumnArrays(schema, len(codes), values, codes)
    features, lists = found
    return ColumnArrays(schema, len(codes), values, codes, features, _forward_of(lists, codes))


def constant(schema: ColumnSchema, value: JsonValue, row_count: int, analyzer: Analyzer) -> ColumnArrays:
    """The column whose rows all have one value; None for null."""
    return _rows_of(from_cells(schema, [value], analyzer), np.zeros(row_count, np.uint32))


def take(arrays: ColumnArrays, keep: Mask) -> ColumnArrays:
    """The rows where `keep` is true, in their order, without values and features that only others had."""
    if keep.all():
        return arrays
    if arrays.forward is None:
        return _without_unused(arrays, arrays.codes[keep], None)
    lengths = np.diff(arrays.forward.offsets)
    kept_items = np.repeat(keep, lengths)
    frequencies = arrays.forward.frequencies
    forward = Forward(
        offsets_of(lengths[keep]),
        arrays.forward.codes[kept_items],
        None if frequencies is None else frequencies[kept_items],
    )
    return _without_unused(arrays, arrays.codes[keep], forward)


def patched(arrays: ColumnArrays, rows: NDArray[np.uint32], replacement: ColumnArrays) -> ColumnArrays:
    """The column with other values in `rows` (increasing): in rows[i] what row i of `replacement` has."""
    if not len(rows):
        return arrays
    both = concatenate(arrays.schema, [arrays, replacement])
    order: NDArray[np.int64] = np.arange(arrays.row_count)
    order[rows] = np.arange(arrays.row_count, both.row_count)
    return _rows_of(both, order)


def concatenate(schema: ColumnSchema, parts: Sequence[ColumnArrays]) -> ColumnArrays:
    """The rows of all parts, part after part."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return from_cells(schema, [], lambda _text: [])
    values, places = united([part.values for part in parts])
    codes = _renumbered([part.codes for part in parts], places, len(values), null=True)
    row_count = sum(part.row_count for part in parts)
    forwards = [part.forward for part in parts if part.forward is not None]
    if not forwards:
        return ColumnArrays(schema, row_count, values, codes)
    features, places = united([part.features for part in parts if part.features is not None])
    return ColumnArrays(schema, row_count, values, codes, features, _joined(forwards, places, len(features)))


def _joined(forwards: Sequence[Forward], places: Sequence[Places], feature_count: int) -> Forward:
    lengths = np.concatenate([np.diff(forward.offsets) for forward in forwards])
    codes = _renumbered([forward.codes for forward in forwards], places, feature_count, null=False)
    if all(forward.frequencies is None for forward in forwards):
        return Forward(offsets_of(lengths), codes, None)
    frequencies = [_frequencies(forward) for forward in forwards]
    return Forward(offsets_of(lengths), codes, np.concatenate(frequencies))


def _frequencies(forward: Forward) -> NDArray[np.uint8]:
    return np.ones(len(forward.codes), np.uint8) if forward.frequencies is None else forward.frequencies


def _renumbered(codes: Sequence[Unsigned], places: Sequence[Places], count: int, *, null: bool) -> Unsigned:
    """All codes one after the other, those of each part by its own `places`. null: 0 stays 0, and others are 1 more."""
    dtype = smallest_unsigned(count)
    made = np.empty(sum(map(len, codes)), dtype)
    start = 0
    for part, numbers in zip(codes, places, strict=True):
        table = np.concatenate(([0], numbers + np.uint32(1))) if null else numbers
        np.take(table.astype(dtype), part, out=made[start : start + len(part)], mode="clip")
        start += len(part)
    return made


def _rows_of(arrays: ColumnArrays, order: NDArray[np.integer]) -> ColumnArrays:
    """The rows at the places `order`, which may repeat some and leave out others."""
    forward = arrays.forward
    if forward is None:
        return _without_unused(arrays, arrays.codes[order], None)
    offsets, codes = gathered(forward.offsets, forward.codes, order)
    frequencies = None if forward.frequencies is None else gathered(forward.offsets, forward.frequencies, order)[1]
    return _without_unused(arrays, arrays.codes[order], Forward(offsets, codes, frequencies))


def _without_unused(arrays: ColumnArrays, codes: Unsigned, forward: Forward | None) -> ColumnArrays:
    """The column with these rows, and of its values and features those that they have."""
    used = np.bincount(codes, minlength=len(arrays.values) + 1)[1:] > 0
    values = arrays.values if used.all() else arrays.values.kept(used)
    codes = _closed_up(codes, np.concatenate(([False], used)), len(values), null=True)
    if forward is None or arrays.features is None:
        return ColumnArrays(arrays.schema, len(codes), values, codes)
    used = np.bincount(forward.codes, minlength=len(arrays.features)) > 0
    features = arrays.features if used.all() else arrays.features.kept(used)
    feature_codes = _closed_up(forward.codes, used, len(features), null=False)
    frequencies = forward.frequencies
    if frequencies is not None and not len(frequencies[frequencies > 1]):
        frequencies = None
    made = Forward(forward.offsets, feature_codes, frequencies)
    return ColumnArrays(arrays.schema, len(codes), values, codes, features, made)


def _closed_up(codes: Unsigned, used: Mask, count: int, *, null: bool) -> Unsigned:
    """The codes numbered anew without those that aren't used, in the type that `count` values need."""
    dtype = smallest_unsigned(count)
    if used[1 if null else 0 :].all():
        return codes.astype(dtype, copy=False)
    table = np.cumsum(used) - (0 if null else 1)
    return np.asarray(table.astype(dtype)[codes])


def _forward_of(lists: Lists, codes: Unsigned) -> Forward:
    """The features row by row, from those of each value."""
    ends = np.append(lists.offsets, lists.offsets[-1:])  # one more list, empty: that of null
    order = codes.astype(np.int64) - 1
    order[order < 0] = len(lists.offsets) - 1
    offsets, features = gathered(ends, lists.codes, order)
    frequencies = None if lists.frequencies is None else gathered(ends, lists.frequencies, order)[1]
    return Forward(offsets, features, frequencies)
