"""Fields and arithmetic, by hand."""

from __future__ import annotations

import json

import pytest

from instance_agent.errors import AgentError
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.scoring.store import by_id, by_value, close, query


@pytest.mark.parametrize(
    ("score", "wanted"),
    [
        (2.5, {"a": 2.5, "b": 2.5, "c": 2.5, "d": 2.5}),
        ({"$multiply": ["price", "stock"]}, {"a": 0, "b": 6, "c": None, "d": -1}),
        ({"$multiply": ["price"]}, {"a": 1.5, "b": 2, "c": None, "d": 0.5}),
        ({"$sum": ["price", 1, "stock"]}, {"a": 2.5, "b": 6, "c": None, "d": -0.5}),
        ({"$subtract": ["price", "stock"]}, {"a": 1.5, "b": -1, "c": None, "d": 2.5}),
        ({"$subtract": {"minuend": 1, "subtrahend": "price"}}, {"a": -0.5, "b": -1, "c": None, "d": 0.5}),
        ({"$divide": ["price", "stock"]}, {"a": None, "b": 2 / 3, "c": None, "d": -0.25}),
        ({"$divide": {"dividend": "stock", "divisor": "price"}}, {"a": 0, "b": 1.5, "c": None, "d": -4}),
        ({"$pow": ["price", "stock"]}, {"a": 1, "b": 8, "c": None, "d": 4}),
        ({"$pow": {"base": "stock", "exponent": 0.5}}, {"a": 0, "b": 3**0.5, "c": None, "d": None}),
        ({"$pow": ["stock", -1]}, {"a": None, "b": 1 / 3, "c": None, "d": -0.5}),
        ({"$pow": [{"$sum": ["price", 1e300]}, 2]}, {"a": None, "b": None, "c": None, "d": None}),
        ({"$normalize": "price"}, {"a": 1.5 / 4, "b": 0.5, "c": None, "d": 0.125}),
        ({"$normalize": {"$subtract": ["price", "price"]}}, {"a": None, "b": None, "c": None, "d": None}),
        ({"$multiply": ["organic", 2]}, {"a": 2, "b": 0, "c": None, "d": None}),
        ({"$sum": ["$index", 0]}, {"a": 0, "b": 1, "c": 2, "d": 3}),
        ({"$hit": {"$sum": ["price", 1]}}, {"a": 2.5, "b": 3, "c": None, "d": 1.5}),
        ({"$decision": {"score": "price", "seed": 3}}, {"a": 1.5, "b": 2, "c": None, "d": 0.5}),
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("of_rows", [True, False], ids=["rows", "candidates"])
def test_scores_of_fields(score: JsonValue, wanted: dict[str, float | None], of_rows: bool) -> None:
    found = by_id(score) if of_rows else by_value(score)
    for name, number in wanted.items():
        assert found[name] is None if number is None else close(found[name], number), (name, found)


def test_fields_of_candidates_are_named_from_the_hit_or_from_the_table() -> None:
    paths: list[JsonValue] = ["price", "product.price", {"$hit": "price"}]
    for path in paths:
        assert by_value({"$sum": [path, 0]}) == {"a": 1.5, "b": 2.0, "c": None, "d": 0.5}
    assert by_value({"$sum": ["$value", 0]}, get="week") == {"1": 1, "2": 2, "3": 3}
    assert by_value({"$sum": ["week", 0]}, get="week") == {"1": 1, "2": 2, "3": 3}
    assert by_value({"$sum": ["price", 0]}, get="basket") == {"a": 1.5, "b": 2.0, "c": None, "d": 0.5}


def test_normalize_is_over_all_hits_and_not_the_page() -> None:
    hits = query("products", select=["id", {"share": {"$normalize": "price"}}], limit=1, offset=1)
    assert hits == [{"id": "b", "share": 0.5}]
    hits = query("products", where={"organic": {"$defined": True}}, select=[{"share": {"$normalize": "price"}}])
    assert [hit["share"] for hit in hits] == [1.5 / 3.5, 2 / 3.5]


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ({"$sum": ["id", 1]}, "is no number"),
        ({"$sum": ["name", 1]}, "is no number"),
        ({"$sum": ["tags", 1]}, "is no number"),
        ({"$sum": ["maker.id", 1]}, "is no number"),
        ({"$sum": ["cost", 1]}, "field 'cost' not found"),
        ({"$sum": ["price.cost", 1]}, "field 'price.cost' not found"),
        ({"$sum": ["maker.cost", 1]}, "field 'maker.cost' not found"),
    ],
)
def test_what_is_no_number_or_no_field_is_refused(score: JsonValue, message: str) -> None:
    for ask_for in (by_id, by_value):
        with pytest.raises(AgentError, match=message):
            ask_for(score)
        with pytest.raises(AgentError, match=message):
            ask_for(2, orderBy=score, limit=0)


def test_an_explanation_comes_to_the_score() -> None:
    score: JsonValue = {"$divide": [{"$subtract": ["price", 1]}, {"$pow": [2, {"$sum": ["stock", "price"]}]}]}
    (first, *_) = query("products", orderBy=score, select=["$score", "$why"])
    why = first["$why"]
    assert isinstance(why, dict)
    assert why["type"] == "division"
    assert close(first["$score"], (1.5 - 1) / 2**1.5)
    assert json.dumps(why["dividend"]) == json.dumps(
        {
            "type": "subtraction",
            "minuend": {"type": "field", "field": "price", "value": 1.5},
            "subtrahend": {"type": "constant", "value": 1.0},
        }
    )
    (rows,) = query("products", select="$why", limit=1)
    assert rows == {"$why": {"type": "none"}}
