"""How often features and conditions hold in a set of rows, and together: the counts that relations are made of."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.ragged import gathered
from instance_agent.query.filtering.filters import everything, rows_satisfying
from instance_agent.query.filtering.rowsets import RowSet, as_list, as_mask, both, size_of
from instance_agent.query.learning.domains import Levels, places_of
from instance_agent.query.learning.proposition_sets import ColumnFeatures, Condition, Given, Member
from instance_agent.query.refusals import invalid
from instance_agent.query.scope import Scope

Rows = NDArray[np.uint32]
Counts = NDArray[np.int64]

FEW = 16
"""Features that are counted one by one; more of a field are all counted together, which costs its dictionary."""

FEW_ROWS = 8
"""The features of a population's rows are looked at where the table has so many times as many rows."""

MOST_BYTES_HELD = 256 * 2**20
"""Of the rows of conditions, while one query is answered."""


MOST_POPULATIONS = 8
"""That are kept with what was counted in them; a query has as many as different conditions under `$on`."""


class Population:
    """The rows that are counted."""

    def __init__(self, table: TableView, rows: RowSet | None) -> None:
        """rows: None for all of the table's."""
        self._table = table
        self._rows = rows
        self.size = table.live_count if rows is None else size_of(rows)
        self.whole = rows is None or self.size == table.live_count
        """Are these all rows of the table?"""

    @cached_property
    def rows(self) -> RowSet:
        """The rows."""
        return everything(self._table) if self._rows is None else self._rows

    @cached_property
    def listed(self) -> Rows:
        """The rows, increasing."""
        return as_list(self.rows)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Per row of the table, whether it is counted."""
        return as_mask(self.rows, self._table.row_count)

    def inside(self, rows: Rows) -> Rows:
        """Those of some rows of the table that are counted."""
        return rows if self.whole else rows[self.mask[rows]]

    def without(self, rows: Rows) -> Rows:
        """All rows that are counted but these."""
        rest = self.mask.copy()
        rest[rows] = False
        return np.flatnonzero(rest).astype(np.uint32)


class Counted(Protocol):
    """The features of one member of a set, or its condition, in a population. Places are those in the member."""

    @property
    def totals(self) -> Counts:
        """Per place, how many rows of the population have it."""

    @property
    def levels(self) -> Levels:
        """The different totals."""

    def rows(self, place: int) -> Rows:
        """Which these are, increasing."""

    def within(self, rows: Rows) -> Counts:
        """Per place, how many of these rows of the population have it."""


class CountedFeatures:
    """Features of a field."""

    def __init__(self, member: ColumnFeatures, population: Population) -> None:
        self._member = member
        self._column = member.column
        self._population = population
        self._one_by_one = len(member) <= FEW
        self._known_rows: dict[int, Rows] = {}

    @cached_property
    def totals(self) -> Counts:
        """Per place, how many rows of the population have it."""
        member = self._member
        if not self._population.whole:
            return self._in(self._population.listed)
        if member.domain is not None:
            known = member.domain.counts
            more: Counts = np.zeros(len(member) - len(known), np.int64)  # named, and no row has them
            return np.concatenate((known, more)) if len(more) else known
        if self._one_by_one and not self._column.hops:
            return np.array([len(self.rows(place)) for place in range(len(member))], np.int64)
        return self._counted(self._column.feature_codes if self._column.splits else self._column.codes)

    @cached_property
    def levels(self) -> Levels:
        """The different totals."""
        domain = self._member.domain
        if self._population.whole and domain is not None and len(domain.counts) == len(self._member):
            return domain.levels
        return Levels.of(self.totals)

    def rows(self, place: int) -> Rows:
        """The population's rows that have the feature."""
        code = int(self._member.codes[place])
        if code < 0:
            return np.empty(0, np.uint32)
        if self._one_by_one:
            found = self._known_rows.get(code)
            if found is None:
                found = self._known_rows[code] = self._population.inside(self._column.rows_with(code))
            return found
        if self._column.hops or self._population.size * FEW_ROWS < self._column.row_count:
            owners, starts = self._postings
            return owners[starts[code] : starts[code + 1]]
        return self._population.inside(self._column.rows_with(code))

    def within(self, rows: Rows) -> Counts:
        """Per place, how many of these rows have it."""
        rest = self._population.size - len(rows)
        if self._column.splits and rest < len(rows):
            return self.totals - self._in(self._population.without(rows))
        return self._in(rows)

    def _in(self, rows: Rows) -> Counts:
        if self._column.splits:
            return self._counted(gathered(self._column.offsets, self._column.feature_codes, rows)[1])
        return self._counted(self._column.codes[rows])

    def _counted(self, codes: NDArray[np.int32]) -> Counts:
        wanted = self._member.codes
        if self._one_by_one:
            known = (np.count_nonzero(codes == code) if code >= 0 else 0 for code in wanted.tolist())
            return np.fromiter(known, np.int64, len(wanted))
        if len(codes) < self._column.feature_count:
            return np.bincount(self._places[codes], minlength=len(wanted) + 1)[:-1]
        if not self._column.splits:
            codes = codes[codes >= 0]
        counts = np.bincount(codes, minlength=self._column.feature_count + 1)
        return counts[wanted]  # the code -1 finds the 0 at the end

    @cached_property
    def _places(self) -> NDArray[np.int32]:
        """Per code its place in the member, as `places_of` gives them."""
        domain = self._member.domain
        if domain is not None and len(domain.codes) == len(self._member):
            return domain.places
        return places_of(self._member.codes, self._column.feature_count)

    @cached_property
    def _postings(self) -> tuple[Rows, Counts]:
        """The population's rows by code, and where each code's begin."""
        rows = self._population.listed
        if self._column.splits:
            offsets, codes = gathered(self._column.offsets, self._column.feature_codes, rows)
            ends = offsets.astype(np.int64)
            owners = np.repeat(rows, ends[1:] - ends[:-1])
        else:
            codes = self._column.codes[rows]
            owners, codes = rows[codes >= 0], codes[codes >= 0]
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(self._column.feature_count + 1))
        return owners[order], starts.astype(np.int64)


