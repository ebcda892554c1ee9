"""Matches: probabilities of values, features and linked rows, those never linked to among them, and why."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from instance_agent.engine.maintenance import optimize
from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import ask, hits_of, number
from tests.unit.instance_agent.query.layouts import laid_out
from tests.unit.instance_agent.query.recommending import (
    Row,
    Tables,
    matched,
    names_of_leaves,
    product_of_leaves,
    shop_tables,
    view_of,
)

TABLES = shop_tables(1)
BOUGHT: Tables = {
    **TABLES,
    "views": (TABLES["views"][0], [row for row in TABLES["views"][1] if row.get("bought") or row.get("rating") == 5]),
}
VIEW = view_of(BOUGHT)
VIEWS = BOUGHT["views"][1]


def chances(view: ReadView = VIEW, **body: JsonValue) -> dict[str, float]:
    """Probability by product."""
    hits = hits_of(matched(view, select=["id", "$p"], **body))
    return {str(hit["id"]): number(hit["$p"]) for hit in hits}


def refusal(**body: JsonValue) -> str:
    with pytest.raises(AgentError) as refused:
        matched(VIEW, **body)
    assert refused.value.status == 400
    return refused.value.message


def test_a_hit_is_the_probability_and_the_linked_row() -> None:
    page = matched(VIEW, limit=3)
    assert page["total"] == 24
    for hit in hits_of(page):
        assert next(iter(hit)) == "$p"
        assert set(hit) <= {"$p", *TABLES["products"][0]}
    assert refusal(select=["feature"]).startswith("field 'feature' not found")


@pytest.mark.parametrize("target", ["rating", "note", "customer.tags", "product.kind", "note.$feature", "bought"])
def test_values_and_features_are_matched_as_predicted(target: str) -> None:
    hits = hits_of(matched(VIEW, match=target, where={"customer": "c1"}))
    assert {json.dumps(list(hit)) for hit in hits} == {'["$p", "field", "feature"]'}
    assert sum(number(hit["$p"]) for hit in hits) == pytest.approx(1, abs=1e-9)
    predicted = ask(VIEW, "_predict", from_="views", predict=target, where={"customer": "c1"}, limit=1000)
    assert hits == hits_of(predicted)


def test_features_without_evidence_have_the_share_of_their_count() -> None:
    tags = {row["id"]: row["tags"] for row in TABLES["customers"][1]}
    counts = Counter(str(tag) for row in VIEWS if "customer" in row for tag in listed(tags[row["customer"]]))
    hits = hits_of(matched(VIEW, match="customer.tags.$feature", select=["feature", "$p", "$why"]))
    assert {str(hit["feature"]): hit["$p"] for hit in hits} == {
        tag: count / counts.total() for tag, count in counts.items()
    }
    assert all(product_of_leaves(hit["$why"]) == hit["$p"] for hit in hits)


def listed(value: JsonValue) -> list[JsonValue]:
    assert isinstance(value, list)
    return value


@pytest.mark.parametrize("where", [{}, {"customer": "c1"}, {"note": "a great day", "rating": 5}, {"bought": False}])
@pytest.mark.parametrize("match", ["product", "basket", "customer", "product.maker", "product.like"])
def test_probabilities_of_rows_sum_to_one_and_have_reasons(match: str, where: JsonValue) -> None:
    hits = hits_of(matched(VIEW, match=match, where=where, select=["$p", "$lift", "id", "$why"]))
    found = [number(hit["$p"]) for hit in hits]
    assert sum(found) == pytest.approx(1, abs=1e-9)
    assert found == sorted(found, reverse=True)
    for hit in hits:
        assert product_of_leaves(hit["$why"]) == pytest.approx(number(hit["$p"]), rel=1e-12)


def test_without_evidence_a_row_is_about_as_likely_as_it_was_linked_to() -> None:
    counts = Counter(str(row["product"]) for row in VIEWS if row.get("product") not in (None, "gone"))
    told = chances()
    for product, count in counts.items():
        assert told[product] == pytest.approx(count / counts.total(), abs=0.01)
    assert max(told[product] for product in ("p21", "p22", "p23")) < min(told[product] for product in counts)
    lifts = hits_of(matched(VIEW, select=["$lift"]))
    assert {hit["$lift"] for hit in lifts} == {1}


def test_evidence_finds_what_customers_like() -> None:
    for customer in range(6):
        of_kinds = [0.0, 0.0, 0.0]
        for product, chance in chances(where={"customer": f"c{customer}"}).items():
            of_kinds[int(product[1:]) % 3] += chance
        assert of_kinds[customer % 3] == max(of_kinds)


def test_evidence_moves_rows_never_linked_to_as_it_moves_their_like() -> None:
    told = chances(where={"customer": "c1"})
    assert told["p22"] > 1.5 * max(told["p21"], told["p23"])
    bare = chances(where={"customer": "c1"}, basedOn=[])
    assert bare["p21"] == bare["p22"] == bare["p23"]
    by_kind = chances(where={"customer": "c1"}, basedOn=["kind"])
    assert by_kind["p22"] > 1.5 * by_kind["p23"]


def test_a_condition_on_the_row_restricts_and_the_rest_sums_to_one() -> None:
    told = chances(where={"product.kind": "milk", "customer": "c1"})
    everything = chances(where={"customer": "c1"})
    kept = sum(everything[product] for product in told)
    assert len(told) == 8
    assert told == pytest.approx({product: everything[product] / kept for product in told}, rel=1e-9)


def test_the_reasons_name_the_evidence_and_the_properties() -> None:
    tree = hits_of(matched(VIEW, where={"customer": "c1"}, limit=1, select=["$why"]))[0]["$why"]
    assert names_of_leaves(tree) == {
        "product",
        "baseP",
        "normalizer",
        "relatedPropositionLift",
        "hitPropositionLift",
    }
    text = json.dumps(tree)
    assert '{"customer": {"$has": "c1"}}' in text
    assert '"product.kind": {"$has": "fruit"}' in text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"match": "nothing"}, "field 'nothing' not found"),
        ({"match": "product.nothing"}, "field 'product.nothing' not found"),
        ({"where": {"nothing": 1}}, "field 'nothing' not found"),
        ({"where": {"$or": [{"product.kind": "milk"}, {"rating": 1}]}}, "can't share"),
        ({"basedOn": ["nothing"]}, "field 'nothing' not found"),
        ({"select": ["nothing"]}, "field 'nothing' not found"),
    ],
)
def test_what_does_not_fit_is_refused(body: dict[str, JsonValue], said: str) -> None:
    assert said in refusal(**body)


def test_tables_without_rows() -> None:
    def only(*names: str) -> ReadView:
        return view_of({name: (columns, rows if name in names else []) for name, (columns, rows) in TABLES.items()})

    assert matched(only("views"))["total"] == 0
    unseen = hits_of(matched(only("products", "customers"), where={"customer": "c1"}, select=["$p", "$why"]))
    assert [number(hit["$p"]) for hit in unseen] == pytest.approx([1 / 24] * 24)
    assert matched(only(), match="note.$feature")["hits"] == []
    nowhere: JsonValue = {"from": "views", "where": {"rating": 77}}
    nothing_learned = hits_of(matched(VIEW, **{"from": nowhere}))
    assert [number(hit["$p"]) for hit in nothing_learned] == pytest.approx([1 / 24] * 24)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_layout_of_the_rows_changes_a_byte(tmp_path: Path, seed: int) -> None:
    tables = shop_tables(seed, views=120)
    one = laid_out(tmp_path / "one", tables, None)
    many = laid_out(tmp_path / "many", tables, seed)
    before = answers(many.read_view())
    assert answers(one.read_view()) == before
    for table in tables:
        optimize(many, table)
    assert answers(many.read_view()) == before
    late: Row = {"id": "late", "kind": "milk", "tags": ["milk"]}
    one.insert_rows("products", [late])
    many.insert_rows("products", [late])
    assert answers(many.read_view()) == answers(one.read_view()) != before


def answers(view: ReadView) -> str:
    """Some of everything, twice, as bytes."""
    asked: list[dict[str, JsonValue]] = [
        {},
        {"where": {"customer": "c1", "note": "great", "rating": 5}, "select": ["$p", "id", "$why"]},
        {"match": "customer", "basedOn": ["tags", "age"], "where": {"product": "p3"}},
        {"match": "basket", "where": {"bought": True}},
        {"from": {"from": "views", "where": {"rating": {"$gt": 1}}, "limit": 70}, "where": {"customer": "c2"}},
    ]
    return json.dumps([matched(view, **body) for body in (*asked, *asked)])
