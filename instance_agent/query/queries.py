"""What a query asks, as values. `grammar` makes them from JSON; `search` and `predict` answer them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from instance_agent.query.propositions import Proposition


@dataclass(frozen=True)
class Table:
    """All rows of one table."""

    name: str


@dataclass(frozen=True)
class Narrowed:
    """The rows of a source that satisfy a proposition, and of these the first `limit`."""

    source: Source
    where: Proposition
    limit: int | None
    place: str


Source = Union[Table, "Narrowed"]


@dataclass(frozen=True)
class SortKey:
    """One key of an order: a column, or $index."""

    name: str
    descending: bool
    place: str


@dataclass(frozen=True)
class Projection:
    """One member of a hit: its key, and the field or score it shows."""

    key: str
    name: str
    place: str


@dataclass(frozen=True)
class Slice:
    """Which part of the answers is sent."""

    offset: int = 0
    limit: int = 10


@dataclass(frozen=True)
class Search:
    """`_search`, and `_query` without `get`."""

    source: Source
    where: Proposition
    order: tuple[SortKey, ...]
    select: tuple[Projection, ...] | None  # None: every column
    slice: Slice


@dataclass(frozen=True)
class Predict:
    """`_predict`."""

    source: Source
    target: tuple[str, ...]
    where: Proposition
    exclusive: bool
    select: tuple[Projection, ...] | None  # None: $p, field, feature
    slice: Slice


Query = Search | Predict
