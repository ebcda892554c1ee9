"""Estimates: the numbers, the trees that explain them, what is learned from, and what is refused."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.estimate import estimate, prepare_estimate
from instance_agent.query.filtering.filters import everything
from instance_agent.query.language.grammar import parse_estimate
from instance_agent.query.language.propositions import EVERYTHING
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns, make_view, number, shop
from tests.unit.instance_agent.query.layouts import Row, laid_out

SALES: Columns = {
    "vendor": {"type": "String", "nullable": True},
    "product": {"type": "String", "link": "products.id", "nullable": True},
    "text": {"type": "Text", "analyzer": "whitespace", "nullable": True},
    "tags": {"type": "String[]", "nullable": True},
    "size": {"type": "Decimal", "nullable": True},
    "week": {"type": "Int"},
    "price": {"type": "Decimal", "nullable": True},
    "change": {"type": "Int", "nullable": True},
}
PRODUCTS: Columns = {
    "id": {"type": "String"},
    "name": {"type": "Text", "analyzer": "whitespace"},
    "weight": {"type": "Int", "nullable": True},
}


def sales(count: int = 400, seed: int = 3) -> tuple[list[Row], list[Row]]:
    """Prices that are a vendor's factor, a product's factor, the size, and some noise."""
    drawn = random.Random(seed)  # noqa: S311
    vendors = {f"v{place}": drawn.gauss(0, 0.5) for place in range(12)}
    products = {f"p{place}": drawn.gauss(0, 1) for place in range(9)}
    names = ["red apple", "green apple", "rye bread", "white bread", "milk", "cream", "tea", "green tea", "salt"]
    rows: list[Row] = []
    for place in range(count):
        vendor, product = drawn.choice([*vendors]), drawn.choice([*products])
        size = drawn.uniform(1, 10)
        log = 1 + vendors[vendor] + products[product] + math.log(size) + drawn.gauss(0, 0.1)
        row: Row = {"vendor": vendor, "product": product, "size": size, "week": place % 52, "price": math.exp(log)}
        row |= {"text": names[int(product[1:])], "tags": [product, "all"], "change": drawn.randrange(-20, 20)}
        for key in ("vendor", "size", "price", "text"):
            if drawn.random() < 0.05:
                del row[key]
        rows.append(row)
    linked: list[Row] = [
        {"id": product, "name": names[int(product[1:])], "weight": 10 * int(product[1:])} for product in products
    ]
    return rows, linked


def view_of(rows: Sequence[Row], linked: Sequence[Row] = ()) -> ReadView:
    return make_view({"sales": (SALES, [*rows]), "products": (PRODUCTS, [*linked])})


VIEW = view_of(*sales())


def ask(view: ReadView, target: str = "price", where: JsonValue = None, **body: JsonValue) -> dict[str, JsonValue]:
    source = body.pop("source", "sales")
    body = {"from": source, "estimate": target, "where": where, **body}
    return estimate(Scope(view, Deadline.after(30)), parse_estimate(body))


def priced(view: ReadView, target: str = "price", where: JsonValue = None, **body: JsonValue) -> float:
    return number(ask(view, target, where, select="estimate", **body)["estimate"])


def tree_of(answer: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    tree = answer["why"]
    assert isinstance(tree, dict)
    return tree


def read(tree: JsonValue) -> float:
    """What a reader of the tree works out from its leaves."""
    assert isinstance(tree, dict)
    match tree["type"]:
        case "weightedAverage":
            parts = tree["components"]
            assert isinstance(parts, list)
            pairs = [(number(part["weight"]), read(part["value"])) for part in parts if isinstance(part, dict)]
            found = sum(weight * value for weight, value in pairs) / sum(weight for weight, _ in pairs)
        case "neighborContext":
            found = read(tree["adjustments"])
        case "exponent":
            found = read(tree["base"]) ** read(tree["power"])
        case "sum":
            assert isinstance(tree["terms"], list)
            found = sum(read(term) for term in tree["terms"])
        case _:
            found = number(tree["value"])
    if "value" in tree:
        assert number(tree["value"]) == pytest.approx(found, rel=1e-12, abs=1e-12)
    return found


def priced_rows(vendors: Mapping[str, Sequence[float]]) -> list[Row]:
    return [{"vendor": vendor, "week": 1, "price": price} for vendor, prices in vendors.items() for price in prices]


def geometric_mean(numbers: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, numbers)) / len(numbers))


def test_without_evidence_it_is_the_geometric_mean_of_all() -> None:
    view = view_of(priced_rows({"a": [1, 10], "b": [100]}))
    assert priced(view) == pytest.approx(10)


def test_one_condition_gives_the_geometric_mean_of_its_rows_where_groups_are_pure() -> None:
    view = view_of(priced_rows({"a": [2, 2, 2], "b": [8, 8], "c": [32, 32]}))
    assert priced(view, where={"vendor": "a"}) == pytest.approx(2)
    assert priced(view, where={"vendor": "c"}) == pytest.approx(32)


def test_a_groups_mean_is_shrunk_by_how_little_the_groups_explain() -> None:
    groups = {"a": [1.0, 4.0], "b": [16.0, 64.0], "c": [4.0, 16.0]}
    logs = {vendor: [math.log(price) for price in prices] for vendor, prices in groups.items()}
    mean = sum(map(sum, logs.values())) / 6
    middles = {vendor: sum(found) / 2 for vendor, found in logs.items()}
    within = sum((log - middles[vendor]) ** 2 for vendor, found in logs.items() for log in found) / (6 - 3)
    between = sum(2 * (middle - mean) ** 2 for middle in middles.values())
    explained = (between - 2 * within) / (6 - (4 + 4 + 4) / 6)
    effect = 2 * (middles["b"] - mean) / (2 + within / explained)
    assert priced(view_of(priced_rows(groups)), where={"vendor": "b"}) == pytest.approx(math.exp(mean + effect))


def test_a_column_that_explains_nothing_changes_nothing() -> None:
    view = view_of(priced_rows({"a": [1, 100], "b": [1, 100], "c": [1, 100]}))
    assert priced(view, where={"vendor": "b"}) == pytest.approx(10)


def test_conditions_add_up_though_vendors_sell_different_products() -> None:
    """The dear product is sold by `a` mostly, which must not be taken for the vendor's doing."""
    rows: list[Row] = []
    for vendor, product, count in [("a", "dear", 30), ("a", "cheap", 2), ("b", "dear", 2), ("b", "cheap", 30)] * 2:
        price = {"a": 2.0, "b": 1.0}[vendor] * {"dear": 50.0, "cheap": 1.0}[product]
        rows += [{"vendor": vendor, "product": product, "week": 1, "price": price}] * count
    view = view_of([row for row in rows if (row["vendor"], row["product"]) != ("b", "dear")])
    told = priced(view, where={"vendor": "b", "product": "dear"}, basedOn=["vendor", "product"])
    assert told == pytest.approx(50, rel=0.15)


