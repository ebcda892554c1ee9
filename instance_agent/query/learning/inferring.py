"""From a target and evidence to probabilities: what the index knows, put as a problem of the inference."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import prediction, why
from instance_agent.inference.problem import Distribution, Given, Problem, Rows
from instance_agent.query.filtering.rowsets import RowSet
from instance_agent.query.language.propositions import Proposition, PropositionSet
from instance_agent.query.language.scores import HighlightOptions
from instance_agent.query.learning.counting import BoundColumn
from instance_agent.query.learning.evidence import Evidence, collect
from instance_agent.query.learning.learned import Learned, learned_of
from instance_agent.query.learning.targets import Target, make_target
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue


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
            found = self.target.kept["learned"] = learned_of(self.table, self.target)
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
        asked: dict[str, list[Evidence]] = {}
        for piece in pieces:
            path = None if piece.column is None else piece.column.path
            if path is None or piece.column is None or (not piece.column.splits and path in asked):
                path = json.dumps(piece.proposition, sort_keys=True)
            asked.setdefault(path, []).append(piece)
        query: list[Given] = []
        for place, (path, said) in enumerate(asked.items()):
            for piece in said:
                is_feature = piece.column is not None and piece.column.path == path
                query.append(Given(place, piece.code, piece.number) if is_feature else Given(place, 1))
        problem = _problem_of(self.learned, asked, query)
        if self.learned.first is not self.learned:
            problem = replace(problem, first=lambda: _problem_of(self.learned.first, asked, query))
        return problem, [piece for said in asked.values() for piece in said]


def _problem_of(learned: Learned, asked: Mapping[str, list[Evidence]], query: list[Given]) -> Problem:
    columns: list[BoundColumn] = []
    conditions: set[int] = set()
    for place, (path, (piece, *_)) in enumerate(asked.items()):
        is_feature = piece.column is not None and piece.column.path == path
        if not is_feature:
            conditions.add(place)
        columns.append(learned.bound(piece.column) if is_feature and piece.column else learned.condition(piece))
    paths = [piece.column for said in asked.values() for piece in said if piece.column is not None]
    return Problem(
        row_count=learned.row_count,
        learned=learned.rows,
        class_rows=learned.class_rows,
        target_codes=learned.classes.codes,
        columns=tuple(columns),
        query=tuple(query),
        cache=learned.cache(paths),
        entries=learned.entries,
        conditions=frozenset(conditions),
    )


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
