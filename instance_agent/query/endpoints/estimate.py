"""`_estimate`: a number column, from the evidence in `where`.

The order: the population is cut (`from`, and what `where` says about the column itself), the evidence is looked up, the
inference fits the columns' effects to a sample of the rows, and the tree that explains the estimate is its value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import why
from instance_agent.inference.estimate import MOST_OF_ONE, ROWS_OF_A_MEAN, evenly
from instance_agent.inference.estimate import estimate as estimated_from
from instance_agent.inference.estimate_problem import Estimated, EstimateProblem, Known, Neighbor, Said
from instance_agent.inference.problem import NO_ROWS, Rows
from instance_agent.query.filtering.filters import population, rows_satisfying
from instance_agent.query.filtering.rowsets import RowSet, as_list, as_mask, both, size_of
from instance_agent.query.language.propositions import (
    All,
    FeaturesOf,
    FieldTest,
    Proposition,
    PropositionSet,
    fields_of,
)
from instance_agent.query.language.queries import Estimate
from instance_agent.query.learning.evidence import Evidence, collect, split
from instance_agent.query.paths import PathColumn, hop_of, path_column
from instance_agent.query.refusals import invalid
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue

MEMBERS = ("estimate", "why")
SAMPLE = 8192
"""Rows by which it is decided how near is near, and whether a value is common."""

COMMON = 512
"""A value that so many rows of the sample have is counted by a sample: its posting list would hold a lot."""

ENOUGH_EQUAL = 1024
"""Where so many rows have the very number, those near to it aren't looked for."""


def estimate(scope: Scope, query: Estimate) -> dict[str, JsonValue]:
    """The estimate and why it is that; null and a tree of nothing where no row has the number.

    Raises 400 for what doesn't fit the schema, `query_timeout` when the deadline passes.
    """
    table, rows = population(scope, query.source)
    field = FieldName(query.target, "estimate", "estimate")
    estimator = prepare_estimate(scope, table, rows, field)
    found = estimator.estimate(query.where, regression=query.regression, based_on=query.based_on)
    members = MEMBERS if query.select is None else query.select
    tree = found.explain()
    return {name: found.value_of(tree) if name == "estimate" else why.to_json(tree) for name in members}


def prepare_estimate(scope: Scope, table: TableView, rows: RowSet, field: FieldName) -> Estimator:
    """The numbers of a column in these rows, to be asked about any number of times.

    Raises `field 'x' not found`, and 400 for a column that has no number, or several, per row.
    """
    column = path_column(scope, table, field)
    numbers = column.numbers
    if numbers is None:
        several = " through an array of links" if column.schema.type.is_numeric else ""
        raise invalid(
            f"'{field.text}' is of type {column.schema.type.value}{several}; "
            "estimates are of columns with one number per row: Int, Long or Decimal",
            field.place,
        )
    if size_of(rows) < table.live_count:
        mask = np.isfinite(numbers) & as_mask(rows, table.row_count)
        return Estimator(scope, table, field, _Learned.of(column, numbers, mask))
    kept = table.derived.get(("estimate", column.path))
    if not isinstance(kept, _Learned) or kept.column is not column:
        kept = table.derived[("estimate", column.path)] = _Learned.of(column, numbers, np.isfinite(numbers))
    return Estimator(scope, table, field, kept)


@dataclass(frozen=True)
class _Learned:
    """The numbers learned from."""

    column: PathColumn
    mask: NDArray[np.bool_]  # per row of the table
    known: Known

    @classmethod
    def of(cls, column: PathColumn, numbers: NDArray[np.float64], mask: NDArray[np.bool_]) -> _Learned:
        return cls(column, mask, Known.of(numbers, as_list(mask)))


