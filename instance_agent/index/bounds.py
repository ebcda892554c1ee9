"""A range of numbers or of strings: what comparisons and prefixes ask for."""

from __future__ import annotations

import math
import operator
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instance_agent.schema.types import JsonValue

LAST_CODE_POINT = 0x10FFFF
_LEAST, _MOST = -(2**63), 2**63 - 1
_Comparison = Callable[[Any, Any], bool]
_AT_LEAST: _Comparison = operator.ge
_MORE: _Comparison = operator.gt
_AT_MOST: _Comparison = operator.le
_LESS: _Comparison = operator.lt

End = int | float | str
Limit = tuple[End | None, bool]
"""Where one side ends, and whether that is inside."""


@dataclass(frozen=True)
class Bounds:
    """Values from `low` to `high`, all of them numbers or all strings; None: no bound on that side.

    Numbers compare by value, exactly, strings by code point.
    """

    low: End | None = None
    high: End | None = None
    low_included: bool = True
    high_included: bool = True

    def holds(self, value: JsonValue) -> bool:
        """Is a value of the bounds' kind inside?"""
        return not self.is_below(value) and not self.is_above(value)

    def hold(self, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of these numbers are inside numbers' bounds; NaN is not."""
        inside = ~np.isnan(numbers)
        if self.low is not None:
            low = as_double(self.low)
            inside &= numbers >= low if self.low_included else numbers > low
        if self.high is not None:
            high = as_double(self.high)
            inside &= numbers <= high if self.high_included else numbers < high
        return inside

    def hold_each(self, values: Sequence[JsonValue]) -> NDArray[np.bool_]:
        """Which of these values, all of the bounds' kind, are inside."""
        inside = np.ones(len(values), np.bool_)
        if self.low is not None:
            after = map(_AT_LEAST if self.low_included else _MORE, values, repeat(self.low))
            inside &= np.fromiter(after, np.bool_, len(values))
        if self.high is not None:
            before = map(_AT_MOST if self.high_included else _LESS, values, repeat(self.high))
            inside &= np.fromiter(before, np.bool_, len(values))
        return inside

    def is_below(self, value: JsonValue) -> bool:
        """Does it come before all values inside?"""
        if self.low is None:
            return False
        return bool(value < self.low if self.low_included else value <= self.low)  # type: ignore[operator]

    def is_above(self, value: JsonValue) -> bool:
        """Does it come after all values inside?"""
        if self.high is None:
            return False
        return bool(value > self.high if self.high_included else value >= self.high)  # type: ignore[operator]

    def places(self, count: int, value_at: Callable[[int], JsonValue]) -> tuple[int, int]:
        """Which of `count` increasing values are inside: from the first place to before the second."""
        start = bisect_left(range(count), True, key=lambda place: not self.is_below(value_at(place)))
        return start, bisect_left(range(count), True, lo=start, key=lambda place: self.is_above(value_at(place)))

    def whole(self) -> tuple[int, int]:
        """Of numbers' bounds the whole numbers of 64 bits inside, first and last; first > last for none."""
        low, high = (_near(end) for end in (self.low, self.high))
        first, last = _LEAST, _MOST
        if low is not None:
            first = max(math.ceil(low) if self.low_included else math.floor(low) + 1, _LEAST)
        if high is not None:
            last = min(math.floor(high) if self.high_included else math.ceil(high) - 1, _MOST)
        return first, last

    def both(self, other: Bounds) -> Bounds:
        """The values inside both, which are of one kind."""
        low, low_included = _tighter((self.low, self.low_included), (other.low, other.low_included), largest=True)
        high, high_included = _tighter(
            (self.high, self.high_included), (other.high, other.high_included), largest=False
        )
        return Bounds(low, high, low_included, high_included)


def prefix_bounds(prefix: str) -> Bounds:
    """The strings that begin with `prefix`."""
    kept = prefix.rstrip(chr(LAST_CODE_POINT))
    if not kept:
        return Bounds(prefix)
    return Bounds(prefix, kept[:-1] + chr(ord(kept[-1]) + 1), high_included=False)


def as_double(end: End) -> float:
    """A bound as it compares with doubles, and with 32-bit integers: whatever is lost is far from any of those."""
    try:
        return float(end)
    except OverflowError:
        return math.inf if not isinstance(end, str) and end > 0 else -math.inf


def _tighter(one: Limit, other: Limit, *, largest: bool) -> Limit:
    """Which of two limits of the same side leaves less."""
    if one[0] is None or other[0] is None:
        return other if one[0] is None else one
    if one[0] == other[0]:
        return one[0], one[1] and other[1]
    is_larger = bool(one[0] > other[0])  # type: ignore[operator]
    return one if is_larger == largest else other


def _near(end: End | None) -> int | float | None:
    """A number as it compares with whole numbers of 64 bits."""
    return None if end is None or isinstance(end, str) else min(max(end, _LEAST - 1), _MOST + 1)
