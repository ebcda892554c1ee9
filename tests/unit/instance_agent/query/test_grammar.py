"""What the language refuses, and that it says where."""

from __future__ import annotations

import json

import pytest

from instance_agent.errors import AgentError
from instance_agent.query.answer import answer
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import SECONDS, ask, shop

SHOP = shop()


def refusal(endpoint: str, body: JsonValue) -> AgentError:
    with pytest.raises(AgentError) as refused:
        answer(SHOP, endpoint, body, SECONDS)
    assert refused.value.status == 400
    return refused.value


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ([], "a query is an object"),
        ({}, "'from' is required"),
        ({"from": "products", "hello": 1}, "unknown member '\"hello\"'"),
        ({"from": "nowhere"}, "nowhere"),
        ({"from": 5}, "'from' is the name of a table"),
        ({"from": {"from": "products", "filter": {}}}, "at from.filter"),
        ({"from": {"where": {}}}, "at from.from"),
        ({"from": {"from": "products", "limit": -1}}, "at from.limit"),
        ({"from": "products", "where": []}, "a proposition is an object"),
        ({"from": "products", "where": {"$or": {}}}, "$or takes a list (at where.$or)"),
        ({"from": "products", "where": {"$xor": []}}, "unknown operator '\"$xor\"'"),
        ({"from": "products", "where": {"$or": [{}, {"price": {"$near": 1}}]}}, "at where.$or[1].price.$near"),
        ({"from": "products", "where": {"price": {}}}, "at where.price"),
        ({"from": "products", "where": {"price": {"$gt": None}}}, "$gt takes a number or a string"),
        ({"from": "products", "where": {"name": {"$startsWith": 1}}}, "$startsWith takes a string"),
        ({"from": "products", "where": {"stock": {"$mod": [0, 1]}}}, "the divisor not 0"),
        ({"from": "products", "where": {"stock": {"$defined": 1}}}, "$defined takes true or false"),
        ({"from": "products", "where": {"stock": 10**30}}, "at most 64 bits"),
        ({"from": "products", "where": {"$index": {"$match": "a"}}}, "at where.$index.$match"),
        ({"from": "products", "limit": -1}, "'limit' is a whole number from 0 up"),
        ({"from": "products", "offset": 1.5}, "'offset' is a whole number from 0 up"),
        ({"from": "products", "limit": True}, "'limit' is a whole number from 0 up"),
        ({"from": "products", "orderBy": True}, "orderBy takes a column"),
        ({"from": "products", "orderBy": "prize"}, "field 'prize' not found"),
        ({"from": "products", "orderBy": "tags"}, "has no order"),
        ({"from": "products", "select": [1]}, "select takes names"),
        ({"from": "products", "select": ["prize"]}, "field 'prize' not found"),
        ({"from": "products", "predict": "id"}, "_predict"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(body: JsonValue, told: str) -> None:
    refused = refusal("_search", body)
    assert told in refused.message
    assert refused.code == ("field_not_found" if told.startswith("field ") else "query_invalid")


@pytest.mark.parametrize("operator", ["$search", "$semantic", "$nearest", "$cluster", "$patterns"])
@pytest.mark.parametrize(
    "body",
    [{"where": {"OP": {}}}, {"where": {"price": {"OP": {}}}}, {"orderBy": {"OP": {}}}, {"select": [{"OP": {}}]}],
)
def test_operators_of_the_second_version_are_refused_by_name(operator: str, body: JsonValue) -> None:
    text = json.dumps(body).replace("OP", operator)
    assert refusal("_query", {"from": "products", **json.loads(text)}).code == "query_unsupported"


def nested(levels: int, wrap: str) -> JsonValue:
    where: JsonValue = {}
    for _ in range(levels):
        where = {wrap: [where]} if wrap != "$not" else {wrap: where}
    return where


@pytest.mark.parametrize("wrap", ["$not", "$and", "$or"])
def test_nesting_is_bounded_and_never_crashes(wrap: str) -> None:
    ask(SHOP, "_search", from_="products", where=nested(60, wrap))
    assert "nested deeper" in refusal("_search", {"from": "products", "where": nested(500, wrap)}).message
    condition: JsonValue = {"$not": 1}
    source: JsonValue = "products"
    literal: JsonValue = 1
    for _ in range(500):
        condition, source, literal = {"$not": condition}, {"from": source}, [literal]
    assert "nested deeper" in refusal("_search", {"from": "products", "where": {"price": condition}}).message
    assert "nested deeper" in refusal("_search", {"from": "products", "where": {"$index": condition}}).message
    assert "nested deeper" in refusal("_search", {"from": source}).message
    assert "nested deeper" in refusal("_search", {"from": "products", "where": {"tags": literal}}).message
    assert "nested deeper" in refusal("_search", {"from": "products", "where": {"extra": {"$json": literal}}}).message
    assert "segments" in refusal("_search", {"from": "users", "where": {"friend." * 5000 + "id": 1}}).message


def test_messages_stay_short_and_encodable() -> None:
    for name in ("x" * 100_000, "\ud800", "a." * 10):
        refused = refusal("_search", {"from": "products", "where": {name: name}})
        assert len(refused.message) < 500
        refused.message.encode()


def test_null_stands_for_an_absent_member() -> None:
    body: JsonValue = dict.fromkeys(["where", "orderBy", "select", "offset", "limit"])
    assert isinstance(body, dict)
    assert ask(SHOP, "_query", from_="products", **body) == ask(SHOP, "_query", from_="products")
