"""From a target and evidence to probabilities: what the index knows, put as a problem of the inference.

The rows learned from are those of the population whose target is known. Where they are few among the table's, the
problem is about these rows alone, numbered from 0, so that it costs what they cost.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import prediction, why
from instance_agent.inference.problem import NO_ROWS, Cache, Distribution, Entries, Given, Problem, Rows
from instance_agent.query.counting import BoundColumn, Classes, Condition, Counted, PickedRows
from instance_agent.query.evidence import Evidence, collect
from instance_agent.query.paths import PathColumn
from instance_agent.query.propositions import Proposition, PropositionSet
from instance_agent.query.rowsets import RowSet
from instance_agent.query.scope import FieldName, Scope
from instance_agent.query.scores import HighlightOptions
from instance_agent.query.targets import OneValue, Target, make_target
from instance_agent.schema.types import JsonValue

FEW = 8
"""A problem is about its rows alone where the table has this many times as many."""

MOST_BEHIND = 4_096
"""Counts are made anew when so many rows, or an eighth as many as were counted, have been added since."""


@dataclass(frozen=True)
class Inference:
    """What the evidence says about the allowed candidates, in their order."""

    target: Target
    places: NDArray[np.int64]  # the allowed candidates among the target's
    evidence: tuple[Evidence, ...]  # the pieces that counted, one per row of the distribution's lifts
    distribution: Distribution
    without_evidence: Callable[[], Distribution]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Per allowed candidate, in [0, 1]."""
        return self.distribution.probabilities

    @cached_property
    def priors(self) -> NDArray[np.float64]:
        """Per allowed candidate, without evidence."""
        return self.without_evidence().probabilities

    def proposition(self, place: int) -> dict[str, JsonValue]:
        """The candidate at this place among the allowed ones, as a proposition."""
        return {".".join(self.target.path): {"$has": self.target.candidates[int(self.places[place])]}}

    def explain(self, place: int, highlight: HighlightOptions | None = None) -> why.Node:  # noqa: ARG002
        """The product that the probability is: base rate, normalisers, one lift per piece of evidence."""
        told = self.distribution
        norms = tuple(why.Norm(norm.name, float(norm.values[place])) for norm in told.normalizers)
        lifts = (why.Lift(float(told.lifts[row, place]), piece.proposition) for row, piece in enumerate(self.evidence))
        return why.Product(
            (why.BaseP(float(told.base[place]), self.proposition(place)), why.Product(norms), *lifts),
        )


