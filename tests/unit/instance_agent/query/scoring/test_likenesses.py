"""`$similarity`, `$sameness` and `$analogy` of rows and of candidates."""

from __future__ import annotations

import math

import pytest

from instance_agent.errors import AgentError
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import ask, hits_of, make_view, number
from tests.unit.instance_agent.query.scoring.store import by_id, by_value, close, query

APPLE = 1 + math.log(5 / 3)  # the idf of a token that two of four products have
RED = 1 + math.log(5 / 2)


def same(found: dict[str, JsonValue], **wanted: float) -> bool:
    return found.keys() == wanted.keys() and all(close(found[name], value) for name, value in wanted.items())


@pytest.mark.parametrize(
    "near", [{"name": "red apple pie"}, "red apple pie", {"name": {"$match": "red apple pie"}}], ids=str
)
def test_similarity_of_rows_to_a_text(near: JsonValue) -> None:
    if isinstance(near, dict) and isinstance(near["name"], dict):
        near = {"$and": [{"name": {"$has": token}} for token in ("red", "appl", "pie")]}
    assert same(by_id({"$similarity": near}), a=RED * APPLE, b=APPLE, c=1, d=1)
    assert same(by_value({"$similarity": near}), a=RED * APPLE, b=APPLE, c=1, d=1)


def test_similarity_is_to_the_text_conditions_of_where() -> None:
    assert same(by_id("$similarity", where={"name": {"$match": "apple"}}, orderBy="$similarity"), a=APPLE, b=APPLE)
    either: JsonValue = {"$or": [{"name": {"$match": "apple"}}, {"name": {"$match": "red"}}, {"price": 0.5}]}
    assert same(by_id("$similarity", where=either), a=RED * APPLE, b=APPLE, d=1)
    assert same(by_id("$similarity", where={"id": "a"}), a=1)
    assert same(by_id("$similarity", where={"$not": {"name": {"$match": "apple"}}}), c=1, d=1)
    assert same(by_value("$similarity", where={"product.name": {"$match": "apple"}}), a=APPLE, b=APPLE)
    assert same(by_value("$similarity", where={"query": "apple"}), a=1, b=1, c=1, d=1)
    assert same(by_value("$similarity", get="week", where={"bought": True}), **{"1": 1, "2": 1, "3": 1})


def test_a_hit_that_is_a_text_is_compared_as_one() -> None:
    found = by_value({"$similarity": "an apple"}, get="query")
    idf = 1 + math.log(8 / 3)
    assert same(found, **{"apples": idf, "apple pie": idf, "red": 1, "bread": 1})
    assert found == by_value({"$similarity": {"query": "an apple"}}, get="query")
    assert same(
        by_value("$similarity", get="query", where={"query": {"$match": "apple"}}), **{"apple pie": idf, "apples": idf}
    )
    with pytest.raises(AgentError, match="single features have no similarity"):
        by_value({"$similarity": "apple"}, get="query.$feature")


def test_sameness_is_one_for_the_same_and_zero_for_nothing_shared() -> None:
    assert same(by_id({"$sameness": {"name": "apples, red"}}), a=1, b=APPLE / (APPLE + RED + RED), c=0, d=0)
    found = by_value("$sameness", where={"product.name": {"$match": "apple"}})
    assert same(found, a=APPLE / (APPLE + RED), b=APPLE / (APPLE + RED))


def test_hits_order_by_similarity_ties_in_table_order() -> None:
    hits = query("products", orderBy={"$similarity": {"name": "rye apples"}}, select=["id", "$score"])
    assert [hit["id"] for hit in hits] == ["a", "b", "c", "d"]
    hits = query("products", orderBy={"$multiply": [{"$similarity": "rye"}, 2]}, select="id")
    assert [hit["id"] for hit in hits] == ["c", "d", "a", "b"]


def test_fields_of_similarity_are_those_of_the_hit() -> None:
    wanted = by_value({"$similarity": {"maker": "m"}})
    assert wanted == by_value({"$similarity": {"product.maker": "m"}})
    assert number_of(wanted["a"]) > 1
    with pytest.raises(AgentError, match="field 'week' not found"):
        by_value({"$similarity": {"week": 1}})
    with pytest.raises(AgentError, match="field 'nothing' not found"):
        by_id({"$similarity": {"nothing": 1}})
    with pytest.raises(AgentError, match="field 'user' not found"):
        by_value({"$similarity": {"user": "x"}}, get="week")


def number_of(value: JsonValue) -> float:
    assert isinstance(value, float)
    return value


def test_analogy_is_the_cosine_of_counts() -> None:
    found = by_value({"$analogy": {"with": "a", "basedOn": "tags"}})
    assert same({name: found[name] for name in "ab"}, a=1, b=1 / math.sqrt(2))
    assert found["c"] is None
    assert found["d"] is None
    # users of a: x, y; of b: x, x; of c: y
    found = by_value({"$analogy": {"with": "a", "basedOn": "user"}})
    assert same({name: found[name] for name in "abc"}, a=1, b=1 / math.sqrt(2), c=1 / math.sqrt(2))
    # weeks of a: 1, 1; of b: 2, 2
    found = by_value({"$analogy": {"with": "a", "basedOn": ["user", "week"]}})
    assert same({name: found[name] for name in "ab"}, a=1, b=2 / math.sqrt(6 * 8))
    found = by_value({"$analogy": {"with": 1, "basedOn": "user"}}, get="week")
    assert close(found["2"], 2 / math.sqrt(5) / 2)


def test_an_unknown_other_hit_is_like_nothing() -> None:
    assert set(by_value({"$analogy": {"with": "zz", "basedOn": "tags"}}).values()) == {None}
    assert set(by_value({"$analogy": {"with": 7, "basedOn": "tags"}}).values()) == {None}
    with pytest.raises(AgentError, match="field 'nothing' not found"):
        by_value({"$analogy": {"with": "a", "basedOn": "nothing"}})
    with pytest.raises(AgentError, match="based on fields"):
        by_value({"$analogy": {"with": "a", "basedOn": {"user": "x"}}})


def test_an_explanation_of_sameness_comes_to_the_sameness() -> None:
    orders: list[JsonValue] = [{"$sameness": {"name": "green cup", "kind": "a"}}, "$sameness"]
    for order in orders:
        rows: list[JsonValue] = [
            {"name": f"green tea {'cup' if at % 2 else 'pot'}", "kind": "ab"[at % 2]} for at in range(6)
        ]
        view = make_view({"t": ({"name": {"type": "Text"}, "kind": {"type": "String"}}, rows)})
        page = ask(
            view, "_search", from_="t", where={"name": {"$match": "tea"}}, orderBy=order, select=["$score", "$why"]
        )
        for hit in hits_of(page):
            tree = hit["$why"]
            assert isinstance(tree, dict)
            dividend, divisor = tree["dividend"], tree["divisor"]
            assert isinstance(dividend, dict)
            assert isinstance(divisor, dict)
            terms = dividend["terms"]
            assert isinstance(terms, list)
            total = sum(number(term["value"]) for term in terms if isinstance(term, dict))
            assert total / number(divisor["value"]) == pytest.approx(number(hit["$score"]))
