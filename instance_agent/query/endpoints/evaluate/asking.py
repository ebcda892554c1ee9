"""How the query of one case is asked about the rows that the case may learn from.

What can be prepared for all cases is prepared once; a case's own rows, where others learn from them, are left out of
every count instead of preparing anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference.problem import Rows
from instance_agent.query.endpoints.estimate import Estimator, prepare_estimate
from instance_agent.query.endpoints.evaluate.candidates import Candidates, is_link, shares_of_counts
from instance_agent.query.endpoints.evaluate.rankings import Appearances, Base, Numbers, Ranking, Scored
from instance_agent.query.filtering.rowsets import RowSet
from instance_agent.query.language.propositions import Any, Proposition, fields_of
from instance_agent.query.language.queries import Estimate, Match, Predict, Query, Recommend, Search
from instance_agent.query.learning.evidence import split
from instance_agent.query.learning.inferring import Prepared, prepare
from instance_agent.query.learning.targets import Target
from instance_agent.query.paths import FEATURE
from instance_agent.query.refusals import invalid, unsupported
from instance_agent.query.scope import FieldName, Scope

Evaluable = Search | Predict | Match | Recommend | Estimate
"""Queries whose answer can be right or wrong."""


class Asker(Protocol):
    """Answers queries of one kind about one target and one set of rows to learn from."""

    def ask(self, query: Evaluable, left_out: Rows) -> Ranking:
        """The candidates as this query ranks them, learned without these rows."""


def evaluable(query: Query) -> Evaluable:
    """The query. Raises 400 for one that finds nothing that could be right or wrong."""
    if isinstance(query, Predict | Match | Recommend | Estimate) or (isinstance(query, Search) and query.get):
        return query
    raise invalid("this kind of query has no answers that could be right or wrong", "evaluate")


def target_of(query: Evaluable) -> FieldName:
    """The field whose values the query is to find. Raises 400 for a query that predicts several."""
    match query:
        case Predict():
            return FieldName(_predicted(query), "evaluate.predict", "")
        case Match():
            return FieldName(query.target, "evaluate.match", "")
        case Recommend():
            return FieldName(query.target, "evaluate.recommend", "")
        case Estimate():
            return FieldName(query.target, "evaluate.estimate", "")
        case Search():
            return FieldName(query.get or (), "evaluate.get", "")


def _predicted(query: Predict) -> tuple[str, ...]:
    paths = {path for one in query.targets for path in ([one] if isinstance(one, tuple) else fields_of(one))}
    if len(paths) != 1:
        raise unsupported("an evaluation is of predictions of one field", "evaluate.predict")
    return paths.pop()


def predicts(scope: Scope, table: TableView, query: Evaluable) -> bool:
    """Is it answered by what is prepared for any number of predictions? Raises `field 'x' not found`."""
    return isinstance(query, Predict) or (isinstance(query, Match) and not is_link(scope, table, target_of(query)))


def asker_of(scope: Scope, table: TableView, training: RowSet, query: Predict | Match | Recommend | Search) -> Asker:
    """Who answers such queries. Raises `field 'x' not found`."""
    name = target_of(query)
    if predicts(scope, table, query):
        return Predictions(scope, table, prepare(scope, table, training, name))
    return Candidates(scope, table, training, name)


@dataclass(frozen=True)
class Predictions:
    """`predict`, and `match` of what is no link."""

    scope: Scope
    table: TableView
    prepared: Prepared
    _appearances: list[Appearances] = field(default_factory=list)
    _firsts: list[tuple[Rows, NDArray[np.int64]]] = field(default_factory=list)  # of the rows left out last

    @property
    def learned(self) -> int:
        """How many rows are learned from."""
        return len(self.prepared.target.learned_rows)

    def ask(self, query: Evaluable, left_out: Rows) -> Ranking:
        """See Asker."""
        if not isinstance(query, Predict | Match):
            raise TypeError(f"{type(query).__name__} is no prediction")
        target = self.prepared.target
        exclusive = isinstance(query, Match) or query.exclusive
        evidence, about_target = split(query.where, target.path)
        allowed = target.restricted(self.scope, self.table, about_target)
        if isinstance(query, Predict):
            allowed = allowed & _among(self.scope, self.table, target, query)
        counts = _counted(target, self.prepared.learned.class_rows, left_out)
        if target.linked is None:
            allowed = allowed & (counts > 0)
        told = self.prepared.infer(
            evidence, allowed, exclusive=exclusive, based_on=query.based_on, without=left_out if len(left_out) else None
        )
        rows = len(target.learned_rows) - int(np.count_nonzero(target.learned[left_out]))
        base = Base.of(counts[allowed], rows, exclusive=exclusive)
        shares = told.probabilities
        if isinstance(query, Match) and query.target[-1] == FEATURE and not evidence:
            shares = shares_of_counts(base.counts)
        scored = Scored(shares, shares, shares)
        return Ranking(target, np.flatnonzero(allowed), scored, base, self._first(target, allowed, left_out))

    def _first(self, target: Target, allowed: NDArray[np.bool_], left_out: Rows) -> NDArray[np.int64]:
        if target.linked is not None or not len(left_out):
            return np.flatnonzero(allowed)
        if not self._appearances:
            self._appearances.append(Appearances(self.table, target))
        if not self._firsts or self._firsts[0][0] is not left_out:
            self._firsts[:] = [(left_out, self._appearances[0].without(left_out))]
        return self._firsts[0][1][allowed]


def _among(scope: Scope, table: TableView, target: Target, query: Predict) -> NDArray[np.bool_]:
    """The candidates that the propositions in `predict` name; all where it names the field."""
    if any(isinstance(one, tuple) for one in query.targets):
        return np.ones(len(target.candidates), np.bool_)
    named = tuple(one for one in query.targets if isinstance(one, Proposition))
    return target.restricted(scope, table, [Any(named)])


def _counted(target: Target, class_rows: Numbers, left_out: Rows) -> Numbers:
    """Per candidate the rows learned from that have it, without those left out."""
    gone = left_out[target.learned[left_out]]
    return class_rows - target.count(gone, None) if len(gone) else class_rows


@dataclass(frozen=True)
class Estimates:
    """`estimate`."""

    estimator: Estimator

    @classmethod
    def of(cls, scope: Scope, table: TableView, training: RowSet, query: Estimate) -> Estimates:
        """Raises 400 for what is no number."""
        return cls(prepare_estimate(scope, table, training, FieldName(query.target, "evaluate.estimate", "")))

    def ask(self, query: Evaluable, left_out: Rows) -> float | None:
        """The estimate learned without these rows, None where there is nothing to learn from."""
        if not isinstance(query, Estimate):
            raise TypeError(f"{type(query).__name__} is no estimate")
        found = self.estimator.estimate(
            query.where, regression=query.regression, based_on=query.based_on, without=left_out
        )
        return found.value
