"""What is predicted: the candidates, which rows have which, and how to count them in any set of rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast, overload

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.ragged import gathered
from instance_agent.query.filtering.filters import rows_satisfying
from instance_agent.query.filtering.rowsets import RowSet, as_list, as_mask, digest_of, size_of
from instance_agent.query.language.propositions import All, Any, Atomic, FieldTest, Not, Proposition
from instance_agent.query.learning.keeping import keep
from instance_agent.query.learning.value_truth import holds
from instance_agent.query.paths import FEATURE, Hop, PathColumn, hop_of, path_column
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue

MOST_KEPT = 64
MOST_ROWS_KEPT = 8_000_000
"""Of the targets of populations, each of which has numbers for every row of its table."""


class Candidates(Sequence[JsonValue]):
    """Values of a column picked by their codes; read from the index one by one when asked for."""

    def __init__(self, values: Sequence[JsonValue], codes: NDArray[np.int64]) -> None:
        self._values = values
        self.codes = codes

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> JsonValue: ...
    @overload
    def __getitem__(self, index: slice) -> list[JsonValue]: ...
    def __getitem__(self, index: int | slice) -> JsonValue | list[JsonValue]:
        if isinstance(index, slice):
            return [self._values[code] for code in self.codes[index].tolist()]
        return self._values[int(self.codes[index])]


@dataclass(frozen=True)
class LinkedRows:
    """The rows that a link target predicts."""

    table: TableView
    key: str  # the column that the link points to
    codes: NDArray[np.int64]  # per linked row the place of its candidate, -1 for rows without a key
    first_rows: NDArray[np.int64]  # per candidate the first linked row that has its key


@dataclass(frozen=True)
class OneValue:
    """Every row has one value: no Text, no array. Its linked table decides the candidates of a link.

    path: what the propositions about the target begin with. codes: per row of the table the place of its candidate, -1
    for none. population: the rows that may be learned from.
    """

    path: tuple[str, ...]
    column: PathColumn
    candidates: Candidates
    codes: NDArray[np.int32]
    population: NDArray[np.bool_] | None  # None: every row
    linked: LinkedRows | None
    partition: bool = True
    kept: dict[Hashable, object] = field(default_factory=dict, compare=False)  # what was worked out from it

    @property
    def tables(self) -> tuple[TableView, ...]:
        """The linked tables that the candidates depend on."""
        return self.column.tables if self.linked is None else (*self.column.tables, self.linked.table)

    @cached_property
    def learned(self) -> NDArray[np.bool_]:
        """Mask of the rows to learn from: those of the population whose target is known."""
        known = self.codes >= 0
        return known if self.population is None else np.asarray(known & self.population)

    @cached_property
    def learned_rows(self) -> NDArray[np.uint32]:
        """The same as increasing row numbers."""
        return np.flatnonzero(self.learned).astype(np.uint32)

    def count(self, rows: NDArray[np.uint32], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Per candidate, how many of `rows` (all learned from) have it; each counted `weights[row]` times if given."""
        given = None if weights is None else weights[rows]
        return np.bincount(self.codes[rows], given, len(self.candidates)).astype(np.float64)

    def entries(self, rows: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every (place in `rows`, candidate) of rows that have one; both int64[m]."""
        codes = self.codes[rows]
        having = np.flatnonzero(codes >= 0)
        return having, codes[having].astype(np.int64)

    def restricted(self, scope: Scope, table: TableView, parts: list[Proposition]) -> NDArray[np.bool_]:
        """Per candidate, whether it satisfies the propositions about the target."""
        allowed = np.ones(len(self.candidates), dtype=np.bool_)
        for part in parts:
            if self.linked is not None:
                satisfied = _of_linked_rows(scope, self.linked, below(part, self.path, self.linked.key))
            else:
                satisfied = np.zeros_like(allowed)
                with_value = self.codes[as_list(rows_satisfying(scope, table, part))]
                satisfied[with_value[with_value >= 0]] = True
            allowed &= satisfied
        return allowed


@dataclass(frozen=True)
class ManyFeatures:
    """A row may have several candidates: the tokens of a Text, the elements of an array, the rows they link to.

    Row r has the candidates entry_codes[offsets[r]:offsets[r + 1]], each once; -1 for those that are none.
    """

    path: tuple[str, ...]
    column: PathColumn
    candidates: Candidates
    offsets: NDArray[np.int64]
    entry_codes: NDArray[np.int32]
    population: NDArray[np.bool_] | None
    linked: LinkedRows | None
    partition: bool = False
    kept: dict[Hashable, object] = field(default_factory=dict, compare=False)  # what was worked out from it

    @property
    def tables(self) -> tuple[TableView, ...]:
        """The linked tables that the candidates depend on."""
        return self.column.tables if self.linked is None else (*self.column.tables, self.linked.table)

    @cached_property
    def learned(self) -> NDArray[np.bool_]:
        """Mask of the rows to learn from: those of the population that have a value."""
        known = self.column.column.present if not self.column.hops else np.diff(self.offsets) > 0
        return known if self.population is None else np.asarray(known & self.population)

    @cached_property
    def learned_rows(self) -> NDArray[np.uint32]:
        """The same as increasing row numbers."""
        return np.flatnonzero(self.learned).astype(np.uint32)

    def count(self, rows: NDArray[np.uint32], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Per candidate, how many of `rows` (all learned from) have it; each counted `weights[row]` times if given."""
        places, codes = self.entries(rows)
        given = None if weights is None else weights[rows[places]]
        return np.bincount(codes, given, len(self.candidates)).astype(np.float64)

    def entries(self, rows: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every (place in `rows`, candidate) of rows that have one; both int64[m]."""
        ends, entries = gathered(self.offsets, self.entry_codes, rows)
        places = np.repeat(np.arange(len(rows), dtype=np.int64), _lengths(ends.astype(np.int64)))
        codes = entries.astype(np.int64)
        return places[codes >= 0], codes[codes >= 0]

    def restricted(self, scope: Scope, table: TableView, parts: list[Proposition]) -> NDArray[np.bool_]:  # noqa: ARG002
        """Per candidate, whether it by itself satisfies the propositions about the target."""
        allowed = np.ones(len(self.candidates), dtype=np.bool_)
        for part in parts:
            if self.linked is not None:
                allowed &= _of_linked_rows(scope, self.linked, below(part, self.path, self.linked.key))
            else:
                truth = (holds(part, candidate, self.column) for candidate in self.candidates)
                allowed &= np.fromiter(truth, np.bool_, len(allowed))
        return allowed


Target = OneValue | ManyFeatures


def make_target(scope: Scope, table: TableView, population: RowSet, field_name: FieldName) -> Target:
    """The target at the field's path, learned from these rows. Raises `field 'x' not found`.

    Candidates come in order of first appearance in the population, those of a link in the order of the linked rows.
    What belongs to the whole table is kept with its view, and what belongs to the populations asked about last.
    """
    if size_of(population) < table.live_count:
        return _of_population(scope, table, population, field_name)
    found = table.derived.get(("target", field_name.path))
    if isinstance(found, OneValue | ManyFeatures) and _still_true(scope, found):
        return found
    made = _made(scope, table, None, field_name)
    table.derived[("target", field_name.path)] = made
    return made


def _of_population(scope: Scope, table: TableView, population: RowSet, field_name: FieldName) -> Target:
    kept = cast("dict[Hashable, Target]", table.derived.setdefault("targets of populations", {}))
    name = (field_name.path, digest_of(population, table.row_count))
    found = kept.get(name)
    if found is None or not _still_true(scope, found):
        found = _made(scope, table, as_mask(population, table.row_count), field_name)
    keep(kept, name, found, min(MOST_KEPT, max(1, MOST_ROWS_KEPT // max(1, table.row_count))))
    return found


def _still_true(scope: Scope, target: Target) -> bool:
    return all(scope.view.tables.get(table.name) is table for table in target.tables)


def _made(scope: Scope, table: TableView, population: NDArray[np.bool_] | None, field: FieldName) -> Target:
    column = path_column(scope, table, field)
    path = field.path[:-1] if field.path[-1] == FEATURE and len(field.path) > 1 else field.path
    scope.deadline.check()
    if column.schema.link is not None and field.path[-1] != FEATURE:
        return _linked(scope, table, population, FieldName(path, field.place, field.said_by))
    if not column.splits:
        codes = column.codes
        order = first_appearances(codes if population is None else codes[population], column.feature_count)
        candidates = Candidates(column.features, order)
        return OneValue(path, column, candidates, _places(order, column.feature_count)[codes], population, None)
    offsets, codes = column.offsets, column.feature_codes
    inside = codes if population is None else codes[np.repeat(population, _lengths(offsets))]
    order = first_appearances(inside, column.feature_count)
    candidates = Candidates(column.features, order)
    places = _places(order, column.feature_count)[codes]
    return ManyFeatures(path, column, candidates, offsets, places, population, None)


def _linked(scope: Scope, table: TableView, population: NDArray[np.bool_] | None, field: FieldName) -> Target:
    column = path_column(scope, table, field)
    hop = _last_hop(scope, table, column, field)
    keys = hop.key.codes
    order = first_appearances(keys, len(hop.key.values))
    candidates = Candidates(hop.key.values, order)
    place_of_key = _places(order, len(hop.key.values))
    first_rows = np.zeros(len(order), np.int64)
    having = np.flatnonzero(keys >= 0)[::-1]
    first_rows[place_of_key[keys[having]]] = having
    links_to = column.schema.link
    linked = LinkedRows(
        hop.target, links_to.column if links_to else "", place_of_key[keys].astype(np.int64), first_rows
    )
    place_of_code = place_of_key[np.append(keys, np.int32(-1))[hop.first_rows]]
    place_of_code = np.append(place_of_code, np.int32(-1))
    if not column.splits:
        return OneValue(field.path, column, candidates, place_of_code[column.codes], population, linked)
    places = place_of_code[column.feature_codes]
    return ManyFeatures(field.path, column, candidates, column.offsets, places, population, linked)


def _last_hop(scope: Scope, table: TableView, column: PathColumn, field: FieldName) -> Hop:
    holder = column.hops[-1].target if column.hops else table
    return hop_of(scope, holder, field.path[-1], field)


def _lengths(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    return offsets[1:] - offsets[:-1]


def _places(order: NDArray[np.int64], size: int) -> NDArray[np.int32]:
    """Per code its place in `order`, -1 for codes that aren't in it and for the code -1."""
    places = np.full(size + 1, -1, dtype=np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    return places


def first_appearances(codes: NDArray[np.int32], size: int) -> NDArray[np.int64]:
    """The codes from 0 up that occur, each once, in order of first appearance; all are below `size`."""
    first = np.full(size + 1, len(codes), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    first[-1] = len(codes)
    present = np.flatnonzero(first < len(codes))
    return present[np.argsort(first[present], kind="stable")]


def _of_linked_rows(scope: Scope, linked: LinkedRows, proposition: Proposition) -> NDArray[np.bool_]:
    """Per candidate, whether one of the rows with its key satisfies the proposition."""
    satisfied = np.zeros(len(linked.first_rows), dtype=np.bool_)
    places = linked.codes[as_list(rows_satisfying(scope, linked.table, proposition))]
    satisfied[places[places >= 0]] = True
    return satisfied


def below(proposition: Proposition, path: tuple[str, ...], key: str) -> Proposition:
    """A proposition about a link target, said of the linked row: the link itself becomes the key column."""
    match proposition:
        case FieldTest():
            return FieldTest(proposition.path[len(path) :] or (key,), proposition.test, proposition.place)
        case All():
            return All(tuple(below(part, path, key) for part in proposition.parts))
        case Any():
            return Any(tuple(below(part, path, key) for part in proposition.parts))
        case Not():
            return Not(below(proposition.part, path, key))
        case Atomic():
            return Atomic(below(proposition.part, path, key))
    return proposition
