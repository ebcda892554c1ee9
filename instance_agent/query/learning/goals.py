"""How likely a goal is with each candidate, given evidence: counts over the index, put to `inference.goals`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import why
from instance_agent.inference.goals import Chances, GoalCounts, GoalFit, Parts, chances, effect_by_itself, fit_goal
from instance_agent.inference.log_odds import probabilities
from instance_agent.inference.pooling import Tried
from instance_agent.inference.problem import Rows
from instance_agent.inference.properties import Numbers
from instance_agent.query.filtering.filters import rows_satisfying
from instance_agent.query.filtering.rowsets import RowSet, as_mask
from instance_agent.query.language.propositions import Proposition, PropositionSet, fields_of
from instance_agent.query.language.scores import HighlightOptions
from instance_agent.query.learning.evidence import Evidence, collect
from instance_agent.query.learning.linked_properties import LinkedProperties, linked_properties
from instance_agent.query.learning.proposition_sets import as_filter, said
from instance_agent.query.learning.targets import Target
from instance_agent.query.learning.weighing import Learning, Question, described, weigh
from instance_agent.query.paths import PathColumn, path_column
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue

MOST_GOALS_KEPT = 8
"""Goals whose rows are kept with a target."""


@dataclass(frozen=True)
class GoalChances:
    """The goal's probability with each of the A allowed candidates, in their order."""

    goal: dict[str, JsonValue]
    target: Target
    places: NDArray[np.int64]  # the allowed candidates among the target's
    evidence: tuple[Evidence, ...]  # the pieces weighed, from the most general to the most specific
    linked: LinkedProperties
    chances: Chances

    @cached_property
    def probabilities(self) -> Numbers:
        """Per allowed candidate, in (0, 1)."""
        return self.chances.probabilities[self.places]

    @cached_property
    def priors(self) -> Numbers:
        """Per allowed candidate the goal's base rate, which is the same for all."""
        return np.full(len(self.places), self._base)

    def explain(self, place: int, highlight: HighlightOptions | None = None) -> why.Node:  # noqa: ARG002
        """The product that the probability is.

        Base rate; a lift per piece of evidence for every candidate; a lift per property of the candidate, and the
        candidate itself, each with what the evidence adds for those; and a normaliser, as lifts of single things don't
        multiply exactly.
        """
        candidate = int(self.places[place])
        parts = self.chances.parts(candidate, self.linked.properties)
        lifts: list[why.Node] = [*self._of_pieces(parts.everywhere)]
        lifts += self._of_properties(candidate, parts)
        value = self.target.candidates[candidate]
        lifts += self._of_hit({".".join(self.target.path): {"$has": value}}, parts.own, parts.piece_own)
        base = why.BaseP(self._base, self.goal)
        product = why.value_of(why.Product((base, *lifts)))
        norm = why.Norm("trueFalseExclusiveness", float(self.probabilities[place]) / product)
        return why.Product((base, why.Product((norm,)), *lifts))

    @cached_property
    def _base(self) -> float:
        return float(probabilities(np.array(self.chances.base)))

    def _of_properties(self, candidate: int, parts: Parts) -> Iterator[why.Node]:
        properties = self.linked.properties
        start, end = properties.offsets[candidate : candidate + 2].tolist()
        link = ".".join(self.target.path)
        for place, feature in enumerate(properties.features[start:end].tolist()):
            shown = self.linked.shown(feature, link)
            yield from self._of_hit(shown, float(parts.of_features[place]), parts.piece_features[:, place])

    def _of_hit(self, shown: dict[str, JsonValue], effect: float, of_pieces: Numbers) -> Iterator[why.Node]:
        factors: list[why.Node] = [why.Number(why.Plain.BASE_LIFT, self._lift(effect))] if effect else []
        factors += self._of_pieces(of_pieces)
        if factors:
            yield why.HitLift(shown, tuple(factors))

    def _of_pieces(self, effects: Numbers) -> Iterator[why.Node]:
        for piece, effect in zip(self.evidence, effects.tolist(), strict=True):
            if effect:
                yield why.Lift(self._lift(effect), piece.proposition)

    def _lift(self, effect: float) -> float:
        """How many times more probable than its base rate the goal would be by this effect alone."""
        return float(probabilities(np.array(self.chances.base + effect))) / self._base