def test_two_values_together_have_an_effect_of_their_own() -> None:
    drawn = random.Random(5)  # noqa: S311
    rows: list[Row] = []
    for _ in range(300):
        vendor, text = drawn.choice("ab"), drawn.choice(["v1", "v2"])
        log = (2.0 if (vendor == "a") == (text == "v1") else 0.0) + drawn.gauss(0, 0.2)
        rows.append({"vendor": vendor, "product": text, "week": 1, "price": math.exp(log)})
    view = view_of(rows)
    assert priced(view, where={"vendor": "a", "product": "v1"}) == pytest.approx(math.exp(2), rel=0.1)
    assert priced(view, where={"vendor": "b", "product": "v1"}) == pytest.approx(1, rel=0.1)
    answer = ask(view, where={"vendor": "a", "product": "v1"}, model="regression")
    assert '"$and": [{"vendor": "a"}, {"product": "v1"}]' in json.dumps(answer)


def test_numbers_and_texts_are_evidence() -> None:
    small, large = (priced(VIEW, where={"size": size}) for size in (1.5, 9.5))
    assert large > 3 * small
    assert priced(VIEW, where={"text": "apple"}) != priced(VIEW)
    assert priced(VIEW, where={"tags": "p3"}) != priced(VIEW)


def test_numbers_beyond_those_learned_say_what_the_nearest_say() -> None:
    rows: list[Row] = [{"week": week, "price": 1.0 + week} for week in range(50)]
    view = view_of(rows)
    assert priced(view, where={"week": 10**6}) == priced(view, where={"week": 49})
    assert 35 < priced(view, where={"week": 10**6}) < 60


