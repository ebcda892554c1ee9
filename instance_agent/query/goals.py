"""How likely a goal is with each candidate, given evidence: counts over the index, put to `inference.goals`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import why
from instance_agent.inference.goals import Chances, Parts, chances, of_candidates
from instance_agent.inference.pooling import Pooled, Tried
from instance_agent.inference.properties import Numbers
from instance_agent.query.candidate_counts import CountedPiece, Counter, around_numbers, described, most_telling
from instance_agent.query.evidence import Evidence, collect
from instance_agent.query.filters import rows_satisfying
from instance_agent.query.linked_properties import LinkedProperties, linked_properties
from instance_agent.query.paths import hop_of
from instance_agent.query.proposition_sets import as_filter, said
from instance_agent.query.propositions import Proposition, PropositionSet, fields_of
from instance_agent.query.rowsets import RowSet, as_mask
from instance_agent.query.scope import FieldName, Scope
from instance_agent.query.scores import HighlightOptions
from instance_agent.query.targets import Target
from instance_agent.schema.types import JsonValue

MOST_GOALS_KEPT = 8
"""Goals whose counts are kept with a target."""


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
        parts = self.chances.parts(candidate)
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
        return float(1.0 / (1.0 + np.exp(-self.chances.base)))

    def _of_properties(self, candidate: int, parts: Parts) -> Iterator[why.Node]:
        properties = self.linked.properties
        start, end = properties.offsets[candidate : candidate + 2].tolist()
        link = ".".join(self.target.path)
        for place, feature in enumerate(properties.features[start:end].tolist()):
            if place < len(parts.of_features):
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
        return float(1.0 / (1.0 + np.exp(-self.chances.base - effect))) / self._base


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
    known = _goal_counts(scope, table, target, goal)
    base, candidates = known.without_evidence(linked)
    scope.deadline.check()
    pieces = around_numbers(collect(scope, table, evidence_parts, target.learned))
    counted = most_telling(_with_counts(scope, known, pieces), linked.properties)
    order = tuple(piece.evidence for piece in counted)
    found = chances(base, candidates, described(scope, known.all_rows, counted), linked.properties)
    return GoalChances(known.shown, target, np.flatnonzero(allowed), order, linked, found)


@dataclass(frozen=True)
class _GoalCounts:
    """What is known of one goal of a target."""

    shown: dict[str, JsonValue]
    all_rows: Counter
    goal_rows: Counter
    tables: tuple[TableView, ...]  # other tables that the goal looks at
    fitted: dict[str, tuple[LinkedProperties, float, Pooled]] = field(default_factory=dict)

    @property
    def tried(self) -> Tried:
        return Tried(self.all_rows.candidates, self.goal_rows.candidates)

    def without_evidence(self, linked: LinkedProperties) -> tuple[float, Pooled]:
        """The base rate and the candidates' own chances by these properties; worked out once."""
        known = self.fitted.get("last")
        if known is None or known[0] is not linked:
            base, pooled = of_candidates(self.all_rows.rows, self.goal_rows.rows, self.tried, linked.properties)
            known = self.fitted["last"] = (linked, base, pooled)
        return known[1], known[2]


def _goal_counts(scope: Scope, table: TableView, target: Target, goal: Proposition) -> _GoalCounts:
    shown = said(scope, table, goal)
    key = ("goal", json.dumps(shown, sort_keys=True))
    found = target.kept.get(key)
    if isinstance(found, _GoalCounts) and all(scope.view.tables.get(one.name) is one for one in found.tables):
        return found
    rows = as_mask(rows_satisfying(scope, table, as_filter(scope, table, goal)), table.row_count)
    of_goal = replace(target, population=rows & target.learned, kept={})
    made = _GoalCounts(
        shown,
        Counter(scope, table, target),
        Counter(scope, table, of_goal),
        tuple(_tables_behind(scope, table, goal)),
    )
    goals = [one for one in list(target.kept) if isinstance(one, tuple) and one[0] == "goal"]
    for old in goals[: max(0, len(goals) + 1 - MOST_GOALS_KEPT)]:
        target.kept.pop(old, None)
    target.kept[key] = made
    return made


def _tables_behind(scope: Scope, table: TableView, goal: Proposition) -> Iterator[TableView]:
    for path in sorted(fields_of(goal)):
        holder = table
        for segment in path[:-1]:
            if segment in holder.schema.columns:
                holder = hop_of(scope, holder, segment, FieldName(path, "goal", "goal")).target
                yield holder


def _with_counts(scope: Scope, known: _GoalCounts, pieces: Sequence[Evidence]) -> Iterator[tuple[CountedPiece, float]]:
    """The pieces that rows learned from have, each with how far the goal's rate with it is from the usual one."""
    rate = known.goal_rows.rows / max(1.0, known.all_rows.rows)
    for piece in pieces:
        scope.deadline.check()
        tried = Tried(known.all_rows.with_piece(piece), known.goal_rows.with_piece(piece))
        rows = known.all_rows.rows_with(piece, tried.trials)
        trials = float(tried.trials.sum())
        excess = abs(float(tried.successes.sum()) - trials * rate)
        if rows:
            yield CountedPiece(piece, rows, tried), excess / math.sqrt(trials * rate * (1.0 - rate) + 1.0)
