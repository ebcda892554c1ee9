"""`_query` with `get`: which hits there are, how they look, in what order; the same in every layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.query.answer import answer
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import ask, hits_of, make_view
from tests.unit.instance_agent.query.layouts import Tables, laid_out
from tests.unit.instance_agent.query.scoring.store import (
    MAKER_ROWS,
    MAKERS,
    PRODUCT_ROWS,
    PRODUCTS,
    STORE,
    VIEW_ROWS,
    VIEWS,
    query,
)


def got(path: str, **body: JsonValue) -> list[JsonValue]:
    hits = query("views", get=path, select="$value", **body)
    return [hit["$value"] for hit in hits]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("week", [1, 2, 3]),
        ("bought", [False, True]),
        ("paid", [-1.0, 1.5, 2.5]),
        ("user", ["x", "y"]),
        ("query", ["apple pie", "apples", "bread", "red"]),
        ("query.$feature", ["appl", "bread", "pie", "red"]),
        ("product", ["a", "b", "c", "d"]),
        ("product.$feature", ["a", "b", "c", "nowhere"]),
        ("product.price", [1.5, 2.0]),
        ("product.tags.$feature", ["fruit", "red"]),
        ("product.name", ["Red apples", "Rye bread", "green apple"]),
        ("product.maker", ["m", "n", "o"]),
        ("product.maker.town", ["Oulu", "Turku"]),
        ("basket", ["a", "b", "c", "d"]),
        ("basket.$feature", ["a", "b", "c", "nowhere"]),
        ("basket.tags", ["fruit", "red"]),
        ("basket.price", [1.5, 2.0]),
    ],
)
def test_hits_are_the_distinct_values_ascending(path: str, values: list[JsonValue]) -> None:
    assert got(path) == values
    tiled = [value for at in range(len(values)) for value in got(path, offset=at, limit=1)]
    assert tiled == values
    assert ask(STORE, "_query", from_="views", get=path, limit=0) == {"offset": 0, "total": len(values), "hits": []}


def test_arrays_without_feature_are_whole_values() -> None:
    assert [hit["$value"] for hit in query("products", get="tags", select="$value")] == [
        ["fruit", "red"],
        ["fruit"],
        [],
    ]


def test_where_is_about_the_rows_but_restricts_where_it_is_about_the_hits() -> None:
    assert got("product", where={"user": "x"}) == ["a", "b", "c", "d"]
    assert got("product", where={"product.name": {"$match": "apple"}, "user": "x"}) == ["a", "b"]
    assert got("product", where={"product": {"$not": "a"}}) == ["b", "c", "d"]
    assert got("product", where={"product.tags": "red"}) == ["a"]
    assert got("product", where={"product.maker.town": {"$defined": True}}) == ["a", "b"]
    assert got("week", where={"week": {"$gte": 2}}) == [2, 3]
    assert got("query", where={"query": {"$startsWith": "app"}}) == ["apple pie", "apples"]
    assert got("query.$feature", where={"query": {"$match": "apples"}}) == ["appl"]
    assert got("basket", where={"basket.price": {"$gt": 1.5}}) == ["b"]


def test_a_narrowed_from_has_only_its_own_values() -> None:
    cut: JsonValue = {"from": "views", "where": {"user": "x"}}
    hits = hits_of(ask(STORE, "_query", from_=cut, get="week", select=["$value", "$f"]))
    assert hits == [{"$value": 1, "$f": 1}, {"$value": 2, "$f": 2}]
    hits = hits_of(ask(STORE, "_query", from_=cut, get="query", select=["$value"]))
    assert hits == [{"$value": "apple pie"}, {"$value": "apples"}]
    hits = hits_of(ask(STORE, "_query", from_={"from": "views", "limit": 0}, get="query", select=["$value"]))
    assert hits == []


def test_the_hit_of_a_link_is_its_row() -> None:
    hits = query("views", get="product")
    assert hits == [dict(sorted(row.items())) for row in PRODUCT_ROWS]
    assert [list(hit) for hit in hits] == [sorted(row) for row in PRODUCT_ROWS]
    (best, *_) = query("views", get="product", orderBy="price")
    assert list(best)[:2] == ["$sort", "id"]


def test_the_hit_of_a_value_is_its_score_and_the_value() -> None:
    hits = query("views", get="week", orderBy={"$f": {"$context": {"bought": True}}})
    assert [list(hit.items()) for hit in hits] == [
        [("$score", 2), ("field", "week"), ("feature", 1)],
        [("$score", 2), ("field", "week"), ("feature", 2)],
        [("$score", 0), ("field", "week"), ("feature", 3)],
    ]
    hits = query("views", get="product.tags.$feature")
    assert [(list(hit), hit["field"]) for hit in hits] == [(["$p", "field", "feature"], "product.tags")] * 2


def test_selected_members_are_exactly_these() -> None:
    select: JsonValue = [
        "$value",
        "maker.town",
        {"n": "name", "hits": "$f"},
        "$index",
        "$proposition",
        "field",
        "feature",
    ]
    (hit, *_) = query("views", get="product", select=select)
    assert list(hit.items()) == [
        ("$value", "a"),
        ("maker.town", "Turku"),
        ("n", "Red apples"),
        ("hits", 2),
        ("$index", 0),
        ("$proposition", {"product": {"$has": "a"}}),
        ("field", "product"),
        ("feature", "a"),
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"get": "nothing"}, "field 'nothing' not found"),
        ({"get": "product.nothing"}, "field 'product.nothing' not found"),
        ({"get": "week.price"}, "field 'week.price' not found"),
        ({"get": "product", "select": ["week"]}, "field 'week' not found"),
        ({"get": "week", "select": ["$index"]}, "not found"),
        ({"get": "week", "where": {"nothing": 1}, "select": "$f"}, "field 'nothing' not found"),
        ({"get": "week", "where": {"$or": [{"week": 1}, {"user": "x"}]}}, "'week'"),
    ],
    ids=json.dumps,
)
def test_what_does_not_fit_is_refused(body: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(AgentError, match=message):
        query("views", **body)


def test_empty_tables_and_columns_of_nulls_have_no_hits() -> None:
    view = make_view({"views": (VIEWS, []), "products": (PRODUCTS, []), "makers": (MAKERS, [])})
    absent = make_view({"views": (VIEWS, [{"user": "x"}]), "products": (PRODUCTS, []), "makers": (MAKERS, [])})
    scores: list[JsonValue] = [
        {"$sum": {"$context": "paid"}},
        {"$p": {"$context": {"bought": True}}},
        {"$mean": {"$context": "paid"}},
        {"$normalize": "$f"},
        {"$decision": {"score": "$p"}},
        {"$impact": {"value": {"$context": "paid"}}},
        {"$analogy": {"with": "a", "basedOn": "user"}},
    ]
    for empty in (view, absent):
        for path in ("week", "product", "basket", "query", "query.$feature", "product.tags.$feature", "product.maker"):
            for score in scores:
                page = ask(empty, "_query", from_="views", get=path, orderBy=score, where={"user": "x"})
                assert page == {"offset": 0, "total": 0, "hits": []}
        assert hits_of(ask(empty, "_query", from_="products", orderBy={"$similarity": "apple"})) == []


QUESTIONS: list[dict[str, JsonValue]] = [
    {"from": "views", "get": "product", "select": ["$value", "$f", "$p", "$lift", "$rank", "$index", "tags"]},
    {"from": "views", "get": "week", "where": {"bought": True}, "select": ["$value", "$f", "$p"]},
    {"from": "views", "get": "basket", "orderBy": {"$sum": {"$context": "paid"}}, "select": ["$score", "$value"]},
    {"from": "views", "get": "query.$feature", "orderBy": "$p", "where": {"user": "x"}},
    {"from": "views", "get": "query", "orderBy": {"$similarity": "apple pie"}},
    {
        "from": "views",
        "get": "product",
        "orderBy": {"$decision": {"score": "$p", "seed": 4}},
        "select": ["id", "$score"],
    },
    {"from": "views", "get": "product", "orderBy": {"$p": {"$context": {"bought": True}}}, "select": ["id", "$why"]},
    {"from": "views", "get": "product", "select": [{"$analogy": {"with": "a", "basedOn": ["user", "tags", "week"]}}]},
    {"from": "views", "get": "product.maker", "orderBy": {"$lift": "town"}, "where": {"bought": True}},
    {
        "from": "views",
        "get": "product",
        "where": {"product.name": {"$match": "apple"}, "query": "apple", "user": "x"},
        "orderBy": {"$multiply": ["$similarity", {"$p": {"$context": {"bought": True}}}]},
        "select": ["id", "$score", "$highlight", "$matches", {"$why": {"highlight": {}}}, "$sameness"],
    },
    {"from": "products", "orderBy": {"$similarity": "rye bread"}, "select": ["id", "$score", "$why", "maker.town"]},
    {
        "from": "products",
        "orderBy": {"$decision": {"score": {"$p": "tags"}}},
        "select": ["id", {"$normalize": "price"}],
    },
    {"from": "views", "orderBy": [{"$asc": "product.maker.town"}, "paid"]},
    {
        "from": "views",
        "where": {"product.name": {"$match": "apple"}},
        "select": ["$index", "$similarity", "$highlight"],
    },
]


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> list[ReadView]:
    folder: Path = tmp_path_factory.mktemp("get")
    tables: Tables = {
        "makers": (MAKERS, MAKER_ROWS),
        "products": (PRODUCTS, PRODUCT_ROWS),
        "views": (VIEWS, VIEW_ROWS * 7),
    }
    databases = [laid_out(folder / str(seed), tables, seed) for seed in (None, 1, 2, 3)]
    rows = {name: (columns, [*rows]) for name, (columns, rows) in tables.items()}
    return [make_view(rows), *(database.read_view() for database in databases)]


@pytest.mark.parametrize("question", QUESTIONS, ids=json.dumps)
def test_answers_are_the_same_bytes_in_every_layout(views: list[ReadView], question: JsonValue) -> None:
    answers = {json.dumps(answer(view, "_query", question, 30.0)) for view in views}
    assert len(answers) == 1
    assert '"hits": [{' in answers.pop()


@pytest.mark.parametrize("question", QUESTIONS, ids=json.dumps)
def test_pages_tile_the_answer(views: list[ReadView], question: dict[str, JsonValue]) -> None:
    whole = hits_of(ask(views[1], "_query", from_=question["from"], **{**rest(question), "limit": 1000}))
    tiled = []
    for offset in range(0, len(whole) + 3, 3):
        body = {**rest(question), "offset": offset, "limit": 3}
        tiled += hits_of(ask(views[1], "_query", from_=question["from"], **body))
    assert tiled == whole


def rest(question: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: value for key, value in question.items() if key != "from"}
