"""The one door to the query language: a body of JSON in, an answer in JSON out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from instance_agent.engine.tables import ReadView
from instance_agent.query import grammar
from instance_agent.query.deadline import Deadline
from instance_agent.query.predict import predict
from instance_agent.query.queries import Predict, Search
from instance_agent.query.scope import Scope
from instance_agent.query.search import search
from instance_agent.schema.types import JsonValue

PARSERS: Mapping[str, Callable[[JsonValue], Search | Predict]] = MappingProxyType(
    {"_search": grammar.parse_search, "_query": grammar.parse_query, "_predict": grammar.parse_predict}
)
"""The endpoints that answer queries, by the last part of their path."""


def answer(view: ReadView, endpoint: str, body: JsonValue, seconds: float) -> JsonValue:
    """What `POST /api/v1/{endpoint}` answers to `body` over this commit. The same every time.

    Raises AgentError: 400 for what isn't understood or doesn't fit the schema, 504 after `seconds`.
    """
    query = PARSERS[endpoint](body)
    scope = Scope(view, Deadline.after(seconds))
    page = search(scope, query) if isinstance(query, Search) else predict(scope, query)
    return page.to_json()
