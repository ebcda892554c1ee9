"""Lists of different lengths in one array, and the sorting of codes: plain numpy, no Python per element.

The elements of list i are `items[offsets[i]:offsets[i + 1]]`; `offsets` starts with 0 and has one number more than
there are lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.growing import Scalar

Unsigned: TypeAlias = NDArray[np.unsignedinteger[Any]]
Integers: TypeAlias = NDArray[np.integer[Any]]
Mask: TypeAlias = NDArray[np.bool_]

STRIDE = 64
"""Every so many lists their start is kept, so that finding a list adds up at most this many lengths."""


def smallest_unsigned(largest: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The smallest of u8, u16, u32, u64 that holds `largest`."""
    return np.min_scalar_type(largest)


def shrunk(numbers: Integers) -> Unsigned:
    """The numbers (none negative) in the smallest type that holds them."""
    return numbers.astype(smallest_unsigned(int(numbers.max(initial=0))), copy=False)


def offsets_of(lengths: Integers) -> Unsigned:
    """Where lists of these lengths start and end: one number more than there are lists, u32 where they fit."""
    total = int(lengths.sum(dtype=np.int64))
    offsets: Unsigned = np.zeros(len(lengths) + 1, np.uint32 if total < 2**32 else np.uint64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def gathered(offsets: Integers, items: NDArray[Scalar], order: Integers) -> tuple[Unsigned, NDArray[Scalar]]:
    """The lists at the places `order`, one after the other; (offsets, items)."""
    starts = offsets[:-1][order].astype(np.int64)
    lengths = offsets[1:][order].astype(np.int64) - starts
    made = offsets_of(lengths)
    places = np.repeat(starts - made[:-1], lengths)
    places += np.arange(len(places))
    return made, items[places]


def filtered(offsets: Integers, items: NDArray[Scalar], keep: Mask) -> tuple[Unsigned, NDArray[Scalar]]:
    """The lists where `keep` is true, in their order; (offsets, items)."""
    lengths = np.diff(offsets)
    return offsets_of(lengths[keep]), items[np.repeat(keep, lengths)]


def stable_order(codes: Unsigned) -> NDArray[np.intp]:
    """The places of `codes` ordered by code, equal ones in their order. Linear: a radix sort of 16 bits at a time."""
    if codes.dtype.itemsize <= 2:
        return np.argsort(codes, kind="stable")
    order = np.argsort(codes.astype(np.uint16), kind="stable")
    high = (codes >> 16).astype(np.uint16)
    return order[np.argsort(high[order], kind="stable")] if high.any() else order


def sorted_lists(offsets: Integers, codes: Unsigned, code_count: int) -> tuple[NDArray[np.intp], Mask]:
    """The lists in lexicographic order of their codes (below `code_count`), a list before all that it begins.

    Returns the places of the lists in that order, and for each whether it differs from the one before.
    Several codes at a time make one number; after each round only lists that are still alike go on.
    """
    bits = code_count.bit_length()  # 0 stands for the end of a list
    width = 64 // bits if bits else 64
    starts, ends = offsets[:-1].astype(np.int64), offsets[1:].astype(np.int64)
    order: NDArray[np.intp] = np.arange(len(starts))
    differs: Mask = np.zeros(len(starts), np.bool_)
    differs[:1] = True
    open_places = order.copy()  # of groups of equal lists, whole groups, of which some go on
    depth = 0
    while len(open_places):
        lists = order[open_places]
        keys: NDArray[np.uint64] = np.zeros(len(lists), np.uint64)
        for at in range(depth, depth + width):
            items = starts[lists] + at
            there = items < ends[lists]
            keys <<= np.uint64(bits)
            keys[there] += codes[items[there]].astype(np.uint64) + np.uint64(1)
        by_key = np.argsort(keys) if depth == 0 else np.lexsort((keys, np.cumsum(differs[open_places])))
        lists, keys = lists[by_key], keys[by_key]
        order[open_places] = lists
        differs[open_places[1:]] |= keys[1:] != keys[:-1]
        depth += width
        groups = np.cumsum(differs[open_places]) - 1
        goes_on = np.bincount(groups, weights=(ends - starts)[lists] > depth) > 0
        open_places = open_places[(goes_on & (np.bincount(groups) > 1))[groups]]
    return order, differs


def starts_of_codes(codes: Integers, count: int) -> NDArray[np.int64]:
    """Where each code's group starts when `codes` are ordered; `count` + 1 numbers."""
    starts: NDArray[np.int64] = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(codes, minlength=count), out=starts[1:])
    return starts