def test_estimates_are_closer_than_the_means_of_groups() -> None:
    rows, linked = sales(1200)
    known = [row for row in rows if {"price", "vendor", "size"} <= row.keys()]
    tests, learned = known[:100], known[100:]
    view = view_of(learned, linked)
    names = ("vendor", "product", "size")
    errors, of_groups = [], []
    for row in tests:
        told = priced(view, where={name: row[name] for name in names})
        group = [number(other["price"]) for other in learned if other["product"] == row["product"]]
        errors.append(abs(math.log(told / number(row["price"]))))
        of_groups.append(abs(math.log(geometric_mean(group) / number(row["price"]))))
    assert np.mean(errors) < 0.35 * np.mean(of_groups)


WHERES: list[JsonValue] = [
    None,
    {"vendor": "v1"},
    {"vendor": "v1", "product": "p2", "size": 4.5},
    {"text": "green apple bread"},
    {"tags": ["p1", "all"], "week": 3},
    {"$or": [{"vendor": "v1"}, {"vendor": "v2"}], "size": {"$gt": 3}},
    {"product": "p4"},
    {"product.weight": 30, "product.name": "milk"},
    {"vendor": "nobody", "size": None, "text": "unheard"},
]


@pytest.mark.parametrize("target", ["price", "change", "week", "product.weight"])
@pytest.mark.parametrize("model", [None, "regression"])
def test_the_tree_is_worth_the_estimate(target: str, model: str | None) -> None:
    for where in WHERES:
        answer = ask(VIEW, target, where, model=model)
        assert list(answer) == ["estimate", "why"]
        assert read(answer["why"]) == pytest.approx(number(answer["estimate"]), rel=1e-12)


def test_the_default_shows_the_nearest_rows_with_the_rows_they_link_to() -> None:
    tree = tree_of(ask(VIEW, where={"vendor": "v1", "size": 4.5}))
    assert tree["type"] == "weightedAverage"
    components = tree["components"]
    assert isinstance(components, list)
    assert len(components) == 8
    weights = [number(component["weight"]) for component in components if isinstance(component, dict)]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] == 1
    rows, _ = sales()
    for component in components:
        assert isinstance(component, dict)
        context = component["value"]
        assert isinstance(context, dict)
        assert set(context) == {"type", "value", "original", "adjustments", "instance", "hitScore", "position"}
        assert context["type"] == "neighborContext"
        instance = context["instance"]
        assert isinstance(instance, dict)
        assert isinstance(context["position"], str)
        row = rows[int(context["position"])]
        assert {name: instance[name] for name in row} == row
        assert instance["vendor"] == "v1"
        assert instance["product.weight"] == 10 * int(str(row["product"])[1:])
        assert context["original"] == row["price"]


def test_a_single_condition_shows_rows_but_estimates_its_mean() -> None:
    by_rows = ask(VIEW, where={"vendor": "v1"})
    assert by_rows["estimate"] == pytest.approx(priced(VIEW, where={"vendor": "v1"}, model="regression"))
    first = json.dumps(by_rows["why"])
    assert first.count("neighborContext") == 8
    assert '{"type": "regression", "proposition": {"vendor": "v1"}' in first


def test_regression_is_an_exponent_of_residual_effects_and_mean() -> None:
    tree = tree_of(ask(VIEW, where={"vendor": "v1", "size": 4.5}, model="regression"))
    assert (tree["type"], tree["base"]) == ("exponent", {"type": "constant", "value": math.e})
    power = tree["power"]
    assert isinstance(power, dict)
    terms = power["terms"]
    assert isinstance(terms, list)
    assert terms[0] == {"type": "input", "name": "residual", "value": 0}
    last = terms[-1]
    assert isinstance(last, dict)
    assert (last["type"], last["name"]) == ("mean centering", "mean")
    told = [(term["proposition"], term["regressionType"]) for term in terms[1:-1] if isinstance(term, dict)]
    assert told == [({"vendor": "v1"}, "categorical"), ({"size": 4.5}, "linear")]