@dataclass(frozen=True)
class Learned:
    """A target's classes over the rows that a problem is about."""

    picked: Rows | None  # the table's rows it is about; None: all of them, with their own numbers
    row_count: int
    classes: Classes
    rows: Rows  # those learned from
    mask: NDArray[np.bool_] | None  # of the rows learned from, where classes don't tell it
    class_rows: NDArray[np.float64]
    entries: Entries | None
    growing: dict[Hashable, object] | None = None  # set for whole tables: kept while rows are only added
    columns: dict[str, tuple[PathColumn, BoundColumn]] = field(default_factory=dict)
    fitted: Cache = field(default_factory=dict)  # for rows that are no whole table

    def bound(self, target: Target, column: PathColumn) -> BoundColumn:
        """The column with its counts per class; the same one the next time."""
        known = self.columns.get(column.path)
        if known is None or known[0] is not column:
            source = column if self.picked is None else PickedRows(column, self.picked)
            made = BoundColumn(source, self.classes, self.mask, self._counted(target, column))
            known = self.columns[column.path] = (column, made)
        return known[1]

    def _counted(self, target: Target, column: PathColumn) -> Counted:
        """What is already known of the first rows, or of all of them; nothing where it isn't worth the work."""
        if self.growing is None:
            return Counted.nothing()
        lasting = column.column.has_lasting_codes and target.column.column.has_lasting_codes
        key, tables = ("counted", target.path, column.path), (*target.tables, *column.tables)
        found = self.growing.get(key) if lasting else None
        if isinstance(found, _Kept) and found.is_about(tables) and isinstance(found.value, Counted):
            behind = self.row_count - found.value.rows
            if 0 <= behind <= max(MOST_BEHIND, found.value.rows // 8):
                return found.value
        made = Counted.all_of(column, self.classes, self.mask)
        if lasting:
            self.growing[key] = _Kept(tables, made)
        return made

    def condition(self, piece: Evidence) -> BoundColumn:
        """A condition as a column."""
        rows = NO_ROWS if piece.condition is None else piece.condition
        if self.picked is not None:
            rows = np.flatnonzero(np.isin(self.picked, rows, assume_unique=True)).astype(np.uint32)
        path = json.dumps(piece.proposition, sort_keys=True)
        return BoundColumn(Condition(path, rows, self.row_count), self.classes, self.mask, Counted.nothing())

    def cache(self, target: Target, columns: Sequence[PathColumn]) -> Cache:
        """Where what is fitted is kept: while rows are only added, and linked tables stay as they are."""
        if self.growing is None:
            return self.fitted
        tables = {table.name: table for column in columns for table in column.tables}
        tables |= {table.name: table for table in target.tables}
        key: Hashable = ("fitted", target.path, tuple(sorted(tables)))
        about = tuple(table for _, table in sorted(tables.items()))
        found = self.growing.get(key)
        if not isinstance(found, _Kept) or not found.is_about(about):
            found = self.growing[key] = _Kept(about, {})
        return cast(Cache, found.value)


@dataclass(frozen=True)
class _Kept:
    """Something that is true as long as these tables are the same."""

    tables: tuple[TableView, ...]
    value: object

    def is_about(self, tables: tuple[TableView, ...]) -> bool:
        return len(tables) == len(self.tables) and all(map(operator.is_, tables, self.tables))


@dataclass(frozen=True)
class Prepared:
    """A target ready to be asked about, any number of times."""

    scope: Scope
    table: TableView
    target: Target

    @cached_property
    def learned(self) -> Learned:
        """The classes over the rows learned from; kept with a target that is kept."""
        found = self.target.kept.get("learned")
        if not isinstance(found, Learned):
            found = self.target.kept["learned"] = _learned(self.table, self.target)
        return found

    def infer(
        self,
        parts: Sequence[Proposition],
        allowed: NDArray[np.bool_],
        *,
        exclusive: bool,
        based_on: PropositionSet | None = None,  # noqa: ARG002
        without: Rows | None = None,
    ) -> Inference:
        """The probabilities of the allowed candidates given the evidence; `without`: rows not to learn from."""
        pieces = collect(self.scope, self.table, list(parts), self.target.learned)
        problem, asked = self._problem(pieces)
        if without is not None:
            problem = replace(problem, without=self._own_rows(without))
        self.scope.deadline.check()
        decide = prediction.predict if exclusive else prediction.predict_each
        told = decide(problem, allowed)
        evidence = tuple(asked[place] for place in told.evidence)
        bare = replace(problem, columns=(), query=())
        return Inference(self.target, np.flatnonzero(allowed), evidence, told, lambda: decide(bare, allowed))

    def _own_rows(self, rows: Rows) -> Rows:
        rows = rows[self.target.learned[rows]]
        picked = self.learned.picked
        return rows if picked is None else np.searchsorted(picked, rows).astype(np.uint32)

    def _problem(self, pieces: tuple[Evidence, ...]) -> tuple[Problem, list[Evidence]]:
        """The problem, and the piece that each thing given is."""
        learned = self.learned
        columns: list[BoundColumn] = []
        places: dict[str, int] = {}
        query: list[Given] = []
        asked: list[Evidence] = []
        for piece in pieces:
            known = piece.column
            if known is not None and not known.splits and known.path in places:
                known = None
            column = learned.condition(piece) if known is None else learned.bound(self.target, known)
            place = places.setdefault(column.path, len(columns))
            if place == len(columns):
                columns.append(column)
            given = Given(place, 1) if known is None else Given(place, piece.code, piece.number)
            query.append(given)
            asked.append(piece)
        problem = Problem(
            row_count=learned.row_count,
            learned=learned.rows,
            class_rows=learned.class_rows,
            target_codes=learned.classes.codes,
            columns=tuple(columns),
            query=tuple(query),
            cache=learned.cache(self.target, [piece.column for piece in pieces if piece.column is not None]),
            entries=learned.entries,
        )
        return problem, asked


def prepare(scope: Scope, table: TableView, population: RowSet, field_name: FieldName) -> Prepared:
    """The target at the path, learned from these rows of the table. Raises `field 'x' not found`."""
    return Prepared(scope, table, make_target(scope, table, population, field_name))


def infer(  # noqa: PLR0913 - everything an answer depends on
    scope: Scope,
    table: TableView,
    target: Target,
    parts: Sequence[Proposition],
    allowed: NDArray[np.bool_],
    *,
    exclusive: bool,
    based_on: PropositionSet | None = None,
) -> Inference:
    """The probabilities of the allowed candidates given the evidence.

    exclusive: exactly one of them is true, so that they sum to 1; else each is judged by itself.
    """
    return Prepared(scope, table, target).infer(parts, allowed, exclusive=exclusive, based_on=based_on)


def _learned(table: TableView, target: Target) -> Learned:
    rows = target.learned_rows
    row_count = len(target.learned)
    growing = table.growing if target.population is None else None
    if len(rows) * FEW < row_count:
        return _of_rows(target, rows)
    if isinstance(target, OneValue):
        codes = target.codes if target.population is None else np.where(target.learned, target.codes, np.int32(-1))
        classes = Classes(len(target.candidates), row_count, codes, np.zeros(1, np.int64), codes[:0])
        return Learned(None, row_count, classes, rows, None, _per_class(codes, classes.count), None, growing)
    places, codes = target.entries(rows)
    classes, entries = _listed(target, rows[places], codes, row_count)
    return Learned(None, row_count, classes, rows, target.learned, _per_class(codes, classes.count), entries, growing)


def _of_rows(target: Target, rows: Rows) -> Learned:
    """A problem about these rows alone, numbered from 0."""
    count = len(rows)
    own: Rows = np.arange(count, dtype=np.uint32)
    if isinstance(target, OneValue):
        codes = target.codes[rows]
        classes = Classes(len(target.candidates), count, codes, np.zeros(1, np.int64), codes[:0])
        return Learned(rows, count, classes, own, None, _per_class(codes, classes.count), None)
    places, found = target.entries(rows)
    classes, entries = _listed(target, places.astype(np.uint32), found, count)
    everything = np.ones(count, np.bool_)
    return Learned(rows, count, classes, own, everything, _per_class(found, classes.count), entries)


def _listed(target: Target, owners: Rows, found: NDArray[np.int64], row_count: int) -> tuple[Classes, Entries]:
    """Lists of classes: each owner, not decreasing, has the class that is found with it."""
    offsets: NDArray[np.int64] = np.zeros(row_count + 1, np.int64)
    np.cumsum(np.bincount(owners, minlength=row_count), out=offsets[1:])
    entries = found.astype(np.int32)
    return Classes(len(target.candidates), row_count, None, offsets, entries), Entries(owners, entries)


def _per_class(codes: NDArray[np.int32] | NDArray[np.int64], count: int) -> NDArray[np.float64]:
    return np.bincount(codes[codes >= 0], minlength=count).astype(np.float64)
