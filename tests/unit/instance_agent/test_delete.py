"""`_delete`: which rows go, what is refused, and what never happens to the rows that stay."""

from __future__ import annotations

from typing import Any

import pytest

from instance_agent.engine.database import Database
from instance_agent.errors import AgentError
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.modify import carry_out
from instance_agent.query.endpoints.modify_grammar import parse_delete
from tests.unit.instance_agent.conftest import READ_ONLY_KEY, Caller
from tests.unit.instance_agent.test_http import body_of, refused

DELETE = "/api/v1/data/_delete"
PEOPLE: dict[str, Any] = {
    "type": "table",
    "columns": {
        "id": {"type": "Int"},
        "name": {"type": "Text", "nullable": True},
        "tags": {"type": "String[]", "nullable": True},
        "city": {"type": "String", "nullable": True, "link": "cities.id"},
        "anything": {"type": "Json", "nullable": True},
    },
}
CITIES = {"type": "table", "columns": {"id": {"type": "String"}, "size": {"type": "Int"}}}
ROWS: list[dict[str, Any]] = [
    {"id": 0, "name": "Ada Byron", "tags": ["a", "b"], "city": "london"},
    {"id": 1, "name": "Alan Turing", "tags": ["b"], "city": "london"},
    {"id": 2, "name": "Grace Hopper", "city": "york"},
    {"id": 3, "anything": {"x": 1}},
]


@pytest.fixture
def people(call: Caller) -> Caller:
    call("PUT", "/api/v1/schema", {"schema": {"people": PEOPLE, "cities": CITIES}})
    call("POST", "/api/v1/data/cities/batch", [{"id": "london", "size": 9}, {"id": "york", "size": 1}])
    assert call("POST", "/api/v1/data/people/batch", ROWS).status_code == 200
    return call


def ids(call: Caller) -> list[int]:
    hits = body_of(call("POST", "/api/v1/_search", {"from": "people", "limit": 1000}))["hits"]
    return [hit["id"] for hit in hits]


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ({}, []),
        ({"id": 2}, [0, 1, 3]),
        ({"id": {"$gte": 1, "$lt": 3}}, [0, 3]),
        ({"name": {"$match": "ada"}}, [1, 2, 3]),
        ({"name": "ada"}, [0, 1, 2, 3]),
        ({"tags": "b"}, [2, 3]),
        ({"tags": ["b"]}, [0, 2, 3]),
        ({"city.size": {"$gt": 5}}, [2, 3]),
        ({"city": None}, [0, 1, 2]),
        ({"$not": {"city": "london"}}, [0, 1]),
        ({"$or": [{"id": 0}, {"id": 3}]}, [1, 2]),
        ({"$or": []}, [0, 1, 2, 3]),
        ({"$index": {"$lt": 2}}, [2, 3]),
        ({"anything": {"$json": {"x": 1}}}, [0, 1, 2]),
        ({"anything": {"$json": None}}, [0, 1, 2, 3]),
    ],
)
def test_rows_go_that_the_filter_holds_for_and_no_others(people: Caller, where: Any, left: list[int]) -> None:
    found = body_of(people("POST", "/api/v1/_search", {"from": "people", "where": where, "limit": 0}))["total"]
    assert body_of(people("POST", DELETE, {"from": "people", "where": where})) == {"total": found}
    assert found == len(ROWS) - len(left)
    assert ids(people) == left


def test_deleted_rows_are_deleted_once_and_positions_close_up(people: Caller) -> None:
    first = {"from": "people", "where": {"$index": 0}}
    for left in ([1, 2, 3], [2, 3], [3], []):
        assert body_of(people("POST", DELETE, first)) == {"total": 1}
        assert ids(people) == left
    assert body_of(people("POST", DELETE, first)) == {"total": 0}
    assert body_of(people("POST", DELETE, {"from": "people", "where": {}})) == {"total": 0}
    assert body_of(people("POST", "/api/v1/data/people/batch", ROWS[:1]))["entries"] == 1
    assert ids(people) == [0]


def test_what_was_deleted_stays_deleted_through_optimize_and_a_new_start(people: Caller) -> None:
    people("POST", DELETE, {"from": "people", "where": {"id": {"$lt": 2}}})
    assert body_of(people("POST", "/api/v1/data/people/optimize", {})) == {}
    assert ids(people) == [2, 3]
    reopened = Database.open(people.data_dir).read_view().table("people")
    assert reopened.live_count == 2
    people("POST", DELETE, {"from": "people", "where": {"id": 3}})
    assert ids(people) == [2]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"from": "people"}, "request_invalid", "'where' is required"),
        ({"from": "people", "where": None}, "request_invalid", "'where' is required"),
        ({"where": {}}, "request_invalid", "'from' is the name of a table, and it is missing"),
        ({"from": None, "where": {}}, "request_invalid", "'from' is the name of a table, and this is null"),
        ({"from": {"from": "people"}, "where": {}}, "query_unsupported", "rows are deleted from a table"),
        ({"from": "people", "where": {}, "limit": 1}, "request_invalid", "Unknown member '\"limit\"'"),
        ({"from": "nobody", "where": {}}, "table_not_found", "The requested table nobody does not exist"),
        ({"from": "people", "where": []}, "query_invalid", "a proposition is an object"),
        ({"from": "people", "where": {"nothing": 1}}, "field_not_found", "field 'nothing' not found"),
        ({"from": "people", "where": {"id": "0"}}, "query_invalid", "field 'id' of type Int"),
        ({"from": "people", "where": {"id": {"$near": 1}}}, "query_invalid", "unknown operator"),
        ({"from": "people", "where": {"$nearest": {}}}, "query_unsupported", "$nearest"),
        ([], "request_invalid", "this is Array"),
        ("people", "request_invalid", "this is String"),
    ],
)
def test_what_is_refused_deletes_nothing(people: Caller, body: Any, code: str, words: str) -> None:
    assert words in refused(people("POST", DELETE, body), code)
    assert ids(people) == [0, 1, 2, 3]


def test_only_the_read_write_key_deletes(people: Caller) -> None:
    everything = {"from": "people", "where": {}}
    refused(people("POST", DELETE, everything, key=READ_ONLY_KEY), "key_read_only")
    refused(
        people("POST", f"/api/v1/jobs{DELETE.removeprefix('/api/v1')}", everything, key=READ_ONLY_KEY), "key_read_only"
    )
    refused(people("POST", DELETE, everything, key=None), "key_missing")
    for method, path in (("POST", "/people/delete"), ("POST", "/people/_delete")):
        refused(people(method, f"/api/v1/data{path}", everything), "not_found")
    assert ids(people) == [0, 1, 2, 3]


def test_a_delete_whose_time_is_over_deletes_nothing(people: Caller) -> None:
    database = Database.open(people.data_dir)
    wheres: list[dict[str, Any]] = [{}, {"name": {"$match": "ada"}}]
    for where in wheres:
        with pytest.raises(AgentError) as late:
            carry_out(database, parse_delete({"from": "people", "where": where}), Deadline.after(-1))
        assert late.value.code == "query_timeout"
    assert ids(people) == [0, 1, 2, 3]
    assert carry_out(database, parse_delete({"from": "people", "where": {}}), Deadline.after(60)).deleted == 4


def test_the_log_holds_nothing_of_the_condition(people: Caller) -> None:
    people("POST", DELETE, {"from": "people", "where": {"name": "very-secret"}})
    refused(people("POST", DELETE, {"from": "people", "where": {"id": "very-secret"}}), "query_invalid")
    assert "very-secret" not in "".join(path.read_text() for path in people.logs_dir.iterdir())
