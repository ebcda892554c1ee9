"""The bodies of all queries: what they become, which endpoint takes which, and what is refused where."""

from __future__ import annotations

import pytest

from instance_agent.query.language import queries
from instance_agent.query.language.grammar import PARSERS, parse_batch, parse_query, parse_search
from instance_agent.query.language.propositions import (
    EVERYTHING,
    Equals,
    Exists,
    FeaturesOf,
    FieldTest,
    Match,
    Proposition,
)
from instance_agent.query.language.queries import (
    Aggregate,
    Aggregation,
    Estimate,
    Narrowed,
    Predict,
    Query,
    Recommend,
    Relate,
    Search,
    Similarity,
    Slice,
    Sorting,
    Table,
)
from instance_agent.query.language.scores import (
    Arithmetic,
    Constant,
    FieldValue,
    Likeness,
    Name,
    Operation,
    Own,
    OwnScore,
    Projection,
    SortKey,
    Statistic,
)
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.trees import refusal_of, unplaced

T = Table("t")
F: Proposition = FieldTest(("f",), Equals("a"), "")
F_JSON: JsonValue = {"f": "a"}
ALL_X = FeaturesOf(("x",), "")
SELECTED = (Projection("$p", Name("$p"), ""),)
X = FieldValue(("x",), "")

COMMON: dict[str, JsonValue] = {"where": F_JSON, "select": "$p", "offset": 2, "limit": 0}
CUT = Slice(2, 0)

