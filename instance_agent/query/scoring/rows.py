"""Rows as hits: those that a search found."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.query.filtering.rowsets import RowSet
from instance_agent.query.language.propositions import EVERYTHING, Proposition
from instance_agent.query.scope import Scope


@dataclass(frozen=True)
class RowHits:
    """Rows of one table, n of them. A place is a number from 0 below n."""

    scope: Scope
    table: TableView
    population: RowSet | None  # the rows of `from`, which take part in what is learned; None: all of the table
    rows: NDArray[np.uint32]  # per place the row's number
    where: Proposition = EVERYTHING
    kept: dict[Hashable, object] = dataclasses.field(default_factory=dict, compare=False)
    """What has been worked out about these hits."""

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, places: NDArray[np.int64]) -> RowHits:
        """Some of the rows as hits of their own."""
        return RowHits(self.scope, self.table, self.population, self.rows[places], self.where)
