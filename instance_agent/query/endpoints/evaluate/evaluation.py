"""`_evaluate`: a query asked about rows whose answer is known, learned from others.

The order: the tested rows and what may be learned from are chosen, each case's query is made from the template and
asked, its answer is judged, and the numbers are worked out from all of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from instance_agent.engine.tables import TableView
from instance_agent.query.endpoints.evaluate import response
from instance_agent.query.endpoints.evaluate.asking import (
    Asker,
    Estimates,
    Evaluable,
    Predictions,
    asker_of,
    evaluable,
    predicts,
    target_of,
)
from instance_agent.query.endpoints.evaluate.cases import Case, Trial, cases_of, training_size, trial_of
from instance_agent.query.endpoints.evaluate.judging import judged
from instance_agent.query.endpoints.evaluate.response import AnsweredCase, EstimatedCase
from instance_agent.query.endpoints.evaluate.row_values import RowValues
from instance_agent.query.endpoints.evaluate.templates import Template, fields_in, filled
from instance_agent.query.filtering.filters import population, rows_satisfying
from instance_agent.query.filtering.rowsets import RowSet, as_mask
from instance_agent.query.language.grammar import parse_query
from instance_agent.query.language.propositions import Proposition
from instance_agent.query.language.queries import Estimate, Evaluate, Recommend, Source
from instance_agent.query.refusals import invalid
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue

MOST_CASES = 10_000
"""Cases of one evaluation; their rows are in the answer."""

MOST_KEPT = 12
"""Sets of rows to learn from that are kept prepared."""

ENOUGH_ROWS = 4_096
"""Predictions are weighed by what was fitted to a sample of the rows. Among so many a single row doesn't matter to the
fit, and is left out of all counts alone; among fewer it is left out of the fit, too, with others to save fits."""

MOST_APART = 1_000
FEW = 100
"""Tested rows are few among so many times as many."""

OPERATIONS = ("predict", "match", "recommend", "estimate", "get")


def evaluate(scope: Scope, query: Evaluate) -> dict[str, JsonValue]:
    """How well the query does on rows that it hasn't learned from; the same every time, but for the times.

    Raises 400 for what doesn't fit the schema or is too much, `query_timeout` when the deadline passes.
    """
    started = time.perf_counter_ns()
    outline = outline_of(query.template)
    response.check_names(query.select, estimates=isinstance(outline, Estimate))
    run = _Run(scope, query, outline, trial_of(scope, query, outline.source))
    cases = run.prepared()
    warming = time.perf_counter_ns() - started
    context = response.Context(run.table, run.trial.table, warming / 1e6, query.select)
    if isinstance(outline, Estimate):
        return response.of_estimates(context, [*run.estimates(cases)])
    return response.of_rankings(context, [*run.rankings(cases)])


def outline_of(template: Template) -> Evaluable:
    """The query without what each tested row says: what it is from, and what it finds."""
    outline: dict[str, JsonValue] = {}
    for name in ("from", *OPERATIONS):
        if template.get(name) is not None:
            outline |= filled({name: template[name]}, lambda _: None) or {}
    if "recommend" in outline:
        outline["goal"] = {}
    return evaluable(parse_query(outline))


@dataclass
class _Learning:
    """What the rows of one `from` teach."""

    table: TableView
    training: RowSet
    asker: Asker | Estimates


@dataclass
class _Run:
    """One evaluation."""

    scope: Scope
    query: Evaluate
    outline: Evaluable
    trial: Trial
    kept: list[tuple[Source, int, _Learning]] = field(default_factory=list)  # by `from` and fold
    goals: dict[str, RowSet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what is needed of the tested rows."""
        self.target = target_of(self.outline)
        self.values = RowValues(self.scope, self.trial.table, self.trial.rows)
        self.fields = {
            name: FieldName(tuple(name.split(".")), "evaluate", "") for name in fields_in(self.query.template)
        }
        self.table = population(self.scope, self.outline.source)[0]

    def prepared(self) -> list[Case]:
        """The cases, after everything that they share was prepared. Raises 400 for what doesn't fit the schema."""
        if len(self.trial.rows) > MOST_CASES and self.query.group is None:
            raise invalid(
                f"an evaluation has at most {MOST_CASES} cases, and this has {len(self.trial.rows)}; test fewer rows, "
                'as with {"$sample": {"n": 200}}',
                "test",
            )
        for name in (self.target, *self.fields.values()):
            self.values.of(name)
        if self.query.goal is not None:
            self._satisfying(self.query.goal)
        group = None if self.query.group is None else FieldName(self.query.group, "group", "group")
        cases = cases_of(self.scope, self.trial, group)
        if len(cases) > MOST_CASES:
            raise invalid(f"an evaluation has at most {MOST_CASES} cases, and this has {len(cases)}", "group")
        if self._is_drop_in_the_ocean():
            self.trial = self.trial.set_apart()
        asker = self._learning(self.outline, 0).asker
        if self.trial.leaves_out and isinstance(asker, Predictions) and asker.learned < ENOUGH_ROWS:
            self.trial, cases = self.trial.in_folds(cases, asker.learned)
            self.kept.clear()
        return cases

    def _is_drop_in_the_ocean(self) -> bool:
        """Are so few rows tested that they are better taken off what is known of the whole table than it made anew?"""
        trial, size = self.trial, self.table.live_count
        if trial.leaves_out or trial.table is not self.table or len(trial.rows) > min(MOST_APART, size // FEW):
            return False
        if isinstance(self.outline, Estimate):
            return True
        is_predicted = predicts(self.scope, self.table, self.outline)
        return is_predicted and self.query.train is None and size >= ENOUGH_ROWS

    def rankings(self, cases: list[Case]) -> Iterator[AnsweredCase]:
        """The cases that have a correct answer, asked and judged."""
        for case in cases:
            self.scope.deadline.check()
            query = self._query_of(case)
            correct = [] if query is None else self._correct(case, query)
            if query is None or not correct:
                continue
            learning, left_out = self._learning(query, case.fold), self.trial.left_out(case)
            if isinstance(learning.asker, Estimates):
                raise TypeError("estimates aren't ranked")
            started = time.perf_counter_ns()
            ranking = learning.asker.ask(query, left_out)
            took = time.perf_counter_ns() - started
            samples = training_size(learning.training, left_out)
            yield AnsweredCase(int(case.rows[0]), judged(ranking, correct), samples, took)

    def estimates(self, cases: list[Case]) -> Iterator[EstimatedCase]:
        """The cases whose number is known, each with the estimate."""
        numbers = self.values.of(self.target).values
        for case in cases:
            self.scope.deadline.check()
            query = self._query_of(case)
            correct = numbers[int(case.rows[0])]
            if query is None or not isinstance(correct, int | float):
                continue
            learning, left_out = self._learning(query, case.fold), self.trial.left_out(case)
            if not isinstance(learning.asker, Estimates):
                raise TypeError("rankings are no estimates")
            started = time.perf_counter_ns()
            told = learning.asker.ask(query, left_out)
            took = time.perf_counter_ns() - started
            if told is not None:
                samples = training_size(learning.training, left_out)
                yield EstimatedCase(int(case.rows[0]), told, float(correct), samples, took)

    def _query_of(self, case: Case) -> Evaluable | None:
        row = int(case.rows[0])
        made = filled(self.query.template, lambda name: self.values.of(self.fields[name]).values[row])
        return None if made is None else evaluable(parse_query(made))

    def _correct(self, case: Case, query: Evaluable) -> list[JsonValue]:
        """The features of the case's rows at the target: of those that satisfy the goal, where there is one."""
        goal = self.query.goal
        if goal is None and isinstance(query, Recommend):
            if not isinstance(query.goal, Proposition):
                raise invalid("'goal' is required where a 'recommend' has a score for its goal", "goal")
            goal = query.goal
        rows = case.rows
        if goal is not None:
            rows = rows[as_mask(self._satisfying(goal), self.trial.table.row_count)[rows]]
        found: dict[str, JsonValue] = {}
        for row in rows.tolist():
            for feature in self.values.of(self.target).features_of(row):
                found.setdefault(repr(feature), feature)
        return list(found.values())

    def _satisfying(self, goal: Proposition) -> RowSet:
        known = self.goals.get(repr(goal))
        if known is None:
            known = rows_satisfying(self.scope, self.trial.table, goal)
            self.goals = {repr(goal): as_mask(known, self.trial.table.row_count)}
        return known

    def _learning(self, query: Evaluable, fold: int) -> _Learning:
        """What this query learns from; kept for others with the same `from`."""
        for source, of_fold, known in self.kept:
            if of_fold == fold and source == query.source:
                return known
        table, rows = population(self.scope, query.source)
        training = self.trial.training(self.scope, table, rows, fold)
        asker = (
            Estimates.of(self.scope, table, training, query)
            if isinstance(query, Estimate)
            else asker_of(self.scope, table, training, query)
        )
        learning = _Learning(table, training, asker)
        self.kept = [*self.kept[1 - MOST_KEPT :], (query.source, fold, learning)]
        return learning
