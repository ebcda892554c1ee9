"""`_predict`: candidates of a field, each with its probability given the evidence in `where`.

The order: the population is cut (`from`), the candidates and the rows to learn from follow, the evidence is counted
over them, the inference decides, and one page of the candidates is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.query.filtering.filters import population
from instance_agent.query.filtering.rowsets import RowSet
from instance_agent.query.hits import VALUE_HIT, CandidateHits, Shown, candidate_hits, candidate_page
from instance_agent.query.language.propositions import Any, Proposition, fields_of
from instance_agent.query.language.queries import Predict
from instance_agent.query.language.scores import Own
from instance_agent.query.learning.evidence import conjuncts, split
from instance_agent.query.learning.inferring import Inference, prepare
from instance_agent.query.page import Page
from instance_agent.query.refusals import invalid
from instance_agent.query.scope import FieldName, Scope


def predict(scope: Scope, query: Predict) -> Page:
    """The candidates by probability, ties in order of first appearance; `total` counts all of them.

    Learned from the rows of `from` whose target is known. With `exclusiveness` the probabilities of all candidates of
    a field (not of the page) sum to 1. Raises 400 for what doesn't fit the schema, `query_timeout` when the deadline
    passes.
    """
    table, rows = population(scope, query.source)
    fields = [_predicted(scope, table, rows, query, target) for target in _targets(query)]
    chances = np.concatenate([field.scores[Own.PROBABILITY] for field in fields])
    order = np.argsort(-chances, kind="stable")
    if len(fields) == 1:
        return candidate_page(fields[0], order, query.select, VALUE_HIT, query.slice)
    return _united(fields, order, query)


@dataclass(frozen=True)
class _Target:
    path: tuple[str, ...]
    only: Proposition | None  # the candidates are those that satisfy it


def _targets(query: Predict) -> Iterator[_Target]:
    """The fields asked for; propositions about one field are its candidates, any of them."""
    only: dict[tuple[str, ...], list[Proposition]] = {}
    for target in query.targets:
        if isinstance(target, tuple):
            yield _Target(target, None)
            continue
        for part in conjuncts(target):
            paths = fields_of(part)
            if len(paths) != 1:
                raise invalid("each proposition to predict is about one field", "predict")
            only.setdefault(next(iter(paths)), []).append(part)
    for path, parts in only.items():
        yield _Target(path, Any(tuple(parts)))


def _predicted(scope: Scope, table: TableView, rows: RowSet, query: Predict, asked: _Target) -> CandidateHits:
    field = FieldName(asked.path, "predict", "predict")
    prepared = prepare(scope, table, rows, field)
    evidence, about_target = split(query.where, prepared.target.path)
    if asked.only is not None:
        about_target.append(asked.only)
    allowed = prepared.target.restricted(scope, table, about_target)
    scope.deadline.check()
    inference = prepared.infer(evidence, allowed, exclusive=query.exclusive, based_on=query.based_on)
    return CandidateHits(
        scope=scope,
        table=table,
        population=rows,
        field=field,
        target=prepared.target,
        allowed=allowed,
        evidence=evidence,
        scores=Scores(inference),
        explain=inference.explain,
        about_target=about_target,
    )


class Scores(Mapping[Own, NDArray[np.float64]]):
    """The scores that an inference gives to its candidates, each worked out when asked for."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    def __getitem__(self, own: Own) -> NDArray[np.float64]:
        match own:
            case Own.PROBABILITY | Own.SCORE:
                return self._inference.probabilities
            case Own.LIFT:
                return self._inference.probabilities / self._inference.priors
        raise KeyError(own)

    def __iter__(self) -> Iterator[Own]:
        return iter((Own.PROBABILITY, Own.SCORE, Own.LIFT))

    def __len__(self) -> int:
        return 3


def _united(fields: list[CandidateHits], order: NDArray[np.int64], query: Predict) -> Page:
    """One page of the candidates of several fields."""
    sizes = [int(np.count_nonzero(field.allowed)) for field in fields]
    starts = np.concatenate(([0], np.cumsum(sizes)))
    shown = order[query.slice.offset : query.slice.offset + query.slice.limit]
    owners = np.searchsorted(starts, shown, side="right") - 1
    ranks = query.slice.offset + np.arange(len(shown))
    hits = []
    for at, field in enumerate(fields):
        own = Shown(shown[owners == at] - starts[at], ranks[owners == at])
        hits.append(iter(candidate_hits(field, own, query.select, VALUE_HIT)))
    return Page(query.slice.offset, len(order), tuple(next(hits[owner]) for owner in owners.tolist()))
