"""Orders by fields behind links, by scores, by several keys; of rows and of candidates."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.query.hits import top_rows
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns, ask, hits_of, make_view
from tests.unit.instance_agent.query.layouts import Row, laid_out
from tests.unit.instance_agent.query.scoring.store import query


def ids(order: JsonValue, **body: JsonValue) -> str:
    return "".join(str(hit["id"]) for hit in query("products", orderBy=order, select=["id"], **body))


def values(order: JsonValue, get: str = "product", **body: JsonValue) -> str:
    return "".join(str(hit["$value"]) for hit in query("views", get=get, orderBy=order, select=["$value"], **body))


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ({"$divide": ["stock", "price"]}, "badc"),
        ({"$asc": {"$divide": ["stock", "price"]}}, "dabc"),
        ("maker.town", "abcd"),
        ({"$asc": "maker.town"}, "bacd"),
        ([{"$asc": {"$multiply": ["organic", 0]}}, "id"], "badc"),
        (["organic", {"$desc": {"$sum": ["price", 0]}}], "abdc"),
        ("name", "bdca"),
        ([1, "$index"], "dcba"),
        (3, "abcd"),
        ({"$hit": {"$hit": "price"}}, "badc"),
    ],
    ids=json.dumps,
)
def test_rows_by_any_score_missing_last_ties_in_table_order(order: JsonValue, wanted: str) -> None:
    assert ids(order) == wanted
    assert "".join(ids(order, offset=at, limit=1) for at in range(4)) == wanted


@pytest.mark.parametrize(
    ("order", "get", "wanted"),
    [
        (None, "product", "abcd"),
        (None, "week", "123"),
        (None, "basket", "abcd"),
        (None, "user", "xy"),
        (None, "bought", "FalseTrue"),
        (None, "query.$feature", "applbreadpiered"),
        (None, "product.price", "1.52.0"),
        ("$value", "week", "321"),
        ("$f", "product", "abcd"),
        ({"$asc": "$f"}, "product", "dcab"),
        (["$f", "price"], "product", "bacd"),
        ({"$sum": {"$context": "paid"}}, "product", "bacd"),
        ({"$mean": {"$context": "paid"}}, "product", "bacd"),
        ("price", "product", "badc"),
        ("product.maker.town", "product", "abcd"),
        ("$index", "product", "dcba"),
        ({"$desc": "product"}, "product", "dcba"),
        ("town", "product.maker", "mno"),
    ],
    ids=json.dumps,
)
def test_candidates_by_any_score(order: JsonValue, get: str, wanted: str) -> None:
    assert values(order, get) == wanted


def test_what_hits_were_ordered_by_is_shown() -> None:
    (first, second, *_) = query("products", orderBy="price")
    assert list(first) == ["$sort", "id", "maker", "name", "organic", "price", "stock", "tags"]
    assert (first["$sort"], second["$sort"]) == (2.0, 1.5)
    hits = query(
        "products", orderBy=["organic", {"$asc": {"$sum": ["stock", 0.5]}}], select=["$sort", "$score", "$rank"]
    )
    assert hits == [
        {"$sort": [True, 0.5], "$score": True, "$rank": 0},
        {"$sort": [False, 3.5], "$score": False, "$rank": 1},
        {"$sort": [None, -1.5], "$rank": 2},
        {"$sort": [None, None], "$rank": 3},
    ]
    hits = query(
        "views", get="product", orderBy={"$sum": {"$context": "bought"}}, select=["$score", "$sort", "id"], limit=2
    )
    assert [list(hit.items()) for hit in hits] == [
        [("$score", 2), ("$sort", 2), ("id", "b")],
        [("$score", 1), ("$sort", 1), ("id", "a")],
    ]
    assert query("products", select=["$sort", "$score"], limit=1) == [{}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"orderBy": "tags"}, "no order"),
        ({"orderBy": "nothing"}, "field 'nothing' not found"),
        ({"orderBy": "maker.nothing"}, "field 'maker.nothing' not found"),
        ({"orderBy": ["price", "nothing"]}, "field 'nothing' not found"),
    ],
)
def test_what_has_no_order_is_refused_even_when_nothing_is_shown(body: dict[str, JsonValue], message: str) -> None:
    for limit in (0, 1):
        with pytest.raises(AgentError, match=message):
            query("products", **body, limit=limit)
        with pytest.raises(AgentError, match=message):
            query("views", **{**body, "get": "product", "limit": limit})


def test_a_path_through_an_array_of_links_has_no_order() -> None:
    for order in ("basket.price", "basket"):
        with pytest.raises(AgentError, match=r"several values|no order"):
            query("views", orderBy=order)
    with pytest.raises(AgentError, match="field 'week' not found"):
        query("views", get="product", orderBy="week")
    with pytest.raises(AgentError, match=r"\$index is that of rows"):
        query("views", get="week", orderBy="$index")


COLUMNS: Columns = {
    "n": {"type": "Int", "nullable": True},
    "long": {"type": "Long"},
    "d": {"type": "Decimal", "nullable": True},
    "s": {"type": "String", "nullable": True},
    "b": {"type": "Boolean", "nullable": True},
    "same": {"type": "Int"},
}


def many_rows(count: int) -> list[Row]:
    random_ = random.Random(count)  # noqa: S311

    def row() -> Row:
        made: Row = {
            "n": random_.choice([None, *range(-5, 6)]),
            "long": 2**60 + random_.randrange(40),
            "d": random_.choice([None, random_.random(), float(random_.randrange(3))]),
            "s": random_.choice([None, "", "B", "a", "ä", "😀", "\uffff", f"s{random_.randrange(99)}"]),
            "b": random_.choice([None, True, False]),
            "same": 7,
        }
        return {key: value for key, value in made.items() if value is not None}

    return [row() for _ in range(count)]


ROWS = many_rows(300)


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> list[Callable[[], ReadView]]:
    folder: Path = tmp_path_factory.mktemp("orders")
    tables = {"t": (COLUMNS, ROWS)}
    databases = [laid_out(folder / str(seed), tables, seed) for seed in (None, 1)]
    return [*(database.read_view for database in databases), lambda: make_view({"t": (COLUMNS, [*ROWS])})]


def sorted_by_hand(rows: list[tuple[int, Row]], name: str, descending: bool) -> list[int]:
    """Positions; Python's sort keeps ties in their order in both directions."""
    present = [(at, row) for at, row in rows if name in row]
    present.sort(key=lambda pair: _comparable(pair[1][name]), reverse=descending)
    return [at for at, _ in present] + [at for at, row in rows if name not in row]


