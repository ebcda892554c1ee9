"""What `_relate` counts, against counts row by row: in random histories, in fields of many features."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import optimize
from instance_agent.engine.tables import ReadView
from instance_agent.schema.parse import parse_database
from instance_agent.schema.types import JsonValue, Row
from tests.unit.instance_agent.query.builders import make_view
from tests.unit.instance_agent.query.histories import History
from tests.unit.instance_agent.query.relating import Feature, Member, Rows, expected, related, same

ALL = 1_000_000


def history_rows(history: History) -> Rows:
    return Rows(history.schema, {name: history.rows(name) for name in history.schema.tables})


def members(rows: Rows, said: JsonValue) -> list[Member]:
    """What one element of a set about `orders` stands for."""
    if isinstance(said, str):
        return rows.field("orders", said)
    assert isinstance(said, dict)
    ((field, value),) = said.items()
    if field == "$or":
        return [[Feature({"$or": [{"kind": {"$has": "gift"}}, {"paid": {"$has": True}}]}, _gift_or_paid)]]
    if field == "$on":
        return [
            [one.on({"paid": {"$has": True}}, lambda row: row["paid"] is True) for one in member]
            for member in members(rows, {"note": "tea late"})
        ]
    if isinstance(value, dict):
        return [[Feature({"amount": {"$gt": 4}}, lambda row: (row.get("amount") or 0) > 4)]]  # type: ignore[operator]
    words = value.split() if field == "note" and isinstance(value, str) else [value]
    return [[rows.feature("orders", field, word) for word in words]]


def _gift_or_paid(row: Row) -> bool:
    return row.get("kind") == "gift" or row["paid"] is True


SETS: list[JsonValue] = [
    "kind",
    "note",
    "item",
    "basket",
    "basket.name",
    "basket.tags",
    "shop.region",
    "item.maker.region",
    "amount",
    {"kind": "gift"},
    {"note": "green tea unheard"},
    {"basket": "i1"},
    {"basket.tags": "red"},
    {"item.maker.size": 2},
    {"amount": {"$gt": 4}},
    {"$or": [{"kind": "gift"}, {"paid": True}]},
    {"$on": [{"note": "tea late"}, {"paid": True}]},
]


def where_of(said: JsonValue) -> JsonValue:
    return {"$exists": said} if isinstance(said, str) else {"$and": [_key_alone(said)]}


def _key_alone(said: JsonValue) -> JsonValue:
    """A link by its key, without the features of the linked row."""
    return {"basket": {"$has": "i1"}} if said == {"basket": "i1"} else said


def check(history: History, condition: JsonValue, other: JsonValue, *, narrowed: bool) -> None:
    rows = history_rows(history)
    source: JsonValue = "orders"
    counted = rows.tables["orders"]
    if narrowed:
        source = {"from": "orders", "where": {"shop.region": "north"}}
        counted = [row for row in counted if "north" in rows.values("orders", row, ["shop", "region"])]
    body: dict[str, JsonValue] = {
        "from": source,
        "where": where_of(condition),
        "relate": [_key_alone(other)],
        "limit": ALL,
    }
    wanted = expected(counted, members(rows, condition), members(rows, other))
    page = related(history.database.read_view(), body)
    assert same(page["hits"], list[JsonValue](wanted)), body
    assert page["total"] == len(wanted)
    assert json.dumps(page) == json.dumps(related(history.rebuilt(), body))


@pytest.mark.parametrize("seed", range(4))
def test_every_pair_is_counted_right_whatever_happened_before(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path, seed)
    for step in range(9):
        for _ in range(4):
            condition, other = history.numbers.choice(SETS), history.numbers.choice(SETS)
            check(history, condition, other, narrowed=history.numbers.random() < 0.4)
        if step < 8:
            history.step()


@pytest.mark.parametrize("said", [{"kind": "gift"}, "paid", {"$or": [{"kind": "gift"}, {"paid": True}]}])
def test_without_a_condition_every_feature_of_the_table_is_counted_right(tmp_path: Path, said: JsonValue) -> None:
    history = History(tmp_path, 11)
    for _ in range(4):
        history.step()
    rows = history_rows(history)
    conditions = [one for name in rows.schema.tables["orders"].columns for one in rows.field("orders", name)]
    wanted = expected(rows.tables["orders"], conditions, members(rows, said), apart=True)
    page = related(history.database.read_view(), {"from": "orders", "relate": said, "limit": ALL})
    assert same(page["hits"], list[JsonValue](wanted))


def test_many_features_are_ordered_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields of many features take other ways to the same numbers."""
    rows: list[JsonValue] = [
        {"a": number % 7, "b": number * number % 611, "words": f"w{number % 97} w{number * 3 % 901} w{number % 5}"}
        for number in range(1_500)
    ]
    columns = {"a": {"type": "Int"}, "b": {"type": "Int"}, "words": {"type": "Text"}}
    view = make_view({"t": (columns, rows)})
    bodies: list[dict[str, JsonValue]] = [
        {"from": "t", "where": {"a": 3}, "relate": ["words", "b"], "limit": 40},
        {"from": "t", "where": {"$exists": "words"}, "relate": {"a": 3}, "limit": 2_000, "orderBy": "info.mi"},
        {"from": {"from": "t", "limit": 900}, "where": {"$exists": "a"}, "relate": "words", "offset": 5},
        {"from": "t", "where": {"$exists": "words"}, "relate": {"a": 3, "b": 1}, "limit": 200},
        {"from": "t", "where": {"$exists": "words"}, "relate": {"$and": [{"a": 3}, {"a": 4}]}, "limit": 200},
        {"from": {"from": "t", "limit": 90}, "where": {"$exists": "words"}, "relate": "b", "limit": 500},
        {"from": "t", "where": {"a": {"$lt": 6}}, "relate": ["words"], "orderBy": {"$asc": "lift"}, "limit": 30},
    ]
    answers = [related(view, body) for body in bodies]
    monkeypatch.setattr("instance_agent.query.endpoints.relate.WORTH_LEVELS", ALL)
    monkeypatch.setattr("instance_agent.query.endpoints.relate.AT_ONCE", 100)
    monkeypatch.setattr("instance_agent.query.endpoints.relate.GROUPS", ALL)
    monkeypatch.setattr("instance_agent.query.endpoints.relation_counts.FEW", 0)
    monkeypatch.setattr("instance_agent.query.endpoints.relation_counts.FEW_ROWS", 0)
    monkeypatch.setattr("instance_agent.query.endpoints.relation_counts.MOST_POPULATIONS", 1)
    assert [related(view, body) for body in bodies] == answers


