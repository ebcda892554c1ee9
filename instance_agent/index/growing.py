"""Things that only grow: a writer appends under its lock while readers keep the prefix that they opened for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Generic, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from instance_agent.schema.types import JsonValue

T = TypeVar("T")
Scalar = TypeVar("Scalar", bound=np.generic)
Key: TypeAlias = "JsonValue | tuple[object, ...]"


class Prefix(Sequence[T]):
    """The first `length` elements of a list that may grow behind it; never changes."""

    __slots__ = ("_items", "_length")

    def __init__(self, items: list[T], length: int) -> None:
        self._items = items
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return islice(self._items, self._length)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._items[at] for at in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(index)
        return self._items[index if index >= 0 else index + self._length]


class GrowingArray(Generic[Scalar]):
    """A numpy array that grows at its end. Arrays handed out before stay as they were."""

    def __init__(self, dtype: type[Scalar]) -> None:
        self._buffer: NDArray[Scalar] = np.empty(16, dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def extend(self, values: NDArray[Scalar]) -> None:
        """Append `values`; amortised linear in their number."""
        end = self._length + len(values)
        if end > len(self._buffer):
            grown: NDArray[Scalar] = np.empty(max(end, 2 * len(self._buffer)), self._buffer.dtype)
            grown[: self._length] = self._buffer[: self._length]
            self._buffer = grown
        self._buffer[self._length : end] = values
        self._length = end

    def first(self, length: int) -> NDArray[Scalar]:
        """The first `length` elements, read-only, without a copy."""
        view = self._buffer[:length]
        view.flags.writeable = False
        return view


class Dictionary:
    """Numbers for distinct values, in order of first appearance."""

    def __init__(self) -> None:
        self.values: list[JsonValue] = []
        self._numbers: dict[Key, int] = {}

    def add(self, value: JsonValue) -> int:
        """The number of `value`, a new one when it wasn't there."""
        key = key_of(value)
        number = self._numbers.get(key)
        if number is None:
            number = len(self.values)
            self.values.append(value)
            self._numbers[key] = number
        return number

    def find(self, value: JsonValue) -> int:
        """The number of `value`, -1 when it isn't there."""
        return self._numbers.get(key_of(value), -1)


def key_of(value: JsonValue) -> Key:
    """A hashable stand-in: equal for equal JSON values, where 1 equals 1.0 and True equals neither."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return ("constant", value)
    if isinstance(value, list):
        return ("list", *map(key_of, value))
    if isinstance(value, dict):
        return ("object", frozenset((name, key_of(inner)) for name, inner in value.items()))
    return value