BODIES: list[tuple[str, dict[str, JsonValue], Query]] = [
    ("_search", {}, Search(T)),
    ("_search", COMMON, Search(T, F, None, (), SELECTED, CUT)),
    ("_search", {"orderBy": "x"}, Search(T, order=(SortKey(X, True, ""),))),
    ("_query", {"get": "l.x", **COMMON}, Search(T, F, ("l", "x"), (), SELECTED, CUT)),
    ("_query", {"get": "x.$feature", "orderBy": {"$asc": 1}},
     Search(T, get=("x", "$feature"), order=(SortKey(Constant(1.0), False, ""),))),
    ("_query", {"get": "x", "similarity": F_JSON},
     Search(T, get=("x",), order=(SortKey(Likeness(F, False, ""), True, ""),))),
    ("_predict", {"predict": "x"}, Predict(T, (("x",),))),
    ("_predict", {"predict": "l.x.$feature", "exclusiveness": False, "basedOn": [], **COMMON},
     Predict(T, (("l", "x", "$feature"),), F, (), False, SELECTED, CUT)),
    ("_predict", {"predict": F_JSON, "exclusiveness": True, "basedOn": "x"}, Predict(T, (F,), based_on=(ALL_X,))),
    ("_predict", {"predict": ["x", F_JSON]}, Predict(T, (("x",), F))),
    ("_match", {"match": "x", **COMMON}, queries.Match(T, ("x",), F, None, SELECTED, CUT)),
    ("_match", {"match": "l.x.$feature", "basedOn": ["x", F_JSON]},
     queries.Match(T, ("l", "x", "$feature"), based_on=(ALL_X, F))),
    ("_recommend", {"recommend": "x", "goal": F_JSON, **COMMON}, Recommend(T, ("x",), F, F, None, SELECTED, CUT)),
    ("_recommend", {"recommend": "x", "goal": "$lift", "basedOn": []},
     Recommend(T, ("x",), OwnScore(Own.LIFT, ""), based_on=())),
    ("_relate", {"relate": "x"}, Relate(T, (ALL_X,))),
    ("_relate", {"relate": ["x", F_JSON], "where": {}}, Relate(T, (ALL_X, F))),
    ("_relate", {"relate": F_JSON, "where": {"$exists": "x"}, "select": ["lift", "fs"], "offset": 2, "limit": 0},
     Relate(T, (F,), Exists((("x",),), ""), (), ("lift", "fs"), CUT)),
    ("_relate", {"relate": "x", "orderBy": ["lift", {"$asc": "info.miTrue"}, {"$desc": "relation.mi"}]},
     Relate(T, (ALL_X,), order=(("lift", Sorting.DESCENDING), ("info.miTrue", Sorting.ASCENDING),
                                ("relation.mi", Sorting.DESCENDING)))),
    ("_relate", {"relate": "x", "orderBy": {"field": "fs.n", "desc": False}, "select": "related"},
     Relate(T, (ALL_X,), order=(("fs.n", Sorting.ASCENDING),), select=("related",))),
    ("_similarity", {"similarity": F_JSON, **COMMON}, Similarity(T, F, F, SELECTED, CUT)),
    ("_similarity", {"similarity": {}}, Similarity(T, EVERYTHING)),
    ("_estimate", {"estimate": "l.x", "where": F_JSON, "basedOn": "x", "model": "regression", "select": ["why"]},
     Estimate(T, ("l", "x"), F, True, (ALL_X,), ("why",))),
    ("_estimate", {"estimate": "x", "select": "estimate"}, Estimate(T, ("x",), select=("estimate",))),
    ("_aggregate", {"aggregate": "l.x.$mean", "where": F_JSON, "select": "l.x.$mean"},
     Aggregate(T, (Aggregation("l.x.$mean", Statistic.MEAN, FieldValue(("l", "x"), ""), ""),), F, ("l.x.$mean",))),
    ("_aggregate", {"aggregate": ["$f", {"n": {"$f": F_JSON}}, {"$sum": "x", }, {"a": "x.$min", "b": {"$max": 2}}]},
     Aggregate(T, (Aggregation("$f", None, EVERYTHING, ""), Aggregation("n", None, F, ""),
                   Aggregation("$sum", Statistic.SUM, X, ""), Aggregation("a", Statistic.MIN, X, ""),
                   Aggregation("b", Statistic.MAX, Constant(2.0), "")))),
    ("_aggregate", {"aggregate": [{"$f": {"$context": F_JSON}}, {"$mean": {"$context": "x"}}]},
     Aggregate(T, (Aggregation("$f", None, F, ""), Aggregation("$mean", Statistic.MEAN, X, "")))),
    ("_aggregate", {"aggregate": {"$mean": {"$multiply": ["x", 2]}}},
     Aggregate(T, (Aggregation("$mean", Statistic.MEAN, Arithmetic(Operation.MULTIPLY, (X, Constant(2.0)), ""), ""),))),
]  # fmt: skip

MEMBERS = (
    "where",
    "orderBy",
    "select",
    "offset",
    "limit",
    "get",
    "basedOn",
    "exclusiveness",
    "model",
    "goal",
    "evaluate",
)


@pytest.mark.parametrize(("endpoint", "members", "query"), BODIES)
def test_what_each_body_becomes(endpoint: str, members: dict[str, JsonValue], query: Query) -> None:
    body: JsonValue = {"from": "t", **members}
    assert unplaced(PARSERS[endpoint](body)) == query
    assert unplaced(parse_query(body)) == query
    assert unplaced(parse_batch([body, {"from": "t"}])) == (query, Search(T))


@pytest.mark.parametrize(("endpoint", "members", "query"), BODIES)
def test_null_stands_for_an_absent_member(endpoint: str, members: dict[str, JsonValue], query: Query) -> None:
    body: JsonValue = {"from": "t", **dict.fromkeys(MEMBERS), **members}
    assert unplaced(PARSERS[endpoint](body)) == unplaced(parse_query(body)) == query


def test_from_is_nested() -> None:
    source: JsonValue = {"from": {"from": "t", "where": None, "limit": 5}, "where": {"f": {"$match": "a"}}}
    query = parse_search({"from": source})
    inner = Narrowed(T, EVERYTHING, 5, "from.from")
    assert query.source == Narrowed(inner, FieldTest(("f",), Match("a"), "from.where.f.$match"), None, "from")


