"""What an evaluation tests and trains with: the cases, and the rows that each is learned from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from instance_agent.engine.tables import TableView
from instance_agent.inference.problem import NO_ROWS, Rows
from instance_agent.query.endpoints.evaluate.row_values import RowValues
from instance_agent.query.filtering.filters import population, rows_satisfying
from instance_agent.query.filtering.rowsets import RowSet, as_list, as_mask, both, size_of
from instance_agent.query.language.propositions import Proposition
from instance_agent.query.language.queries import Evaluate, Sampled, Source, TestSource
from instance_agent.query.scope import FieldName, Scope

FOLDS = 10
"""Where cases can't be left out one by one, at most about one in so many rows is left out at a time."""


@dataclass(frozen=True)
class Case:
    """Rows of the table of tests that are asked about together: one, or those that share the value of `group`."""

    rows: Rows  # increasing; the query takes its values from the first
    fold: int = 0  # which of the trial's folds it is in


@dataclass(frozen=True)
class Trial:
    """Which rows are tested. No answer is learned from a row that it is asked about.

    folds: rows of the table evaluated that the cases of each fold don't learn from. leaves_out: each case's own rows
    are left out of what it learns from, because others learn from them. apart: rows left out of it for every case.
    What is left out was prepared with all others, and is taken off the counts.
    """

    table: TableView  # of the rows tested
    rows: Rows
    folds: tuple[Rows, ...]
    leaves_out: bool
    train: Proposition | None
    apart: Rows = field(default_factory=lambda: NO_ROWS)

    def training(self, scope: Scope, table: TableView, rows: RowSet, fold: int) -> RowSet:
        """Of the population of a query the rows that may be learned from; each case leaves out its own, too."""
        excluded = self.folds[fold]
        if len(excluded):
            mask = as_mask(rows, table.row_count).copy()
            mask[excluded] = False
            rows = mask
        return rows if self.train is None else both(rows, rows_satisfying(scope, table, self.train))

    def left_out(self, case: Case) -> Rows:
        """The rows to take off what was prepared."""
        return case.rows if self.leaves_out else self.apart

    def set_apart(self) -> Trial:
        """The same where the rows that no case learns from are taken off the counts of all rows."""
        return replace(self, folds=(NO_ROWS,), apart=self.folds[0])

    def in_folds(self, cases: list[Case], learned: int) -> tuple[Trial, list[Case]]:
        """The same where whole folds of cases are left out at a time, of `learned` rows."""
        count = max(1, min(len(cases), -(-FOLDS * len(self.rows) // max(1, learned))))
        folds = [np.sort(np.concatenate([case.rows for case in cases[at::count]] or [NO_ROWS])) for at in range(count)]
        placed = [Case(case.rows, at % count) for at, case in enumerate(cases)]
        return replace(self, folds=tuple(folds), leaves_out=False), placed


def trial_of(scope: Scope, query: Evaluate, source: Source) -> Trial:
    """The rows to test; source: the `from` of the query that is evaluated. Raises 400 for what doesn't fit."""
    table, everyone = population(scope, source)
    if query.train is not None:
        rows_satisfying(scope, table, query.train)
    if isinstance(query.test, TestSource):
        return _of_source(scope, query.test, table, source, query.train)
    if isinstance(query.test, Sampled):
        rows = drawn(as_list(everyone), table, query.test)
    else:
        rows = as_list(both(everyone, rows_satisfying(scope, table, query.test)))
    return Trial(table, rows, (rows,), False, query.train)


def _of_source(scope: Scope, test: TestSource, table: TableView, source: Source, train: Proposition | None) -> Trial:
    tested, everyone = population(scope, source if test.source is None else test.source)
    rows = as_list(both(everyone, rows_satisfying(scope, tested, test.where)))
    if test.slice is not None:
        rows = rows[test.slice.offset : test.slice.offset + test.slice.limit]
    return Trial(tested, rows, (NO_ROWS,), tested is table, train)


def drawn(rows: Rows, table: TableView, sampled: Sampled) -> Rows:
    """So many of the rows, the same ones for the same seed, whatever else the table stores; in table order.

    The rows with the smallest hashes of position and seed, by the finaliser of SplitMix64 (Steele, Lea, Flood, 2014).
    """
    positions = rows if table.live is None else table.positions[rows]
    with np.errstate(over="ignore"):
        mixed = positions.astype(np.uint64) + np.uint64(sampled.seed % 2**64) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
    return np.sort(rows[np.argsort(mixed, kind="stable")[: sampled.count]])


def cases_of(scope: Scope, trial: Trial, group: FieldName | None) -> list[Case]:
    """One case per row, or per value of the field that groups rows; rows without that value are in no case."""
    if group is None:
        return [Case(trial.rows[at : at + 1]) for at in range(len(trial.rows))]
    values = RowValues(scope, trial.table, trial.rows)
    together: dict[str, list[int]] = {}
    for row in trial.rows.tolist():
        value = values.of(group).key_of(row)
        if value is not None:
            together.setdefault(value, []).append(row)
    return [Case(np.array(rows, np.uint32)) for rows in together.values()]


def training_size(training: RowSet, left_out: Rows) -> int:
    """How many rows a case may learn from."""
    if not len(left_out):
        return size_of(training)
    inside = training[left_out] if training.dtype == np.bool_ else np.isin(left_out, training)
    return size_of(training) - int(np.count_nonzero(inside))
