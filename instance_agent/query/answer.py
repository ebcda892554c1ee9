"""The one door to the query language: a body of JSON in, an answer in JSON out."""

from __future__ import annotations

from instance_agent.engine.tables import ReadView
from instance_agent.query.deadline import Deadline
from instance_agent.query.grammar import PARSERS
from instance_agent.query.page import Page
from instance_agent.query.predict import predict
from instance_agent.query.queries import Predict, Query, Search
from instance_agent.query.refusals import unsupported
from instance_agent.query.scope import Scope
from instance_agent.query.search import search
from instance_agent.schema.types import JsonValue


def answer(view: ReadView, endpoint: str, body: JsonValue, seconds: float) -> JsonValue:
    """What `POST /api/v1/{endpoint}` answers to `body` over this commit. The same every time.

    Raises AgentError: 400 for what isn't understood or doesn't fit the schema, 504 after `seconds`.
    """
    query = PARSERS[endpoint](body)
    scope = Scope(view, Deadline.after(seconds))
    return _page(scope, query).to_json()


def _page(scope: Scope, query: Query) -> Page:
    match query:
        case Search(get=None):
            return search(scope, query)
        case Predict(targets=(tuple(),)):
            return predict(scope, query)
        case Predict():
            raise unsupported('this version predicts one field: {"predict": "field"}', "predict")
    raise unsupported("queries of this kind are not supported by this version", "the body")