@pytest.mark.parametrize(
    ("endpoint", "body", "told"),
    [
        ("_search", {"predict": "x"}, "post a body with 'predict' to _predict (at predict)"),
        ("_search", {"match": "x"}, "post a body with 'match' to _match (at match)"),
        ("_search", {"recommend": "x", "goal": {}}, "post a body with 'recommend' to _recommend"),
        ("_search", {"relate": "x"}, "to _relate"),
        ("_search", {"similarity": {}}, "to _similarity"),
        ("_search", {"estimate": "x"}, "to _estimate"),
        ("_search", {"aggregate": "$f"}, "to _aggregate"),
        ("_search", {"evaluate": {}}, "to _evaluate"),
        ("_search", {"get": "x"}, "post a body with 'get' to _query (at get)"),
        ("_predict", {}, "'predict' is required: the field to predict; a body without it is posted to _query"),
        ("_predict", {"predict": None}, "'predict' is required"),
        ("_predict", {"match": "x"}, "'predict' is required: the field to predict; post a body with 'match' to _match"),
        ("_match", {"predict": "x"}, "post a body with 'predict' to _predict"),
        ("_recommend", {"match": "x"}, "post a body with 'match' to _match"),
        ("_relate", {"predict": "x"}, "post a body with 'predict' to _predict"),
        ("_similarity", {"relate": "x"}, "post a body with 'relate' to _relate"),
        ("_similarity", {"similarity": {}, "get": "x"}, "'get' is not supported in a query with 'similarity'"),
        ("_estimate", {"aggregate": "$f"}, "post a body with 'aggregate' to _aggregate"),
        ("_aggregate", {"estimate": "x"}, "post a body with 'estimate' to _estimate"),
        ("_evaluate", {"predict": "x"}, "'evaluate' is required: the query to evaluate; post a body with 'predict'"),
        ("_query", {"predict": "x", "match": "x"}, "one operation, and this has predict and match (at match)"),
        ("_query", {"predict": "x", "get": "x"}, "'get' is not supported in a query with 'predict'"),
        ("_predict", {"predict": "x", "goal": {}}, "'goal' is not supported in a query with 'predict'; a query with"),
        ("_match", {"match": "x", "exclusiveness": True}, "'exclusiveness' is not supported in a query with 'match'"),
        ("_estimate", {"estimate": "x", "limit": 1}, "'limit' is not supported in a query with 'estimate'"),
        ("_query", {"get": "x", "similarity": {}, "orderBy": "x"}, "'orderBy' is not supported in a query with 'get'"),
        ("_query", {"goal": {}}, "'goal' is not supported in a query; a query may have from, where, get"),
        ("_search", {"config": {}}, "unknown member '\"config\"'; a search may have from, where, orderBy"),
        ("_relate", {"relate": "x", "basedOn": []}, "'basedOn' is not supported in a query with 'relate'"),
    ],
)
def test_other_endpoints_are_named_where_a_body_is_for_them(
    endpoint: str, body: dict[str, JsonValue], told: str
) -> None:
    refused = refusal_of(endpoint, {"from": "t", **body})
    assert refused.code == "query_invalid"
    assert told in refused.message


@pytest.mark.parametrize("endpoint", [*PARSERS])
def test_what_is_no_object_is_refused_everywhere(endpoint: str) -> None:
    bodies: list[JsonValue] = [None, True, 5, "t", [], [{"from": "t"}]]
    for body in bodies:
        refused = refusal_of(endpoint, body)
        assert "a query is an object like" in refused.message
        assert ("_batch" in refused.message) == isinstance(body, list)
        assert refused.message.endswith("(at the body)")


