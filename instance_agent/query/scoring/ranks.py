"""Numbers that compare as a column's values do: numbers by value, strings by code point, False before True."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.column import ColumnView
from instance_agent.schema.types import JsonValue


def ranks_of(column: ColumnView, codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Numbers that compare as the values of these codes do; 0 for the code -1. For columns whose values compare.

    Codes below `sorted_count` do so already; only values behind it are compared, and put in between.
    """
    behind = np.unique(codes[codes >= column.sorted_count])
    others = sorted(behind.tolist(), key=lambda code: sortable(column.values[code]))
    front = _Sortables(column)
    places = np.array([bisect_left(front, sortable(column.values[code])) for code in others], np.int64)
    ranks = codes + np.searchsorted(places, codes, side="right")
    if others:
        rank_of = np.zeros(max(others) + 1, np.int64)
        rank_of[others] = places + np.arange(len(others))
        late = codes >= column.sorted_count
        ranks[late] = rank_of[codes[late]]
    return np.where(codes < 0, 0, ranks)


def sortable(value: JsonValue) -> str | int | float:
    """The value itself. Raises TypeError for lists and objects, which have no order."""
    if not isinstance(value, str | int | float):
        raise TypeError("only strings, numbers and booleans are ranked")
    return value


class _Sortables(Sequence["str | int | float"]):
    """The values that are in order, for a binary search."""

    def __init__(self, column: ColumnView) -> None:
        self._column = column

    def __len__(self) -> int:
        return self._column.sorted_count

    @overload
    def __getitem__(self, index: int) -> str | int | float: ...
    @overload
    def __getitem__(self, index: slice) -> list[str | int | float]: ...
    def __getitem__(self, index: int | slice) -> str | int | float | list[str | int | float]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        return sortable(self._column.values[index])
