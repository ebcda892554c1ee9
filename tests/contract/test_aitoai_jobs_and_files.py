"""The published client's jobs and uploads, step by step instead of all at once."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from aito.v1 import api
from aito.v1.client import RequestError
from aito.v1.requests import CreateJobRequest, SearchRequest

from tests.contract.aitoai_store import QUERIES
from tests.processes import wait_until

TABLE = {"type": "table", "columns": {"n": {"type": "Int"}, "word": {"type": "String", "nullable": True}}}


@pytest.fixture
def table(writer: Any) -> Any:
    """The name of an empty table, deleted afterwards."""
    api.create_table(writer, "steps", TABLE)
    yield "steps"
    api.delete_table(writer, "steps")


def packed(rows: list[dict[str, Any]]) -> io.BytesIO:
    return io.BytesIO(gzip.compress("\n".join(map(json.dumps, rows)).encode()))


def test_a_job_step_by_step(writer: Any) -> None:
    job = api.create_job(writer, request_obj=SearchRequest(QUERIES["search"]))
    wait_until(lambda: bool(api.get_job_status(writer, job.id).finished), what="the job to finish", seconds=10)
    status = api.get_job_status(writer, job.id)
    assert (status.id, status.started_at) == (job.id, job.started_at)
    assert status.expires_at is not None
    assert status["finishedAt"] < status["expiresAt"]
    assert api.get_job_result(writer, job.id).json == api.search(writer, QUERIES["search"]).json


def test_a_job_is_made_of_whatever_request_there_is(writer: Any, table: str) -> None:
    api.upload_entries(writer, table, [{"n": 1}, {"n": 2}], optimize_on_finished=False)
    delete = {"from": table, "where": {"n": 1}}
    deleted = api.job_request(writer, job_endpoint="/api/v1/jobs/data/_delete", query=delete)
    assert deleted.json == {"total": 1}
    batch = CreateJobRequest(endpoint=f"/api/v1/jobs/data/{table}/batch", query=[{"n": 3}])
    assert api.job_request(writer, request_obj=batch).json == {"entries": 1, "status": "ok"}
    assert api.query_entries(writer, table) == [{"n": 2}, {"n": 3}]


def test_a_job_whose_query_is_refused_gives_the_refusal_as_its_result(writer: Any) -> None:
    job = api.create_job(writer, job_endpoint="/api/v1/jobs/_search", query={"from": "nowhere"})
    wait_until(lambda: bool(api.get_job_status(writer, job.id).finished), what="the job to finish", seconds=10)
    with pytest.raises(RequestError, match="No such table: nowhere"):
        api.get_job_result(writer, job.id)


def test_a_file_step_by_step(writer: Any, table: str) -> None:
    begun = api.initiate_upload_file(writer, table)
    assert begun.keys() >= {"id", "url", "method", "expires"}
    api.upload_binary_file_to_s3(begun, packed([{"n": 1}, {"n": 2, "word": "b"}]))
    api.trigger_file_processing(writer, table, begun["id"])
    api.poll_file_processing_status(writer, table, begun["id"], polling_time=1)
    assert api.query_entries(writer, table) == [{"n": 1}, {"n": 2, "word": "b"}]


def test_an_open_file_is_uploaded_and_the_table_optimized(writer: Any, table: str, caplog: Any) -> None:
    api.upload_binary_file(writer, table, packed([{"n": 1}]), polling_time=1)
    assert api.get_table_size(writer, table) == 1
    assert "failed" not in caplog.text


def test_a_file_becomes_a_table(writer: Any, tmp_path: Path) -> None:
    path = tmp_path / "fromfile.csv"
    path.write_text("n,word\n1,a\n2,\n")
    api.quick_add_table(writer, path)
    try:
        assert api.query_all_entries(writer, "fromfile") == [{"n": 1, "word": "a"}, {"n": 2}]
    finally:
        api.delete_table(writer, "fromfile")
    with pytest.raises(ValueError, match="invalid file format"):
        api.quick_add_table(writer, tmp_path / "table.unknown")