REFUSED: list[tuple[str, dict[str, JsonValue], str, str]] = [
    ("_search", {"from": None}, "'from' is required", "from"),
    ("_search", {"from": ["t"]}, "'from' is the name of a table", "from"),
    ("_search", {"from": {"from": "t", "orderBy": "x"}}, "unknown member '\"orderBy\"'", "from.orderBy"),
    ("_search", {"from": {"from": {"limit": 1}}}, "'from' is required", "from.from.from"),
    ("_search", {"from": {"from": "t", "limit": 1.0}}, "'limit' is a whole number from 0 up", "from.limit"),
    ("_search", {"from": {"from": "t", "where": 5}}, "a proposition is an object", "from.where"),
    ("_search", {"offset": -1}, "'offset' is a whole number from 0 up", "offset"),
    ("_search", {"limit": 2**63}, "'limit' is a whole number from 0 up", "limit"),
    ("_query", {"get": ["x"]}, "'get' is a field, not", "get"),
    ("_query", {"get": "$feature"}, "field '$feature' not found", "get"),
    ("_query", {"get": "x.$index"}, "field 'x.$index' not found", "get"),
    ("_query", {"get": "x", "similarity": "a"}, "a proposition is an object", "similarity"),
    ("_predict", {"predict": []}, "'predict' takes at least one field or proposition", "predict"),
    ("_predict", {"predict": 5}, "'predict' is a field, not '5'", "predict"),
    ("_predict", {"predict": ["x", ["y"]]}, "'predict' is a field", "predict[1]"),
    ("_predict", {"predict": "x." * 16}, "at most 16 segments", "predict"),
    ("_predict", {"predict": "x.$feature.y"}, "field 'x.$feature.y' not found", "predict"),
    ("_predict", {"predict": {}}, "a proposition to predict is about a field", "predict"),
    ("_predict", {"predict": ["x", {"f": {"$and": []}}]}, "a proposition to predict is about a field", "predict[1]"),
    ("_predict", {"predict": {"x": {"$y": 1}}}, "unknown operator", "predict.x.$y"),
    ("_predict", {"predict": "x", "exclusiveness": "no"}, "'exclusiveness' is true or false", "exclusiveness"),
    ("_predict", {"predict": "x", "basedOn": 5}, "'basedOn' takes fields and propositions", "basedOn"),
    ("_predict", {"predict": "x", "basedOn": ["y", None]}, "'basedOn' takes fields and propositions", "basedOn[1]"),
    ("_match", {"match": {"x": 1}}, "'match' is a field", "match"),
    ("_recommend", {"recommend": "x"}, "'goal' is required", "goal"),
    ("_recommend", {"recommend": ["x"], "goal": {}}, "'recommend' is a field", "recommend"),
    ("_relate", {"relate": []}, "'relate' takes at least one", "relate"),
    ("_relate", {"relate": True}, "'relate' takes fields and propositions", "relate"),
    ("_relate", {"relate": "x", "orderBy": "total"}, "field 'total' not found; there are lift, fs.f", "orderBy"),
    ("_relate", {"relate": "x", "orderBy": {"$asc": "fs"}}, "field 'fs' not found; there are", "orderBy.$asc"),
    ("_relate", {"relate": "x", "orderBy": {"$p": "x"}}, "relations are ordered by lift, fs.f", "orderBy"),
    ("_relate", {"relate": "x", "orderBy": ["lift", 5]}, "relations are ordered by", "orderBy[1]"),
    ("_relate", {"relate": "x", "select": "n"}, "field 'n' not found; there are related, condition", "select"),
    ("_relate", {"relate": "x", "select": [{"a": "lift"}]}, "select takes names", "select[0]"),
    ("_similarity", {"similarity": "text"}, "a proposition is an object", "similarity"),
    ("_estimate", {"estimate": "x.$feature"}, "field 'x.$feature' not found", "estimate"),
    ("_estimate", {"estimate": ["x"]}, "'estimate' is a field", "estimate"),
    ("_estimate", {"estimate": "x", "model": "forest"}, "'model' is \"regression\"", "model"),
    ("_estimate", {"estimate": "x", "model": True}, "'model' is \"regression\"", "model"),
    ("_estimate", {"estimate": "x", "select": ["$why"]}, "field '$why' not found; there are estimate", "select[0]"),
    ("_aggregate", {"aggregate": []}, "'aggregate' takes a form like", "aggregate"),
    ("_aggregate", {"aggregate": "x"}, "'aggregate' takes a form like", "aggregate"),
    ("_aggregate", {"aggregate": "$mean"}, "'aggregate' takes a form like", "aggregate"),
    ("_aggregate", {"aggregate": "x.$median"}, "'aggregate' takes a form like", "aggregate"),
    ("_aggregate", {"aggregate": ["$f", 5]}, "'aggregate' takes a form like", "aggregate[1]"),
    ("_aggregate", {"aggregate": {}}, "'aggregate' takes a form like", "aggregate"),
    ("_aggregate", {"aggregate": [["$f"]]}, "'aggregate' takes a form like", "aggregate[0]"),
    ("_aggregate", {"aggregate": {"$f": {}, "$sum": "x"}}, "'aggregate' takes a form like", "aggregate"),
    ("_aggregate", {"aggregate": {"a": {"b": "$f"}}}, "unknown aggregate '\"b\"'; known here: $f", "aggregate.a.b"),
    ("_aggregate", {"aggregate": {"$p": "x"}}, "unknown aggregate '\"$p\"'", "aggregate.$p"),
    ("_aggregate", {"aggregate": {"$f": "x"}}, "a proposition is an object", "aggregate.$f"),
    ("_aggregate", {"aggregate": {"$sum": ["x"]}}, "a score is a number", "aggregate.$sum"),
    ("_aggregate", {"aggregate": {"$sum": {"$context": []}}}, "a score is a number", "aggregate.$sum.$context"),
    ("_aggregate", {"aggregate": ["$f", {"$f": {}}]}, "two results are called '\"$f\"'", "aggregate"),
    ("_aggregate", {"aggregate": "x." * 17 + "$sum"}, "at most 16 segments", "aggregate"),
    ("_aggregate", {"aggregate": "$f", "select": [1]}, "select takes names", "select[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "members", "told", "place"), REFUSED)
def test_what_is_refused_and_where(endpoint: str, members: dict[str, JsonValue], told: str, place: str) -> None:
    refused = refusal_of(endpoint, {"from": "t", **members})
    assert told in refused.message
    if place not in ("select", "orderBy") or not told.startswith("field "):  # the text itself tells these
        assert refused.message.endswith(f"(at {place})")
    assert refused.code == ("field_not_found" if told.startswith("field ") else "query_invalid")
    in_batch = refusal_of("_batch", [{"from": "t"}, {"from": "t", **members}])
    if endpoint != "_search" or "get" not in members:
        assert in_batch.message.endswith(f"(at [1].{place})")


def test_a_batch_is_a_list_of_at_most_1000() -> None:
    one: JsonValue = {"from": "t"}
    assert parse_batch([]) == ()
    assert len(parse_batch([one] * 1000)) == 1000
    assert "at most 1000 queries, and this has 1001" in refusal_of("_batch", [one] * 1001).message
    assert "a batch is a list of queries" in refusal_of("_batch", one).message
    assert "(at [1])" in refusal_of("_batch", [one, [one]]).message
    assert "(at [0].hello)" in refusal_of("_batch", [{"from": "t", "hello": 1}]).message
    assert "at most 20000 values" in refusal_of("_batch", [one, {"from": "t", "select": ["x"] * 20_000}]).message


def test_nesting_of_sources_is_bounded() -> None:
    def nested(levels: int) -> JsonValue:
        source: JsonValue = "t"
        for _ in range(levels):
            source = {"from": source}
        return source

    parse_search({"from": nested(60)})
    for levels in (64, 500, 15_000):
        assert "nested deeper" in refusal_of("_search", {"from": nested(levels)}).message
