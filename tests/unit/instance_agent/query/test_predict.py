"""Predictions: probabilities, evidence, candidates, explanations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns, ask, hits_of, make_view, number

INVOICES: Columns = {
    "text": {"type": "Text", "analyzer": "english", "nullable": True},
    "vendor": {"type": "String", "nullable": True},
    "account": {"type": "String", "nullable": True, "link": "accounts.code"},
    "amount": {"type": "Int", "nullable": True},
    "paid": {"type": "Boolean", "nullable": True},
    "labels": {"type": "String[]", "nullable": True},
    "tenant": {"type": "String"},
}
ACCOUNTS: Columns = {"code": {"type": "String"}, "name": {"type": "String"}}


def invoices() -> ReadView:
    rows: list[JsonValue] = []
    for place in range(60):
        vendor, text, account = [
            ("Cafe Oy", "Lunch for the team", "food"),
            ("Paper Ltd", "Printing paper and pens", "office"),
            ("Rail", "Train tickets to a customer", "travel"),
        ][place % 3]
        rows.append(
            {
                "text": text,
                "vendor": vendor,
                "account": account,
                "amount": place % 3,
                "paid": place % 3 == 0,
                "labels": [account, "all"],
                "tenant": "a" if place < 45 else "b",
            }
        )
    rows.append({"tenant": "a", "vendor": "Nobody"})
    rows.append({"tenant": "a", "account": "dangling"})
    accounts: list[JsonValue] = [{"code": code, "name": code.upper()} for code in ("travel", "office", "food", "spare")]
    return make_view({"invoices": (INVOICES, rows), "accounts": (ACCOUNTS, accounts)})


VIEW = invoices()


def predict(target: JsonValue, where: JsonValue = None, **body: JsonValue) -> list[dict[str, JsonValue]]:
    body.setdefault("from_", "invoices")
    page = ask(VIEW, "_predict", predict=target, where=where, **{"limit": 1000, **body})
    assert page["total"] == len(hits_of(page))
    return hits_of(page)


def top(target: str, where: JsonValue, **body: JsonValue) -> JsonValue:
    best, second, *_ = predict(target, where, **body)
    return best["feature"] if number(best["$p"]) > number(second["$p"]) else None


def test_a_hit_has_probability_field_and_feature() -> None:
    hits = predict("vendor", {"text": "lunch"})
    assert list(hits[0]) == ["$p", "field", "feature"]
    assert hits[0]["field"] == "vendor"
    assert hits[0]["feature"] == "Cafe Oy"
    assert number(hits[0]["$p"]) > 0.8


@pytest.mark.parametrize(
    ("target", "where", "feature"),
    [
        ("vendor", {"text": "pens please"}, "Paper Ltd"),
        ("vendor", {"text": {"$match": "TICKETS"}}, "Rail"),
        ("vendor", {"text": {"$has": "ticket"}}, "Rail"),
        ("vendor", {"account.name": "OFFICE"}, "Paper Ltd"),
        ("vendor", {"amount": {"$gte": 2}}, "Rail"),
        ("vendor", {"amount": 0}, "Cafe Oy"),
        ("vendor", {"labels": ["travel"]}, "Rail"),
        ("vendor", {"labels": "travel"}, "Rail"),
        ("vendor", {"$or": [{"amount": 2}, {"amount": 2}]}, "Rail"),
        ("vendor", {"$not": {"$or": [{"amount": 2}, {"amount": 1}]}, "text": {"$defined": True}}, "Cafe Oy"),
        ("vendor", {"$atomic": {"amount": 1, "paid": False}}, "Paper Ltd"),
        ("paid", {"vendor": "Cafe Oy"}, True),
        ("amount", {"vendor": "Paper Ltd"}, 1),
        ("account", {"vendor": "Rail"}, "travel"),
        ("account.name", {"vendor": "Rail"}, "TRAVEL"),
    ],
)
def test_evidence_of_every_kind_points_to_the_right_value(target: str, where: JsonValue, feature: JsonValue) -> None:
    assert top(target, where) == feature


def test_no_where_is_the_prior_distribution() -> None:
    hits = predict("paid")
    assert [hit["feature"] for hit in hits] == [False, True]
    assert number(hits[0]["$p"]) == pytest.approx(41 / 62)
    assert predict("paid", {}) == hits


@pytest.mark.parametrize(
    "where",
    [
        {"vendor": None},
        {"vendor": "never seen"},
        {"text": ""},
        {"text": "unheard words"},
        {"labels": []},
        {"amount": 99},
        {},
    ],
)
def test_absent_and_unseen_values_say_nothing(where: JsonValue) -> None:
    assert predict("paid", where) == predict("paid")


def test_each_token_and_element_is_a_piece_of_evidence() -> None:
    (best, *_) = predict("vendor", {"text": "lunch team", "labels": ["food", "all"]}, select=["$why"])
    why = best["$why"]
    assert isinstance(why, dict)
    shown = json.dumps(why)
    assert '{"text": {"$has": "lunch"}}' in shown
    assert '{"text": {"$has": "team"}}' in shown
    assert '{"labels": {"$has": "food"}}' in shown
    assert "all" not in shown.replace('"all_', "")


def test_a_condition_on_the_target_restricts_the_candidates() -> None:
    hits = predict("vendor", {"vendor": {"$startsWith": "R"}, "text": "lunch"})
    assert [(hit["feature"], hit["$p"]) for hit in hits] == [("Rail", 1.0)]
    hits = predict("vendor", {"vendor": {"$not": "Rail"}})
    assert "Rail" not in [hit["feature"] for hit in hits]
    assert sum(number(hit["$p"]) for hit in hits) == pytest.approx(1)
    assert predict("vendor", {"vendor": "unknown"}) == []
    hits = predict("account", {"account.name": {"$or": ["FOOD", "SPARE"]}, "vendor": "Rail"})
    assert {hit["feature"] for hit in hits} == {"food", "spare"}
    assert [hit["feature"] for hit in predict("account", {"account": "spare"})] == ["spare"]


def test_a_link_offers_every_row_of_its_table_and_their_columns() -> None:
    hits = predict("account", {"vendor": "Rail"}, select=["$p", "$value", "name", "code"])
    assert list(hits[0]) == ["$p", "$value", "name", "code"]
    assert (hits[0]["$value"], hits[0]["name"]) == ("travel", "TRAVEL")
    assert [hit["code"] for hit in hits if hit["$value"] == "spare"] == ["spare"]
    assert "dangling" not in [hit["$value"] for hit in hits]
    assert sum(number(hit["$p"]) for hit in hits) == pytest.approx(1)


def test_a_nested_from_learns_only_from_its_rows() -> None:
    tenant_a: JsonValue = {"from": "invoices", "where": {"tenant": "a"}}
    cut = predict("vendor", {"text": "lunch"}, from_=tenant_a)
    alone = make_view(
        {
            "accounts": (ACCOUNTS, []),
            "invoices": (INVOICES, list(hits_of(ask(VIEW, "_search", from_=tenant_a, limit=1000)))),
        }
    )
    page = ask(alone, "_predict", from_="invoices", predict="vendor", where={"text": "lunch"}, limit=1000)
    assert cut == hits_of(page)
    only_b = predict("vendor", None, from_={"from": "invoices", "where": {"tenant": "b"}})
    assert "Nobody" not in [hit["feature"] for hit in only_b]
    assert predict("vendor", None, from_={"from": "invoices", "where": {"tenant": "c"}}) == []


def test_tags_are_judged_each_by_itself_without_exclusiveness() -> None:
    hits = predict("labels", {"vendor": "Rail"}, exclusiveness=False)
    by_feature = {str(hit["feature"]): number(hit["$p"]) for hit in hits}
    assert by_feature["all"] > 0.9
    assert by_feature["travel"] > 0.9
    assert by_feature["food"] < 0.2
    assert sum(number(hit["$p"]) for hit in predict("labels", {"vendor": "Rail"})) == pytest.approx(1)


def test_selectable_names() -> None:
    names = ["$p", "$lift", "$score", "$value", "feature", "field", "$proposition"]
    best = predict("vendor", {"text": "lunch"}, select=list(names))[0]
    assert list(best) == names
    assert best["$score"] == best["$p"]
    assert best["$proposition"] == {"vendor": {"$has": "Cafe Oy"}}
    prior = {str(hit["feature"]): number(hit["$p"]) for hit in predict("vendor")}
    assert number(best["$lift"]) == pytest.approx(number(best["$p"]) / prior["Cafe Oy"])
    assert list(predict("vendor", select="$why")[0]) == ["$why"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"predict": "nothing"}, "field 'nothing' not found"),
        ({"predict": "vendor", "select": ["amount"]}, "field 'amount' not found"),
        ({"predict": "vendor", "select": ["$whys"]}, "field '$whys' not found"),
        ({"predict": "vendor", "where": {"nothing": 1}}, "field 'nothing' not found"),
        ({"predict": "paid", "where": {"amount": "1"}}, "field 'amount' of type Int cannot be '\"1\"' of type String"),
        ({"predict": "vendor.name"}, "field 'vendor.name' not found"),
        ({}, "'predict' is required"),
        ({"predict": "vendor", "where": {"$or": [{"vendor": "Rail"}, {"amount": 1}]}}, "'vendor' is predicted"),
        ({"predict": "vendor", "exclusiveness": 1}, "'exclusiveness' is true or false"),
        ({"predict": "vendor", "goal": {}}, "not supported"),
    ],
)
def test_what_can_not_be_predicted_is_refused(body: dict[str, JsonValue], told: str) -> None:
    with pytest.raises(AgentError) as refused:
        ask(VIEW, "_predict", from_="invoices", **body)
    assert refused.value.status == 400
    assert told in refused.value.message
    assert (refused.value.code == "field_not_found") == told.endswith("not found")


@pytest.mark.parametrize("exclusive", [True, False])
def test_equal_candidates_are_equally_probable_and_keep_their_order(exclusive: bool) -> None:
    names = [f"n{place * 37 % 101}" for place in range(101)]
    rows: list[JsonValue] = [{"s": name, "t": "common"} for name in names]
    rows += [{"s": name, "t": "rare"} for name in names[:2] for _ in range(20)]
    view = make_view({"t": ({"s": {"type": "String"}, "t": {"type": "Text"}}, rows)})
    page = ask(view, "_predict", from_="t", predict="s", where={"t": "rare common"}, exclusiveness=exclusive, limit=200)
    assert [hit["feature"] for hit in hits_of(page)] == names
    assert len({hit["$p"] for hit in hits_of(page)[2:]}) == 1
    assert number(hits_of(page)[1]["$p"]) > number(hits_of(page)[2]["$p"])


def test_one_piece_of_evidence_gives_the_documented_number() -> None:
    pairs = [("x", True)] * 9 + [("x", False)] + [("y", False)] * 10
    rows: list[JsonValue] = [{"s": name, "b": value} for name, value in pairs]
    view = make_view({"t": ({"s": {"type": "String"}, "b": {"type": "Boolean"}}, rows)})
    hits = hits_of(ask(view, "_predict", from_="t", predict="b", where={"s": "x"}, select=["feature", "$p"]))
    share = {True: 10 / 22, False: 12 / 22}
    seen = {True: 9, False: 1}
    posterior = {value: (seen[value] + 2 * share[value]) / 12 for value in (True, False)}
    assert [hit["feature"] for hit in hits] == [True, False]
    assert number(hits[0]["$p"]) == pytest.approx(posterior[True], abs=1e-12)


def leaves(node: JsonValue) -> list[float]:
    assert isinstance(node, dict)
    factors = node.get("factors")
    if isinstance(factors, list):
        return [value for factor in factors for value in leaves(factor)]
    return [number(node["value"])]


def test_the_tree_of_why_has_the_published_nodes() -> None:
    best = predict("vendor", {"text": "lunch", "amount": 0}, select=["$p", "$why"])[0]
    why = best["$why"]
    assert isinstance(why, dict)
    factors = why["factors"]
    assert isinstance(factors, list)
    types = [factor["type"] for factor in factors if isinstance(factor, dict)]
    assert types == ["baseP", "product", "relatedPropositionLift", "relatedPropositionLift"]
    assert factors[0] == {"type": "baseP", "value": 21 / 63, "proposition": {"vendor": {"$has": "Cafe Oy"}}}


COLUMNS: Columns = {
    "s": {"type": "String", "nullable": True},
    "n": {"type": "Int", "nullable": True},
    "b": {"type": "Boolean"},
    "a": {"type": "String[]", "nullable": True},
    "t": {"type": "Text", "analyzer": "whitespace", "nullable": True},
}
letters = st.sampled_from("uvwx")
fields: Mapping[str, st.SearchStrategy[JsonValue]] = {
    "s": letters,
    "n": st.integers(0, 3),
    "b": st.booleans(),
    "a": st.lists(letters, max_size=3),
    "t": st.lists(letters, max_size=4).map(" ".join),
}
rows_strategy = st.lists(
    st.fixed_dictionaries({"b": fields["b"]}, optional={name: fields[name] for name in "snat"}), max_size=40
)
case = st.tuples(
    rows_strategy,
    st.sampled_from("snbat"),
    st.fixed_dictionaries({}, optional=dict(fields)),
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(case)
def test_probabilities_are_probabilities_and_why_multiplies_up_to_them(
    drawn: tuple[list[JsonValue], str, dict[str, JsonValue], bool],
) -> None:
    rows, target, evidence, exclusive = drawn
    where: JsonValue = {name: value for name, value in evidence.items() if name != target}
    body: dict[str, JsonValue] = {
        "predict": target,
        "where": where,
        "exclusiveness": exclusive,
        "select": ["$p", "$why", "$value"],
        "limit": 1000,
    }
    view = make_view({"t": (COLUMNS, rows)})
    page = ask(view, "_predict", from_="t", **body)
    hits = hits_of(page)
    chances = [number(hit["$p"]) for hit in hits]
    assert page["total"] == len(hits)
    assert all(0 <= chance <= 1 for chance in chances)
    assert chances == sorted(chances, reverse=True)
    if exclusive and hits:
        assert math.isclose(sum(chances), 1, abs_tol=1e-9)
    for hit in hits:
        assert math.isclose(math.prod(leaves(hit["$why"])), number(hit["$p"]), rel_tol=1e-12, abs_tol=1e-12)
    again = ask(make_view({"t": (COLUMNS, rows)}), "_predict", from_="t", **body)
    assert json.dumps(again) == json.dumps(page)
    tiled = [ask(view, "_predict", from_="t", **{**body, "offset": at, "limit": 1}) for at in range(len(hits))]
    assert [hits_of(one)[0] for one in tiled] == hits


def test_several_fields_and_propositions_are_predicted_together() -> None:
    single = {name: predict(name) for name in ("vendor", "paid")}
    both = predict(["vendor", "paid"], limit=100)
    assert {(str(hit["field"]), str(hit["feature"])): hit["$p"] for hit in both} == {
        (name, str(hit["feature"])): hit["$p"] for name, hits in single.items() for hit in hits
    }
    assert [number(hit["$p"]) for hit in both] == sorted((number(hit["$p"]) for hit in both), reverse=True)
    ranked = predict(["vendor", "paid"], select=["$rank", "$p"], limit=100)
    assert [hit["$rank"] for hit in ranked] == list(range(len(ranked)))
    some = predict({"vendor": {"$or": ["Rail", "Cafe Oy"]}})
    assert {hit["feature"] for hit in some} == {"Rail", "Cafe Oy"}
    assert sum(number(hit["$p"]) for hit in some) == pytest.approx(1)
