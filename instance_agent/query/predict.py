"""`_predict`: candidates of a field, each with its probability given the evidence in `where`.

The order: the population is cut (`from`), the candidates and the rows to learn from follow, the evidence is counted
over them, the inference decides, and one page of the candidates is shown.
"""

from __future__ import annotations

import numpy as np

from instance_agent.query.evidence import split
from instance_agent.query.filters import population
from instance_agent.query.inferring import prepare
from instance_agent.query.page import Page, check_size
from instance_agent.query.prediction_hits import Prediction, hit_projector, path_of
from instance_agent.query.queries import Predict
from instance_agent.query.scope import FieldName, Scope


def predict(scope: Scope, query: Predict) -> Page:
    """The candidates by probability, ties in order of first appearance; `total` counts all of them.

    Learned from the rows of `from` whose target is known. With `exclusiveness` the probabilities of all candidates
    (not of the page) sum to 1. Raises 400 for what doesn't fit the schema, `query_timeout` when the deadline passes.
    """
    table, rows = population(scope, query.source)
    path = path_of(query)
    prepared = prepare(scope, table, rows, FieldName(path, "predict", "predict"))
    evidence, about_target = split(query.where, path)
    allowed = prepared.target.restricted(scope, table, about_target)
    project = hit_projector(scope, query, prepared.target)
    scope.deadline.check()
    inference = prepared.infer(evidence, allowed, exclusive=query.exclusive)
    order = np.argsort(-inference.probabilities, kind="stable")
    shown = order[query.slice.offset : query.slice.offset + query.slice.limit]
    check_size(len(shown), 3 if query.select is None else len(query.select) * (1 + len(inference.evidence)))
    hits = tuple(project(Prediction(int(inference.places[at]), int(at), inference)) for at in shown.tolist())
    return Page(query.slice.offset, len(order), hits)
