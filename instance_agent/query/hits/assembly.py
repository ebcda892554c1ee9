"""From members read column by column to hits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.query.page import Hit
from instance_agent.schema.types import JsonValue


@dataclass(frozen=True)
class Shown:
    """The hits of one page, in their order."""

    places: NDArray[np.int64]
    ranks: NDArray[np.int64]  # their positions in the whole ordering, from 0

    def __len__(self) -> int:
        return len(self.places)

    @classmethod
    def page(cls, places: NDArray[np.int64], first_rank: int) -> Shown:
        """Hits that follow each other in the ordering."""
        return cls(places, np.arange(first_rank, first_rank + len(places)))


Column = Sequence[JsonValue]
Read = Callable[[Shown], Column]
"""One value for each hit of a page, None for a member it doesn't have."""


@dataclass(frozen=True)
class Member:
    """One member of every hit; with `spread` its value is an object whose members are the hit's own."""

    key: str
    read: Read
    spread: bool = False
    weight: int = 1  # about so many values are in it


def assemble(shown: Shown, members: Sequence[Member]) -> tuple[Hit, ...]:
    """The hits, members in their order, without those that a hit doesn't have."""
    hits: tuple[Hit, ...] = tuple({} for _ in range(len(shown)))
    for member in members:
        key, column = member.key, member.read(shown)
        for hit, value in zip(hits, column, strict=True):
            if isinstance(value, dict) and member.spread:
                hit.update(value)
            elif value is not None:
                hit[key] = value
    return hits
