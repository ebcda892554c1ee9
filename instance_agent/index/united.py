"""One numbering for the values of several parts of a column.

Every part numbers its own values (or features). Readers that compare rows of different parts need one numbering: the
part with the most values keeps its numbers, values of the others get the same number where they are equal, and numbers
behind them where they aren't.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.growing import Key, Prefix, key_of
from instance_agent.schema.types import Value

DICTIONARY_PAYS_OFF = 8
"""Looked up one by one where the largest part has this many times the values of the others: else a dict is cheaper."""


class Joined(Sequence[Value]):
    """The values of one part, then others."""

    __slots__ = ("_first", "_others")

    def __init__(self, first: Sequence[Value], others: Sequence[Value]) -> None:
        self._first = first
        self._others = others

    def __len__(self) -> int:
        return len(self._first) + len(self._others)

    def __iter__(self) -> Iterator[Value]:
        yield from self._first
        yield from self._others

    @overload
    def __getitem__(self, index: int) -> Value: ...
    @overload
    def __getitem__(self, index: slice) -> list[Value]: ...
    def __getitem__(self, index: int | slice) -> Value | list[Value]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        at = index - len(self._first)
        return self._first[index] if at < 0 else self._others[at]


class Numbering:
    """Numbers for the values of fixed parts, and of one memory part that grows. Safe for many threads."""

    def __init__(self, sources: Sequence[Sequence[Value]], find: Sequence[Callable[[Value], int]]) -> None:
        """sources: each part's distinct values. find: for each part, the place of a value in them, -1 for none."""
        self._lock = threading.Lock()
        self._base = max(range(len(sources)), key=lambda at: len(sources[at])) if sources else -1
        self._first: Sequence[Value] = sources[self._base] if sources else ()
        self._find = find[self._base] if sources else None
        self._others: list[Value] = []
        self._numbers: dict[Key, int] = {}
        self._knows_first = False
        self._grown: list[int] = []
        small = sum(map(len, sources)) - len(self._first)
        if small * DICTIONARY_PAYS_OFF > len(self._first):
            self._learn_first()
        self.maps = [
            None if at == self._base else np.fromiter(map(self._number, source), np.int32, len(source))
            for at, source in enumerate(sources)
        ]
        """For each part the number of each of its values; None where they keep their own."""
        if self._knows_first:
            self._forget_first()
        self._fixed_count = len(self._others)

    @property
    def has_fixed_values(self) -> bool:
        """Has any fixed part a value?"""
        return len(self._first) > 0

    def fixed_values(self) -> Sequence[Value]:
        """The values of the fixed parts, by number."""
        return Joined(self._first, Prefix(self._others, self._fixed_count)) if self._fixed_count else self._first

    def grown(self, values: Sequence[Value]) -> tuple[Sequence[Value], NDArray[np.int32] | None]:
        """All values by number, and the numbers of these: the growing part's values, which must only be added to.

        None: they keep their own, because no other part has any.
        """
        if not len(self._first):
            return values, None
        with self._lock:
            self._grown.extend(self._number(values[at]) for at in range(len(self._grown), len(values)))
            numbers = np.array(self._grown[: len(values)], np.int32)
            count = max(int(numbers.max(initial=-1)) + 1 - len(self._first), self._fixed_count)
        return (Joined(self._first, Prefix(self._others, count)) if count else self._first), numbers

    def find(self, value: Value) -> int:
        """The number of a value, -1 when no part had it so far."""
        number = self._numbers.get(key_of(value), -1)
        return self._find(value) if number < 0 and self._find is not None else number

    def _number(self, value: Value) -> int:
        key = key_of(value)
        number = self._numbers.get(key)
        if number is None and not self._knows_first and self._find is not None:
            found = self._find(value)
            number = found if found >= 0 else None
        if number is None:
            number = len(self._first) + len(self._others)
            self._others.append(value)
            self._numbers[key] = number
        return number

    def _learn_first(self) -> None:
        self._numbers = {key_of(value): number for number, value in enumerate(self._first)}
        self._knows_first = True

    def _forget_first(self) -> None:
        """Looking up in the part again costs less than keeping all its values in memory."""
        start = len(self._first)
        self._numbers = {key_of(value): start + at for at, value in enumerate(self._others)}
        self._knows_first = False


class Extension:
    """Values of one view's own, numbered behind those that parts share."""

    def __init__(self, values: Sequence[Value], find: Callable[[Value], int]) -> None:
        """find: the number of a value; numbers past the end of `values` belong to later views."""
        self._values = values
        self._find = find
        self._others: list[Value] = []
        self._numbers: dict[Key, int] = {}

    @property
    def values(self) -> Sequence[Value]:
        """All values so far, by number."""
        return Joined(self._values, self._others) if self._others else self._values

    def find(self, value: Value) -> int:
        """The number of a value, -1 when it has none."""
        found = self._find(value)
        return found if 0 <= found < len(self._values) else self._numbers.get(key_of(value), -1)

    def add(self, more: Sequence[Value]) -> NDArray[np.int32]:
        """The numbers of these values, new ones where they aren't known."""
        return np.fromiter(map(self._number, more), np.int32, len(more))

    def _number(self, value: Value) -> int:
        found = self._find(value)
        if 0 <= found < len(self._values):
            return found
        number = len(self._values) + len(self._others)
        known = self._numbers.setdefault(key_of(value), number)
        if known == number:
            self._others.append(value)
        return known