def _comparable(value: JsonValue) -> list[float]:
    if isinstance(value, str):
        return [float(ord(letter)) for letter in value]
    assert isinstance(value, int | float)
    return [value]


@pytest.mark.parametrize("kept", [5, 1000], ids=["few rows kept", "many rows kept"])
@pytest.mark.parametrize("where", [{}, {"b": True}, {"n": {"$gte": 5}}], ids=str)
def test_the_first_rows_are_those_of_the_whole_order(
    layouts: list[Callable[[], ReadView]], monkeypatch: pytest.MonkeyPatch, kept: int, where: dict[str, JsonValue]
) -> None:
    monkeypatch.setattr(top_rows, "KEPT", kept)
    monkeypatch.setattr(top_rows, "WALKED", 3)
    rows = [(at, row) for at, row in enumerate(ROWS)]
    if "b" in where:
        rows = [(at, row) for at, row in rows if row.get("b") is True]
    elif where:
        rows = [(at, row) for at, row in rows if row.get("n") == 5]
    for view in (layout() for layout in layouts):
        view.table("t").derived.clear()
        for name in COLUMNS:
            for descending in (True, False):
                wanted = sorted_by_hand(rows, name, descending)
                key: JsonValue = {"$desc" if descending else "$asc": name}
                for offset, limit in ((0, 2), (0, 4), (1, 7), (0, 1000), (290, 20)):
                    body: dict[str, JsonValue] = {"where": where, "orderBy": key, "select": "$index"}
                    page = ask(view, "_search", from_="t", offset=offset, limit=limit, **body)
                    assert page["total"] == len(rows)
                    assert [hit["$index"] for hit in hits_of(page)] == wanted[offset : offset + limit], (name, key)
