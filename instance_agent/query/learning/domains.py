"""The features that the rows of a table have at a path, and how many rows have each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.query.learning.targets import first_appearances
from instance_agent.query.paths import PathColumn
from instance_agent.query.scope import Scope

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
    def places(self) -> NDArray[np.int32]:
        """As `places_of` gives them."""
        return places_of(self.codes, self.column.feature_count)

    @cached_property
    def levels(self) -> Levels:
        """Of the counts."""
        return Levels.of(self.counts)


def places_of(codes: NDArray[np.int64], size: int) -> NDArray[np.int32]:
    """Per code below `size` its place in `codes`; the length of `codes` for one that isn't there, and for the code -1.

    codes: each once, but for -1.
    """
    places = np.full(size + 1, len(codes), np.int32)
    known = np.flatnonzero(codes >= 0)
    places[codes[known]] = known
    return places


def domain_of(scope: Scope, table: TableView, column: PathColumn) -> Domain:
    """The features that the table's rows have at a path of it; kept with the table's view.

    While rows are only added to the table, those of the rows before stay as they are.
    """
    key = ("domain", column.path)
    found = table.derived.get(key)
    if isinstance(found, Domain) and found.column is column:
        return found
    scope.deadline.check()
    if column.hops or _is_patched(table, column.path):
        made = Domain(column, *_counted(column, NOTHING))
    else:
        known = table.growing.get(key)
        known = known if isinstance(known, _OfFirstRows) else NOTHING
        made = Domain(column, *_counted(column, known if known.row_count <= column.row_count else NOTHING))
        if known.row_count < column.row_count:
            table.growing[key] = _OfFirstRows(column.row_count, made.codes, made.counts)
    table.derived[key] = made
    return made


@dataclass(frozen=True)
class _OfFirstRows:
    """What a domain was when its table had fewer rows."""

    row_count: int
    codes: NDArray[np.int64]
    counts: NDArray[np.int64]


NOTHING = _OfFirstRows(0, np.empty(0, np.int64), np.empty(0, np.int64))


def _is_patched(table: TableView, name: str) -> bool:
    """Values put in place of others are numbered behind those of the rows: other numbers, when these become more."""
    return any(name in part.overlay.patches for part in table.state.parts)


def _counted(column: PathColumn, before: _OfFirstRows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The codes that rows have, in order of first appearance, and how many have each."""
    first, size = before.row_count, column.feature_count
    codes = column.feature_codes[column.offsets[first] :] if column.splits else column.codes[first:]
    counts = np.bincount(codes if column.splits else codes[codes >= 0], minlength=size)
    order = first_appearances(codes, size)
    if first:
        is_new = places_of(before.codes, size)[order] == len(before.codes)
        order = np.concatenate((before.codes, order[is_new]))
        counts[before.codes] += before.counts
    return order, counts[order]
