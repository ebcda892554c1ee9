"""The one door to the query language: a body of JSON in, an answer in JSON out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from instance_agent.engine.tables import ReadView
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.aggregate import aggregate
from instance_agent.query.endpoints.batch import answer_batch
from instance_agent.query.endpoints.estimate import estimate
from instance_agent.query.endpoints.evaluate import evaluate
from instance_agent.query.endpoints.match import match_
from instance_agent.query.endpoints.predict import predict
from instance_agent.query.endpoints.recommend import recommend
from instance_agent.query.endpoints.relate import relate
from instance_agent.query.endpoints.search import search
from instance_agent.query.endpoints.similar import similar
from instance_agent.query.language.grammar import PARSERS, parse_batch
from instance_agent.query.language.queries import (
    Aggregate,
    Estimate,
    Evaluate,
    Match,
    Predict,
    Query,
    Recommend,
    Relate,
    Search,
    Similarity,
)
from instance_agent.query.page import Page
from instance_agent.query.scope import Scope
from instance_agent.query.size import Allowance
from instance_agent.schema.types import JsonValue

BATCH: Final = "_batch"
ENDPOINTS: Final = frozenset({*PARSERS, BATCH})
"""The endpoints that answer queries, by the last part of their path."""

Executor = Callable[[Scope, Any], "Page | dict[str, JsonValue]"]
EXECUTORS: Final[Mapping[type[Query], Executor]] = MappingProxyType(
    {
        Search: search,
        Predict: predict,
        Match: match_,
        Recommend: recommend,
        Relate: relate,
        Similarity: similar,
        Estimate: estimate,
        Aggregate: aggregate,
        Evaluate: evaluate,
    }
)
"""Who answers which kind of query; each takes the kind it stands beside."""


def answer(view: ReadView, endpoint: str, body: JsonValue, seconds: float) -> JsonValue:
    """What `POST /api/v1/{endpoint}` answers to `body` over this commit. The same every time.

    Raises AgentError: 400 for what isn't understood, doesn't fit the schema or has too large an answer, 504 after
    `seconds`.
    """
    scope = Scope(view, Deadline.after(seconds))
    allowance = Allowance()

    def within_allowance(scope: Scope, query: Query) -> JsonValue:
        found = execute(scope, query)
        allowance.take(found)
        return found

    if endpoint == BATCH:
        return answer_batch(scope, parse_batch(body), within_allowance)
    return within_allowance(scope, PARSERS[endpoint](body))


def execute(scope: Scope, query: Query) -> JsonValue:
    """The answer to one query of any kind."""
    found = EXECUTORS[type(query)](scope, query)
    return found.to_json() if isinstance(found, Page) else found