def test_numbers_that_are_not_all_above_zero_are_taken_as_they_are() -> None:
    view = view_of([{"vendor": "a", "week": 1, "change": change} for change in (-10, 0, 40)])
    answer = ask(view, "change", {"vendor": "a"}, model="regression")
    assert answer["estimate"] == pytest.approx(10)
    assert tree_of(answer)["type"] == "sum"


def test_absent_and_unseen_values_say_nothing() -> None:
    where: JsonValue = {"vendor": None, "text": "unheard-of", "product": "nothing", "tags": []}
    assert priced(VIEW, where=where) == priced(VIEW)


def test_what_where_says_of_the_number_itself_restricts_the_rows() -> None:
    view = view_of(priced_rows({"a": [1, 4, 100], "b": [10]}))
    assert priced(view, where={"price": {"$lt": 50}, "vendor": "b"}) <= 10
    assert priced(view, where={"price": {"$lt": 5}}) == pytest.approx(2)
    assert ask(view, where={"price": {"$gt": 500}})["estimate"] is None


def test_only_rows_of_from_are_learned_from() -> None:
    view = view_of(priced_rows({"a": [1, 4], "b": [100]}))
    told = priced(view, source={"from": "sales", "where": {"vendor": "a"}})
    assert told == pytest.approx(2)


def test_based_on_limits_the_evidence() -> None:
    where: JsonValue = {"vendor": "v1", "product": "p2", "size": 4.5}
    assert priced(VIEW, where=where, basedOn=["vendor"]) == priced(VIEW, where={"vendor": "v1"})
    assert priced(VIEW, where=where, basedOn=[]) == priced(VIEW)
    assert priced(VIEW, where=where, basedOn=[{"vendor": "v1"}]) == priced(VIEW, where={"vendor": "v1"})
    assert priced(VIEW, where=where, basedOn=[{"vendor": "v2"}]) == priced(VIEW)
    assert priced(VIEW, where={"product": "p2"}, basedOn="product.name") == priced(
        VIEW, where={"product.name": "rye bread"}
    )


def test_a_number_behind_a_link_is_estimated() -> None:
    told = priced(VIEW, "product.weight", {"text": "green tea"}, model="regression")
    assert told > priced(VIEW, "product.weight")
    assert priced(VIEW, "product.weight", {"product": "p7"}) == pytest.approx(70, rel=0.05)


@pytest.mark.parametrize("select", ["estimate", ["estimate"], ["why", "estimate"], ["why"]])
def test_select_picks_and_orders(select: JsonValue) -> None:
    names = [select] if isinstance(select, str) else select
    assert list(ask(VIEW, select=select)) == names


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("text", "'text' is of type Text"),
        ("vendor", "'vendor' is of type String"),
        ("tags", "'tags' is of type String[]"),
        ("product.name", "'product.name' is of type Text"),
        ("nothing", "field 'nothing' not found"),
        ("product.nothing", "field 'product.nothing' not found"),
        ("price.x", "field 'price.x' not found"),
    ],
)
def test_what_is_no_number_is_refused(target: str, said: str) -> None:
    with pytest.raises(AgentError, match=said.replace("[", r"\[")) as refused:
        ask(VIEW, target)
    assert refused.value.status == 400


def test_a_number_behind_an_array_of_links_is_refused() -> None:
    with pytest.raises(AgentError, match="through an array of links"):
        estimate(Scope(shop(), Deadline.after(9)), parse_estimate({"from": "visits", "estimate": "bought.price"}))


@pytest.mark.parametrize(
    "body",
    [
        {"where": {"nothing": 1}},
        {"where": {"vendor": 5}},
        {"basedOn": "nothing"},
        {"basedOn": [{"vendor": 5}]},
        {"where": {"$or": [{"price": 5}, {"vendor": "a"}]}},
    ],
)
def test_nonsense_is_refused(body: dict[str, JsonValue]) -> None:
    with pytest.raises(AgentError) as refused:
        ask(VIEW, "price", body.pop("where", None), **body)
    assert refused.value.status == 400


