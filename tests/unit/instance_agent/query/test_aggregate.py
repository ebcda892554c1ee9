"""`_aggregate`: every form, by hand and against the rows themselves, in every layout of the rows."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import pytest

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.aggregate import aggregate
from instance_agent.query.language.grammar import parse_aggregate
from instance_agent.query.scope import Scope
from instance_agent.schema.types import JsonValue, Row
from tests.unit.instance_agent.query.builders import make_view, shop
from tests.unit.instance_agent.query.histories import History
from tests.unit.instance_agent.query.relating import Rows


def aggregated(view: ReadView, table: JsonValue, form: JsonValue, **more: JsonValue) -> dict[str, JsonValue]:
    """The answer to a body."""
    body: dict[str, JsonValue] = {"from": table, "aggregate": form, **more}
    return aggregate(Scope(view, Deadline.after(30)), parse_aggregate(body))


def test_the_documented_numbers() -> None:
    rows: list[JsonValue] = [{"purchase": number < 100} for number in range(2_236)]
    view = make_view({"impressions": ({"purchase": {"type": "Boolean"}}, rows)})
    answer = aggregated(view, "impressions", ["purchase.$sum", "purchase.$mean"])
    p = 100 / 2_236
    expected = {
        "purchase.$mean": p,
        "purchase.$mean.samples": 2_236,
        "purchase.$mean.variance": p * (1 - p),
        "purchase.$mean.standardDeviation": math.sqrt(p * (1 - p)),
        "purchase.$mean.standardError": math.sqrt(p * (1 - p) / 2_236),
        "purchase.$sum": 100,
        "purchase.$sum.samples": 2_236,
    }
    assert list(answer) == list(expected)
    assert answer == pytest.approx(expected, rel=1e-12)
    assert isinstance(answer["purchase.$sum"], int)


@pytest.mark.parametrize(
    ("form", "where", "expected"),
    [
        ("$f", None, {"$f": 5}),
        ("$f", {"organic": True}, {"$f": 3}),
        ({"$f": {"stock": {"$gt": 0}}}, {"organic": True}, {"$f": 2}),
        ({"$f": {"price": 2.5}}, None, {"$f": 2}),
        ("stock.$sum", None, {"stock.$sum": 14, "stock.$sum.samples": 4}),
        ("stock.$min", None, {"stock.$min": -3}),
        ("stock.$max", {"organic": False}, {"stock.$max": 0}),
        ("price.$sum", {"name": {"$match": "bread"}}, {"price.$sum": 5.0, "price.$sum.samples": 2}),
        ("price.$max", None, {"price.$max": 2.5}),
        ("id.$min", None, {"id.$min": "a"}),
        ("id.$max", {"organic": False}, {"id.$max": "c"}),
        ("name.$max", None, {"name.$max": "White bread"}),
        ("name.$min", None, {"name.$min": ""}),
        ("organic.$max", {"organic": False}, {"organic.$max": 0}),
        ({"$sum": "$index"}, {"price": 2.5}, {"$sum": 5, "$sum.samples": 2}),
        ({"$sum": "stock"}, None, {"$sum": 14, "$sum.samples": 4}),
        ({"$sum": {"$multiply": ["stock", "price"]}}, None, {"$sum": 0.5, "$sum.samples": 4}),
        ({"n": "$f", "least": "price.$min"}, {"organic": True}, {"least": 0.25, "n": 3}),
        ({"$max": {"$subtract": [10, "stock"]}}, None, {"$max": 13.0}),
        ({"whole": {"$sum": {"$context": "stock"}}}, None, {"whole": 14, "whole.samples": 4}),
    ],
)
def test_each_form(form: JsonValue, where: JsonValue, expected: dict[str, JsonValue]) -> None:
    answer = aggregated(shop(), "products", form, where=where)
    assert json.dumps(answer) == json.dumps(expected)


def test_a_mean_has_its_statistics_under_an_alias_too() -> None:
    answer = aggregated(shop(), "products", [{"average": "stock.$mean"}, {"$mean": {"$multiply": ["stock", 2]}}])
    assert list(answer) == [
        f"{family}{suffix}"
        for family in ("$mean", "average")
        for suffix in ("", ".samples", ".variance", ".standardDeviation", ".standardError")
    ]
    variance = (1.5**2 + 3.5**2 + 6.5**2 + 8.5**2) / 4
    assert [answer["average"], answer["average.samples"], answer["average.variance"]] == [3.5, 4, variance]
    assert answer["average.standardDeviation"] == pytest.approx(math.sqrt(variance))
    assert answer["average.standardError"] == pytest.approx(math.sqrt(variance / 4))
    assert [answer["$mean"], answer["$mean.samples"], answer["$mean.variance"]] == [7.0, 4, 4 * variance]


def test_families_are_in_alphabetical_order_and_select_decides_otherwise() -> None:
    forms: JsonValue = ["stock.$sum", "price.$min", "$f", "price.$sum"]
    assert list(aggregated(shop(), "products", forms)) == [
        "$f",
        "price.$min",
        "price.$sum",
        "price.$sum.samples",
        "stock.$sum",
        "stock.$sum.samples",
    ]
    chosen = aggregated(shop(), "products", forms, select=["stock.$sum.samples", "$f"])
    assert json.dumps(chosen) == '{"stock.$sum.samples": 4, "$f": 5}'


def test_without_rows_sums_are_zero_and_means_null() -> None:
    forms: JsonValue = ["stock.$sum", "stock.$mean", "price.$sum", "price.$min", "name.$max", "$f"]
    answer = aggregated(shop(), "products", forms, where={"id": "nothing"})
    assert [answer["stock.$sum"], answer["price.$sum"], answer["$f"]] == [0, 0, 0]
    assert [answer["stock.$mean.samples"], answer["stock.$sum.samples"]] == [0, 0]
    for name in ("", ".variance", ".standardDeviation", ".standardError"):
        assert answer[f"stock.$mean{name}"] is None
    assert [answer["price.$min"], answer["name.$max"]] == [None, None]


def test_links_are_followed_and_dangling_ones_are_no_samples() -> None:
    view = shop()
    assert aggregated(view, "visits", "user.age.$sum") == {"user.age.$sum": 60, "user.age.$sum.samples": 2}
    assert aggregated(view, "visits", "user.friend.id.$max") == {"user.friend.id.$max": "bob"}
    assert aggregated(view, "visits", "user.$max", where={"bought.price": {"$gt": 0}}) == {"user.$max": "zoe"}
    assert aggregated(view, "users", {"$f": {"friend.id": "bob"}}) == {"$f": 1}


def test_large_whole_numbers_are_exact() -> None:
    assert aggregated(shop(), "products", ["views.$sum", "views.$max"]) == {
        "views.$max": 2**53 + 1,
        "views.$sum": 2**54 + 5,
        "views.$sum.samples": 5,
    }


def test_a_narrowed_population_is_all_that_is_counted() -> None:
    source: JsonValue = {"from": "products", "where": {"price": {"$gte": 1}}, "limit": 3}
    assert aggregated(shop(), source, ["$f", "stock.$sum", {"with": {"$f": {"organic": False}}}]) == {
        "$f": 3,
        "stock.$sum": 5,
        "stock.$sum.samples": 2,
        "with": 2,
    }


@pytest.mark.parametrize(
    ("form", "more", "said"),
    [
        ("nothing.$sum", {}, "field 'nothing' not found"),
        ("id.$mean", {}, "'id' of type String is no number"),
        ("name.$sum", {}, "'name' of type Text is no number"),
        ("tags.$mean", {}, "'tags' of type String\\[\\] is no number"),
        ("tags.$min", {}, "'tags' of type String\\[\\] is no number"),
        ("extra.$max", {}, "'extra' of type Json is no number"),
        ("price.of.$max", {}, "field 'price.of' not found"),
        ({"$f": {"price": "dear"}}, {}, "field 'price' of type Decimal cannot be"),
        ("$f", {"where": {"nothing": 1}}, "field 'nothing' not found"),
        ("$f", {"select": ["price.$sum"]}, "field 'price.\\$sum' not found"),
        ([{"a": "price.$sum"}, {"a.samples": "$f"}], {}, "two results are called 'a.samples'"),
        ({"$mean": "$p"}, {}, "\\$p"),
    ],
)
def test_what_does_not_fit_is_refused(form: JsonValue, more: dict[str, JsonValue], said: str) -> None:
    wheres: list[JsonValue] = [None, {"id": "nothing"}]
    for where in wheres:
        with pytest.raises(AgentError, match=said) as refused:
            aggregated(shop(), "products", form, **{"where": where, **more})
        assert refused.value.status == 400


def test_several_values_in_a_row_are_no_sample() -> None:
    with pytest.raises(AgentError, match="several values"):
        aggregated(shop(), "visits", "bought.price.$sum")


def test_sums_beyond_a_number_are_refused() -> None:
    rows: list[JsonValue] = [{"x": 1.7e308}, {"x": 1.7e308}, {"x": -1.0}]
    view = make_view({"t": ({"x": {"type": "Decimal"}}, rows)})
    assert aggregated(view, "t", "x.$max") == {"x.$max": 1.7e308}
    for form in ("x.$sum", "x.$mean"):
        with pytest.raises(AgentError, match="beyond what a number can hold"):
            aggregated(view, "t", form)


def samples_of(rows: Rows, chosen: list[Row], field: str) -> list[int | float]:
    values = [value for row in chosen for value in rows.values("orders", row, field.split("."))]
    return [value for value in values if isinstance(value, int | float)]


@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_those_of_the_rows_whatever_happened_before(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path, seed)
    wheres: list[tuple[JsonValue, object]] = [(None, None), ({"kind": "gift"}, "gift"), ({"kind": "none"}, "none")]
    for _ in range(8):
        rows = Rows(history.schema, {name: history.rows(name) for name in history.schema.tables})
        view = history.database.read_view()
        for where, kind in wheres:
            chosen = [row for row in rows.tables["orders"] if kind is None or row.get("kind") == kind]
            forms: list[JsonValue] = ["$f", "kind.$max", "item.name.$min"]
            fields = ("amount", "paid", "item.price", "shop.size", "item.maker.size")
            forms += [f"{field}.{statistic}" for field in fields for statistic in ("$mean", "$sum", "$min")]
            answer = aggregated(view, "orders", forms, where=where)
            assert json.dumps(answer) == json.dumps(aggregated(history.rebuilt(), "orders", forms, where=where))
            assert answer["$f"] == len(chosen)
            kinds = [str(row["kind"]) for row in chosen if row.get("kind") is not None]
            assert answer["kind.$max"] == max(kinds, default=None)
            for field in fields:
                check(answer, field, samples_of(rows, chosen, field))
        history.step()


def check(answer: dict[str, JsonValue], field: str, values: list[int | float]) -> None:
    total = sum((Fraction(value) for value in values), Fraction(0))
    assert answer[f"{field}.$sum"] == total
    assert answer[f"{field}.$sum.samples"] == answer[f"{field}.$mean.samples"] == len(values)
    assert answer[f"{field}.$min"] == min(values, default=None)
    if not values:
        assert answer[f"{field}.$mean"] is None
        return
    mean = total / len(values)
    variance = sum(((Fraction(value) - mean) ** 2 for value in values), Fraction(0)) / len(values)
    assert answer[f"{field}.$mean"] == pytest.approx(float(mean), rel=1e-15)
    assert answer[f"{field}.$mean.variance"] == pytest.approx(float(variance), rel=1e-12)
    assert answer[f"{field}.$mean.standardError"] == pytest.approx(math.sqrt(float(variance) / len(values)), rel=1e-12)
