"""What a query asks, as values. `grammar` makes them from JSON; one module each answers them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Union

from instance_agent.query.language.propositions import EVERYTHING, Proposition, PropositionSet
from instance_agent.query.language.scores import Projection, Score, SortKey, Statistic
from instance_agent.schema.types import JsonValue


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
class Slice:
    """Which part of the answers is sent."""

    offset: int = 0
    limit: int = 10


@dataclass(frozen=True)
class Search:
    """`_search`, and `_query` without another operation; with `get` the hits are candidates of that path."""

    source: Source
    where: Proposition = EVERYTHING
    get: tuple[str, ...] | None = None
    order: tuple[SortKey, ...] = ()
    select: tuple[Projection, ...] | None = None  # None: every column
    slice: Slice = field(default_factory=Slice)


@dataclass(frozen=True)
class Predict:
    """`_predict`. A target is a path (its last segment may be `$feature`), or propositions: only these features."""

    source: Source
    targets: tuple[tuple[str, ...] | Proposition, ...]  # usually one; several are the union of their candidates
    where: Proposition = EVERYTHING
    based_on: PropositionSet | None = None
    exclusive: bool = True
    select: tuple[Projection, ...] | None = None  # None: $p, field, feature
    slice: Slice = field(default_factory=Slice)


@dataclass(frozen=True)
class Match:
    """`_match`."""

    source: Source
    target: tuple[str, ...]
    where: Proposition = EVERYTHING
    based_on: PropositionSet | None = None
    select: tuple[Projection, ...] | None = None
    slice: Slice = field(default_factory=Slice)


@dataclass(frozen=True)
class Recommend:
    """`_recommend`: candidates by the probability of the goal, or by a score."""

    source: Source
    target: tuple[str, ...]
    goal: Proposition | Score
    where: Proposition = EVERYTHING
    based_on: PropositionSet | None = None
    select: tuple[Projection, ...] | None = None
    slice: Slice = field(default_factory=Slice)


class Sorting(Enum):
    """Where relations may be ordered by a number in their hits: the direction."""

    DESCENDING = "$desc"
    ASCENDING = "$asc"


@dataclass(frozen=True)
class Relate:
    """`_relate`: every feature of the condition with every feature of the set."""

    source: Source
    related: PropositionSet
    condition: Proposition | None = None  # None: every feature of the table
    order: tuple[tuple[str, Sorting], ...] = ()  # dotted paths into the hit; none: mutual information, descending
    select: tuple[str, ...] | None = None  # top-level names of the hit
    slice: Slice = field(default_factory=Slice)


@dataclass(frozen=True)
class Similarity:
    """`_similarity`: rows by their likeness to a proposition."""

    source: Source
    near: Proposition
    where: Proposition = EVERYTHING
    select: tuple[Projection, ...] | None = None
    slice: Slice = field(default_factory=Slice)


@dataclass(frozen=True)
class Estimate:
    """`_estimate`: a number, from the nearest rows or by regression."""

    source: Source
    target: tuple[str, ...]
    where: Proposition = EVERYTHING
    regression: bool = False
    based_on: PropositionSet | None = None
    select: tuple[str, ...] | None = None  # of estimate, why


@dataclass(frozen=True)
class Aggregation:
    """One number of `_aggregate` with its statistics: a statistic of a score, or (None) a count of rows."""

    key: str  # the family's name in the answer: x.$mean, $f, an alias
    statistic: Statistic | None
    of: Score | Proposition  # what the statistic is of; for a count the condition
    place: str


@dataclass(frozen=True)
class Aggregate:
    """`_aggregate`."""

    source: Source
    aggregations: tuple[Aggregation, ...]
    where: Proposition = EVERYTHING
    select: tuple[str, ...] | None = None  # keys of the answer


@dataclass(frozen=True)
class TestSource:
    """`testSource`: the rows to test with."""

    source: Source | None  # None: the table evaluated
    where: Proposition = EVERYTHING
    slice: Slice | None = None


@dataclass(frozen=True)
class Sampled:
    """`{"$sample": {"n", "seed"}}`: so many rows drawn by the seed."""

    count: int
    seed: int


@dataclass(frozen=True)
class Evaluate:
    """`_evaluate`. `template` is the query with `{"$get": field}` in it, parsed again with each test row's values."""

    template: dict[str, JsonValue]
    test: Proposition | Sampled | TestSource
    train: Proposition | None = None
    select: tuple[str, ...] | None = None
    group: tuple[str, ...] | None = None
    goal: Proposition | None = None


@dataclass(frozen=True)
class Batch:
    """`_batch`: several queries, answered in order from the same commit."""

    queries: tuple[Query, ...]


Query = Search | Predict | Match | Recommend | Relate | Similarity | Estimate | Aggregate | Evaluate
