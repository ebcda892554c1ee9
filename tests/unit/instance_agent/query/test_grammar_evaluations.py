"""The body of `_evaluate`: what it becomes, where a template takes a value of the tested row, and what is refused."""

from __future__ import annotations

import pytest

from instance_agent.query.language import queries
from instance_agent.query.language.grammar import PARSERS, parse_query
from instance_agent.query.language.propositions import EVERYTHING, All, Equals, FieldTest, IndexTest, Mod, Proposition
from instance_agent.query.language.queries import Evaluate, Narrowed, Sampled, Slice, Table
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.trees import refusal_of, unplaced

T = Table("t")
F: Proposition = FieldTest(("f",), Equals("a"), "")
F_JSON: JsonValue = {"f": "a"}
TEST: dict[str, JsonValue] = {"test": {"$index": {"$mod": [4, 0]}}}
TESTED = IndexTest(Mod(4, 0), "")


def evaluated(members: dict[str, JsonValue], **template: JsonValue) -> Evaluate:
    query = PARSERS["_evaluate"]({"evaluate": {"from": "t", **template}, **members})
    assert isinstance(query, Evaluate)
    assert query.template == {"from": "t", **template}
    assert parse_query({"evaluate": {"from": "t", **template}, **members}) == query
    return unplaced(query)


def test_what_an_evaluation_becomes() -> None:
    plain = evaluated(TEST, predict="x")
    assert (plain.test, plain.train, plain.select, plain.group, plain.goal) == (TESTED, None, None, None, None)
    full = evaluated(
        {**TEST, "train": F_JSON, "select": ["n", "accuracy"], "group": "l.x", "goal": {}}, match="x", limit=3
    )
    assert (full.train, full.select, full.group, full.goal) == (F, ("n", "accuracy"), ("l", "x"), All(()))
    assert evaluated({"test": {"$sample": {"n": 5}}}, predict="x").test == Sampled(5, 0)
    assert evaluated({"test": {"$sample": {"n": 5, "seed": -1}}}, predict="x").test == Sampled(5, -1)
    assert evaluated({"testSource": {}}, predict="x").test == queries.TestSource(None)
    source: JsonValue = {"from": {"from": "t"}, "where": F_JSON, "limit": 50, "select": ["x"]}
    assert evaluated({"testSource": source, "test": None}, predict="x").test == queries.TestSource(
        Narrowed(T, EVERYTHING, None, ""), F, Slice(0, 50)
    )


@pytest.mark.parametrize(
    "template",
    [
        {"predict": "x", "where": {"f": {"$get": "f"}}},
        {"predict": "x", "where": {"f": {"$match": {"$get": "l.f"}}}},
        {"predict": "x", "where": {"f": {"$has": {"$get": "f"}}, "g": {"$is": {"$get": "f"}}}},
        {"predict": "x", "where": {"f": {"$gt": {"$get": "f"}, "$lte": {"$get": "f"}}}},
        {"predict": "x", "where": {"f": {"$startsWith": {"$get": "f"}}, "g": {"$numeric": {"$get": "f"}}}},
        {"predict": "x", "where": {"f": {"$toString": {"$get": "f"}}, "g": {"$json": {"$get": "f"}}}},
        {"predict": "x", "where": {"l": {"f": {"$or": [{"$get": "f"}, {"$not": {"$get": "g"}}]}}}},
        {"predict": "x", "where": {"f": [{"$get": "f"}, 1]}},
        {"predict": "x", "where": {"$index": {"$lt": {"$get": "f"}}, "f": {"$hash": {"$get": "f"}}}},
        {"predict": "x", "where": {"$knn": [{"$get": "f"}, {"f": {"$get": "f"}}]}},
        {"match": "x", "where": {"f": {"$match": {"$toString": {"$get": "f"}}}}},
        {"get": "x", "similarity": {"f": {"$get": "f"}}},
        {"get": "x", "orderBy": {"$similarity": {"$get": "f"}}},
        {"get": "x", "orderBy": {"$multiply": [{"$similarity": {"f": {"$get": "f"}}}, {"$get": "g"}]}},
        {"get": "x", "orderBy": {"$analogy": {"with": {"$get": "f"}, "basedOn": "f"}}},
        {"estimate": "x", "where": {"f": {"$get": "f"}}, "model": "regression"},
        {"from": {"from": "t", "where": {"f": {"$not": {"$get": "f"}}}}, "predict": "x"},
    ],
)
def test_a_template_takes_values_of_the_tested_row(template: dict[str, JsonValue]) -> None:
    evaluated(TEST, **template)
    assert "only for what _evaluate evaluates" in refusal_of("_query", {"from": "t", **template}).message


