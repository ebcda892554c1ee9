"""Counts and statistics over the rows that have a hit, by hand and against a second count."""

from __future__ import annotations

import random
import statistics
from pathlib import Path

import pytest

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import ask, hits_of
from tests.unit.instance_agent.query.layouts import Row, laid_out
from tests.unit.instance_agent.query.scoring.store import (
    MAKER_ROWS,
    MAKERS,
    PRODUCT_ROWS,
    PRODUCTS,
    VIEWS,
    by_value,
    close,
    query,
)
from tests.unit.instance_agent.query.second_opinion import Opinion


def test_f_counts_the_rows_of_each_hit() -> None:
    assert by_value("$f") == {"a": 2, "b": 2, "c": 1, "d": 0}
    assert by_value("$f", where={"user": "x"}) == {"a": 1, "b": 2, "c": 0, "d": 0}
    assert by_value("$f", get="basket") == {"a": 2, "b": 2, "c": 1, "d": 0}
    assert by_value("$f", get="query.$feature") == {"appl": 2, "bread": 1, "pie": 1, "red": 1}
    assert by_value("$f", get="product.maker") == {"m": 2, "n": 2, "o": 0}


def test_where_in_counts_is_a_filter() -> None:
    assert by_value("$f", where={"query": "apple"}) == {"a": 0, "b": 0, "c": 0, "d": 0}
    assert by_value("$f", where={"query": {"$match": "apple"}}) == {"a": 1, "b": 1, "c": 0, "d": 0}


def test_f_of_a_condition_counts_the_rows_that_satisfy_it_too() -> None:
    bought: JsonValue = {"$f": {"$context": {"bought": True}}}
    assert by_value(bought) == {"a": 1, "b": 2, "c": 0, "d": 0}
    assert by_value(bought, where={"week": 2}) == {"a": 0, "b": 2, "c": 0, "d": 0}


@pytest.mark.parametrize(
    ("score", "wanted"),
    [
        ({"$sum": {"$context": "paid"}}, {"a": 1.5, "b": 4, "c": 0, "d": 0}),
        ({"$mean": {"$context": "paid"}}, {"a": 1.5, "b": 2, "c": None, "d": None}),
        ({"$min": {"$context": "paid"}}, {"a": 1.5, "b": 1.5, "c": None, "d": None}),
        ({"$max": {"$context": "paid"}}, {"a": 1.5, "b": 2.5, "c": None, "d": None}),
        ({"$sum": {"$context": "bought"}}, {"a": 1, "b": 2, "c": 0, "d": 0}),
        ({"$mean": {"$context": "bought"}}, {"a": 0.5, "b": 1, "c": 0, "d": None}),
        ({"$sum": {"$context": "product.price"}}, {"a": 3, "b": 4, "c": 0, "d": 0}),
        ({"$sum": {"$context": {"$multiply": ["paid", 2]}}}, {"a": 3, "b": 8, "c": 0, "d": 0}),
        ({"$max": {"$context": "$index"}}, {"a": 1, "b": 3, "c": 4, "d": None}),
        ({"$impact": {"value": {"$context": "paid"}, "base": 1}}, {"a": 0.5, "b": 2, "c": 0, "d": 0}),
        ({"$impact": {"value": {"$context": "paid"}}}, {"a": 1.5 - 4.5 / 4, "b": 4 - 2 * 4.5 / 4, "c": 0, "d": 0}),
        ({"$freqP": {"f": {"$f": {"$context": {"bought": True}}}, "n": "$f"}}, {"a": 0.5, "b": 0.75, "c": 1 / 3}),
        ({"$freqP": {"f": 1, "n": 2, "p": 0.25}}, {"a": 0.375, "b": 0.375, "c": 0.375, "d": 0.375}),
    ],
)
def test_statistics_over_the_rows_of_a_hit(score: JsonValue, wanted: dict[str, float | None]) -> None:
    found = by_value(score)
    for value, number in wanted.items():
        assert found[value] is None if number is None else close(found[value], number), value


def test_a_statistic_under_its_own_name_shows_its_samples() -> None:
    hits = query(get="product", select=["$value", {"$sum": {"$context": "paid"}}, {"$mean": {"$context": "bought"}}])
    assert [list(hit.items()) for hit in hits] == [
        [("$value", "a"), ("$sum", 1.5), ("$sum.samples", 1), ("$mean", 0.5), ("$mean.samples", 2)],
        [("$value", "b"), ("$sum", 4), ("$sum.samples", 2), ("$mean", 1), ("$mean.samples", 2)],
        [("$value", "c"), ("$sum", 0), ("$sum.samples", 0), ("$mean", 0), ("$mean.samples", 1)],
        [("$value", "d"), ("$sum", 0), ("$sum.samples", 0), ("$mean.samples", 0)],
    ]
    (hit, *_) = query(get="product", select=[{"total": {"$sum": {"$context": "paid"}}}])
    assert hit == {"total": 1.5}