class CountedCondition:
    """A condition by itself."""

    def __init__(self, rows: RowSet) -> None:
        """rows: those of the population that satisfy it."""
        self._rows = rows

    @cached_property
    def totals(self) -> Counts:
        """How many rows of the population satisfy it."""
        return np.array([size_of(self._rows)], np.int64)

    @cached_property
    def levels(self) -> Levels:
        """The total."""
        return Levels.of(self.totals)

    def rows(self, place: int) -> Rows:  # noqa: ARG002 - the only one
        """The population's rows that satisfy it."""
        return as_list(self._rows)

    def within(self, rows: Rows) -> Counts:
        """How many of these rows satisfy it."""
        return np.array([size_of(both(self._rows, rows))], np.int64)


class Counter:
    """Counts the members of sets in a query's population. For one thread."""

    def __init__(self, scope: Scope, table: TableView, rows: RowSet | None) -> None:
        """rows: the population; None: all rows of the table."""
        self._scope = scope
        self._table = table
        self._rows = rows
        self._populations: dict[tuple[int, int], Population] = {}
        self._counted: dict[tuple[int, int], Counted] = {}
        self._found: dict[int, RowSet] = {}
        self._held = 0

    def counted(self, one: Member, other: Member) -> tuple[int, Counted, Counted]:
        """How many rows relations between the two are about, and both of them counted in these.

        Members are told apart by their identity. What was counted is kept for the next pairs.
        """
        population = self._population(one, other)
        return population.size, self._in(population, one), self._in(population, other)

    def _population(self, one: Member, other: Member) -> Population:
        key = (id(one.given), id(other.given))
        found = self._populations.get(key)
        if found is None:
            rows = self._rows
            for given in (one.given, other.given):
                if given is not None:
                    narrowed = self._rows_of(given)
                    rows = narrowed if rows is None else both(rows, narrowed)
            if len(self._populations) >= MOST_POPULATIONS:
                self._populations.clear()
                self._counted.clear()
            found = self._populations[key] = Population(self._table, rows)
        return found

    def _in(self, population: Population, member: Member) -> Counted:
        key = (id(member), id(population))
        found = self._counted.get(key)
        if found is None:
            self._scope.deadline.check()
            if isinstance(member, ColumnFeatures):
                found = CountedFeatures(member, population)
            else:
                rows = self._rows_of(member)
                found = CountedCondition(rows if population.whole else both(rows, population.rows))
            self._counted[key] = found
        return found

    def _rows_of(self, proposition: Condition | Given) -> RowSet:
        """The table's rows that satisfy it, in the form that takes less memory. Raises 400 when this gets too much."""
        found = self._found.get(id(proposition))
        if found is None:
            found = rows_satisfying(self._scope, self._table, proposition.part)
            if found.dtype == np.bool_ and size_of(found) * 4 < len(found):
                found = as_list(found)
            self._held += found.nbytes
            if self._held > MOST_BYTES_HELD:
                raise invalid("these are more conditions than one query can relate; ask for some of them", "where")
            self._found[id(proposition)] = found
        return found