def test_many_features_behind_links_are_counted_right() -> None:
    words = [f"w{number % 31}" for number in range(60)]
    items: list[Row] = [
        {"id": f"i{number}", "name": f"{words[number]} {words[number * 7 % 60]}", "size": number % 19}
        for number in range(40)
    ]
    orders: list[Row] = [
        {"item": f"i{number * 11 % 43}", "basket": [f"i{number % 41}", f"i{number * 5 % 37}"], "late": number % 3 == 0}
        for number in range(70)
    ]
    link: dict[str, JsonValue] = {"type": "String", "link": "items.id"}
    view = make_view(
        {
            "items": ({"id": {"type": "String"}, "name": {"type": "Text"}, "size": {"type": "Int"}}, items),
            "orders": ({"item": link, "basket": {**link, "type": "String[]"}, "late": {"type": "Boolean"}}, orders),
        }
    )
    rows = Rows(view.schema, {"items": items, "orders": orders})
    late: JsonValue = {"from": "orders", "where": {"late": True}}
    for condition, other in itertools.permutations(["item.name", "basket.name", "item.size", "basket.size"], 2):
        pair = rows.field("orders", condition), rows.field("orders", other)
        for source, counted in (("orders", orders), (late, [row for row in orders if row["late"]])):
            page = related(view, {"from": source, "where": {"$exists": condition}, "relate": other, "limit": ALL})
            assert same(page["hits"], list[JsonValue](expected(counted, *pair)))


def test_features_of_added_rows_come_behind_the_others(tmp_path: Path) -> None:
    """Whatever was asked before, and although values were replaced."""
    database = Database.open(tmp_path)
    text: JsonValue = {"a": {"type": "Text"}, "b": {"type": "Int", "nullable": True}}
    schema = parse_database({"schema": {"t": {"type": "table", "columns": text}}})
    database.replace_schema(schema)
    rows: list[JsonValue] = []
    body: dict[str, JsonValue] = {"from": "t", "where": {"b": 1}, "relate": ["a", "b"], "limit": ALL}
    for step in range(14):
        added: list[JsonValue] = [{"a": f"w{step} w{99 - step} w{step // 2}", "b": step % 3}]
        database.insert_rows("t", added)
        rows += added
        if step in (4, 9):
            changed: Row = {"a": f"x{step} w2", "b": 7 + step}
            rows[1] = changed
            update = {"a": changed["a"], "b": changed["b"]}
            database.transact(lambda work, update=update: work.update("t", np.array([1], np.uint32), update))  # type: ignore[misc]
        if step == 6:
            optimize(database, "t")
        rebuilt = ReadView.from_rows(schema, {"t": rows})
        assert json.dumps(related(database.read_view(), body)) == json.dumps(related(rebuilt, body))


def test_merges_change_no_answer(tmp_path: Path) -> None:
    history = History(tmp_path, 5)
    for _ in range(12):
        history.step()
    body: dict[str, JsonValue] = {
        "from": "orders",
        "where": {"$exists": ["kind", "note"]},
        "relate": ["basket", "shop"],
    }
    for limit in (3, 50, ALL):
        asked: dict[str, JsonValue] = {**body, "limit": limit}
        assert json.dumps(related(history.database.read_view(), asked)) == json.dumps(related(history.rebuilt(), asked))
