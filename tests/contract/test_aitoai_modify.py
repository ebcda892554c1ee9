"""The published client changes and deletes rows of a real agent.

Its `modify(use_job=True)` is left out: it stumbles over its own classes before it sends anything.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from aito.v1 import api
from aito.v1.client import AitoClient, RequestError
from aito.v1.requests import Delete, DeleteEntriesRequest, Insert, ModifyRequest, Update

from tests.agents import READ_ONLY_KEY, READ_WRITE_KEY, RunningAgent, running_agent

PRODUCTS = {
    "type": "table",
    "columns": {
        "id": {"type": "String"},
        "name": {"type": "Text", "nullable": True},
        "price": {"type": "Decimal", "nullable": True},
    },
}
ROWS = [{"id": str(n), "name": f"Rye bread {n}", "price": n / 4} for n in range(6)]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAgent]:
    with running_agent(tmp_path_factory.mktemp("contract") / "data") as running:
        yield running


@pytest.fixture
def client(agent: RunningAgent, monkeypatch: pytest.MonkeyPatch) -> Any:
    real_sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: real_sleep(min(seconds, 0.1)))
    connected = AitoClient(agent.url, READ_WRITE_KEY)
    api.create_database(connected, {"schema": {"products": PRODUCTS}})
    api.upload_entries(connected, "products", ROWS, optimize_on_finished=False)
    return connected


def rows(client: Any) -> list[dict[str, Any]]:
    return list(api.query_entries(client, "products", limit=100))


def counts(answer: Any) -> tuple[int, int, int]:
    return answer.inserted_count, answer.modified_count, answer.deleted_count


def test_single_operations_are_built_sent_and_counted(client: Any) -> None:
    assert counts(api.modify(client, Insert("products", {"id": "6"}))) == (1, 0, 0)
    assert counts(api.modify(client, Insert("products", [{"id": "7"}, {"id": "8"}]))) == (2, 0, 0)
    assert counts(api.modify(client, Update("products").where({"id": "7"}).set({"name": "White bread"}))) == (0, 1, 0)
    assert counts(api.modify(client, Delete("products", {"id": "8"}))) == (0, 0, 1)
    assert rows(client) == [*ROWS, {"id": "6"}, {"id": "7", "name": "White bread"}]


def test_an_upsert_inserts_first_and_updates_then(client: Any) -> None:
    upsert = Update("products").where({"id": "new"}).set({"price": 1}).upsert()
    assert [counts(api.modify(client, upsert)) for _ in range(2)] == [(1, 0, 0), (0, 1, 0)]
    assert rows(client) == [*ROWS, {"id": "new", "price": 1.0}]


def test_a_list_is_carried_out_in_order(client: Any) -> None:
    operations = [
        Insert("products", {"id": "9", "price": 1}),
        Update("products").where({"id": "9"}).set({"id": "10", "price": None}),
        Delete("products", {"price": {"$gte": 0}}),
    ]
    answer = api.modify(client, operations)
    assert counts(answer) == (1, 1, 6)
    assert [one["operation"] for one in answer.json["operations"]] == ["insert", "update", "delete"]
    assert rows(client) == [{"id": "10"}]


def test_raw_operations_go_as_they_are(client: Any) -> None:
    assert counts(api.modify(client, {"from": "products", "delete": {"id": "0"}})) == (0, 0, 1)
    raw = [{"optimize": "products"}, {"from": "products", "copy": "others"}, {"from": "others", "rename": "third"}]
    assert counts(api.modify(client, raw)) == (0, 0, 0)
    assert api.get_existing_tables(client) == ["products", "third"]
    assert api.get_table_size(client, "third") == 5
    assert counts(api.modify(client, [])) == (0, 0, 0)
    direct = client.request(request_obj=ModifyRequest({"operations": [{"into": "third", "insert": {"id": "x"}}]}))
    assert direct.inserted_count == 1


@pytest.mark.parametrize("use_job", [False, True])
def test_entries_are_deleted_by_condition(client: Any, use_job: bool, caplog: pytest.LogCaptureFixture) -> None:
    api.delete_entries(client, {"from": "products", "where": {"id": {"$lt": "2"}}}, use_job=use_job)
    assert rows(client) == ROWS[2:]
    api.delete_entries(client, {"from": "products", "where": {}}, use_job=use_job)
    assert rows(client) == []
    assert "failed" not in caplog.text
    deleted = client.request(request_obj=DeleteEntriesRequest(query={"from": "products", "where": {}}))
    assert deleted.json == {"total": 0}


def test_the_client_says_which_operation_is_refused_and_nothing_has_changed(client: Any) -> None:
    bad = Update("products").where({"id": "1"}).set({"price": "free"})
    with pytest.raises(RequestError, match=r"operations\[1\]: field 'price' of type Decimal cannot be a value of type"):
        api.modify(client, [Delete("products", {}), bad])
    assert rows(client) == ROWS


def test_the_read_only_key_changes_nothing(client: Any, agent: RunningAgent) -> None:
    reader = AitoClient(agent.url, READ_ONLY_KEY)
    with pytest.raises(RequestError, match="not authorized"):
        api.modify(reader, Delete("products", {}))
    with pytest.raises(RequestError, match="not authorized"):
        reader.request(request_obj=DeleteEntriesRequest(query={"from": "products", "where": {}}))
    assert rows(client) == ROWS


def test_tables_are_optimized_directly_and_by_a_job(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    for use_job in (False, True):
        api.optimize_table(client, "products", use_job=use_job)
    assert "failed" not in caplog.text
    assert rows(client) == ROWS
