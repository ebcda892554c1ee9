"""Which rows have which value or feature: how posting lists are made, and how they lie in a segment's file.

`<name>`: the row numbers of all lists one after the other, increasing in each list; u32, or only their lower 16 bits.
`<name>.starts`: where each list starts in it, and where the last one ends; not written when every list has one row.
For lower halves a list is cut at each multiple of 65,536 rows, and `.starts` says where each of its pieces starts; so
it has (lists x blocks of rows) + 1 numbers.

Whole rows are read without a copy; lower halves take half the room, and are made whole when they are read.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.ragged import Integers, Unsigned, offsets_type, stable_order, starts_of_codes
from instance_agent.storage.segment_file import SegmentFile, SegmentWriter

Rows = NDArray[np.uint32]
Lists: TypeAlias = tuple[Integers, Rows]
"""(starts, rows): list i is rows[starts[i]:starts[i + 1]]."""

BLOCK_BITS = 16


def postings_of_codes(codes: Unsigned, value_count: int) -> Lists:
    """The rows of each value, from the rows' codes: 0 for null, 1 + the value's place."""
    order = stable_order(codes).astype(np.uint32)
    starts = starts_of_codes(codes, value_count + 1)
    return starts[1:] - starts[1], order[starts[1] :]


def postings_of_lists(offsets: Unsigned, codes: Unsigned, feature_count: int) -> Lists:
    """The rows of each feature, from the rows' features: row r has codes[offsets[r]:offsets[r + 1]]."""
    rows = np.repeat(np.arange(len(offsets) - 1, dtype=np.uint32), np.diff(offsets))
    return starts_of_codes(codes, feature_count), rows[stable_order(codes)]


def store_postings(writer: SegmentWriter, name: str, lists: Lists) -> None:
    """Write posting lists to be read without a copy. Raises OSError."""
    starts, rows = lists
    writer.add(name, rows, kind="index")
    if len(rows) != len(starts) - 1:
        writer.add(name + ".starts", offsets_type(starts), kind="index")


def store_small_postings(writer: SegmentWriter, name: str, lists: Lists, row_count: int) -> None:
    """Write posting lists in as little room as may be. Raises OSError."""
    starts, rows = lists
    blocks, count = _block_count(row_count), len(starts) - 1
    if 2 * len(rows) + 4 * blocks * count >= 4 * len(rows) + 4 * count:
        store_postings(writer, name, lists)
        return
    pieces = np.repeat(np.arange(count, dtype=np.int64) * blocks, np.diff(starts))
    pieces += rows >> BLOCK_BITS
    writer.add(name, rows.astype(np.uint16), kind="index")
    writer.add(name + ".starts", offsets_type(starts_of_codes(pieces, count * blocks)), kind="index")


class PostingLists:
    """The posting lists of a segment."""

    def __init__(self, file: SegmentFile, name: str, row_count: int) -> None:
        self._rows = file.array(name)
        self._starts = file.array(name + ".starts") if name + ".starts" in file.arrays else None
        self._blocks = _block_count(row_count) if self._rows.dtype == np.uint16 else 1
        self._block_starts = np.arange(self._blocks, dtype=np.uint32) << np.uint32(BLOCK_BITS)

    @property
    def is_sound(self) -> bool:
        """Do the lists fill their room one after the other, as far as can be told without looking into them?"""
        starts = np.arange(len(self._rows) + 1) if self._starts is None else self._starts
        return (
            len(starts) % self._blocks == 1 % self._blocks
            and int(starts[0]) == 0
            and int(starts[-1]) == len(self._rows)
            and bool((starts[1:] >= starts[:-1]).all())
        )

    def listed(self, place: int) -> Rows:
        """One list."""
        if self._starts is None:
            rows: Rows = self._rows[place : place + 1]
            return rows
        borders = self._starts[place * self._blocks : (place + 1) * self._blocks + 1]
        rows = self._rows[borders[0] : borders[-1]]
        if self._rows.dtype != np.uint16:
            return rows
        whole = rows.astype(np.uint32)
        if self._blocks > 1:
            whole += np.repeat(self._block_starts, np.diff(borders))
        return whole

    def count_between(self, first: int, last: int) -> int:
        """How many rows the lists from `first` to before `last` hold."""
        starts = self._starts
        return last - first if starts is None else int(starts[last * self._blocks]) - int(starts[first * self._blocks])

    def listed_between(self, first: int, last: int) -> Rows:
        """The rows of these lists, in no order; of lists that are stored as whole rows."""
        starts = self._starts
        rows: Rows = self._rows[first:last] if starts is None else self._rows[starts[first] : starts[last]]
        return rows

    def all(self) -> Lists:
        """All lists; copied unless the file has them like this."""
        if self._starts is None:
            return np.arange(len(self._rows) + 1), self._rows
        if self._rows.dtype != np.uint16:
            return self._starts, self._rows
        rows = self._rows.astype(np.uint32)
        lengths = np.diff(self._starts)
        rows += np.repeat(np.tile(self._block_starts, len(lengths) // self._blocks), lengths)
        return self._starts[:: self._blocks], rows


def _block_count(row_count: int) -> int:
    return (max(row_count, 1) - 1 >> BLOCK_BITS) + 1
