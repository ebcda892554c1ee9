"""Which query a body is, and which query each endpoint takes.

What a body asks shows in the member that names its operation. An endpoint takes its own operation; `_query` and
`_batch` take them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from instance_agent.query.language.grammar import queries
from instance_agent.query.language.grammar.aggregates import aggregate_of
from instance_agent.query.language.grammar.evaluations import evaluate_of
from instance_agent.query.language.grammar.places import Place, check_size
from instance_agent.query.language.grammar.propositions import proposition_of
from instance_agent.query.language.grammar.sources import Members
from instance_agent.query.language.propositions import Proposition
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
from instance_agent.query.refusals import shown
from instance_agent.schema.types import JsonValue

MOST_IN_BATCH: Final = 1_000
"""Queries in one batch."""

PAGE: Final = ("select", "offset", "limit")
SEARCH: Final = ("from", "where", "orderBy", *PAGE)
GET: Final = ("from", "where", "get", "orderBy", *PAGE)
GET_SIMILAR: Final = ("from", "where", "get", "similarity", *PAGE)

OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "predict": ("from", "where", "predict", "basedOn", "exclusiveness", *PAGE),
    "match": ("from", "where", "match", "basedOn", *PAGE),
    "recommend": ("from", "where", "recommend", "goal", "basedOn", *PAGE),
    "relate": ("from", "where", "relate", "orderBy", *PAGE),
    "similarity": ("from", "where", "similarity", *PAGE),
    "estimate": ("from", "where", "estimate", "model", "basedOn", "select"),
    "aggregate": ("from", "where", "aggregate", "select"),
    "evaluate": ("evaluate", "test", "testSource", "train", "select", "group", "goal"),
}
"""The members of a body with each operation; the operation's own one is its name."""

EXAMPLES: Final[Mapping[str, str]] = {
    "predict": "the field to predict",
    "match": "the field whose values or rows are matched",
    "recommend": "the field whose values or rows are recommended",
    "relate": "the fields or propositions to relate",
    "similarity": "the proposition to be similar to",
    "estimate": "the field to estimate",
    "aggregate": 'what is computed, as in "price.$mean"',
    "evaluate": "the query to evaluate",
}
"""What the member of each operation says."""

KNOWN: Final = frozenset(name for names in (GET, *OPERATIONS.values()) for name in names)
Asked = TypeVar("Asked")


def parse_search(body: JsonValue) -> Search:
    """The query of `POST _search`. Raises a refusal naming the place of what isn't understood."""
    place = _start(body)
    for operation in operations_in(body):
        raise place.member(operation).invalid(f"_search finds rows; post a body with '{operation}' to _{operation}")
    if isinstance(body, dict) and body.get("get") is not None:
        raise place.member("get").invalid("_search finds rows; post a body with 'get' to _query")
    return queries.search_of(_members(body, SEARCH, place, "a search"), place)


def parse_predict(body: JsonValue) -> Predict:
    """The query of `POST _predict`. Raises a refusal, as the parsers of the other endpoints do."""
    return queries.predict_of(*_only("predict", body))


def parse_match(body: JsonValue) -> Match:
    """The query of `POST _match`."""
    return queries.match_of(*_only("match", body))


def parse_recommend(body: JsonValue) -> Recommend:
    """The query of `POST _recommend`."""
    return queries.recommend_of(*_only("recommend", body))


def parse_relate(body: JsonValue) -> Relate:
    """The query of `POST _relate`."""
    return queries.relate_of(*_only("relate", body))


def parse_similarity(body: JsonValue) -> Similarity:
    """The query of `POST _similarity`."""
    return queries.similarity_of(*_only("similarity", body))


def parse_estimate(body: JsonValue) -> Estimate:
    """The query of `POST _estimate`."""
    return queries.estimate_of(*_only("estimate", body))


def parse_aggregate(body: JsonValue) -> Aggregate:
    """The query of `POST _aggregate`."""
    return aggregate_of(*_only("aggregate", body))


def parse_evaluate(body: JsonValue) -> Evaluate:
    """The query of `POST _evaluate`."""
    return evaluate_of(*_only("evaluate", body), _unevaluated)


def parse_query(body: JsonValue) -> Query:
    """The query of `POST _query`: any."""
    place = _start(body)
    return _any(body, place)


