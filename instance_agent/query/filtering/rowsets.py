"""Sets of a table's rows, in whichever of two forms is at hand.

A set is either a mask (bool, one per row of the table) or a list (uint32, strictly increasing row numbers). Posting
lists come as lists and cost what they hold; tests of values come as masks. Every function takes both.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint32]
Mask = NDArray[np.bool_]
RowSet = Mask | Rows

FEW = 2_000
"""So few rows are looked up in a list one by one, whatever its length."""
GALLOPS = 8
"""Where one list is so many times longer than the other, its rows are looked up instead of read."""
SPARSE = 128
"""Lists that hold fewer than one in so many rows of the table are united without a mask of it."""
MASK_BYTES_PER_ROW = 32
"""A list of one in so many rows takes as many bytes as a mask of all of them in bits."""
NO_ROWS: Rows = np.empty(0, np.uint32)
NO_ROWS.flags.writeable = False


def as_mask(rows: RowSet, size: int) -> Mask:
    """The set as a mask of `size`; the caller must not write to it."""
    if rows.dtype == np.bool_:
        return np.asarray(rows, dtype=np.bool_)
    mask = np.zeros(size, dtype=np.bool_)
    mask[as_places(rows)] = True
    return mask


def as_places(rows: RowSet) -> NDArray[np.intp]:
    """The rows as numpy uses them to index: writing to many places is several times quicker than by other types."""
    return np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.intp)


def as_list(rows: RowSet) -> Rows:
    """The set as increasing row numbers."""
    if rows.dtype == np.bool_:
        return np.flatnonzero(rows).astype(np.uint32)
    return np.asarray(rows, dtype=np.uint32)


def size_of(rows: RowSet) -> int:
    """How many rows are in the set."""
    return int(np.count_nonzero(rows)) if rows.dtype == np.bool_ else rows.size


def digest_of(rows: RowSet, size: int) -> bytes:
    """16 bytes that tell this set of rows of a table of `size` rows from others, in whichever form it is."""
    content = np.packbits(as_mask(rows, size)) if size_of(rows) * MASK_BYTES_PER_ROW > size else as_list(rows)
    return blake2b(content.tobytes(), digest_size=16).digest()


def both(left: RowSet, right: RowSet) -> RowSet:
    """Rows in both sets. Costs the shorter one when either is a list."""
    if left.dtype == np.bool_ and right.dtype == np.bool_:
        return np.asarray(left & right)
    if left.dtype == np.bool_ or (right.dtype != np.bool_ and left.size > right.size):
        left, right = right, left
    shorter = as_list(left)
    return shorter[contained(right, shorter)]


def without(rows: RowSet, removed: RowSet) -> RowSet:
    """The rows that aren't in `removed`. Costs the first set when it is a list."""
    if rows.dtype == np.bool_:
        kept = as_mask(rows, len(rows))
        if removed.dtype == np.bool_:
            return kept & ~removed
        kept = kept.copy()
        kept[as_places(removed)] = False
        return kept
    listed = as_list(rows)
    return listed[~contained(removed, listed)]


def contained(rows: RowSet, sought: Rows) -> Mask:
    """Which of the rows `sought` (increasing) are in the set."""
    if rows.dtype == np.bool_:
        return np.asarray(rows.take(sought), dtype=np.bool_)
    listed = as_list(rows)
    if not listed.size or not sought.size:
        return np.zeros(sought.size, np.bool_)
    if sought.size > max(FEW, listed.size * GALLOPS):
        found = np.zeros(sought.size, np.bool_)
        found[_places(sought, listed)[_looked_up(sought, listed)]] = True
        return found
    if sought.size <= max(FEW, listed.size // GALLOPS):
        return _looked_up(listed, sought)
    return as_mask(listed, int(max(listed[-1], sought[-1])) + 1).take(sought)


def _looked_up(rows: Rows, sought: Rows) -> Mask:
    return np.asarray(rows[_places(rows, sought)] == sought)


def _places(rows: Rows, sought: Rows) -> NDArray[np.intp]:
    """Where each of the rows sought is in the list, if it is there; a place of the list in any case."""
    places = np.searchsorted(rows, sought)
    places[places == rows.size] = 0
    return places


def either(sets: Iterable[RowSet], size: int) -> RowSet:
    """Rows in at least one of the sets, which are asked for one by one. size: how many rows the table has."""
    lists: list[Rows] = []
    listed, mask = 0, None
    for rows in sets:
        if mask is None and (rows.dtype == np.bool_ or (listed + rows.size) * SPARSE > size):
            mask = np.zeros(size, dtype=np.bool_)
            for earlier in lists:
                mask[as_places(earlier)] = True
        if mask is None:
            lists.append(as_list(rows))
            listed += rows.size
        elif rows.dtype == np.bool_:
            mask |= as_mask(rows, size)
        else:
            mask[as_places(rows)] = True
    if mask is not None:
        return mask
    if len(lists) < 2:
        return lists[0] if lists else NO_ROWS
    every = np.sort(np.concatenate(lists))
    return every[np.append(True, every[1:] != every[:-1])] if every.size else every


def complement(rows: RowSet, all_rows: RowSet) -> RowSet:
    """Rows of `all_rows`, a mask, that are not in the set."""
    return without(all_rows, rows)
