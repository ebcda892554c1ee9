"""Jobs: what the client sees, what survives, what is reported as failed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from instance_agent.app import create_app
from instance_agent.errors import AgentError
from instance_agent.jobs.records import JobRecords
from instance_agent.jobs.runner import AT_A_TIME, MOST_WAITING, Answer, JobRunner
from instance_agent.settings import Settings
from tests.processes import wait_until

READ_WRITE, READ_ONLY = {"x-api-key": "rw"}, {"x-api-key": "ro"}
COLUMNS = {"n": {"type": "Int"}}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """An agent in this process with a table of three rows and both keys."""
    data, logs = tmp_path / "data", tmp_path / "logs"
    data.mkdir()
    logs.mkdir()
    app = create_app(Settings(data_dir=data, logs_dir=logs, read_write_key="rw", read_only_key="ro"))
    with app.test_client() as found:
        table = {"type": "table", "columns": COLUMNS}
        assert found.put("/api/v1/schema/t", json=table, headers=READ_WRITE).status_code == 200
        assert found.post("/api/v1/data/t/batch", json=[{"n": 1}] * 3, headers=READ_WRITE).status_code == 200
        yield found


@pytest.fixture
def records(tmp_path: Path) -> JobRecords:
    """Records in a folder of their own."""
    return JobRecords(tmp_path / "jobs")


def finished(client: FlaskClient, path: str, body: Any, headers: dict[str, str]) -> str:
    """The id of the job, once it has finished."""
    started = client.post(f"/api/v1/jobs/{path}", json=body, headers=headers)
    assert started.status_code == 200
    shown = started.get_json()
    assert sorted(shown) == ["id", "parameters", "path", "startedAt"]
    assert (shown["path"], shown["parameters"]) == (path, {})
    wait_until(lambda: "finishedAt" in status(client, shown["id"]), what="the job to finish", seconds=20)
    return str(shown["id"])


def status(client: FlaskClient, job: str) -> Any:
    answer = client.get(f"/api/v1/jobs/{job}", headers=READ_ONLY)
    assert answer.status_code == 200
    return answer.get_json()


def ended(records: JobRecords, job: str) -> bool:
    return records.read(UUID(job)).finished_at is not None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("_search", {"from": "t", "limit": 1}),
        ("_query", {"from": "t", "limit": 0}),
        ("_predict", {"from": "t", "predict": "n"}),
        ("_search", {"from": "nowhere"}),
        ("_search", {"from": "t", "where": {"n": "1"}}),
        ("data/t/optimize", {}),
    ],
)
def test_the_result_is_exactly_what_the_endpoint_answers(client: FlaskClient, path: str, body: Any) -> None:
    job = finished(client, path, body, READ_WRITE)
    direct = client.post(f"/api/v1/{path}", json=body, headers=READ_WRITE)
    result = client.get(f"/api/v1/jobs/{job}/result", headers=READ_ONLY)
    assert (result.status_code, result.data) == (direct.status_code, direct.data)
    assert result.content_type == "application/json"


def test_a_batch_job_adds_its_rows_once(client: FlaskClient) -> None:
    job = finished(client, "data/t/batch", [{"n": 2}, {"n": 3}], READ_WRITE)
    assert client.get(f"/api/v1/jobs/{job}/result", headers=READ_WRITE).get_json() == {"entries": 2, "status": "ok"}
    page = client.post("/api/v1/_search", json={"from": "t", "limit": 0}, headers=READ_ONLY).get_json()
    assert page["total"] == 5


def test_the_status_tells_when_it_expires_once_it_has_finished(client: FlaskClient) -> None:
    job = finished(client, "_search", {"from": "t"}, READ_ONLY)
    shown = status(client, job)
    assert sorted(shown) == ["expiresAt", "finishedAt", "id", "parameters", "path", "startedAt"]
    assert shown["startedAt"] <= shown["finishedAt"] < shown["expiresAt"]
    for path in ("/api/v1/jobs/", "/api/v1/jobs"):
        assert client.get(path, headers=READ_ONLY).get_json() == [shown]


def test_a_read_only_key_may_not_run_data_jobs(client: FlaskClient) -> None:
    for path in ("data/t/optimize", "data/t/batch"):
        refused = client.post(f"/api/v1/jobs/{path}", json={}, headers=READ_ONLY)
        assert (refused.status_code, refused.get_json()["error"]) == (403, "key_read_only")
    assert client.get("/api/v1/jobs/", headers=READ_ONLY).get_json() == []


def test_jobs_need_a_key_and_a_known_endpoint(client: FlaskClient) -> None:
    assert client.post("/api/v1/jobs/_search", json={"from": "t"}).status_code == 401
    assert client.post("/api/v1/jobs/_fly", json={}, headers=READ_WRITE).status_code == 404
    for path in (f"{uuid4()}", f"{uuid4()}/result", "..%2fcommits", "x"):
        assert client.get(f"/api/v1/jobs/{path}", headers=READ_ONLY).status_code in (404, 405)


def test_the_result_of_a_running_job_is_not_there_yet(records: JobRecords) -> None:
    record, lock = records.start("_search")
    assert not ended(records, record.id)
    with pytest.raises(AgentError) as refused:
        records.result(UUID(record.id))
    assert (refused.value.code, refused.value.status) == ("job_unfinished", 404)
    lock.release()


def test_a_job_whose_process_died_is_lost_and_never_running_for_ever(records: JobRecords) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        record, _ = records.start("_search")
        os.write(writer, record.id.encode())
        os._exit(9)
    os.waitpid(child, 0)
    job = os.read(reader, 100).decode()
    assert ended(records, job)
    with pytest.raises(AgentError) as refused:
        records.result(UUID(job))
    assert (refused.value.code, refused.value.status) == ("job_lost", 500)


def test_another_process_sees_a_running_job_as_running(records: JobRecords) -> None:
    record, lock = records.start("_search")
    child = os.fork()
    if child == 0:
        os._exit(0 if not ended(records, record.id) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    lock.release()


def test_a_job_that_breaks_is_reported_and_gives_its_place_back(records: JobRecords) -> None:
    runner = JobRunner(records)

    def broken() -> Answer:
        raise RuntimeError("broken")

    for _ in range(AT_A_TIME + MOST_WAITING + 1):
        record = runner.submit("_search", broken)
        wait_until(lambda job=record.id: ended(records, job), what="the job to be given up", seconds=10)  # type: ignore[misc]
    with pytest.raises(AgentError, match="ended before the job did"):
        records.result(UUID(record.id))


def test_only_so_many_jobs_may_wait(records: JobRecords) -> None:
    runner, gate = JobRunner(records), threading.Event()

    def slow() -> Answer:
        gate.wait(30)
        return Answer(200, b"{}")

    jobs = [runner.submit("_search", slow).id for _ in range(AT_A_TIME + MOST_WAITING)]
    with pytest.raises(AgentError) as refused:
        runner.submit("_search", slow)
    assert (refused.value.code, refused.value.status) == ("jobs_full", 503)
    assert refused.value.retry_after_seconds
    gate.set()
    wait_until(lambda: all(ended(records, job) for job in jobs), what="all jobs to finish", seconds=20)
    assert runner.submit("_search", slow).path == "_search"


def test_results_expire_and_are_swept(records: JobRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, lock = records.start("_search")
    records.finish(record, 200, b"{}")
    lock.release()
    assert records.result(UUID(record.id)) == (200, b"{}")
    running, running_lock = records.start("_search")
    (tmp_path / "jobs" / "left-over.result").write_bytes(b"")
    monkeypatch.setattr("instance_agent.jobs.records.RESULT_SECONDS", -5)
    with pytest.raises(AgentError) as refused:
        records.result(UUID(record.id))
    assert (refused.value.code, refused.value.status) == ("job_not_found", 404)
    assert [one.id for one in records.all()] == [running.id]
    records.sweep()
    assert {path.name for path in (tmp_path / "jobs").iterdir()} == {f"{running.id}.json", f"{running.id}.lock"}
    running_lock.release()


def test_no_key_and_no_body_is_kept_on_disk(client: FlaskClient, tmp_path: Path) -> None:
    finished(client, "_search", {"from": "t", "where": {"n": 987654321}}, READ_WRITE)
    for path in (tmp_path / "data" / "jobs").iterdir():
        assert b"987654321" not in path.read_bytes()
        assert b"rw" not in path.read_bytes()


def test_a_body_that_breaks_off_is_no_job(client: FlaskClient, tmp_path: Path) -> None:
    answer = client.post(
        "/api/v1/jobs/_search", data=b'{"from": "t"', headers=READ_ONLY, environ_overrides={"CONTENT_LENGTH": "99"}
    )
    assert (answer.status_code, answer.get_json()["error"]) == (400, "request_invalid")
    assert not (tmp_path / "data" / "jobs").exists()


def test_starting_a_job_does_not_look_at_all_others(records: JobRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps: list[bool] = []
    monkeypatch.setattr(records, "sweep", lambda: sweeps.append(True))
    runner = JobRunner(records)
    for _ in range(3):
        runner.submit("_search", lambda: Answer(200, b"{}"))
    assert sweeps == [True]
    monkeypatch.setattr(runner, "_sweep_at", 0.0)
    runner.submit("_search", lambda: Answer(200, b"{}"))
    assert sweeps == [True, True]


def test_a_query_past_its_time_is_504_and_may_run_as_a_job(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instance_agent.routes.v1.queries.QUERY_SECONDS", -1.0)
    late = client.post("/api/v1/_search", json={"from": "t"}, headers=READ_ONLY)
    assert (late.status_code, late.get_json()["error"]) == (504, "query_timeout")
    assert "x-aitoai-response-time" in late.headers
    job = finished(client, "_search", {"from": "t", "limit": 0}, READ_ONLY)
    assert client.get(f"/api/v1/jobs/{job}/result", headers=READ_ONLY).get_json()["total"] == 3
    forged = {**READ_ONLY, "vakka.as_a_job": "1", "vakka-as-a-job": "1"}
    assert client.post("/api/v1/_search", json={"from": "t"}, headers=forged).status_code == 504