@pytest.mark.parametrize("rows", [[], [{"week": 1}], [{"week": 1, "vendor": "a"}] * 3])
def test_without_a_number_to_learn_from_there_is_none(rows: list[Row]) -> None:
    assert ask(view_of(rows), where={"vendor": "a"}) == {"estimate": None, "why": {"type": "none"}}


@pytest.mark.parametrize(
    "prices",
    [
        [1e308, 1e308, 1e300],
        [1e308, -1e308, 1.5e308],
        [5e-324, 1e-320, 1e308],
        [1e-300, -1e-300, 0],
        [0, 0, 0],
        [7],
        [-1.7e308],
    ],
)
def test_extreme_numbers_give_finite_estimates(prices: list[float]) -> None:
    rows: list[Row] = []
    for place, price in enumerate(prices * 5):
        rows.append({"vendor": "ab"[place % 2], "week": place, "size": price, "price": price})
    wheres: list[JsonValue] = [None, {"vendor": "a"}, {"size": 1e308, "vendor": "b"}, {"size": -1e308}, {"week": 2}]
    for where in wheres:
        answer = ask(view_of(rows), where=where)
        assert math.isfinite(number(answer["estimate"]))
        assert math.isfinite(read(answer["why"]))


def test_rows_left_out_are_as_though_they_were_not_there() -> None:
    rows, linked = sales(60)
    rows[5]["change"] = -3
    left_out = [5, 17, 40]
    scope = Scope(view_of(rows, linked), Deadline.after(9))
    others = view_of([row for place, row in enumerate(rows) if place not in left_out], linked)
    for target in ("price", "week", "change"):
        for where in WHERES:
            body: dict[str, JsonValue] = {"from": "sales", "estimate": target, "where": where}
            table = scope.view.table("sales")
            estimator = prepare_estimate(scope, table, everything(table), FieldName((target,), "estimate", ""))
            query = parse_estimate(body)
            told = estimator.estimate(query.where, regression=False, without=np.array(left_out, np.uint32)).value
            assert told == pytest.approx(ask(others, target, where)["estimate"], rel=1e-9), (target, where)


def test_leaving_out_the_only_numbers_that_are_not_above_zero_makes_logarithms() -> None:
    rows: list[Row] = [{"week": 1, "change": change} for change in (1, 100, -5)]
    scope = Scope(view_of(rows), Deadline.after(9))
    table = scope.view.table("sales")
    estimator = prepare_estimate(scope, table, everything(table), FieldName(("change",), "estimate", ""))
    assert estimator.estimate(EVERYTHING, regression=False).value == pytest.approx(32)
    without = estimator.estimate(EVERYTHING, regression=False, without=np.array([2], np.uint32))
    assert without.value == pytest.approx(10)


def test_the_layout_of_the_rows_changes_no_byte(tmp_path: Path) -> None:
    rows, linked = sales(150)
    tables: dict[str, tuple[Columns, Sequence[Row]]] = {"sales": (SALES, rows), "products": (PRODUCTS, linked)}
    views = [laid_out(tmp_path / str(seed), tables, seed).read_view() for seed in (None, 1, 2)]
    for where in WHERES:
        answers = {json.dumps(ask(view, target, where)) for view in views for target in ("price",)}
        assert len(answers) == 1, where


def test_huge_groups_are_sampled_and_near_what_all_rows_say() -> None:
    drawn = np.random.default_rng(8)
    logs = drawn.normal(1, 0.5, 30_000)
    rows: list[Row] = [
        {"vendor": "ab"[place % 2], "week": place % 50, "price": float(np.exp(log + place % 2 + place % 50 / 50))}
        for place, log in enumerate(logs.tolist())
    ]
    view = view_of(rows)
    assert priced(view, where={"vendor": "b", "week": 25}) == pytest.approx(math.exp(2.5), rel=0.05)
    of_group = geometric_mean([number(row["price"]) for row in rows if row["vendor"] == "b"])
    assert priced(view, where={"vendor": "b"}) == pytest.approx(of_group, rel=1e-3)