@dataclass(frozen=True)
class Estimator:
    """The numbers of one column in some rows."""

    scope: Scope
    table: TableView
    field: FieldName
    learned: _Learned

    def estimate(
        self,
        where: Proposition,
        *,
        regression: bool,
        based_on: PropositionSet | None = None,
        without: Rows = NO_ROWS,
    ) -> Estimation:
        """The estimate given the evidence; `without`: rows not to learn from, increasing."""
        evidence, about_number = split(where, self.field.path)
        if about_number:
            return self._restricted(about_number).estimate(
                All(tuple(evidence)), regression=regression, based_on=based_on, without=without
            )
        known = self.learned.known.without(without[self.learned.mask[without]])
        pieces = self._pieces(evidence, based_on)
        self.scope.deadline.check()
        if not known.count:
            return Estimation(self, known, (), None, regression)
        said = self._said(pieces, known)
        told = [place for place, one in enumerate(said) if one.numbers is not None or len(one.rows)]
        pieces, said = [pieces[place] for place in told], [said[place] for place in told]
        found = estimated_from(EstimateProblem(self.table.row_count, known, tuple(said)), neighbors=not regression)
        return Estimation(self, known, tuple(pieces), found, regression)

    def _restricted(self, about_number: list[Proposition]) -> Estimator:
        """Learned from rows only whose number is as the query says."""
        rows = both(self.learned.mask, rows_satisfying(self.scope, self.table, All(tuple(about_number))))
        mask = as_mask(rows, self.table.row_count)
        learned = _Learned.of(self.learned.column, self.learned.known.numbers, mask)
        return Estimator(self.scope, self.table, self.field, learned)

    def _pieces(self, evidence: list[Proposition], based_on: PropositionSet | None) -> list[Evidence]:
        """The evidence that counts. A link's own row may have the number itself: that is no evidence for it."""
        allowed = None if based_on is None else _Allowed.of(self, based_on)
        parts = evidence if allowed is None else [part for part in evidence if allowed.may_have(part)]
        pieces = collect(self.scope, self.table, parts, self.learned.mask)
        others = (piece for piece in pieces if piece.column is None or piece.column.path != self.learned.column.path)
        return [piece for piece in others if allowed is None or allowed.has(piece)]

    def _said(self, pieces: Sequence[Evidence], known: Known) -> list[Said]:
        said = []
        columns: set[str] = set()
        alone = len(pieces) == 1
        for piece in pieces:
            column = piece.column
            if column is None or column.splits or column.path in columns:
                rows = _except(piece.rows, known.left_out)
                said.append(Said(rows, len(rows), is_text=column is not None and column.is_text))
                continue
            columns.add(column.path)
            numbers = column.numbers
            if numbers is not None and piece.number is not None:
                near = piece.rows if len(piece.rows) >= ENOUGH_EQUAL else self._near(numbers, piece.number)
                rows = _except(near, known.left_out)
                said.append(Said(rows, len(rows), numbers=numbers, number=piece.number))
            else:
                rows, count = self._having(piece, column.codes, known, ROWS_OF_A_MEAN if alone else SAMPLE)
                said.append(Said(rows, count, column.codes, column.feature_count, piece.code))
        return said

    def _having(self, piece: Evidence, codes: NDArray[np.int32], known: Known, most: int) -> tuple[Rows, float]:
        """Rows learned from with a value, and how many these are: all of them, or for a common one those of a sample.

        most: rows of that sample.
        """
        everyone = self.learned.known.rows
        is_large = len(everyone) > ROWS_OF_A_MEAN
        if is_large and np.count_nonzero(codes[evenly(everyone, SAMPLE)] == piece.code) >= COMMON:
            sample = _except(evenly(everyone, most), known.left_out)
            rows = sample[codes[sample] == piece.code]
            return rows, known.count * len(rows) / len(sample)
        rows = _except(piece.rows, known.left_out)
        return rows, float(len(rows))

    def _near(self, numbers: NDArray[np.float64], number: float) -> Rows:
        """Rows learned from with a number near to this one: about as many as a sample takes, or all with the same."""
        rows = self.learned.known.rows
        if len(rows) <= SAMPLE:
            return rows
        sampled = np.abs(numbers[evenly(rows, SAMPLE)] - number)
        sampled = np.sort(sampled[np.isfinite(sampled)])
        if not len(sampled):
            return NO_ROWS
        reach = sampled[min(len(sampled) - 1, MOST_OF_ONE * SAMPLE // len(rows))]
        near = np.flatnonzero((numbers >= number - reach) & (numbers <= number + reach)).astype(np.uint32)
        return near[self.learned.mask[near]]


@dataclass(frozen=True)
class _Allowed:
    """What `basedOn` lets be evidence."""

    paths: tuple[tuple[str, ...], ...]
    features: frozenset[str]

    @classmethod
    def of(cls, estimator: Estimator, based_on: PropositionSet) -> _Allowed:
        """Raises 400 for what doesn't fit the schema."""
        scope, table = estimator.scope, estimator.table
        paths = [element for element in based_on if isinstance(element, FeaturesOf)]
        for element in paths:
            path_column(scope, table, FieldName(element.path, element.place, element.place))
        propositions = [element for element in based_on if not isinstance(element, FeaturesOf)]
        pieces = collect(scope, table, list(propositions), estimator.learned.mask)
        return cls(tuple(element.path for element in paths), frozenset(_key(piece) for piece in pieces))

    def may_have(self, part: Proposition) -> bool:
        """Could one of its pieces count? Conditions over several fields count when all of these are allowed."""
        return isinstance(part, FieldTest) or bool(self.features) or all(map(self._covers, fields_of(part)))

    def has(self, piece: Evidence) -> bool:
        """Does the piece count?"""
        if _key(piece) in self.features:
            return True
        names = [piece.column.path] if piece.column is not None else [*piece.proposition]
        return all(name.startswith("$") or self._covers(tuple(name.split("."))) for name in names)

    def _covers(self, path: tuple[str, ...]) -> bool:
        return any(path[: len(allowed)] == allowed for allowed in self.paths)


@dataclass(frozen=True)
class Estimation:
    """One estimate, and what it is made of."""

    estimator: Estimator
    known: Known
    pieces: tuple[Evidence, ...]
    found: Estimated | None  # None: there is nothing to learn from
    regression: bool

    @property
    def value(self) -> float | None:
        """The estimate; None where no row has a number."""
        return None if self.found is None else self.value_of(self._tree(self.found, with_rows=False))

    def value_of(self, tree: why.Node) -> float | None:
        """The tree's value."""
        return None if self.found is None else why.value_of(tree)

    def explain(self) -> why.Node:
        """The tree whose value is the estimate."""
        return why.Nothing() if self.found is None else self._tree(self.found, with_rows=True)

    def _tree(self, found: Estimated, *, with_rows: bool) -> why.Node:
        if self.regression or not found.neighbors:
            alone = self._power(found, 0.0)
            return alone if self.regression else why.WeightedAverage((why.Component(1.0, alone),))
        instances = self._instances(found.neighbors) if with_rows else [{}] * len(found.neighbors)
        return why.WeightedAverage(
            tuple(self._component(found, *one) for one in zip(found.neighbors, instances, strict=True))
        )

    def _component(self, found: Estimated, neighbor: Neighbor, instance: dict[str, JsonValue]) -> why.Component:
        table = self.estimator.table
        position = neighbor.row if table.live is None else int(table.positions[neighbor.row])
        context = why.NeighborContext(
            original=float(self.known.numbers[neighbor.row]),
            adjustments=self._power(found, neighbor.residual),
            instance=instance,
            hit_score=neighbor.closeness * self.known.unit,
            position=str(position),
        )
        return why.Component(neighbor.weight, context)

    def _power(self, found: Estimated, residual: float) -> why.Node:
        unit = self.known.unit
        terms: list[why.Node] = [why.Norm("residual", residual * unit, "input")]
        terms += [self._effect(effect.said, effect.value * unit) for effect in found.effects]
        if found.limit:
            terms.append(why.Norm("limit", found.limit * unit, "input"))
        terms.append(why.Norm("mean", found.mean * unit, "mean centering"))
        added = why.Sum(tuple(terms))
        return why.Exponent(why.Number(why.Plain.CONSTANT, math.e), added) if self.known.is_log else added

    def _effect(self, said: tuple[int, ...], value: float) -> why.Regression:
        shown = [_shown(self.pieces[place]) for place in said]
        is_line = len(said) == 1 and self.pieces[said[0]].number is not None
        kind = why.RegressionKind.LINEAR if is_line else why.RegressionKind.CATEGORICAL
        together: dict[str, JsonValue] = shown[0] if len(shown) == 1 else {"$and": [*shown]}
        return why.Regression(together, value, kind, why.Adjustment.RESTORATION)

    def _instances(self, neighbors: tuple[Neighbor, ...]) -> list[dict[str, JsonValue]]:
        """The neighbours' rows, each with the columns of the rows it links to, as link.column."""
        scope, table = self.estimator.scope, self.estimator.table
        rows = [dict(row) for row in table.rows([neighbor.row for neighbor in neighbors])]
        for name, schema in table.schema.columns.items():
            if schema.link is None or schema.type.is_array or schema.link.table not in scope.view.tables:
                continue
            hop = hop_of(scope, table, name, FieldName((name,), "estimate", ""))
            for row in rows:
                found = hop.key.rows_equal(row[name]) if name in row else NO_ROWS
                if len(found):
                    linked = hop.target.row(int(found[0]))
                    row.update({f"{name}.{column}": value for column, value in linked.items()})
        return [dict(sorted(row.items())) for row in rows]


def _except(rows: Rows, left_out: Rows) -> Rows:
    """The rows without those left out; both increasing."""
    if not len(left_out) or not len(rows):
        return rows
    places = np.searchsorted(rows, left_out).clip(0, len(rows) - 1)
    return np.delete(rows, places[rows[places] == left_out])


def _key(piece: Evidence) -> str:
    return json.dumps(piece.proposition, sort_keys=True)


def _shown(piece: Evidence) -> dict[str, JsonValue]:
    """The piece as estimates show it: a value bare, a feature of a text or an array with `$has`."""
    if piece.column is None or piece.column.splits:
        return piece.proposition
    return {path: said["$has"] if isinstance(said, dict) else said for path, said in piece.proposition.items()}
