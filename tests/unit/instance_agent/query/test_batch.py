"""Several queries at once: the answers are those of the queries one by one, and one that fails fails them all."""

from __future__ import annotations

import pytest

from instance_agent.errors import AgentError
from instance_agent.query.answer import answer
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import PRODUCTS, SECONDS, make_view

VIEW = make_view({"products": PRODUCTS})


def batch(*queries: JsonValue, seconds: float = SECONDS) -> JsonValue:
    return answer(VIEW, "_batch", list(queries), seconds)


def refusal(*queries: JsonValue, seconds: float = SECONDS) -> AgentError:
    with pytest.raises(AgentError) as refused:
        batch(*queries, seconds=seconds)
    return refused.value


def test_the_answers_are_those_of_query_in_the_same_order() -> None:
    queries: list[JsonValue] = [
        {"from": "products", "where": {"organic": True}},
        {"from": "products", "predict": "organic", "where": {"name": "bread"}},
        {"from": "products", "limit": 0},
    ]
    assert batch(*queries) == [answer(VIEW, "_query", query, SECONDS) for query in queries]


def test_an_empty_batch_is_answered_by_an_empty_list() -> None:
    assert batch() == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"from": "products", "where": {"price": {"$huh": 1}}}, "[1].where.price.$huh"),
        ({"from": "products", "where": {"nothing": 1}}, "field 'nothing' not found (at [1].where.nothing)"),
        ({"from": "nowhere"}, "[1]: No such table: nowhere"),
        ({"from": "products", "limit": -1}, "[1].limit"),
        ([], "[1]"),
        (None, "[1]"),
    ],
)
def test_one_that_is_refused_refuses_all_with_its_place(query: JsonValue, message: str) -> None:
    refused = refusal({"from": "products"}, query)
    assert refused.status == 400
    assert message in refused.message


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(AgentError, match="a batch is a list of queries"):
        answer(VIEW, "_batch", {"from": "products"}, SECONDS)


def test_all_have_one_time_together() -> None:
    assert refusal({"from": "products"}, seconds=-1.0).code == "query_timeout"
