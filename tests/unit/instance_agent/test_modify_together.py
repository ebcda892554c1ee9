"""Lists of operations against a model, and many clients of an agent with several processes at the same time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instance_agent.engine.database import Database
from instance_agent.errors import AgentError
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.modify import carry_out
from instance_agent.query.endpoints.modify_grammar import parse_modify
from instance_agent.schema.parse import parse_database
from instance_agent.schema.types import JsonValue
from tests.agents import RunningAgent, running_agent

MODIFY = "/api/v1/data/_modify"

CONDITIONS: dict[str, tuple[Any, Callable[[dict[str, Any]], bool]]] = {
    "everything": ({}, bool),
    "one": ({"id": 1}, lambda row: row["id"] == 1),
    "others": ({"id": {"$gt": 1}}, lambda row: row["id"] > 1),
    "absent": ({"amount": None}, lambda row: row["amount"] is None),
    "present": ({"$not": {"amount": None}}, lambda row: row["amount"] is not None),
    "some": ({"amount": 2}, lambda row: row["amount"] == 2),
    "both": ({"id": 2, "amount": 2}, lambda row: row["id"] == 2 and row["amount"] == 2),
    "first": ({"$index": {"$lt": 2}}, lambda row: row["$index"] < 2),
}
SMALL = st.integers(0, 3)
OPERATION = st.one_of(
    st.tuples(st.just("insert"), SMALL, SMALL | st.none()),
    st.tuples(st.just("delete"), st.sampled_from(sorted(CONDITIONS))),
    st.tuples(
        st.just("update"), st.sampled_from(sorted(CONDITIONS)), st.sampled_from(["id", "amount"]), SMALL | st.none()
    ),
    st.tuples(st.just("upsert"), SMALL, SMALL),
    st.tuples(st.just("optimize")),
    st.tuples(st.just("replace")),
)
Table = list[dict[str, int | None]]


def applied(table: Table, operation: Any) -> tuple[Any, Table | None]:
    """The operation as a request has it, and the table after it, None when it must be refused."""
    match operation:
        case "insert", number, amount:
            return {"insert": {"id": number, "amount": amount}, "into": "t"}, [*table, {"id": number, "amount": amount}]
        case "delete", name:
            where, holds = CONDITIONS[name]
            kept = [row for at, row in enumerate(table) if not holds({**row, "$index": at})]
            return {"from": "t", "delete": where}, kept
        case "update", name, column, value:
            where, holds = CONDITIONS[name]
            changed = [{**row, column: value} if holds({**row, "$index": at}) else row for at, row in enumerate(table)]
            sent = {"update": "t", "set": {column: value}, "where": where}
            return sent, None if column == "id" and value is None else changed
        case "upsert", number, amount:
            changed = [{**row, "amount": amount} if row["id"] == number else row for row in table]
            known = any(row["id"] == number for row in table)
            sent = {"update": "t", "set": {"amount": amount}, "where": {"id": number}, "upsert": True}
            return sent, changed if known else [*table, {"id": number, "amount": amount}]
        case ("replace",):
            return {"from": "t", "copy": "u", "replace": True}, table
    return {"optimize": "t"}, table


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(st.lists(OPERATION, min_size=1, max_size=5), max_size=6))
def test_any_requests_leave_what_a_model_says(tmp_path_factory: pytest.TempPathFactory, requests: Any) -> None:
    database = Database.open(tmp_path_factory.mktemp("model"))
    column: JsonValue = {"type": "Int", "nullable": True}
    one: JsonValue = {"type": "table", "columns": {"id": {"type": "Int"}, "amount": column}}
    database.replace_schema(parse_database({"schema": {"t": one, "u": one}}))
    table: Table = []
    for request in requests:
        sent: list[Any] = []
        after: Table | None = table
        for operation in request:
            body, result = applied(after if after is not None else [], operation)
            sent.append(body)
            after = None if after is None else result
        try:
            carry_out(database, parse_modify({"operations": sent}), Deadline.after(60))
            assert after is not None
            table = after
        except AgentError as error:
            assert after is None, error.message
        for opened in (database, Database.open(database.data_dir)):
            view = opened.read_view().table("t")
            numbers = range(view.row_count) if view.live is None else view.live.nonzero()[0].tolist()
            assert [{"amount": None, **view.row(number)} for number in numbers] == table


# Many clients of an agent with several processes.


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAgent]:
    with running_agent(tmp_path_factory.mktemp("modify") / "data") as running:
        yield running


CLIENTS = 8


@pytest.fixture
def counters(agent: RunningAgent) -> RunningAgent:
    columns = {"id": {"type": "Int"}, "n": {"type": "Int", "nullable": True}}
    assert agent.call("PUT", "/api/v1/schema", {"schema": {"t": {"type": "table", "columns": columns}}}).ok
    return agent


def together(work: Any) -> list[Any]:
    """What `work(client)` returns for every client, all of them at the same time."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(work, range(CLIENTS)))


