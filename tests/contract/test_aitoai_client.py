"""The published client, unchanged, against a real agent."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aito.schema import AitoDatabaseSchema, AitoTableSchema
from aito.v1 import api
from aito.v1.client import AitoClient, BaseError, RequestError

from tests.agents import READ_ONLY_KEY, READ_WRITE_KEY, RunningAgent, running_agent

SCHEMA = {
    "schema": {
        "products": {
            "type": "table",
            "columns": {
                "id": {"type": "String"},
                "name": {"type": "Text", "analyzer": "english"},
                "price": {"type": "Decimal", "nullable": True},
                "tags": {"type": "String[]"},
            },
        },
        "visits": {
            "type": "table",
            "columns": {
                "id": {"type": "Int"},
                "product": {"type": "String", "link": "products.id"},
                "purchase": {"type": "Boolean"},
                "note": {"type": "Text", "nullable": True, "analyzer": {"type": "delimiter", "delimiter": ","}},
            },
        },
    }
}
PRODUCTS = [
    {"id": f"p{n}", "name": f"Rye bread {n}", "price": n / 4, "tags": ["bread", f"t{n % 3}"]} for n in range(25)
]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAgent]:
    with running_agent(tmp_path_factory.mktemp("contract") / "data") as running:
        yield running


@pytest.fixture
def client(agent: RunningAgent, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    real_sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: real_sleep(min(seconds, 0.1)))
    connected = AitoClient(agent.url, READ_WRITE_KEY)
    yield connected
    api.delete_database(connected)


def rows_in(agent: RunningAgent) -> int:
    found: int = agent.call("GET", "/status/limits").json()["usage"]["rowsTotal"]
    return found


def test_the_client_connects_with_either_key_and_with_no_other(agent: RunningAgent) -> None:
    for key in (READ_WRITE_KEY, READ_ONLY_KEY):
        assert AitoClient(agent.url, key).instance_version
    with pytest.raises(BaseError, match="check your credentials"):
        AitoClient(agent.url, "wrong")


def test_a_database_schema_makes_the_round_trip(client: Any) -> None:
    schema = AitoDatabaseSchema.from_deserialized_object(SCHEMA)
    api.create_database(client, schema)
    assert api.get_database_schema(client) == schema
    assert api.get_existing_tables(client) == ["products", "visits"]
    assert api.check_table_exists(client, "visits")
    assert api.get_column_schema(client, "visits", "product").to_json_serializable()["link"] == "products.id"
    assert api.get_table_schema(client, "products") == schema["products"]
    api.delete_table(client, "visits")
    assert api.get_existing_tables(client) == ["products"]


def test_columns_come_and_go_and_tables_are_renamed_and_copied(client: Any, agent: RunningAgent) -> None:
    api.create_database(client, SCHEMA)
    api.upload_entries(client, "products", PRODUCTS, optimize_on_finished=False)
    api.create_column(client, "products", "stock", {"type": "Int", "nullable": False, "value": 3})
    assert api.get_column_schema(client, "products", "stock").to_json_serializable()["type"] == "Int"
    api.delete_column(client, "products", "tags")
    api.copy_table(client, "products", "archive")
    api.rename_table(client, "archive", "visits", replace=True)
    assert api.get_existing_tables(client) == ["products", "visits"]
    assert rows_in(agent) == 2 * len(PRODUCTS)


def test_a_table_is_made_from_the_clients_own_schema_object(client: Any) -> None:
    table = AitoTableSchema.from_deserialized_object(SCHEMA["schema"]["products"])
    api.create_table(client, "products", table)
    assert api.get_table_schema(client, "products") == table


def test_entries_go_up_in_batches(client: Any, agent: RunningAgent) -> None:
    api.create_database(client, SCHEMA)
    api.upload_entries(client, "products", PRODUCTS, batch_size=10, optimize_on_finished=False)
    assert rows_in(agent) == len(PRODUCTS)
    api.optimize_table(client, "products", use_job=False)


def test_a_file_goes_up_with_nulls_left_out(client: Any, agent: RunningAgent, tmp_path: Path) -> None:
    api.create_database(client, SCHEMA)
    path = tmp_path / "products.ndjson.gz"
    rows = [*PRODUCTS, {"id": "none", "name": "", "price": None, "tags": []}]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    api.upload_file(client, "products", path, optimize_on_finished=False)
    assert rows_in(agent) == len(rows)


def test_the_client_hears_of_bad_rows_and_of_a_damaged_file(
    client: Any, agent: RunningAgent, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    api.create_database(client, SCHEMA)
    path = tmp_path / "products.ndjson.gz"
    path.write_bytes(gzip.compress(b'{"id": 5}\n' + json.dumps(PRODUCTS[0]).encode()))
    api.upload_file(client, "products", path, optimize_on_finished=False)
    assert "Last 1 failing rows" in caplog.text
    assert rows_in(agent) == 1
    path.write_bytes(path.read_bytes()[:-3])
    api.upload_file(client, "products", path, optimize_on_finished=False)
    assert "truncated" in caplog.text
    assert rows_in(agent) == 1


def test_refusals_reach_the_clients_user_in_words(client: Any, agent: RunningAgent) -> None:
    api.create_database(client, SCHEMA)
    with pytest.raises(RequestError, match="No such table: nothing"):
        api.get_table_schema(client, "nothing")
    with pytest.raises(RequestError, match=r"row 1 .* field 'purchase' of type Boolean"):
        good = {"id": 1, "product": "p1", "purchase": True}
        client.request(method="POST", endpoint="/api/v1/data/visits/batch", query=[good, {**good, "purchase": 1}])
    assert rows_in(agent) == 0
    reader = AitoClient(agent.url, READ_ONLY_KEY)
    with pytest.raises(RequestError, match="not authorized"):
        api.delete_database(reader)
