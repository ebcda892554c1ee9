"""Queries that judge candidates by their rows: `recommend`, `match` of a link, and `get` in an order.

A case's own rows are left out by making the target anew without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from instance_agent.engine.tables import TableView
from instance_agent.inference.problem import Rows
from instance_agent.query.endpoints.evaluate.rankings import Base, Numbers, Ranking, Scored
from instance_agent.query.filtering.rowsets import RowSet, as_mask
from instance_agent.query.hits import CandidateHits
from instance_agent.query.hits.ordering import Ordering
from instance_agent.query.language.propositions import Proposition
from instance_agent.query.language.queries import Match, Recommend, Search
from instance_agent.query.learning.evidence import split
from instance_agent.query.learning.goals import goal_chances
from instance_agent.query.learning.linked_chances import linked_chances
from instance_agent.query.learning.targets import Target, make_target
from instance_agent.query.paths import FEATURE, path_column
from instance_agent.query.refusals import unsupported
from instance_agent.query.scope import FieldName, Scope

Judging = Recommend | Match | Search


def is_link(scope: Scope, table: TableView, name: FieldName) -> bool:
    """Does the path end in a link, whose candidates are the linked rows? Raises `field 'x' not found`."""
    return name.path[-1] != FEATURE and path_column(scope, table, name).schema.link is not None


@dataclass(frozen=True)
class _Learned:
    """What some rows teach about the candidates."""

    population: RowSet
    target: Target

    @cached_property
    def counts(self) -> Numbers:
        """Rows per candidate."""
        return self.target.count(self.target.learned_rows, None)


@dataclass(frozen=True)
class Candidates:
    """The candidates at one path, learned from some rows of the table."""

    scope: Scope
    table: TableView
    training: RowSet
    name: FieldName

    def ask(self, query: object, left_out: Rows) -> Ranking:
        """The candidates as this query ranks them, learned without these rows."""
        if not isinstance(query, Recommend | Match | Search):
            raise TypeError(f"{type(query).__name__} doesn't judge candidates by their rows")
        learned = self._without(left_out) if len(left_out) else self._everything
        target = learned.target
        evidence, about_target = split(query.where, target.path)
        allowed = target.restricted(self.scope, self.table, about_target)
        hits = CandidateHits(
            self.scope, self.table, learned.population, self.name, target, allowed, evidence, about_target=about_target
        )
        base = Base.of(learned.counts[allowed], len(target.learned_rows), exclusive=True)
        first = np.arange(len(hits), dtype=np.int64)
        return Ranking(target, hits.candidates, self._scored(hits, query), base, first)

    @cached_property
    def _everything(self) -> _Learned:
        return self._without(np.empty(0, np.uint32))

    def _without(self, left_out: Rows) -> _Learned:
        population = self.training
        if len(left_out):
            mask = as_mask(population, self.table.row_count).copy()
            mask[left_out] = False
            population = mask
        return _Learned(population, make_target(self.scope, self.table, population, self.name))

    def _scored(self, hits: CandidateHits, query: Judging) -> Scored:
        evidence = list(hits.evidence)
        match query:
            case Search():
                return _by_order(hits, query)
            case Match():
                told = linked_chances(
                    self.scope, self.table, hits.target, evidence, hits.allowed, based_on=query.based_on
                ).probabilities
                return Scored(told, told, told)
            case Recommend(goal=goal) if isinstance(goal, Proposition):
                told = goal_chances(
                    self.scope, self.table, hits.population, hits.target, hits.allowed, goal, evidence, query.based_on
                ).probabilities
                return Scored(told, told, distribution(told))
        raise unsupported("an evaluation of a 'recommend' needs a goal that is a proposition", "evaluate.goal")


def _by_order(hits: CandidateHits, query: Search) -> Scored:
    """Scores that order the hits as the query does, and its first key as a distribution over them."""
    ordering = Ordering(hits, query.order)
    order = ordering.first(len(hits))
    scores = np.zeros(len(hits))
    scores[order] = -np.arange(len(hits), dtype=np.float64)
    values = ordering.key_values(0, np.arange(len(hits), dtype=np.int64))
    numbers = [float(value) if isinstance(value, int | float) else 0.0 for value in values]
    shares = distribution(np.array(numbers, dtype=np.float64))
    return Scored(scores, shares, shares)


def distribution(scores: Numbers) -> Numbers:
    """The scores as shares of their sum, those below 0 as 0; all alike where none is above."""
    weights = np.where(np.isfinite(scores) & (scores > 0), scores, 0.0)
    largest = float(weights.max(initial=0.0))
    if largest <= 0:
        return np.full(len(scores), 1.0 / max(1, len(scores)))
    weights = weights / largest
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def shares_of_counts(counts: Numbers) -> Numbers:
    """Features without evidence, as `_match` has them: the count of each divided by that of all."""
    total = float(counts.sum())
    return counts / total if total else np.full(len(counts), 1.0 / max(1, len(counts)))