def test_a_recommendation_is_evaluated_by_group() -> None:
    assert evaluated({**TEST, "group": "x"}, recommend="x", goal={}).group == ("x",)
    body: JsonValue = {"evaluate": {"from": "t", "recommend": "x", "goal": {}}, **TEST}
    assert "'group' is required" in refusal_of("_evaluate", body).message


@pytest.mark.parametrize(
    ("body", "told", "place"),
    [
        ({"evaluate": "t"}, "'evaluate' is a 'predict', 'match', 'recommend' or 'estimate' query", "evaluate"),
        ({"evaluate": {"from": "t"}}, "'evaluate' is a 'predict', 'match'", "evaluate"),
        ({"evaluate": {"from": "t", "get": "x"}}, "'evaluate' is a 'predict', 'match'", "evaluate"),
        ({"evaluate": {"from": "t", "orderBy": "x"}}, "'evaluate' is a 'predict', 'match'", "evaluate"),
        ({"evaluate": {"from": "t", "relate": "x"}}, "'evaluate' is a 'predict', 'match'", "evaluate"),
        ({"evaluate": {"from": "t", "similarity": {}}}, "'evaluate' is a 'predict', 'match'", "evaluate"),
        ({"evaluate": {"evaluate": {"predict": "x"}}}, "evaluations aren't nested", "evaluate.evaluate"),
        ({"evaluate": {"predict": "x"}}, "'from' is required", "evaluate.from"),
        ({"evaluate": {"from": "t", "predict": "x", "test": {}}}, "'test' is not supported in", "evaluate.test"),
        ({"evaluate": {"from": "t", "predict": {"$get": "x"}}}, "unknown operator '\"$get\"'", "evaluate.predict.$get"),
        ({"evaluate": {"from": "t", "predict": "x", "limit": {"$get": "x"}}}, "'limit' is a whole", "evaluate.limit"),
        (
            {"evaluate": {"from": "t", "predict": "x", "where": {"f": {"$get": 5}}}},
            "$get takes a field",
            "evaluate.where.f.$get",
        ),
        (
            {"evaluate": {"from": "t", "predict": "x", "where": {"f": {"$get": "g.$feature"}}}},
            "field 'g.$feature' not found",
            "evaluate.where.f.$get",
        ),
        (
            {"evaluate": {"from": "t", "predict": "x", "where": {"f": {"$get": "g", "x": 1, "$y": 1}}}},
            "unknown operator '\"$y\"'",
            "evaluate.where.f.$y",
        ),
        ({"test": None}, "one of 'test' and 'testSource'", "test"),
        ({"testSource": {}}, "one of 'test' and 'testSource'", "test"),
        ({"test": {"f": {"$get": "f"}}}, "only for what _evaluate evaluates", "test.f.$get"),
        ({"test": {"$sample": 5}}, "$sample is an object with n, seed", "test.$sample"),
        ({"test": {"$sample": {}}}, "n of $sample takes a whole number, not 'null'", "test.$sample.n"),
        ({"test": {"$sample": {"n": 0}}}, "n of $sample is at least 1", "test.$sample.n"),
        ({"test": {"$sample": {"n": 5, "seed": "x"}}}, "the seed takes a whole number", "test.$sample.seed"),
        ({"test": {"$sample": {"n": 5}, "f": 1}}, "unknown member '\"f\"'; a test with $sample", "test.f"),
        ({"train": []}, "a proposition is an object", "train"),
        ({"group": ["x"]}, "'group' is a field", "group"),
        ({"goal": "$p"}, "a proposition is an object", "goal"),
        ({"select": [{}]}, "select takes names", "select[0]"),
        ({"where": {}}, "'where' is not supported in a query with 'evaluate'", "where"),
        ({"test": None, "testSource": {"table": "t"}}, "unknown member '\"table\"'", "testSource.table"),
        ({"test": None, "testSource": {"limit": -1}}, "'limit' is a whole number", "testSource.limit"),
        ({"test": None, "testSource": {"from": 1}}, "'from' is the name of a table", "testSource.from"),
        ({"test": None, "testSource": {"select": 1}}, "select takes names", "testSource.select"),
    ],
)
def test_what_is_no_evaluation_is_refused(body: dict[str, JsonValue], told: str, place: str) -> None:
    refused = refusal_of("_evaluate", {"evaluate": {"from": "t", "predict": "x"}, **TEST, **body})
    assert told in refused.message
    assert refused.message.endswith(f"(at {place})")