def goal_chances(  # noqa: PLR0913, PLR0917 - everything an answer depends on
    scope: Scope,
    table: TableView,
    population: RowSet,
    target: Target,
    allowed: NDArray[np.bool_],
    goal: Proposition,
    evidence_parts: list[Proposition],
    based_on: PropositionSet | None,
) -> GoalChances:
    """The probability that a row of `from` with the candidate and the evidence reaches the goal.

    target: made of the population. allowed: per candidate. A literal of the goal means what it means as evidence: on a
    Text its tokens. Raises 400 for what doesn't fit the schema.
    """
    del population  # the target knows
    linked = linked_properties(scope, target, based_on)
    rows = _goal_rows(scope, table, target, goal)
    scope.deadline.check()
    learning = Learning(scope, table, target)
    columns = tuple(_columns_behind_links(scope, table, goal))
    name = ("goal", json.dumps(rows.shown, sort_keys=True), None if based_on is None else repr(based_on))
    fit = learning.fitted(columns, name, linked, lambda: _fit(learning, rows, linked))
    question = Question(
        name,
        lambda some: Tried(target.count(some, None), target.count(some[rows.mask[some]], None)),
        lambda tried: effect_by_itself(tried, fit, linked.properties),
        lambda tried: _excess(tried, len(rows.reaching) / max(1, len(learning.rows))),
        columns,
        linked.properties,
        linked,
    )
    pieces = weigh(scope, learning, question, collect(scope, table, evidence_parts, target.learned))
    found = chances(
        GoalCounts(float(len(learning.rows)), float(len(rows.reaching)), Tried(learning.counts, rows.counts)),
        fit,
        described(scope, learning, question, pieces),
        linked.properties,
    )
    evidence = tuple(piece.evidence for piece in pieces)
    return GoalChances(rows.shown, target, np.flatnonzero(allowed), evidence, linked, found)


@dataclass(frozen=True)
class _GoalRows:
    """The rows learned from that reach a goal."""

    shown: dict[str, JsonValue]
    mask: NDArray[np.bool_]
    reaching: Rows
    counts: Numbers  # per candidate, how many of them have it
    tables: tuple[TableView, ...]  # that the goal looks at, beside that of `from`


def _goal_rows(scope: Scope, table: TableView, target: Target, goal: Proposition) -> _GoalRows:
    shown = said(scope, table, goal)
    key = ("goal", json.dumps(shown, sort_keys=True))
    found = target.kept.get(key)
    if isinstance(found, _GoalRows) and all(scope.view.tables.get(one.name) is one for one in found.tables):
        return found
    mask = as_mask(rows_satisfying(scope, table, as_filter(scope, table, goal)), table.row_count) & target.learned
    reaching = np.flatnonzero(mask).astype(np.uint32)
    tables = tuple(one for column in _columns_behind_links(scope, table, goal) for one in column.tables)
    made = _GoalRows(shown, mask, reaching, target.count(reaching, None), tables)
    goals = [one for one in list(target.kept) if isinstance(one, tuple) and one[0] == "goal"]
    for old in goals[: max(0, len(goals) + 1 - MOST_GOALS_KEPT)]:
        target.kept.pop(old, None)
    target.kept[key] = made
    return made


def _fit(learning: Learning, rows: _GoalRows, linked: LinkedProperties) -> GoalFit:
    """What the first rows say without evidence."""
    first, reaching = learning.first_of(learning.rows), learning.first_of(rows.reaching)
    tried = Tried(learning.target.count(first, None), learning.target.count(reaching, None))
    return fit_goal(GoalCounts(float(len(first)), float(len(reaching)), tried), linked.properties)


def _columns_behind_links(scope: Scope, table: TableView, goal: Proposition) -> Iterator[PathColumn]:
    """The fields of the goal that other tables hold."""
    for path in sorted(fields_of(goal)):
        if len(path) > 1:
            yield path_column(scope, table, FieldName(path, "goal", f"goal.{'.'.join(path)}"))


def _excess(tried: Tried, rate: float) -> float:
    """How far the goal's rate among some rows is from the usual one, in standard deviations."""
    trials = float(tried.trials.sum())
    excess = abs(float(tried.successes.sum()) - trials * rate)
    return excess / math.sqrt(trials * rate * (1.0 - rate) + 1.0)