def answered(agent: RunningAgent, operation: Any) -> Any:
    answer = agent.call("POST", MODIFY, operation)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_of_many_who_change_the_same_value_exactly_one_wins(counters: RunningAgent) -> None:
    answered(counters, {"insert": {"id": 1, "n": 0}, "into": "t"})

    def count(client: int) -> list[int]:
        step = {"update": "t", "set": {"n": 0}, "where": {"n": 0}}
        return [
            answered(counters, {**step, "set": {"n": n + 1}, "where": {"n": n}})["modifiedCount"] for n in range(40)
        ]

    won = together(count)
    assert [sum(wins) for wins in zip(*won, strict=True)] == [1] * 40


def test_upserts_of_one_key_at_the_same_time_make_one_row(counters: RunningAgent) -> None:
    def upsert(client: int) -> list[int]:
        made = []
        for key in range(25):
            operation = {"update": "t", "set": {"n": client}, "where": {"id": key}, "upsert": True}
            made.append(answered(counters, operation)["insertedCount"])
        return made

    made = together(upsert)
    assert [sum(one) for one in zip(*made, strict=True)] == [1] * 25
    found = counters.call("POST", "/api/v1/_search", {"from": "t", "limit": 100}).json()
    assert sorted(hit["id"] for hit in found["hits"]) == list(range(25))


def test_each_row_is_deleted_by_one_of_many(counters: RunningAgent) -> None:
    answered(counters, {"insert": [{"id": n % 30} for n in range(300)], "into": "t"})

    def delete(client: int) -> int:
        answers = [
            counters.call("POST", "/api/v1/data/_delete", {"from": "t", "where": {"id": n}}).json() for n in range(30)
        ]
        return sum(answer["total"] for answer in answers)

    assert sum(together(delete)) == 300
    assert counters.call("POST", "/api/v1/_search", {"from": "t", "limit": 0}).json()["total"] == 0


def test_moved_rows_are_never_seen_twice_or_not_at_all(counters: RunningAgent) -> None:
    answered(counters, {"insert": [{"id": n, "n": 0} for n in range(20)], "into": "t"})
    moves = itertools.count()

    def move_or_look(client: int) -> set[int]:
        seen = set()
        for _ in range(15):
            if client % 2:
                n = next(moves) % 20
                deleted = {"from": "t", "delete": {"id": n}}
                answered(counters, {"operations": [deleted, {"insert": {"id": n, "n": client}, "into": "t"}]})
            else:
                seen.add(counters.call("POST", "/api/v1/_search", {"from": "t", "limit": 0}).json()["total"])
        return seen

    assert set().union(*together(move_or_look)) == {20}
    hits = counters.call("POST", "/api/v1/_search", {"from": "t", "limit": 100}).json()["hits"]
    assert sorted(hit["id"] for hit in hits) == list(range(20))


def test_modifications_outlive_a_kill(tmp_path: Path) -> None:
    with running_agent(tmp_path / "data") as agent:
        columns = {"id": {"type": "Int"}, "n": {"type": "Int", "nullable": True}}
        assert agent.call("PUT", "/api/v1/schema/t", {"type": "table", "columns": columns}).ok
        inserted = {"insert": [{"id": n, "n": n} for n in range(50)], "into": "t"}
        changed = {"update": "t", "set": {"n": None}, "where": {"id": {"$lt": 10}}}
        answered(agent, {"operations": [inserted, changed, {"from": "t", "delete": {"id": {"$gte": 20}}}]})
        answered(agent, {"update": "t", "set": {"n": 7}, "where": {"id": 15}})
        agent.kill()
    with running_agent(tmp_path / "data") as agent:
        hits = agent.call("POST", "/api/v1/_search", {"from": "t", "limit": 100}).json()["hits"]
    assert hits == [
        *({"id": n} for n in range(10)),
        *({"id": n, "n": 7 if n == 15 else n} for n in range(10, 20)),
    ]
