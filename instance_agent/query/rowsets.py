"""Sets of a table's rows, in whichever of two forms is at hand.

A set is either a mask (bool, one per row of the table) or a list (uint32, strictly increasing row numbers). Posting
lists come as lists and cost what they hold; tests of values come as masks. Every function takes both.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

RowSet = NDArray[np.bool_] | NDArray[np.uint32]


def as_mask(rows: RowSet, size: int) -> NDArray[np.bool_]:
    """The set as a mask of `size`; the caller must not write to it."""
    if rows.dtype == np.bool_:
        return np.asarray(rows, dtype=np.bool_)
    mask = np.zeros(size, dtype=np.bool_)
    mask[rows] = True
    return mask


def as_list(rows: RowSet) -> NDArray[np.uint32]:
    """The set as increasing row numbers."""
    if rows.dtype == np.bool_:
        return np.flatnonzero(rows).astype(np.uint32)
    return np.asarray(rows, dtype=np.uint32)


def size_of(rows: RowSet) -> int:
    """How many rows are in the set."""
    return int(np.count_nonzero(rows)) if rows.dtype == np.bool_ else rows.size


def both(left: RowSet, right: RowSet) -> RowSet:
    """Rows in both sets. Costs the shorter one when either is a list."""
    if left.dtype == np.bool_ and right.dtype == np.bool_:
        return np.asarray(left & right)
    if left.dtype == np.bool_:
        left, right = right, left
    if right.dtype == np.bool_:
        return np.asarray(left[right[left]], dtype=np.uint32)
    return np.intersect1d(left, right, assume_unique=True).astype(np.uint32)


def either(sets: Iterable[RowSet], size: int) -> RowSet:
    """Rows in at least one of the sets."""
    mask = np.zeros(size, dtype=np.bool_)
    for rows in sets:
        if rows.dtype == np.bool_:
            mask |= as_mask(rows, size)
        else:
            mask[rows] = True
    return mask


def complement(rows: RowSet, all_rows: RowSet) -> RowSet:
    """Rows of `all_rows`, a mask, that are not in the set."""
    return np.asarray(all_rows & ~as_mask(rows, len(all_rows)))
