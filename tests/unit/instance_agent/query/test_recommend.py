"""Recommendations: what a hit is, which candidates there are, whose probabilities these are, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from instance_agent.engine.maintenance import optimize
from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import hits_of, number
from tests.unit.instance_agent.query.layouts import laid_out
from tests.unit.instance_agent.query.recommending import (
    KINDS,
    Row,
    Tables,
    names_of_leaves,
    product_of_leaves,
    recommended,
    shop_tables,
    view_of,
)

TABLES = shop_tables(1)
VIEW = view_of(TABLES)
VIEWS = TABLES["views"][1]


def chances(view: ReadView = VIEW, **body: JsonValue) -> dict[str, float]:
    """Probability by product."""
    hits = hits_of(recommended(view, select=["id", "$p"], **body))
    return {str(hit["id"]): number(hit["$p"]) for hit in hits}


def refusal(**body: JsonValue) -> str:
    with pytest.raises(AgentError) as refused:
        recommended(VIEW, **body)
    assert refused.value.status == 400
    return refused.value.message


def test_a_hit_is_the_probability_and_the_linked_row() -> None:
    page = recommended(VIEW, limit=3)
    assert page["total"] == 24
    for hit in hits_of(page):
        assert next(iter(hit)) == "$p"
        assert set(hit) <= {"$p", *TABLES["products"][0]}
        assert list(hit)[1:] == sorted(list(hit)[1:])


def test_a_hit_of_a_plain_column_has_field_and_feature() -> None:
    hits = hits_of(recommended(VIEW, recommend="rating"))
    assert {json.dumps(list(hit)) for hit in hits} == {'["$p", "field", "feature"]'}
    assert sorted(number(hit["feature"]) for hit in hits) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("target", "features"),
    [
        ("note", {"great", "stuff", "never", "again", "a", "product"}),
        ("product.kind", {*KINDS, "copy"} - {"copy"}),
        ("customer.tags", {"likes 0", "likes 1", "likes 2"}),
        ("product.maker.country", {"fi", "se"}),
    ],
)
def test_values_and_features_behind_links_can_be_recommended(target: str, features: set[str]) -> None:
    assert {hit["feature"] for hit in hits_of(recommended(VIEW, recommend=target))} == features


def test_arrays_of_links_recommend_rows() -> None:
    hits = hits_of(recommended(VIEW, recommend="basket", goal={"rating": 5}, select=["id", "$p"]))
    assert len(hits) == 24


def test_hits_come_by_probability_ties_in_table_order() -> None:
    found = list(chances().values())
    assert found == sorted(found, reverse=True)
    same = hits_of(
        recommended(VIEW, goal={"rating": 1}, basedOn=[], where={"product.id": {"$or": ["p21", "p22", "p23"]}})
    )
    assert [hit["id"] for hit in same] == ["p21", "p22", "p23"]
    assert len({number(hit["$p"]) for hit in same}) == 1


def test_pages_tile() -> None:
    whole = hits_of(recommended(VIEW))
    parts = [hits_of(recommended(VIEW, offset=offset, limit=7)) for offset in (0, 7, 14, 21, 28)]
    assert [hit for part in parts for hit in part] == whole
    assert recommended(VIEW, limit=0) == {"offset": 0, "total": 24, "hits": []}


def test_a_condition_on_the_candidate_restricts_and_changes_no_probability() -> None:
    all_of_them = chances()
    kept = chances(where={"product.id": {"$and": [{"$not": "p3"}, {"$not": "p5"}]}})
    assert kept == {product: p for product, p in all_of_them.items() if product not in ("p3", "p5")}
    assert set(chances(where={"product.name": {"$match": "no 7"}})) == {"p7"}
    assert set(chances(where={"product.maker.country": "fi"})) == {
        f"p{n}" for n in range(24) if n % 5 in (0, 2) and n != 4
    }


def test_where_is_evidence_and_every_customer_gets_an_order_of_their_own() -> None:
    for customer in range(6):
        best = list(chances(where={"customer": f"c{customer}"}))[:4]
        assert {int(product[1:]) % 3 for product in best} == {customer % 3}


def test_a_product_that_was_never_seen_is_like_its_like() -> None:
    told = chances(where={"customer": "c1"})
    assert min(told["p22"], told["p19"]) > 1.5 * max(told["p21"], told["p23"])
    without = chances(where={"customer": "c1"}, basedOn=[])
    assert without["p21"] == without["p22"] == without["p23"]
    by_tags = chances(where={"customer": "c1"}, basedOn=["tags"])
    assert by_tags["p22"] > 1.5 * by_tags["p21"]


def test_properties_may_be_behind_further_links_and_conditions() -> None:
    told = chances(basedOn=["maker.country", {"price": {"$gt": 5}}, {"kind": "milk"}])
    assert len({told[product] for product in ("p21", "p22", "p23")}) > 1


def test_a_customers_key_alone_says_less_than_the_link() -> None:
    """A customer seen but little is known by what others like them did."""
    seen: Row = {"customer": "new", "product": "p1", "bought": False}
    rows: list[Row] = [*VIEWS, seen, seen]
    customers: list[Row] = [*TABLES["customers"][1], {"id": "new", "tags": ["likes 2"]}]
    of_views, of_customers = TABLES["views"][0], TABLES["customers"][0]
    tables: Tables = {**TABLES, "views": (of_views, rows), "customers": (of_customers, customers)}
    view = view_of(tables)
    by_link, by_key = chances(view, where={"customer": "new"}), chances(view, where={"customer.id": "new"})
    liked = [f"p{n}" for n in range(24) if n % 3 == 2]
    others = [product for product in by_link if product not in liked]

    def preference(told: Mapping[str, float]) -> float:
        return float(np.mean([told[one] for one in liked]) / np.mean([told[one] for one in others]))

    assert preference(by_link) > 2 * preference(by_key)


def test_evidence_that_says_nothing_changes_nothing() -> None:
    silent: list[JsonValue] = [{}, {"customer": "nobody"}, {"note": "unheard"}, {"customer.id": "nobody"}]
    for where in silent:
        assert chances(where=where) == chances()


@pytest.mark.parametrize(
    "goal",
    [
        {"bought": False},
        {"rating": {"$gte": 4}},
        {"customer": "c1"},
        {"customer.tags": "likes 1"},
        {"bought": True, "rating": 5},
        {"$or": [{"bought": True}, {"rating": 5}]},
        {"$not": {"bought": True}},
        {"$context": {"bought": True}},
        {"note": "great"},
        {"bought": None},
        {"$and": []},
        {"$or": []},
        {"product.kind": "milk"},
    ],
)
@pytest.mark.parametrize("where", [{}, {"customer": "c1"}, {"note": "a great day", "rating": 5}, {"bought": True}])
def test_any_goal_has_probabilities_and_reasons_that_multiply_up(goal: JsonValue, where: JsonValue) -> None:
    hits = hits_of(recommended(VIEW, goal=goal, where=where, select=["$p", "$lift", "$score", "$why"]))
    assert len(hits) == 24
    for hit in hits:
        assert 0 < number(hit["$p"]) < 1
        assert hit["$score"] == hit["$p"]
        assert product_of_leaves(hit["$why"]) == pytest.approx(number(hit["$p"]), rel=1e-12)
        assert base_of(hit["$why"]) * number(hit["$lift"]) == pytest.approx(number(hit["$p"]), rel=1e-12)


def base_of(tree: JsonValue) -> float:
    assert isinstance(tree, dict)
    factors = tree["factors"]
    assert isinstance(factors, list)
    first = factors[0]
    assert isinstance(first, dict)
    assert first["type"] == "baseP"
    return number(first["value"])


def test_the_base_rate_is_that_of_the_goal_among_rows_with_a_product() -> None:
    known = {row["id"] for row in TABLES["products"][1]}
    rows = [row for row in VIEWS if row.get("product") in known]
    bought = sum(row.get("bought") is True for row in rows)
    tree = hits_of(recommended(VIEW, limit=1, select=["$why"]))[0]["$why"]
    assert base_of(tree) == pytest.approx((bought + 1) / (len(rows) + 2), abs=1e-15)


def test_the_reasons_name_the_evidence_the_properties_and_the_product() -> None:
    tree = hits_of(recommended(VIEW, where={"customer": "c1"}, limit=1, select=["$why"]))[0]["$why"]
    assert names_of_leaves(tree) == {
        "product",
        "baseP",
        "normalizer",
        "relatedPropositionLift",
        "hitPropositionLift",
        "baseLift",
    }
    text = json.dumps(tree)
    assert '{"customer.tags": {"$has": "likes 1"}}' in text
    assert '{"customer": {"$has": "c1"}}' in text
    assert '{"product.kind": {"$has": "fruit"}}' in text
    assert '{"product": {"$has": "p' in text


@pytest.mark.parametrize(
    "goal",
    [
        "price",
        "$p",
        "$f",
        {"$p": {"$context": {"bought": True}}},
        {"$multiply": ["price", {"$p": {"$context": {"bought": True}}}]},
        {"$sum": {"$context": "rating"}},
        {"$subtract": [0, "price"]},
        2.0,
    ],
)
def test_a_score_can_be_maximised(goal: JsonValue) -> None:
    where: JsonValue = {"customer": "c1"}
    page = recommended(VIEW, goal=goal, where=where)
    hits = hits_of(page)
    assert page["total"] == len(hits) == 24
    assert all(next(iter(hit)) == "$score" for hit in hits if "$score" in hit)
    scores = [number(hit["$score"]) for hit in hits if "$score" in hit]
    assert len(scores) >= 23
    assert scores == sorted(scores, reverse=True)
    parts = [
        hits_of(recommended(VIEW, goal=goal, where={"customer": "c1"}, offset=at, limit=7)) for at in (0, 7, 14, 21)
    ]
    assert [hit for part in parts for hit in part] == hits


def test_the_goals_probability_as_a_score_is_that_of_the_goal() -> None:
    score = recommended(
        VIEW, goal={"$p": {"$context": {"bought": True}}}, where={"customer": "c1"}, select=["id", "$score"]
    )
    goal = recommended(VIEW, where={"customer": "c1"}, select=["id", "$score"])
    assert score == goal


def test_only_the_population_is_learned_from() -> None:
    inside: JsonValue = {"from": "views", "where": {"customer": {"$or": ["c0", "c3"]}}}
    hits = hits_of(recommended(VIEW, **{"from": inside}))
    columns, rows = TABLES["views"]
    cut: Tables = {**TABLES, "views": (columns, [row for row in rows if row.get("customer") in ("c0", "c3")])}
    assert hits == hits_of(recommended(view_of(cut)))


def test_select_takes_columns_of_the_row_and_refuses_what_is_none() -> None:
    hit = hits_of(recommended(VIEW, limit=1, select=["name", "maker.country", "$p", "$value", "$rank"]))[0]
    assert list(hit) == ["name", "maker.country", "$p", "$value", "$rank"]
    assert refusal(select=["feature"]).startswith("field 'feature' not found")
    assert refusal(select=["nowhere"]).startswith("field 'nowhere' not found")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"recommend": "nothing"}, "field 'nothing' not found"),
        ({"recommend": "product.nothing"}, "field 'product.nothing' not found"),
        ({"recommend": "bought.x"}, "field 'bought.x' not found"),
        ({"goal": {"nothing": 1}}, "field 'nothing' not found"),
        ({"goal": {"bought": "yes"}}, "cannot be"),
        ({"goal": {"customer.x": 1}}, "field 'customer.x' not found"),
        ({"where": {"nothing": 1}}, "field 'nothing' not found"),
        ({"where": {"$or": [{"product.kind": "milk"}, {"rating": 1}]}}, "can't share"),
        ({"basedOn": ["nothing"]}, "field 'nothing' not found"),
        ({"basedOn": ["kind.x"]}, "not found"),
        ({"from": "nowhere"}, "nowhere"),
    ],
)
def test_what_does_not_fit_is_refused(body: dict[str, JsonValue], said: str) -> None:
    assert said in refusal(**body)


def test_tables_without_rows_have_no_hits_or_nothing_to_say() -> None:
    def only(*names: str) -> ReadView:
        return view_of({name: (columns, rows if name in names else []) for name, (columns, rows) in TABLES.items()})

    assert recommended(only("views"))["total"] == 0
    unseen = hits_of(recommended(only("products", "customers"), where={"customer": "c1"}, select=["$p", "$why"]))
    assert {number(hit["$p"]) for hit in unseen} == {0.5}
    assert recommended(only(), recommend="rating")["hits"] == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_layout_of_the_rows_changes_a_byte(tmp_path: Path, seed: int) -> None:
    tables = shop_tables(seed, views=120)
    one = laid_out(tmp_path / "one", tables, None)
    many = laid_out(tmp_path / "many", tables, seed)
    before = answers(many.read_view())
    assert answers(one.read_view()) == before
    for table in tables:
        optimize(many, table)
    assert answers(many.read_view()) == before


def test_a_row_more_is_as_though_it_had_always_been_there(tmp_path: Path) -> None:
    tables = shop_tables(5, views=100)
    columns, rows = tables["views"]
    grown = laid_out(tmp_path / "grown", {**tables, "views": (columns, rows[:-1])}, 1)
    answers(grown.read_view())
    late: Row = {"id": "late", "kind": "milk", "tags": ["milk"]}
    grown.insert_rows("views", [rows[-1]])
    grown.insert_rows("products", [late])
    of_products, products = tables["products"]
    fresh = laid_out(tmp_path / "fresh", {**tables, "products": (of_products, [*products, late])}, None)
    assert answers(grown.read_view()) == answers(fresh.read_view())


def answers(view: ReadView) -> str:
    """Some of everything, twice, as bytes."""
    asked: list[dict[str, JsonValue]] = [
        {},
        {"where": {"customer": "c1", "note": "great", "rating": 5}, "select": ["$p", "id", "$why"]},
        {"goal": {"customer.tags": "likes 1"}, "basedOn": ["tags", "price", "maker.country"]},
        {"recommend": "note", "where": {"customer.age": 23}},
        {"recommend": "basket", "goal": {"rating": {"$gt": 3}}, "where": {"basket.kind": "milk", "bought": True}},
        {"from": {"from": "views", "where": {"rating": {"$gt": 1}}, "limit": 70}, "where": {"customer": "c2"}},
    ]
    return json.dumps([recommended(view, **body) for body in (*asked, *asked)])
