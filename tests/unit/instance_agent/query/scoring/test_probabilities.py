"""`$p` and `$lift`: of candidates, of goals, of the features that hits have."""

from __future__ import annotations

import json
import math

import pytest

from instance_agent.errors import AgentError
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.match import match_
from instance_agent.query.endpoints.recommend import recommend
from instance_agent.query.language.grammar import parse_match, parse_recommend
from instance_agent.query.scope import Scope
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import SECONDS, ask, hits_of, number
from tests.unit.instance_agent.query.scoring.store import STORE, by_id, by_value, close, query


def scope() -> Scope:
    return Scope(STORE, Deadline.after(SECONDS))


def predicted(target: str, where: JsonValue, *, exclusive: bool) -> dict[str, float]:
    page = ask(STORE, "_predict", from_="views", predict=target, where=where, exclusiveness=exclusive, limit=100)
    return {str(hit["feature"]): number(hit["$p"]) for hit in hits_of(page)}


@pytest.mark.parametrize("get", ["week", "query.$feature", "user"])
@pytest.mark.parametrize("where", [{}, {"bought": True}, {"bought": True, "paid": 1.5}], ids=str)
def test_p_of_a_candidate_is_what_predict_says(get: str, where: JsonValue) -> None:
    found = by_value("$p", get=get, where=where)
    assert found == predicted(get, where, exclusive=True)
    assert close(sum(number(chance) for chance in found.values()), 1)


@pytest.mark.parametrize("where", [{}, {"bought": True}, {"bought": True, "product.price": {"$gt": 1}}], ids=str)
def test_p_of_a_linked_row_is_what_match_says(where: JsonValue) -> None:
    asked = parse_match({"from": "views", "match": "product", "where": where, "select": ["id", "$p", "$lift"]})
    hits = match_(scope(), asked).hits
    assert by_value("$p", where=where) == {hit["id"]: hit["$p"] for hit in sorted(hits, key=lambda hit: str(hit["id"]))}
    lifts = by_value("$lift", where=where)
    assert all(close(lifts[str(hit["id"])], number(hit["$lift"])) for hit in hits)


def test_lift_is_over_the_prior() -> None:
    where: JsonValue = {"user": "x", "bought": True}
    chances, lifts, priors = by_value("$p", where=where), by_value("$lift", where=where), by_value("$p")
    for value in chances:
        assert close(lifts[value], number(chances[value]) / number(priors[value]))


def test_conditions_on_the_hit_leave_candidates_whose_chances_sum_to_one() -> None:
    found = by_value("$p", where={"product.name": {"$match": "apple"}, "user": "x"})
    assert list(found) == ["a", "b"]
    assert close(sum(number(chance) for chance in found.values()), 1)


def recommended(goal: JsonValue, where: JsonValue) -> dict[str, float]:
    body: dict[str, JsonValue] = {"from": "views", "recommend": "product", "goal": goal, "where": where}
    hits = recommend(scope(), parse_recommend({**body, "select": ["id", "$p"]})).hits
    return {str(hit["id"]): number(hit["$p"]) for hit in hits}


@pytest.mark.parametrize("where", [{}, {"user": "x"}, {"user": "y", "week": 1}], ids=str)
def test_p_of_a_proposition_about_the_context_is_that_of_a_goal(where: JsonValue) -> None:
    goal: JsonValue = {"bought": True}
    wanted = recommended(goal, where)
    assert by_value({"$p": {"$context": goal}}, where=where) == wanted
    assert by_value({"$p": goal}, where=where) == wanted
    assert by_value({"$probability": {"of": {"$context": goal}}}, where=where) == wanted
    lifts = by_value({"$lift": {"$context": goal}}, where=where)
    assert lifts == by_value({"$probabilityLift": {"of": goal}}, where=where)
    ratios = {value: number(lift) / wanted[value] for value, lift in lifts.items()}
    assert max(ratios.values()) == pytest.approx(min(ratios.values()), rel=1e-12)


def test_goals_multiply_and_decide_the_order() -> None:
    both: list[JsonValue] = [{"$context": {"bought": True}}, {"$context": {"user": "x"}}]
    chances = [by_value({"$p": goal}) for goal in both]
    found = by_value({"$p": [*both]})
    for value in found:
        assert close(found[value], number(chances[0][value]) * number(chances[1][value]))
    hits = query("views", get="product", orderBy={"$p": {"$context": {"bought": True}}}, select="id")
    assert [hit["id"] for hit in hits][:2] == ["b", "a"]


