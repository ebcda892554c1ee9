"""Numbers for whatever can be a key, as it comes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from itertools import count, islice
from typing import Any

import numpy as np

from instance_agent.index.ragged import Unsigned, shrunk


class Numbering:
    """Numbers from 0 for distinct keys, in order of first appearance; all in C."""

    def __init__(self) -> None:
        self._numbers: defaultdict[Hashable, int] = defaultdict(count().__next__)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._numbers)

    def newest(self, length: int) -> Iterator[Any]:
        """The keys that came last, the last one first; costs what is asked for."""
        return islice(reversed(self._numbers), length)

    def number(self, keys: Iterable[Hashable], length: int) -> Unsigned:
        """The numbers of `length` keys, new ones for those that weren't there."""
        return shrunk(np.fromiter(map(self._numbers.__getitem__, keys), np.uint32, length))
