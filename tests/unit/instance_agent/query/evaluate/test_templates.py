"""Templates: where values go, and what is left out where there are none."""

from __future__ import annotations

import pytest

from instance_agent.query.endpoints.evaluate.templates import fields_in, filled
from instance_agent.schema.types import JsonValue

ROW: dict[str, JsonValue] = {
    "a": "x",
    "n": 5,
    "l.b": "linked",
    "list": ["p", "q"],
    "json": {"$gt": 1},
    "deep": [{"k": 1}],
    "false": False,
}
G: JsonValue = {"$get": "a"}
NONE: JsonValue = {"$get": "missing"}


def where(json: JsonValue) -> JsonValue:
    query = filled({"from": "t", "predict": "p", "where": json}, ROW.get)
    assert query is not None
    assert (query["from"], query["predict"]) == ("t", "p")
    return query["where"]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"f": G}, {"f": "x"}),
        ({"f": {"$match": G}, "g": {"$gt": {"$get": "n"}}}, {"f": {"$match": "x"}, "g": {"$gt": 5}}),
        ({"f": {"$get": "l.b"}}, {"f": "linked"}),
        ({"f": {"$get": "list"}}, {"f": ["p", "q"]}),
        ({"f": {"$get": "json"}}, {"f": {"$json": {"$gt": 1}}}),
        ({"f": {"$get": "deep"}}, {"f": {"$json": [{"k": 1}]}}),
        ({"f": {"$get": "false"}}, {"f": False}),
        ({"f": {"$json": {"$get": "json"}}}, {"f": {"$json": {"$gt": 1}}}),
        ({"f": {"$json": {"inner": G}}}, {"f": {"$json": {"inner": G}}}),
        ({"f": {"$toString": {"$get": "n"}}}, {"f": {"$toString": 5}}),
        ({"$or": [{"f": G}, {"g": {"$not": G}}]}, {"$or": [{"f": "x"}, {"g": {"$not": "x"}}]}),
        ({"$get": "a", "f": 1}, {"$get": "a", "f": 1}),
    ],
)
def test_values_go_into_holes(template: JsonValue, expected: JsonValue) -> None:
    assert where(template) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"f": NONE}, {}),
        ({"f": NONE, "g": 1}, {"g": 1}),
        ({"f": {"$match": NONE}}, {}),
        ({"f": {"$gt": NONE, "$lt": 3}}, {"f": {"$lt": 3}}),
        ({"$not": {"f": NONE}}, {}),
        ({"$or": [{"f": NONE}, {"g": 1}]}, {"$or": [{"g": 1}]}),
        ({"$or": [{"f": NONE}]}, {}),
        ({"f": {"$or": [NONE, "y"]}}, {"f": {"$or": ["y"]}}),
        ({"$and": [{"f": NONE, "g": 2}, {"h": NONE}]}, {"$and": [{"g": 2}]}),
        ({"f": [NONE, 1], "g": 1}, {"g": 1}),
        ({"$knn": [3, {"f": NONE}], "g": 1}, {"g": 1}),
        ({"$knn": [3, {"f": NONE, "h": 1}]}, {"$knn": [3, {"h": 1}]}),
        ({"$knn": {"k": 3, "near": {"f": NONE}}}, {}),
        ({"$on": [{"f": NONE}, {"g": 1}]}, {}),
        ({"$on": {"prop": {"f": 1}, "on": {"g": NONE}}}, {}),
        ({"f": {"$mod": [2, NONE]}}, {}),
        ({"f": {"$json": NONE}}, {}),
        ({"f": {"$toString": NONE}}, {}),
        ({"f": {}}, {"f": {}}),
        ({"$and": []}, {"$and": []}),
        ({"l": {"b": NONE}}, {}),
    ],
)
def test_a_condition_without_its_value_is_left_out(template: JsonValue, expected: JsonValue) -> None:
    assert where(template) == expected


def test_a_query_that_needs_the_value_is_not_asked() -> None:
    assert filled({"from": "t", "get": "g", "orderBy": {"$similarity": NONE}}, ROW.get) is None
    assert filled({"from": "t", "get": "g", "orderBy": {"$multiply": ["$p", NONE]}}, ROW.get) is None
    similar = filled({"from": "t", "get": "g", "similarity": {"f": NONE}}, ROW.get)
    assert similar == {"from": "t", "get": "g", "similarity": {}}


def test_from_may_have_holes() -> None:
    template: dict[str, JsonValue] = {"from": {"from": "t", "where": {"f": NONE, "g": G}}, "predict": "p"}
    assert filled(template, ROW.get) == {"from": {"from": "t", "where": {"g": "x"}}, "predict": "p"}


def test_the_fields_of_a_template() -> None:
    template: dict[str, JsonValue] = {
        "from": {"from": "t", "where": {"f": {"$get": "z"}}},
        "where": {
            "f": G,
            "$or": [{"g": {"$get": "l.b"}}, {"h": {"$json": {"$get": "j"}}}],
            "i": {"$json": [G]},
            "k": G,
        },
    }
    assert fields_in(template) == ["z", "a", "l.b", "j"]