@pytest.mark.parametrize("where", [{}, {"bought": True}, {"user": "y"}], ids=str)
def test_a_field_of_the_hit_stands_for_the_features_it_has(where: JsonValue) -> None:
    tags = predicted("product.tags", where, exclusive=False)
    wanted = {"a": tags["fruit"] * tags["red"], "b": tags["fruit"], "c": None, "d": None}
    for path in ("tags", "product.tags", "tags.$feature"):
        found = by_value({"$p": path}, where=where)
        assert {value: found[value] for value in "cd"} == {"c": None, "d": None}
        assert all(close(found[value], number(wanted[value])) for value in "ab")
    red = by_value({"$p": {"tags": "red"}}, where=where)
    assert close(red.pop("a"), tags["red"])
    assert set(red.values()) == {None}


def test_the_lift_of_a_field_is_over_the_features_priors() -> None:
    given, prior = (
        predicted("product.tags", {"bought": True}, exclusive=False),
        predicted("product.tags", {}, exclusive=False),
    )
    found = by_value({"$lift": "tags"}, where={"bought": True})
    assert close(found["b"], given["fruit"] / prior["fruit"])
    assert close(found["a"], given["fruit"] / prior["fruit"] * given["red"] / prior["red"])


def test_the_candidate_itself_may_be_what_is_asked() -> None:
    assert by_value({"$p": "product"}) == by_value("$p")
    assert by_value({"$p": "week"}, get="week") == by_value("$p", get="week")
    own = by_value("$p", get="week")
    assert by_value({"$p": {"week": {"$gte": 2}}}, get="week") == {"1": None, "2": own["2"], "3": own["3"]}


def test_rows_have_chances_by_the_features_they_have() -> None:
    makers = hits_of(ask(STORE, "_predict", from_="products", predict="maker"))
    chance = {str(hit["feature"]): number(hit["$p"]) for hit in makers}
    assert by_id({"$p": "maker"}) == {"a": chance["m"], "b": chance["n"], "c": None, "d": chance["o"]}
    found = by_id({"$p": {"maker": "m"}})
    assert found == {"a": chance["m"], "b": None, "c": None, "d": None}
    hits = query("products", orderBy={"$p": "tags"}, select="id")
    assert [hit["id"] for hit in hits] == ["b", "a", "c", "d"]


def product_of(node: JsonValue) -> float:
    assert isinstance(node, dict)
    if isinstance(parts := node.get("factors"), list):
        return math.prod(product_of(part) for part in parts)
    return number(node["value"])


@pytest.mark.parametrize(
    "score",
    [
        "$p",
        {"$p": {"$context": {"bought": True}}},
        {"$lift": {"$context": {"bought": True}}},
        {"$p": "tags"},
        {"$lift": "tags"},
        {"$multiply": ["$similarity", {"$p": {"$context": {"bought": True}}}, "price", 2]},
        {"$multiply": [{"$similarity": {"name": "red apple"}}, {"$hit": "$p"}]},
    ],
    ids=json.dumps,
)
def test_the_leaves_of_an_explanation_multiply_up_to_the_score(score: JsonValue) -> None:
    where: JsonValue = {"user": "x", "product.name": {"$match": "apple"}, "query": "an apple pie"}
    asked: dict[str, JsonValue] = {
        "get": "product",
        "where": where,
        "orderBy": score,
        "select": ["id", "$score", "$why"],
    }
    hits = query("views", **asked)
    assert [hit["id"] for hit in hits] in (["a", "b"], ["b", "a"])
    for hit in hits:
        assert product_of(hit["$why"]) == pytest.approx(number(hit["$score"]), rel=1e-12)


def test_own_lift_is_explained_as_a_quotient() -> None:
    (hit, *_) = query("views", get="week", where={"bought": True}, orderBy="$lift", select=["$score", "$why"])
    why = hit["$why"]
    assert isinstance(why, dict)
    assert why["type"] == "division"
    divisor = why["divisor"]
    assert isinstance(divisor, dict)
    assert product_of(why["dividend"]) / number(divisor["value"]) == pytest.approx(number(hit["$score"]), rel=1e-12)


@pytest.mark.parametrize(
    ("get", "score", "message"),
    [
        ("product", {"$p": "nothing"}, "field 'nothing' not found"),
        ("product", {"$p": {"$context": {"nothing": 1}}}, "not found"),
        ("product", {"$p": {"nothing": 1}}, "not found"),
        ("product", {"$p": {"$or": [{"tags": "red"}, {"price": 1}]}}, "one field of the hit"),
        ("week", {"$p": "user"}, "field 'user' not found"),
    ],
    ids=str,
)
def test_what_hits_do_not_have_is_refused(get: str, score: JsonValue, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        by_value(score, get=get)


def test_a_conjunction_about_rows_is_about_one_field() -> None:
    with pytest.raises(AgentError, match="one field of the hit"):
        by_id({"$p": {"$or": [{"tags": "red"}, {"price": 1}]}})
