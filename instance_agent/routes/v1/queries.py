"""Query endpoints: find rows, predict values."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from instance_agent.auth import reads
from instance_agent.context import agent
from instance_agent.http import json_answer, json_body
from instance_agent.query.answer import answer
from instance_agent.routes.v1.jobs import AS_A_JOB

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
    """Whatever the body asks: rows, or with `predict` predictions."""
    return _answered("_query")


@blueprint.post("/_predict")
@reads
def predict() -> Response:
    """The values a field may have, each with its probability."""
    return _answered("_predict")


def _answered(endpoint: str) -> Response:
    seconds = JOB_SECONDS if request.environ.get(AS_A_JOB) else QUERY_SECONDS
    return json_answer(answer(agent().database.read_view(), endpoint, json_body(), seconds))
