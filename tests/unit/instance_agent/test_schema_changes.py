"""Columns that come and go, tables that are renamed and copied: rows stay what they were."""

from __future__ import annotations

import json
from typing import Any

import pytest

from instance_agent.engine.database import Database
from tests.unit.instance_agent.conftest import Caller

TABLE = {"type": "table", "columns": {"n": {"type": "Int"}, "up": {"type": "Int", "link": "this.n", "nullable": True}}}


@pytest.fixture(autouse=True)
def table(call: Caller) -> None:
    call("PUT", "/api/v1/schema/t", TABLE)
    call("POST", "/api/v1/data/t/batch", [{"n": 1}, {"n": 2, "up": 1}])


def ask(call: Caller, method: str, path: str, body: object = None) -> Any:
    answer = call(method, path, body)
    assert answer.status_code == 200, answer.get_data()
    return json.loads(answer.get_data())


def refusal(call: Caller, method: str, path: str, body: object = None) -> tuple[int, str]:
    answer = json.loads(call(method, path, body).get_data())
    return answer["status"], answer["error"]


def rows(call: Caller, name: str = "t") -> list[Any]:
    """The rows as another process reads them, from the log and from a checkpoint."""
    opened = Database.open(call.data_dir)
    view = opened.read_view().table(name)
    found = [view.row(number) for number in range(view.row_count)]
    opened.checkpoint()
    again = Database.open(call.data_dir).read_view().table(name)
    assert [again.row(number) for number in range(again.row_count)] == found
    assert again.schema == view.schema
    for column in view.schema.columns:
        assert view.column(column).schema == view.schema.columns[column]
        assert len(view.column(column).codes) == len(found)
    return found


def test_a_column_is_added_with_a_value_or_with_nulls(call: Caller) -> None:
    path = "/api/v1/schema/t"
    assert ask(call, "PUT", f"{path}/price", {"type": "decimal", "value": 2}) == {"type": "Decimal"}
    assert ask(call, "PUT", f"{path}/tag", {"type": "String", "nullable": True}) == {"nullable": True, "type": "String"}
    assert rows(call) == [{"n": 1, "price": 2.0}, {"n": 2, "price": 2.0, "up": 1}]
    ask(call, "POST", "/api/v1/data/t", {"n": 3, "price": 1, "tag": "x"})
    assert rows(call)[-1] == {"n": 3, "price": 1.0, "tag": "x"}
    assert ask(call, "PUT", f"{path}/tag", {"type": "Boolean", "value": True}) == {"type": "Boolean"}
    assert [row["tag"] for row in rows(call)] == [True] * 3


def test_a_column_that_rows_could_not_have_is_refused(call: Caller) -> None:
    path = "/api/v1/schema/t/x"
    assert refusal(call, "PUT", path, {"type": "Int"}) == (400, "schema_invalid")
    assert refusal(call, "PUT", path, {"type": "Int", "value": "1"}) == (400, "schema_invalid")
    assert refusal(call, "PUT", path, {"type": "Int", "value": 1, "link": "no.where"}) == (400, "schema_invalid")
    assert refusal(call, "PUT", path, [1]) == (400, "schema_invalid")
    assert refusal(call, "PUT", "/api/v1/schema/none/x", {"type": "Int", "value": 1}) == (404, "table_not_found")
    assert rows(call) == [{"n": 1}, {"n": 2, "up": 1}]


def test_a_column_is_deleted_with_its_values(call: Caller) -> None:
    assert ask(call, "DELETE", "/api/v1/schema/t/up") == {"deleted": ["up"]}
    assert rows(call) == [{"n": 1}, {"n": 2}]
    assert refusal(call, "DELETE", "/api/v1/schema/t/up") == (404, "column_not_found")
    assert refusal(call, "POST", "/api/v1/data/t", {"n": 1, "up": 1}) == (400, "row_invalid")


def test_a_renamed_table_keeps_its_rows_and_its_links_to_itself(call: Caller) -> None:
    assert ask(call, "POST", "/api/v1/schema/_rename", {"from": "t", "rename": "u", "replace": False}) == {}
    assert refusal(call, "GET", "/api/v1/schema/t") == (404, "table_not_found")
    assert rows(call, "u") == [{"n": 1}, {"n": 2, "up": 1}]
    link = Database.open(call.data_dir).read_view().schema.tables["u"].columns["up"].link
    assert link is not None
    assert (link.table, link.text) == ("u", "this.n")


def test_a_copy_has_the_rows_and_goes_its_own_way(call: Caller) -> None:
    assert ask(call, "POST", "/api/v1/schema/_copy", {"from": "t", "copy": "u"}) == {}
    ask(call, "POST", "/api/v1/data/u", {"n": 3})
    ask(call, "POST", "/api/v1/data/t", {"n": 4})
    assert [row["n"] for row in rows(call, "u")] == [1, 2, 3]
    assert [row["n"] for row in rows(call, "t")] == [1, 2, 4]


@pytest.mark.parametrize(("path", "key"), [("_rename", "rename"), ("_copy", "copy")])
def test_a_taken_name_is_only_taken_over_when_asked(call: Caller, path: str, key: str) -> None:
    call("PUT", "/api/v1/schema/u", {"columns": {"other": {"type": "Int"}}})
    call("POST", "/api/v1/data/u", {"other": 9})
    path = f"/api/v1/schema/{path}"
    for body in ({"from": "t", key: "u"}, {"from": "t", key: "t", "replace": True}, {"from": "t", key: "a.b"}):
        assert refusal(call, "POST", path, body) == (400, "schema_invalid")
    assert refusal(call, "POST", path, {"from": "none", key: "v"}) == (404, "table_not_found")
    for odd in ({}, {"from": "t"}, {"from": 1, key: "v"}, {"from": "t", key: "v", "replace": 1}, {"z": 1}):
        assert refusal(call, "POST", path, odd) == (400, "request_invalid")
    assert rows(call, "u") == [{"other": 9}]
    assert ask(call, "POST", path, {"from": "t", key: "u", "replace": True}) == {}
    assert rows(call, "u") == [{"n": 1}, {"n": 2, "up": 1}]


def test_readers_keep_the_table_that_they_opened(call: Caller) -> None:
    database = Database.open(call.data_dir)
    before = database.read_view()
    number = before.table("t").column("n")
    ask(call, "DELETE", "/api/v1/schema/t/up")
    ask(call, "POST", "/api/v1/data/t", {"n": 1})
    ask(call, "POST", "/api/v1/schema/_rename", {"from": "t", "rename": "u"})
    now = database.read_view().table("u")
    assert now.column("n").rows_with(1).tolist() == [0, 2]
    assert number.rows_with(1).tolist() == [0]
    assert before.table("t").row(1) == {"n": 2, "up": 1}
