"""`_predict`: candidates of a field, each with its probability given the evidence in `where`.

The order: the population is cut (`from`), the candidates and the rows to learn from follow, the evidence is counted
over them, the inference decides, and one page of the candidates is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference.classify import Distribution
from instance_agent.inference.evidence import (
    ClassCounts,
    FeatureCounts,
    feature_weights,
    predict_each,
    predict_one,
    select_evidence,
)
from instance_agent.inference.overlaps import overlaps
from instance_agent.query.evidence import Evidence, collect, split
from instance_agent.query.filters import population
from instance_agent.query.page import Page, check_size
from instance_agent.query.prediction_hits import Prediction, hit_projector, path_of
from instance_agent.query.queries import Predict
from instance_agent.query.scope import FieldName, Scope
from instance_agent.query.targets import Target, make_target


def predict(scope: Scope, query: Predict) -> Page:
    """The candidates by probability, ties in order of first appearance; `total` counts all of them.

    Learned from the rows of `from` whose target is known. With `exclusiveness` the probabilities of all candidates
    (not of the page) sum to 1. Raises 400 for what doesn't fit the schema, `query_timeout` when the deadline passes.
    """
    table, rows = population(scope, query.source)
    field = FieldName(path_of(query), "predict", "predict")
    target = make_target(scope, table, rows, field)
    about_evidence, about_target = split(query.where, path_of(query))
    allowed = target.restricted(scope, table, about_target)
    evidence = collect(scope, table, about_evidence, target.learned)
    scope.deadline.check()
    project = hit_projector(scope, query, target)
    told, distribution = _infer(scope, table, target, evidence, allowed, query.exclusive)
    prior = _prior(target, allowed, query.exclusive)
    places = np.flatnonzero(allowed)
    order = np.argsort(-distribution.probabilities, kind="stable")
    shown = order[query.slice.offset : query.slice.offset + query.slice.limit]
    check_size(len(shown), 3 if query.select is None else len(query.select) * (1 + len(told)))
    hits = tuple(
        project(Prediction(int(places[at]), int(at), told, distribution, float(prior.probabilities[at])))
        for at in shown.tolist()
    )
    return Page(query.slice.offset, len(order), hits)


@dataclass(frozen=True)
class _Exposure:
    """What a feature is counted against: rows, or for the tokens of a text all its tokens."""

    per_candidate: NDArray[np.float64]
    total: float


def _infer(
    scope: Scope,
    table: TableView,
    target: Target,
    evidence: tuple[Evidence, ...],
    allowed: NDArray[np.bool_],
    exclusive: bool,
) -> tuple[tuple[Evidence, ...], Distribution]:
    """The evidence that counted, and what it says."""
    classes = _classes(target)
    selection = select_evidence(classes, _counted(scope, target, evidence))
    kept, features = selection.kept, selection.features
    shared = overlaps([evidence[place].rows for place in kept], table.row_count)
    scope.deadline.check()
    decide = predict_one if exclusive else predict_each
    distribution = decide(classes, features, feature_weights(classes, features, shared), allowed)
    return tuple(evidence[place] for place in kept), distribution


def _prior(target: Target, allowed: NDArray[np.bool_], exclusive: bool) -> Distribution:
    decide = predict_one if exclusive else predict_each
    return decide(_classes(target), [], np.zeros(0), allowed)


def _classes(target: Target) -> ClassCounts:
    learned = _learned_rows(target)
    return ClassCounts(float(len(learned)), target.count(learned, None), target.partition)


def _counted(scope: Scope, target: Target, evidence: tuple[Evidence, ...]) -> Iterator[FeatureCounts]:
    learned = _learned_rows(target)
    by_rows = _Exposure(target.count(learned, None), float(len(learned)))
    by_tokens: dict[int, _Exposure] = {}
    for piece in evidence:
        scope.deadline.check()
        exposure = by_rows
        if piece.text is not None:
            if id(piece.text) not in by_tokens:
                tokens = np.diff(piece.text.feature_offsets).astype(np.float64)
                by_tokens[id(piece.text)] = _Exposure(target.count(learned, tokens), float(tokens[learned].sum()))
            exposure = by_tokens[id(piece.text)]
        counts = target.count(piece.rows, None)
        yield FeatureCounts(float(len(piece.rows)), counts, exposure.per_candidate, exposure.total)


def _learned_rows(target: Target) -> NDArray[np.uint32]:
    return np.flatnonzero(target.learned).astype(np.uint32)