def without_repetitions(offsets: Integers, codes: Unsigned) -> tuple[Unsigned, Unsigned, NDArray[np.uint8] | None]:
    """Each code once per list, where it first occurs: (offsets, codes, how often each occurs, at most 255).

    The last is None when no list repeats a code.
    """
    lists = np.repeat(np.arange(len(offsets) - 1, dtype=np.uint32), np.diff(offsets))
    order = stable_order(codes)
    by_code, by_list = codes[order], lists[order]
    first: Mask = np.ones(len(codes), np.bool_)
    first[1:] = (by_code[1:] != by_code[:-1]) | (by_list[1:] != by_list[:-1])
    if first.all():
        return offsets_of(np.diff(offsets)), codes, None
    begins = np.flatnonzero(first)
    times: NDArray[np.uint8] = np.zeros(len(codes), np.uint8)
    times[order[begins]] = np.minimum(np.diff(np.append(begins, len(codes))), 255)
    kept = times > 0
    lengths = np.bincount(lists[kept], minlength=len(offsets) - 1)
    return offsets_of(lengths), codes[kept], times[kept]


@dataclass(frozen=True, eq=False)
class Spans:
    """Where lists lie, in little room: their lengths, and the start of every `STRIDE`th.

    Lists of one and the same length take no room at all.
    """

    count: int
    lengths: Unsigned  # one per list; a single one when all are equal
    starts: Unsigned  # of the lists 0, STRIDE, 2 * STRIDE ...; none when all lengths are equal

    @classmethod
    def of(cls, offsets: Integers) -> Spans:
        lengths = np.diff(offsets)
        count = len(lengths)
        if count and (lengths == lengths[0]).all():
            return cls(count, shrunk(lengths[:1]), np.empty(0, np.uint32))
        return cls(count, shrunk(lengths), offsets_type(offsets[:-1][::STRIDE]))

    @property
    def is_even(self) -> bool:
        return not len(self.starts)

    @property
    def total(self) -> int:
        """The number of elements of all lists together."""
        return (
            self.count * int(self.lengths[0]) if self.is_even and self.count else int(self.lengths.sum(dtype=np.int64))
        )

    def span(self, at: int) -> tuple[int, int]:
        """Where list `at` starts and ends."""
        if self.is_even:
            length = int(self.lengths[0])
            return at * length, (at + 1) * length
        block = at // STRIDE
        before = self.lengths[block * STRIDE : at]
        start = self.starts.item(block) + (sum(before.tobytes()) if before.itemsize == 1 else int(before.sum()))
        return start, start + self.lengths.item(at)

    def count_before(self, is_before: Callable[[int, int], bool]) -> int:
        """Of lists in order, how many come before a certain one. is_before: does the list from a start to an end?

        Looks for the right block first, then in it, so that few lengths are added up.
        """
        if self.is_even:
            length = int(self.lengths[0]) if self.count else 0
            return _partition_point(self.count, lambda at: is_before(at * length, (at + 1) * length))
        starts, lengths = self.starts.data, self.lengths.data  # quicker than numpy, one by one

        def is_block_before(block: int) -> bool:
            start = starts[block]
            return is_before(start, start + lengths[block * STRIDE])

        blocks = _partition_point(len(starts), is_block_before)
        if blocks == 0:
            return 0
        first = (blocks - 1) * STRIDE
        ends = list(accumulate(lengths[first : first + STRIDE].tolist(), initial=starts[blocks - 1]))
        return first + _partition_point(len(ends) - 1, lambda at: is_before(ends[at], ends[at + 1]))

    def offsets(self, first: int = 0, last: int | None = None) -> Unsigned:
        """Where the lists from `first` to before `last` start, and where the last of them ends: an array of its own."""
        last = self.count if last is None else last
        if self.is_even and self.count:
            return offsets_type(np.arange(first, last + 1, dtype=np.uint64) * np.uint64(self.lengths[0]))
        begin = self.span(first)[0] if 0 < first < self.count else 0
        made = offsets_of(self.lengths[first:last])
        return offsets_type(made.astype(np.uint64) + np.uint64(begin)) if begin else made

    @property
    def size_bytes(self) -> int:
        return self.lengths.nbytes + self.starts.nbytes


def _partition_point(count: int, is_before: Callable[[int], bool]) -> int:
    """The first place from 0 on for which it isn't true; `count` when it is for all before that."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if is_before(middle):
            low = middle + 1
        else:
            high = middle
    return low


def offsets_type(offsets: Integers) -> Unsigned:
    """Increasing offsets as u32 where they fit, else u64."""
    largest = int(offsets[-1]) if len(offsets) else 0
    return offsets.astype(np.uint32 if largest < 2**32 else np.uint64, copy=False)
