"""Which rows have which feature, from the features row by row.

The entries (feature, row) come in row order and only grow. Most of them are sorted into posting lists (a permutation
grouped by feature, with the borders of the groups); the newest few are searched one by one, until they are so many
that sorting everything again is worth it. So one more row costs little, and a look-up stays a slice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST_TAIL = 4096  # entries searched one by one before the first sorting
TAIL_FRACTION = 8  # sorted again when the tail is larger than 1/8 of what is sorted


@dataclass(frozen=True)
class Sorted:
    """Posting lists of the first `entry_count` entries: those of feature f are rows[starts[f]:starts[f + 1]]."""

    entry_count: int
    starts: NDArray[np.int64]
    rows: NDArray[np.uint32]


NOTHING_SORTED = Sorted(0, np.zeros(1, np.int64), np.empty(0, np.uint32))


@dataclass(frozen=True)
class Postings:
    """The posting lists over one fixed prefix of the entries."""

    entries: NDArray[np.int32]  # the feature of each entry
    entry_rows: NDArray[np.uint32]  # the row of each entry, not decreasing
    done: Sorted
    row_count: int  # rows that may be answered; `done` may know later ones

    def rows_with(self, feature: int) -> NDArray[np.uint32]:
        """The rows that have the feature, increasing."""
        found = _group(self.done, feature)
        if len(found) and found[-1] >= self.row_count:
            found = found[: np.searchsorted(found, self.row_count)]
        if self.done.entry_count >= len(self.entries):
            return found
        tail = self.entry_rows[self.done.entry_count :][self.entries[self.done.entry_count :] == feature]
        if not len(tail):
            return found
        joined: NDArray[np.uint32] = np.concatenate((found, tail))
        return joined


def sort_more(done: Sorted, entries: NDArray[np.int32], entry_rows: NDArray[np.uint32]) -> Sorted:
    """`done` when its tail is still short, else everything sorted."""
    tail = len(entries) - done.entry_count
    if tail <= max(SMALLEST_TAIL, done.entry_count // TAIL_FRACTION):
        return done
    order = np.argsort(entries, kind="stable")
    starts: NDArray[np.int64] = np.zeros(int(entries.max(initial=-1)) + 2, np.int64)
    np.cumsum(np.bincount(entries, minlength=len(starts) - 1), out=starts[1:])
    return Sorted(len(entries), starts, entry_rows[order])


def _group(done: Sorted, feature: int) -> NDArray[np.uint32]:
    if not 0 <= feature < len(done.starts) - 1:
        return done.rows[:0]
    group = done.rows[done.starts[feature] : done.starts[feature + 1]]
    group.flags.writeable = False
    return group