def parse_batch(body: JsonValue) -> tuple[Query, ...]:
    """The queries of `POST _batch`, places beginning with the number of the query, as in [3].where.price."""
    if not isinstance(body, list):
        raise Place().invalid(f"a batch is a list of queries, not {shown(body)}")
    if len(body) > MOST_IN_BATCH:
        raise Place().invalid(f"a batch has at most {MOST_IN_BATCH} queries, and this has {len(body)}")
    places = [Place().element(number) for number in range(len(body))]
    for one, place in zip(body, places, strict=True):
        check_size(one, place)
    return tuple(_any(one, place) for one, place in zip(body, places, strict=True))


def parse_proposition(json: JsonValue, place: str) -> Proposition:
    """A proposition by itself, as writes have one; place: the name of its member. Raises a refusal naming the place."""
    there = Place(place)
    check_size(json, there)
    return proposition_of(json, there)


def operations_in(body: JsonValue) -> list[str]:
    """The operations that a body has members for."""
    return [name for name in OPERATIONS if body.get(name) is not None] if isinstance(body, dict) else []


def _start(body: JsonValue) -> Place:
    place = Place()
    check_size(body, place)
    if isinstance(body, list):
        raise place.invalid('a query is an object like {"from": "table"}; a list of queries is posted to _batch')
    return place


def _only(operation: str, body: JsonValue) -> tuple[Members, Place]:
    place = _start(body)
    found = operations_in(body)
    if operation not in found and isinstance(body, dict):
        wanted = f"'{operation}' is required: {EXAMPLES[operation]}"
        if found:
            raise place.member(operation).invalid(f"{wanted}; post a body with '{found[0]}' to _{found[0]}")
        raise place.member(operation).invalid(f"{wanted}; a body without it is posted to _query")
    return _operation(operation, body, place)


def _operation(operation: str, body: JsonValue, place: Place) -> tuple[Members, Place]:
    return _members(body, OPERATIONS[operation], place, f"a query with '{operation}'"), place


def _any(body: JsonValue, place: Place) -> Query:
    found = operations_in(body)
    if found == ["evaluate"]:
        return evaluate_of(*_operation("evaluate", body, place), _unevaluated)
    return _unevaluated(body, place)


def _unevaluated(body: JsonValue, place: Place) -> Query:
    found = operations_in(body)
    if not found or (found == ["similarity"] and isinstance(body, dict) and body.get("get") is not None):
        members = _members(body, GET_SIMILAR if found else GET, place, "a query with 'get'" if found else "a query")
        return queries.search_of(members, place)
    if len(found) > 1:
        raise place.member(found[1]).invalid(f"a query has one operation, and this has {' and '.join(found)}")
    parser = BY_OPERATION.get(found[0])
    if parser is None:
        raise place.member(found[0]).invalid("evaluations aren't nested")
    return parser(*_operation(found[0], body, place))


def _members(body: JsonValue, known: tuple[str, ...], place: Place, what: str) -> Members:
    if not isinstance(body, dict):
        raise place.invalid(f'a query is an object like {{"from": "table"}}, not {shown(body)}')
    for key, value in body.items():
        if key not in known and (value is not None or key not in KNOWN):
            fault = f"'{key}' is not supported in {what}" if key in KNOWN else f"unknown member {shown(key)}"
            raise place.member(key).invalid(f"{fault}; {what} may have {', '.join(known)}")
    return {key: value for key, value in body.items() if value is not None}


BY_OPERATION: Final[Mapping[str, Callable[[Members, Place], Query]]] = {
    "predict": queries.predict_of,
    "match": queries.match_of,
    "recommend": queries.recommend_of,
    "relate": queries.relate_of,
    "similarity": queries.similarity_of,
    "estimate": queries.estimate_of,
    "aggregate": aggregate_of,
}

PARSERS: Final[Mapping[str, Callable[[JsonValue], Query]]] = MappingProxyType(
    {
        "_search": parse_search,
        "_query": parse_query,
        "_predict": parse_predict,
        "_match": parse_match,
        "_recommend": parse_recommend,
        "_relate": parse_relate,
        "_similarity": parse_similarity,
        "_estimate": parse_estimate,
        "_aggregate": parse_aggregate,
        "_evaluate": parse_evaluate,
    }
)
"""The parsers of the endpoints that take one query, by the last part of their path."""