def test_an_expanded_statistic_shows_all_of_it() -> None:
    hits = query(get="product", select=[{"$expand": {"$mean": {"$context": "paid"}}}, {"$expand": "$f"}])
    assert hits[1] == {
        "$mean": 2,
        "$mean.samples": 2,
        "$mean.variance": 0.25,
        "$mean.standardDeviation": 0.5,
        "$mean.standardError": pytest.approx(0.5 / 2**0.5, rel=1e-15),
        "$f": 2,
    }
    assert hits[3] == {"$mean.samples": 0, "$f": 0}


@pytest.mark.parametrize(
    "score",
    [
        {"$f": {"$context": {"bought": True}}},
        {"$sum": {"$context": "price"}},
        {"$impact": {"value": {"$context": "price"}}},
        {"$analogy": {"with": "a", "basedOn": "tags"}},
        "$f",
        "$p",
        "$lift",
        "$value",
    ],
)
def test_rows_have_no_rows_of_their_own(score: JsonValue) -> None:
    with pytest.raises(AgentError, match=r"needs 'get'|no field of these hits"):
        query("products", orderBy=score)
    with pytest.raises(AgentError, match=r"needs 'get'|no field of these hits"):
        query("products", select=[{"it": score}] if isinstance(score, dict) else [score])


def test_what_is_no_number_has_no_sum() -> None:
    for path in ("user", "query", "basket", "product.name", "product.tags", "basket.price"):
        with pytest.raises(AgentError, match="number"):
            by_value({"$sum": {"$context": path}})
    with pytest.raises(AgentError, match="field 'nothing' not found"):
        by_value({"$sum": {"$context": "nothing"}})


SEED = 5
WHERES: list[dict[str, JsonValue]] = [
    {},
    {"user": "x"},
    {"bought": True, "week": {"$gte": 2}},
    {"product.tags": "fruit"},
    {"basket.price": {"$gt": 1}},
    {"$or": [{"week": 1}, {"paid": {"$lt": 0}}]},
]


def random_views(random_: random.Random) -> list[Row]:
    def maybe(values: list[JsonValue]) -> JsonValue:
        return random_.choice([*values, None])

    ids: list[JsonValue] = ["a", "b", "c", "nowhere"]
    return [
        {
            key: value
            for key, value in {
                "product": maybe(ids),
                "basket": None if random_.random() < 0.2 else random_.choices(ids, k=random_.randrange(4)),
                "week": maybe([1, 2, 3]),
                "bought": maybe([True, False]),
                "paid": maybe([0.25, -1.5, 3.0, 1e6]),
                "user": random_.choice(["x", "y"]),
            }.items()
            if value is not None
        }
        for _ in range(70)
    ]


ROWS = random_views(random.Random(SEED))  # noqa: S311
TABLES = {"makers": (MAKERS, MAKER_ROWS), "products": (PRODUCTS, PRODUCT_ROWS), "views": (VIEWS, ROWS)}


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> list[ReadView]:
    folder: Path = tmp_path_factory.mktemp("counts")
    return [laid_out(folder / str(seed), TABLES, seed).read_view() for seed in (None, 1, 2)]


def of_hit(row: Row, get: str) -> list[JsonValue]:
    """The hits that a row has, said a second time."""
    value = row.get(get)
    values: list[JsonValue] = value if isinstance(value, list) else [value]
    known = {str(product["id"]) for product in PRODUCT_ROWS}
    if get != "week":
        values = [one for one in values if one in known]
    found: dict[str, JsonValue] = {str(one): one for one in values if one is not None}
    return list(found.values())


@pytest.mark.parametrize(
    ("get", "where"),
    [(get, where) for get in ("product", "basket", "week") for where in WHERES if get not in str(where)],
    ids=str,
)
def test_statistics_equal_a_second_count_in_every_layout(
    views: list[ReadView], get: str, where: dict[str, JsonValue]
) -> None:
    chosen = [ROWS[at] for at in Opinion(TABLES).rows("views", where)]
    select: JsonValue = [
        "$value",
        "$f",
        {"bought": {"$f": {"$context": {"bought": True}}}},
        {"$sum": {"$context": "paid"}},
        {"$expand": {"$mean": {"$context": "paid"}}},
        {"least": {"$min": {"$context": "paid"}}},
        {"most": {"$max": {"$context": "paid"}}},
    ]
    answers = [hits_of(ask(view, "_query", from_="views", get=get, where=where, select=select)) for view in views]
    assert answers[0] == answers[1] == answers[2]
    for hit in answers[0]:
        rows = [row for row in chosen if hit["$value"] in of_hit(row, get)]
        paid = [float(value) for row in rows if isinstance(value := row.get("paid"), float)]
        assert hit["$f"] == len(rows)
        assert hit["bought"] == sum(row.get("bought") is True for row in rows)
        assert close(hit["$sum"], sum(paid))
        assert hit["$mean.samples"] == hit["$sum.samples"] == len(paid)
        assert ("$mean" in hit) == ("most" in hit) == bool(paid)
        if paid:
            assert close(hit["$mean"], statistics.fmean(paid))
            assert close(hit["$mean.variance"], statistics.pvariance(paid))
            assert (hit["least"], hit["most"]) == (min(paid), max(paid))
