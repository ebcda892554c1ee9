"""From sign-in to a prediction with the published client, with a SIGKILL of everything in between."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from aito.v1 import AitoClient
from aito.v1 import api as aito

from examples.sample_store import SampleStore, sample_store
from tests.e2e import journeys
from tests.e2e.journeys import Environment
from tests.e2e.product import Product
from tests.e2e.visitor import Visitor
from tests.processes import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def impatient_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published client looks every ten seconds; here it looks at once."""
    real_sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: real_sleep(min(seconds, 0.1)))


def test_from_sign_in_to_a_prediction_and_back_after_a_kill(product: Product, tmp_path: Path) -> None:
    product.start()
    visitor = journeys.sign_in(product)
    environment = journeys.create_environment(visitor, "shop")
    client = AitoClient(environment.url, environment.read_write_key)
    store = sample_store()
    load_with_the_published_client(client, store, tmp_path)
    before = answers(client, store)

    product.kill_everything()
    product.start()

    visitor.visit(environment.page_url)
    assert visitor.heading == "shop", "the session should have survived the kill"
    wait_until(lambda: answers_version(environment), what="the environment to be back")
    assert answers(client, store) == before
    assert journeys.reveal(visitor, environment.page_url, "read-only") == environment.read_only_key

    check_deletion(product, visitor, environment)
    assert product.interrupt() == 0
    assert "Stopped." in product.printed


def load_with_the_published_client(client: AitoClient, store: SampleStore, folder: Path) -> None:
    """The schema, then products by batch and all others by file upload."""
    aito.create_database(client, store.schema)
    aito.upload_entries(client, "products", store.tables["products"])
    for table, rows in store.tables.items():
        if table == "products":
            continue
        file = folder / f"{table}.ndjson.gz"
        with gzip.open(file, "wt") as lines:
            lines.writelines(json.dumps(row) + "\n" for row in rows)
        with file.open("rb") as binary:
            aito.upload_binary_file(client, table, binary)


def answers(client: AitoClient, store: SampleStore) -> dict[str, Any]:
    """What a user would look at: all sizes, a search, a prediction; checked against the rows themselves."""
    sizes = {table: aito.get_table_size(client, table) for table in store.tables}
    assert sizes == {table: len(rows) for table, rows in store.tables.items()}
    vendor = store.tables["invoices"][0]["vendor"]
    found = aito.search(client, {"from": "invoices", "where": {"vendor": vendor}, "limit": 1})
    assert found["total"] == sum(row["vendor"] == vendor for row in store.tables["invoices"])
    predicted = aito.predict(client, {"from": "invoices", "where": {"vendor": vendor}, "predict": "gl_code"})
    codes = [row["gl_code"] for row in store.tables["invoices"] if row["vendor"] == vendor]
    assert predicted["hits"][0]["feature"] == max(set(codes), key=codes.count)
    bought = aito.predict(client, {"from": "impressions", "predict": "purchase"})
    share = sum(row["purchase"] is True for row in store.tables["impressions"]) / len(store.tables["impressions"])
    assert {hit["feature"]: hit["$p"] for hit in bought["hits"]}[True] == pytest.approx(share, abs=0.001)
    return {"search": found.json, "predict": predicted.json, "prior": bought.json}


def answers_version(environment: Environment) -> bool:
    try:
        return requests.get(f"{environment.url}/version", timeout=5).ok
    except requests.ConnectionError:
        return False


def check_deletion(product: Product, visitor: Visitor, environment: Environment) -> None:
    """Its process, its keys and its files end with an environment."""
    agents = product.children_named("agent serve")
    assert agents
    journeys.delete_environment(visitor, environment.page_url, "shop")
    wait_until(lambda: not any(agent.is_running() for agent in agents), what="the end of its processes", seconds=10)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{environment.url}/version", timeout=5)
    left = [path for kind in ("volumes", "instances", "uploads") for path in (product.data_dir / kind).iterdir()]
    assert left == []
    visitor.visit(environment.page_url)
    assert visitor.response.status_code == 404


def test_keys_of_a_deleted_environment_open_nothing_in_the_next(product: Product) -> None:
    product.start()
    visitor = journeys.sign_in(product)
    first = journeys.create_environment(visitor, "first")
    journeys.delete_environment(visitor, first.page_url, "first")
    visitor.visit(f"{product.console_url}/environments")
    second = journeys.create_environment(visitor, "second")
    for key, expected in ((second.read_write_key, 200), (first.read_write_key, 403), (first.read_only_key, 403)):
        answer = requests.get(f"{second.url}/api/v1/schema", headers={"x-api-key": key}, timeout=10)
        assert answer.status_code == expected


def test_snippets_run_as_pasted(product: Product, tmp_path: Path) -> None:
    product.start()
    visitor = journeys.sign_in(product)
    environment = journeys.create_environment(visitor, "snippets")
    journeys.reveal(visitor, environment.page_url, "read-write")
    snippets = {name: journeys.text_of(visitor, f"snippet-{name}") for name in ("curl", "python")}
    (tmp_path / "snippet.py").write_text(snippets["python"])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for command in (["bash", "-ec", snippets["curl"]], [sys.executable, str(tmp_path / "snippet.py")]):
        finished = subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PATH": path}
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert "bakery" in finished.stdout
        assert "dairy" in finished.stdout


def test_tables_of_a_real_shop_make_the_round_trip(product: Product, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "grocery" / "aito-demo"
    schema = json.loads((folder / "schema.json").read_text())
    tables = ("products", "visits", "employees", "invoices")
    rows = {table: json.loads((folder / f"{table}.json").read_text()) for table in tables}
    product.start()
    environment = journeys.create_environment(journeys.sign_in(product), "grocery")
    client = AitoClient(environment.url, environment.read_write_key)
    aito.create_database(client, schema)
    for table in ("products", "employees", "invoices"):
        aito.upload_entries(client, table, rows[table])
    file = tmp_path / "visits.ndjson.gz"
    with gzip.open(file, "wt") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows["visits"])
    with file.open("rb") as binary:
        aito.upload_binary_file(client, "visits", binary)
    assert {table: aito.get_table_size(client, table) for table in rows} == {t: len(r) for t, r in rows.items()}
    assert aito.search(client, {"from": "products", "where": {"price": {"$gt": 1.5}}})["total"] == 21
    assert aito.search(client, {"from": "products", "where": {"name": {"$match": "coffee"}}})["total"] == 4
    assert aito.search(client, {"from": "visits", "where": {"user": "larry"}})["total"] == 9
    invoice = rows["invoices"][0]
    evidence = {"SenderName": invoice["SenderName"], "ProductName": invoice["ProductName"]}
    predicted = aito.predict(client, {"from": "invoices", "where": evidence, "predict": "Processor"})
    assert predicted["total"] == len(rows["employees"])
    assert predicted["hits"][0]["feature"] == invoice["Processor"]
