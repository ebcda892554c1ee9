"""The published client (aitoai, v1) asks a real agent process: searches, predictions, jobs, downloads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aito.v1 import api
from aito.v1.client import AitoClient, RequestError

from tests.agents import READ_ONLY_KEY, READ_WRITE_KEY, RunningAgent, running_agent

MESSAGES = {
    "type": "table",
    "columns": {
        "text": {"type": "Text", "analyzer": "english"},
        "kind": {"type": "String"},
        "urgent": {"type": "Boolean"},
        "stars": {"type": "Int", "nullable": True},
        "user": {"type": "String", "link": "users.id"},
    },
}
USERS = {"type": "table", "columns": {"id": {"type": "String"}, "tags": {"type": "Text", "analyzer": "whitespace"}}}
KINDS = [
    ("the app crashes at login", "bug", True),
    ("please add a dark theme", "wish", False),
    ("thank you", "praise", False),
]


def messages() -> list[dict[str, Any]]:
    """Ninety messages of three kinds; every tenth has no stars."""
    return [
        {"text": text, "kind": kind, "urgent": urgent, "user": f"u{place % 4}"}
        | ({"stars": place} if place % 10 else {})
        for place, (text, kind, urgent) in ((place, KINDS[place % 3]) for place in range(90))
    ]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAgent]:
    """An agent with messages in it."""
    with running_agent(tmp_path_factory.mktemp("agent") / "data") as started:
        client = AitoClient(started.url, READ_WRITE_KEY)
        api.create_database(client, {"schema": {"users": USERS, "messages": MESSAGES}})
        api.upload_entries(client, "users", [{"id": f"u{place}", "tags": f"tag{place} human"} for place in range(4)])
        api.upload_entries(client, "messages", messages())
        yield started


@pytest.fixture
def client(agent: RunningAgent) -> AitoClient:
    """The published client with the read-only key."""
    return AitoClient(agent.url, READ_ONLY_KEY)


def test_the_client_counts_and_reads_rows_back_as_they_were_sent(client: AitoClient) -> None:
    assert api.get_table_size(client, "messages") == 90
    assert api.query_entries(client, "messages", offset=3, limit=2) == messages()[3:5]
    assert api.query_entries(client, "messages", limit=1, select=["kind"]) == [{"kind": "bug"}]
    assert api.query_all_entries(client, "messages", batch_size=40) == messages()


def test_the_client_downloads_a_table(client: AitoClient, tmp_path: Path) -> None:
    api.download_table(client, "messages", tmp_path, batch_size=50)
    lines = (tmp_path / "messages.ndjson").read_text().splitlines()
    assert [json.loads(line) for line in lines] == messages()


def test_the_client_searches(client: AitoClient) -> None:
    where = {"$or": [{"text": {"$match": "theme"}}, {"urgent": True}], "stars": {"$gte": 80}}
    found = api.search(client, {"from": "messages", "where": where, "orderBy": {"$asc": "stars"}, "limit": 3})
    assert found.total == 6
    assert [hit["stars"] for hit in found.hits] == [81, 82, 84]
    assert api.generic_query(client, {"from": "messages", "where": {"user.tags": {"$match": "tag1"}}}).total == 23


def test_the_client_predicts_and_reads_the_explanation(client: AitoClient) -> None:
    query = {
        "from": "messages",
        "where": {"text": "it crashes, help"},
        "predict": "kind",
        "select": ["$p", "feature", "$why"],
    }
    best = api.predict(client, query).top_prediction
    assert best["feature"] == "bug"
    assert 0.5 < best.predicted_probability <= 1
    assert best.explanation["type"] == "product"
    plain = api.predict(client, {"from": "messages", "where": {"text": "thank"}, "predict": "urgent"})
    assert plain.top_prediction["feature"] is False
    assert sum(hit["$p"] for hit in plain.predictions) == pytest.approx(1)


def test_the_where_of_quick_predict_runs_when_values_are_filled_in(client: AitoClient) -> None:
    """The 1.2.1 client fills `$get` into both of its example queries, so values are put back here."""
    query = api.quick_predict(client, "messages", "kind")
    entry = api.query_entries(client, "messages", limit=1)[0]
    query["where"] = {column: entry.get(column) for column in query["where"]}
    assert api.predict(client, query).top_prediction["feature"] == entry["kind"]


def test_the_client_runs_queries_as_jobs(client: AitoClient, quick_polls: None) -> None:
    query = {"from": "messages", "where": {"urgent": True}, "limit": 2}
    assert api.search(client, query, use_job=True).json == api.search(client, query).json
    prediction = {"from": "messages", "where": {"text": "thank"}, "predict": "kind"}
    assert api.predict(client, prediction, use_job=True).json == api.predict(client, prediction).json
    created = api.create_job(client, job_endpoint="/api/v1/jobs/_query", query={"from": "messages"})
    assert api.get_job_status(client, created.id).id == created.id


def test_the_client_optimizes_as_a_job_with_the_read_write_key_only(agent: RunningAgent, client: AitoClient) -> None:
    api.optimize_table(AitoClient(agent.url, READ_WRITE_KEY), "messages")
    with pytest.raises(RequestError):
        api.job_request(client, job_endpoint="/api/v1/jobs/data/messages/optimize", query={})


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"from": "nowhere"}, "nowhere"),
        ({"from": "messages", "where": {"urgent": 1}}, "field 'urgent' of type Boolean cannot be '1' of type Int"),
        ({"from": "messages", "where": {"nothing": 1}}, "field 'nothing' not found"),
        ({"from": "messages", "limit": -1}, "limit"),
        ({"from": "messages", "where": {"stars": {"$between": [1, 2]}}}, "where.stars.$between"),
    ],
)
def test_the_client_shows_what_is_wrong_with_a_query(client: AitoClient, query: dict[str, Any], told: str) -> None:
    with pytest.raises(RequestError) as refused:
        api.search(client, query)
    assert told in str(refused.value)


@pytest.fixture(scope="module")
def grocery(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AitoClient]:
    """An agent with the real tables of the grocery demo."""
    folder = shared_data / "grocery" / "aito-demo"
    schema = json.loads((folder / "schema.json").read_text())["schema"]
    tables = {name: schema[name] for name in ("products", "users", "visits", "invoices", "glCodes", "employees")}
    with running_agent(tmp_path_factory.mktemp("grocery") / "data") as started:
        client = AitoClient(started.url, READ_WRITE_KEY)
        api.create_database(client, {"schema": tables})
        for name in tables:
            api.upload_entries(client, name, json.loads((folder / f"{name}.json").read_text()))
        yield client


@pytest.mark.parametrize(
    ("table", "where", "total"),
    [
        ("products", {"price": {"$gt": 1.5}}, 21),
        ("products", {"name": {"$match": "coffee"}}, 4),
        ("visits", {"user": "larry"}, 9),
        ("visits", {"user.tags": {"$match": "young"}}, 167),
        ("visits", {"purchases": {"$match": "6411300000494"}}, 52),
        ("visits", {"purchases": {"$match": "6411300000494"}, "user.tags": {"$has": "young"}}, 18),
        ("products", {"$index": {"$mod": [4, 0]}}, 11),
        ("invoices", {"$index": {"$mod": [4, 0]}}, 25),
    ],
)
def test_documented_totals_of_the_grocery_tables(
    grocery: AitoClient, table: str, where: dict[str, Any], total: int
) -> None:
    assert api.search(grocery, {"from": table, "where": where, "limit": 0}).total == total


def test_the_documented_coffee_is_the_first_hit(grocery: AitoClient) -> None:
    first = api.search(grocery, {"from": "products", "where": {"name": {"$match": "coffee"}}}).first_hit
    assert (first["id"], first["price"]) == ("6411300000494", 3.95)


def test_predictions_on_real_invoices_make_sense(grocery: AitoClient) -> None:
    """Leaving every fifth invoice out, its account is predicted far better than by the most frequent one."""
    invoices = [row for row in api.query_all_entries(grocery, "invoices") if "GLCode" in row]
    learned = {"from": "invoices", "where": {"$not": {"$index": {"$mod": [5, 0]}}}}
    correct = 0
    for row in invoices[::5]:
        where = {name: row[name] for name in ("Description", "ProductName", "SenderName")}
        query = {"from": learned, "where": where, "predict": "GLCode", "select": ["$p", "$value", "Name"]}
        answer = api.predict(grocery, query)
        assert answer.total == 10
        correct += answer.top_prediction["$value"] == row["GLCode"]
    most_frequent = max([row["GLCode"] for row in invoices].count(code) for code in {row["GLCode"] for row in invoices})
    assert correct / len(invoices[::5]) > 0.8 > most_frequent / len(invoices)


def test_tags_of_a_banana_come_first_without_exclusiveness(grocery: AitoClient) -> None:
    query = {
        "from": "products",
        "where": {"name": "Pirkka banana"},
        "predict": "tags",
        "exclusiveness": False,
        "limit": 3,
    }
    answer = api.predict(grocery, query)
    assert answer.total == 25
    assert {hit["feature"] for hit in answer.predictions} == {"pirkka", "fruit", "fresh"}
