"""The features that the rows of a table have at a path, and how many rows have each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.query.paths import PathColumn
from instance_agent.query.scope import Scope
from instance_agent.query.targets import first_appearances

FEW_TIMES = 32
"""Counts up to so many times their number are told apart by a table instead of by sorting."""


@dataclass(frozen=True)
class Levels:
    """The different numbers among some counts."""

    counts: NDArray[np.int64]  # increasing
    places: NDArray[np.int64]  # of each count the place among them

    @classmethod
    def of(cls, counts: NDArray[np.int64]) -> Levels:
        """Of counts, none negative."""
        if not len(counts) or counts.max() > FEW_TIMES * len(counts):
            return cls(*np.unique(counts, return_inverse=True))
        there = np.bincount(counts) > 0
        return cls(np.flatnonzero(there), (np.cumsum(there) - 1)[counts])


@dataclass(frozen=True)
class Domain:
    """The features of a field that rows of the table have."""

    column: PathColumn
    codes: NDArray[np.int64]  # in order of first appearance
    counts: NDArray[np.int64]  # how many rows of the table have each

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Per code of the column its place in `codes`, -1 for one that no row has and for the code -1."""
        places = np.full(self.column.feature_count + 1, -1, np.int64)
        places[self.codes] = np.arange(len(self.codes))
        return places

    @cached_property
    def levels(self) -> Levels:
        """Of the counts."""
        return Levels.of(self.counts)


def domain_of(scope: Scope, table: TableView, column: PathColumn) -> Domain:
    """The features that the table's rows have at a path of it; kept with the table's view."""
    key = ("domain", column.path)
    found = table.derived.get(key)
    if isinstance(found, Domain) and found.column is column:
        return found
    scope.deadline.check()
    codes = column.feature_codes if column.splits else column.codes
    count = column.feature_count
    order = first_appearances(codes, count)
    counts = np.bincount(codes if column.splits else codes[codes >= 0], minlength=count)
    made = table.derived[key] = Domain(column, order, counts[order])
    return made
