"""Query endpoints: find rows, predict values, explain what goes together."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from instance_agent.auth import reads
from instance_agent.context import AS_A_JOB, agent
from instance_agent.http import json_answer, json_body
from instance_agent.query.answer import answer

QUERY_SECONDS: Final = 29.0  # clients give up after 30 s, and should get our answer first
JOB_SECONDS: Final = 3600.0

blueprint = Blueprint("v1_queries", __name__, url_prefix="/api/v1")


@blueprint.post("/_search")
@reads
def search() -> Response:
    """Rows of a table: filter, sort, page."""
    return _answered("_search")


@blueprint.post("/_query")
@reads
def query() -> Response:
    """Whatever the body asks: rows, candidates, or any of the queries below."""
    return _answered("_query")


@blueprint.post("/_predict")
@reads
def predict() -> Response:
    """The values a field may have, each with its probability."""
    return _answered("_predict")


@blueprint.post("/_match")
@reads
def match() -> Response:
    """The values or linked rows that go with what is given, each with its probability."""
    return _answered("_match")


@blueprint.post("/_recommend")
@reads
def recommend() -> Response:
    """The values or linked rows with which a goal is reached most probably."""
    return _answered("_recommend")


@blueprint.post("/_relate")
@reads
def relate() -> Response:
    """Which features go together, and how strongly."""
    return _answered("_relate")


@blueprint.post("/_similarity")
@reads
def similarity() -> Response:
    """Rows by their likeness to what is given."""
    return _answered("_similarity")


@blueprint.post("/_estimate")
@reads
def estimate() -> Response:
    """A number, with its explanation."""
    return _answered("_estimate")


@blueprint.post("/_aggregate")
@reads
def aggregate() -> Response:
    """Counts, sums, means of the rows that a condition holds for."""
    return _answered("_aggregate")


@blueprint.post("/_evaluate")
@reads
def evaluate() -> Response:
    """How good a query's answers are, tested on rows it hasn't seen."""
    return _answered("_evaluate")


@blueprint.post("/_batch")
@reads
def batch() -> Response:
    """Several queries at once, answered in order from one commit."""
    return _answered("_batch")


def _answered(endpoint: str) -> Response:
    seconds = JOB_SECONDS if request.environ.get(AS_A_JOB) else QUERY_SECONDS
    return json_answer(answer(agent().database.read_view(), endpoint, json_body(), seconds))
