"""Candidates as hits: the values, features or linked rows at one path, with all that is known about them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import why
from instance_agent.query.filtering.rowsets import RowSet
from instance_agent.query.language.propositions import Proposition
from instance_agent.query.language.scores import HighlightOptions, Own
from instance_agent.query.learning.targets import Target
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue

Explain = Callable[[int, HighlightOptions | None], why.Node]


@dataclass(frozen=True)
class CandidateHits:
    """The candidates of one path that may be hits: those allowed, A of them, in the target's order.

    A place is a number from 0 below A.
    """

    scope: Scope
    table: TableView  # of `from`
    population: RowSet  # its rows that take part
    field: FieldName  # the path of the target
    target: Target
    allowed: NDArray[np.bool_]  # per candidate of the target
    evidence: Sequence[Proposition] = ()  # `where`, without what is about the target
    scores: Mapping[Own, NDArray[np.float64]] = dataclasses.field(default_factory=dict)  # per place
    explain: Explain | None = None  # the tree of a place's score
    about_target: Sequence[Proposition] = ()  # the parts of `where` that restricted the candidates
    refused: frozenset[str] = frozenset()  # names that this endpoint doesn't select, such as `feature` of a link
    kept: dict[Hashable, object] = dataclasses.field(default_factory=dict, compare=False)
    """What has been worked out about these hits."""

    def __len__(self) -> int:
        return len(self.candidates)

    @cached_property
    def candidates(self) -> NDArray[np.int64]:
        """Per place the number of its candidate among the target's."""
        return np.flatnonzero(self.allowed)

    @property
    def name(self) -> str:
        """The path as hits show it: without `$feature`."""
        return ".".join(self.target.path)

    @cached_property
    def place_of_candidate(self) -> NDArray[np.int64]:
        """Per candidate of the target its place, -1 for those not allowed."""
        places = np.full(len(self.allowed), -1, np.int64)
        places[self.candidates] = np.arange(len(self.candidates))
        return places

    @property
    def every_place(self) -> NDArray[np.int64]:
        """All places."""
        return np.arange(len(self.candidates), dtype=np.int64)

    def values(self, places: NDArray[np.int64]) -> list[JsonValue]:
        """The candidates at these places: values, features, keys of linked rows."""
        return [self.target.candidates[number] for number in self.candidates[places].tolist()]

    def linked_rows(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of the linked table at these places. Only for link targets."""
        if self.target.linked is None:
            raise TypeError("these candidates are no linked rows")
        return self.target.linked.first_rows[self.candidates[places]]
