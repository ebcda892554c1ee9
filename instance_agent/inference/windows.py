"""Numbers as evidence: the rows whose number is near the query's."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from instance_agent.inference.sample import Numeric

WIDTH = 6.0
"""A window holds about this many times the square root of the number of rows."""

LEAST = 10


def window(part: Numeric, number: float) -> slice:
    """The part of `part.values` around the number that is evidence together; empty where there is none.

    It holds equal numbers either all or not at all, and never reaches across a heavy value, nor out of one.
    """
    values = part.values
    size = len(values)
    start, end = bisect_left(values, number), bisect_right(values, number)
    before, after = bisect_left(part.heavy, number), bisect_right(part.heavy, number)
    if not size or before < after:
        return slice(start, end)
    width = min(size, max(LEAST, int(WIDTH * size**0.5)))
    if end - start < width:
        first = min(max((start + end - width) // 2, 0), size - width)
        start, end = bisect_left(values, values[first]), bisect_right(values, values[first + width - 1])
    if before > 0:
        start = max(start, bisect_right(values, part.heavy[before - 1]))
    if after < len(part.heavy):
        end = min(end, bisect_left(values, part.heavy[after]))
    return slice(start, max(start, end))
