"""From a target and evidence to probabilities: what the index knows, put as a problem of the inference.

The rows learned from are those of the population whose target is known. Where they are few among the table's, the
problem is about these rows alone, numbered from 0, so that it costs what they cost.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import prediction, why
from instance_agent.inference.problem import NO_ROWS, Cache, Distribution, Entries, Given, Problem, Rows
from instance_agent.query.counting import BoundColumn, Classes, Condition, PickedRows
from instance_agent.query.evidence import Evidence, collect
from instance_agent.query.paths import PathColumn
from instance_agent.query.propositions import Proposition, PropositionSet
from instance_agent.query.rowsets import RowSet
from instance_agent.query.scope import FieldName, Scope
from instance_agent.query.scores import HighlightOptions
from instance_agent.query.targets import ManyFeatures, OneValue, Target, make_target
from instance_agent.schema.types import JsonValue

FEW = 8
"""A problem is about its rows alone where the table has this many times as many."""


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
    columns: dict[str, BoundColumn] = field(default_factory=dict)
    cache: Cache = field(default_factory=dict)

    def bound(self, column: PathColumn) -> BoundColumn:
        """The column with its counts per class; kept, and the same one the next time."""
        known = self.columns.get(column.path)
        if known is None or known.origin is not column:
            source = column if self.picked is None else PickedRows(column, self.picked)
            known = self.columns[column.path] = BoundColumn(source, self.classes, self.mask, column)
        return known

    def condition(self, piece: Evidence) -> BoundColumn:
        """A condition as a column."""
        rows = NO_ROWS if piece.condition is None else piece.condition
        if self.picked is not None:
            rows = np.flatnonzero(np.isin(self.picked, rows, assume_unique=True)).astype(np.uint32)
        path = repr(sorted(piece.proposition.items(), key=lambda item: item[0]))
        return BoundColumn(Condition(path, rows, self.row_count), self.classes, self.mask, None)


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
            found = self.target.kept["learned"] = _learned(self.target)
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
            if piece.column is None or (not piece.column.splits and piece.column.path in places):
                column = learned.condition(piece)
            else:
                column = learned.bound(piece.column)
            place = places.setdefault(column.path, len(columns))
            if place == len(columns):
                columns.append(column)
            code = piece.code if piece.column is not None and column.origin is piece.column else 1
            query.append(Given(place, code, piece.number if column.origin is not None else None))
            asked.append(piece)
        cache = learned.cache if not _linked(pieces) else self._cache_of_links(pieces)
        problem = Problem(
            row_count=learned.row_count,
            learned=learned.rows,
            class_rows=learned.class_rows,
            target_codes=learned.classes.codes,
            columns=tuple(columns),
            query=tuple(query),
            cache=cache,
            entries=learned.entries,
        )
        return problem, asked

    def _cache_of_links(self, pieces: tuple[Evidence, ...]) -> Cache:
        """What is fitted with columns behind links goes when the linked tables change."""
        tables = {hop.target.name: hop.target for piece in _linked(pieces) if piece.column for hop in piece.column.hops}
        key: Hashable = ("cache of links", tuple(sorted(tables)))
        found = self.target.kept.get(key)
        if isinstance(found, _CacheOfLinks) and all(found.tables.get(name) is tables[name] for name in tables):
            return found.cache
        made = self.target.kept[key] = _CacheOfLinks(tables)
        return made.cache


@dataclass(frozen=True)
class _CacheOfLinks:
    tables: dict[str, TableView]
    cache: Cache = field(default_factory=dict)


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


def _linked(pieces: tuple[Evidence, ...]) -> list[Evidence]:
    return [piece for piece in pieces if piece.column is not None and piece.column.hops]


def _learned(target: Target) -> Learned:
    rows = target.learned_rows
    count, row_count = len(target.candidates), len(target.learned)
    picked = rows if len(rows) * FEW < row_count else None
    if isinstance(target, OneValue):
        codes = target.codes if target.population is None else np.where(target.learned, target.codes, np.int32(-1))
        if picked is not None:
            codes = target.codes[picked]
        classes = Classes(count, codes, np.zeros(1, np.int64), codes[:0])
        counted = np.bincount(codes[codes >= 0], minlength=count).astype(np.float64)
        return _renumbered(Learned(picked, row_count, classes, rows, None, counted, None))
    return _renumbered(_of_many(target, picked, rows, row_count))


def _of_many(target: ManyFeatures, picked: Rows | None, rows: Rows, row_count: int) -> Learned:
    places, codes = target.entries(rows)
    owners = rows[places] if picked is None else places.astype(np.uint32)
    total = row_count if picked is None else len(rows)
    offsets: NDArray[np.int64] = np.zeros(total + 1, np.int64)
    np.cumsum(np.bincount(owners, minlength=total), out=offsets[1:])
    entries = codes.astype(np.int32)
    classes = Classes(len(target.candidates), None, offsets, entries)
    counted = np.bincount(codes, minlength=len(target.candidates)).astype(np.float64)
    mask = target.learned if picked is None else np.ones(len(rows), np.bool_)
    return Learned(picked, row_count, classes, rows, mask, counted, Entries(owners, entries))


def _renumbered(learned: Learned) -> Learned:
    """A problem about picked rows alone numbers them from 0."""
    if learned.picked is None:
        return learned
    count = len(learned.picked)
    return replace(learned, row_count=count, rows=np.arange(count, dtype=np.uint32))
