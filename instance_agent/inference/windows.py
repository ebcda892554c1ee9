"""Numbers as evidence: the rows whose number is near the query's."""

from __future__ import annotations

import numpy as np

from instance_agent.inference.sample import Numeric, Places

WIDTH = 6.0
"""A window holds about this many times the square root of the number of rows."""

LEAST = 10


def window(part: Numeric, number: float) -> slice:
    """The part of `part.values` around the number that is evidence together; empty where there is none.

    It holds equal numbers either all or not at all, and never reaches across a heavy value, nor out of one.
    """
    values = part.values
    size = len(values)
    start, end = np.searchsorted(values, number, "left"), np.searchsorted(values, number, "right")
    before, after = np.searchsorted(part.heavy, number, "left"), np.searchsorted(part.heavy, number, "right")
    if not size or before < after:
        return slice(int(start), int(end))
    width = min(size, max(LEAST, int(WIDTH * size**0.5)))
    if end - start < width:
        first = min(max(int(start + end - width) // 2, 0), size - width)
        last = float(values[first + width - 1])
        start, end = np.searchsorted(values, values[first], "left"), np.searchsorted(values, last, "right")
    if before > 0:
        start = max(start, np.searchsorted(values, part.heavy[before - 1], "right"))
    if after < len(part.heavy):
        end = min(end, np.searchsorted(values, part.heavy[after], "left"))
    return slice(int(start), int(max(start, end)))


def rows_in(part: Numeric, around: slice, without: Places) -> Places:
    """The sample rows in the window but for those left out."""
    rows = part.value_rows[around]
    return rows[~np.isin(rows, without)] if len(without) else rows
