"""Loading the sample store: complete afterwards, harmless when repeated, clear when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest

from examples.sample_store import SampleStore, load, sample_store
from examples.sample_store.load import LoadFailed, load_sample_store
from tests.processes import free_port
from tests.unit.examples.environment_server import KEY, SIGNATURE, EnvironmentServer, running


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[EnvironmentServer]:
    monkeypatch.setattr(load, "POLL_SECONDS", 0.01)
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return sample_store(scale=0.5)


def load_into(environment: EnvironmentServer, store: SampleStore) -> list[str]:
    lines: list[str] = []
    load_sample_store(environment.url, KEY, lines.append, store)
    return lines


def test_an_empty_environment_gets_every_row(environment: EnvironmentServer, store: SampleStore) -> None:
    lines = load_into(environment, store)
    assert environment.schema == store.schema["schema"]
    assert environment.rows == store.tables
    assert lines[0] == "products: 60 rows loaded"
    assert lines[-1] == "invoices: 1,500 rows loaded"
    assert len(environment.uploads) == 1
    assert "POST /api/v1/data/impressions/batch" not in environment.writes


def test_loading_again_writes_nothing(environment: EnvironmentServer, store: SampleStore) -> None:
    load_into(environment, store)
    environment.writes.clear()
    assert load_into(environment, store)[0] == "products: 60 rows are there"
    assert environment.writes == []


@pytest.mark.parametrize("table", ["products", "impressions", "invoices"])
def test_a_half_loaded_table_is_put_anew_and_the_others_stay(
    environment: EnvironmentServer, store: SampleStore, table: str
) -> None:
    load_into(environment, store)
    del environment.rows[table][7:]
    environment.writes.clear()
    load_into(environment, store)
    assert environment.rows == store.tables
    assert environment.writes[0] == f"PUT /api/v1/schema/{table}"
    assert all(table in write for write in environment.writes)


def test_rows_and_tables_that_a_person_added_are_kept(environment: EnvironmentServer, store: SampleStore) -> None:
    load_into(environment, store)
    environment.rows["products"].append({"id": "mine"})
    environment.schema["notes"] = {"type": "table", "columns": {"text": {"type": "Text"}}}
    environment.rows["notes"] = [{"text": "mine"}]
    before = deepcopy(environment.rows)
    del environment.schema["invoices"], environment.rows["invoices"]
    load_into(environment, store)
    assert environment.rows == before


def test_a_table_of_the_same_name_is_not_overwritten(environment: EnvironmentServer, store: SampleStore) -> None:
    environment.schema["invoices"] = {"type": "table", "columns": {"id": {"type": "Int"}}}
    environment.rows["invoices"] = [{"id": 1}]
    with pytest.raises(LoadFailed, match="a table invoices already, with other columns"):
        load_into(environment, store)
    assert environment.rows["invoices"] == [{"id": 1}]


FAILURES = (
    "GET /api/v1/schema",
    "PUT /api/v1/schema",
    "POST /api/v1/data/products/batch",
    "POST /api/v1/_query",
    "POST /api/v1/data/impressions/file",
)


@pytest.mark.parametrize("fail_at", FAILURES)
def test_a_failure_is_told_and_the_next_run_completes(
    environment: EnvironmentServer, store: SampleStore, fail_at: str
) -> None:
    environment.fail_at = fail_at
    with pytest.raises(LoadFailed) as failed:
        load_into(environment, store)
    assert str(failed.value).endswith("answered 500: the disk is full")
    environment.fail_at = ""
    load_into(environment, store)
    assert environment.rows == store.tables


def test_a_refused_key_is_told_without_showing_it(environment: EnvironmentServer, store: SampleStore) -> None:
    with pytest.raises(LoadFailed, match="read-write key") as failed:
        load_sample_store(environment.url, "vakka_ro_wrong", print, store)
    assert "vakka_ro_wrong" not in str(failed.value)


def test_a_refused_file_is_told(environment: EnvironmentServer, store: SampleStore) -> None:
    environment.refuse_uploads = True
    with pytest.raises(LoadFailed, match="the file of impressions was refused with status 403"):
        load_into(environment, store)


def test_failing_rows_of_a_file_are_told(environment: EnvironmentServer, store: SampleStore) -> None:
    environment.failing_rows = 3
    with pytest.raises(LoadFailed, match="Last 3 failing rows"):
        load_into(environment, store)


def test_rows_that_got_lost_are_noticed(environment: EnvironmentServer, store: SampleStore) -> None:
    environment.lose_rows = 2
    with pytest.raises(LoadFailed, match=r"impressions has 7,498 rows after loading, not 7,500"):
        load_into(environment, store)


def test_a_file_that_is_never_read_is_given_up(
    environment: EnvironmentServer, store: SampleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "UPLOAD_SECONDS", 0.2)
    environment.polls_until_finished = 10_000
    with pytest.raises(LoadFailed, match=r"was not read within 0\.2 s"):
        load_into(environment, store)


def test_an_environment_that_is_down_is_told(store: SampleStore) -> None:
    with pytest.raises(LoadFailed, match="is the environment up"):
        load_sample_store(f"http://127.0.0.1:{free_port()}", KEY, print, store)


def test_the_signature_of_an_upload_is_not_told(environment: EnvironmentServer, store: SampleStore) -> None:
    environment.upload_url = f"http://127.0.0.1:{free_port()}/upload?signature={SIGNATURE}"
    with pytest.raises(LoadFailed, match="the upload could not be reached") as failed:
        load_into(environment, store)
    assert SIGNATURE not in str(failed.value)
    assert failed.value.__suppress_context__
