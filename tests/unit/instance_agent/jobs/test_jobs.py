"""Jobs: what the client sees, what survives, what is reported as failed."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from instance_agent.app import create_app
from instance_agent.auth import Access
from instance_agent.errors import AgentError
from instance_agent.jobs.records import JobRecord, JobRecords
from instance_agent.jobs.runner import AT_A_TIME, MOST_ATTEMPTS, MOST_WAITING, Answer, JobRunner
from instance_agent.routes.v1.jobs import Dispatch
from instance_agent.settings import Settings
from instance_agent.storage.files import HeldLock
from tests.processes import wait_until

READ_WRITE, READ_ONLY = {"x-api-key": "rw"}, {"x-api-key": "ro"}
COLUMNS = {"n": {"type": "Int"}}
COMMIT = 7


@dataclass(frozen=True)
class Works:
    """Work that every job does alike."""

    work: Callable[[], Answer]
    commit: int = COMMIT

    def answer(self, path: str, access: Access, body: bytes) -> Answer:  # noqa: ARG002 - all the same here
        return self.work()

    def last_commit(self) -> int:
        return self.commit


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


def begun(records: JobRecords, *, repeatable: bool = True) -> tuple[JobRecord, HeldLock]:
    """A job that a process has begun."""
    record, lock = records.start("_search", Access.READ_ONLY, b"{}", repeatable=repeatable)
    return records.begin(record, COMMIT), lock


def lost(records: JobRecords, job: str) -> str:
    """What is said of a job without an answer."""
    with pytest.raises(AgentError) as refused:
        records.result(UUID(job))
    assert (refused.value.code, refused.value.status) == ("job_lost", 500)
    return refused.value.message


def test_the_result_of_a_running_job_is_not_there_yet(records: JobRecords) -> None:
    record, lock = begun(records)
    assert not ended(records, record.id)
    with pytest.raises(AgentError) as refused:
        records.result(UUID(record.id))
    assert (refused.value.code, refused.value.status) == ("job_unfinished", 404)
    lock.release()


def killed(records: JobRecords, *, repeatable: bool = True) -> str:
    """A job whose process died after it was begun."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        record, _ = begun(records, repeatable=repeatable)
        os.write(writer, record.id.encode())
        os._exit(9)
    os.waitpid(child, 0)
    return os.read(reader, 100).decode()


def test_whoever_sees_a_job_whose_process_died_goes_on_with_it(records: JobRecords) -> None:
    job = killed(records)
    runner = JobRunner(records, Works(lambda: Answer(200, b"[7]")))
    runner.status(UUID(job))
    wait_until(lambda: ended(records, job), what="the job to finish", seconds=10)
    assert runner.result(UUID(job)) == (200, b"[7]")


def test_a_start_goes_on_with_what_was_left(records: JobRecords) -> None:
    jobs = [killed(records) for _ in range(3)]
    JobRunner(records, Works(lambda: Answer(200, b"[7]"))).upkeep()
    wait_until(lambda: all(ended(records, job) for job in jobs), what="the jobs to finish", seconds=10)


def test_another_process_sees_a_running_job_as_running_and_leaves_it_alone(records: JobRecords) -> None:
    record, lock = begun(records)
    runner = JobRunner(records, Works(lambda: Answer(200, b"[7]")))
    child = os.fork()
    if child == 0:
        os._exit(0 if runner.status(UUID(record.id)).finished_at is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert runner.status(UUID(record.id)).attempts == 1
    lock.release()


def test_a_job_that_breaks_each_time_is_given_up(records: JobRecords) -> None:
    """Here the work breaks in the process; a process that is killed by it looks the same to the next one."""
    calls: list[bool] = []

    def broken() -> Answer:
        calls.append(True)
        raise RuntimeError("broken")

    runner = JobRunner(records, Works(broken))
    record = runner.submit("_search", Access.READ_ONLY, b"{}", repeatable=True)
    wait_until(lambda: runner.status(UUID(record.id)).finished_at is not None, what="the job to be given up")
    assert len(calls) == MOST_ATTEMPTS
    assert "given up" in lost(records, record.id)


def test_jobs_that_break_give_their_places_back(records: JobRecords) -> None:
    def broken() -> Answer:
        raise RuntimeError("broken")

    runner = JobRunner(records, Works(broken))
    for _ in range(AT_A_TIME + MOST_WAITING + 1):
        runner.submit("_search", Access.READ_ONLY, b"{}", repeatable=True)


@pytest.mark.parametrize("commit", [COMMIT, COMMIT + 1])
def test_a_change_is_made_again_only_when_it_was_not_made(records: JobRecords, commit: int) -> None:
    job = killed(records, repeatable=False)
    calls: list[bool] = []

    def change() -> Answer:
        calls.append(True)
        return Answer(200, b"{}")

    JobRunner(records, Works(change, commit)).go_on()
    wait_until(lambda: ended(records, job), what="the job to end", seconds=10)
    if commit == COMMIT:
        assert records.result(UUID(job)) == (200, b"{}")
        assert calls
    else:
        assert "start it again if they weren't" in lost(records, job)
        assert not calls


def test_a_change_that_was_not_begun_is_made_whatever_was_committed(records: JobRecords) -> None:
    record, lock = records.start("data/t/batch", Access.READ_WRITE, b"[]", repeatable=False)
    lock.release()
    JobRunner(records, Works(lambda: Answer(200, b"{}"), COMMIT + 9)).go_on()
    wait_until(lambda: ended(records, record.id), what="the job to end", seconds=10)
    assert records.result(UUID(record.id)) == (200, b"{}")


def test_only_so_many_jobs_may_wait(records: JobRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instance_agent.jobs.runner.HEAD_START_SECONDS", 0.01)
    gate = threading.Event()

    def slow() -> Answer:
        gate.wait(30)
        return Answer(200, b"{}")

    def submit() -> JobRecord:
        return runner.submit("_search", Access.READ_ONLY, b"{}", repeatable=True)

    runner = JobRunner(records, Works(slow))
    jobs = [submit().id for _ in range(AT_A_TIME + MOST_WAITING)]
    with pytest.raises(AgentError) as refused:
        submit()
    assert (refused.value.code, refused.value.status) == ("jobs_full", 503)
    assert refused.value.retry_after_seconds
    gate.set()
    wait_until(lambda: all(ended(records, job) for job in jobs), what="all jobs to finish", seconds=20)
    assert submit().path == "_search"


def test_results_expire_and_are_swept(records: JobRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, lock = begun(records)
    records.finish(record, 200, b"{}")
    lock.release()
    assert records.result(UUID(record.id)) == (200, b"{}")
    running, running_lock = begun(records)
    (tmp_path / "jobs" / "left-over.result").write_bytes(b"")
    (tmp_path / "jobs" / "unreadable.json").write_bytes(b"{")
    monkeypatch.setattr("instance_agent.jobs.records.RESULT_SECONDS", -5)
    with pytest.raises(AgentError) as refused:
        records.result(UUID(record.id))
    assert (refused.value.code, refused.value.status) == ("job_not_found", 404)
    assert [one.id for one in records.all()] == [running.id]
    records.sweep()
    left = {f"{running.id}.{kind}" for kind in ("json", "request", "lock")}
    assert {path.name for path in (tmp_path / "jobs").iterdir()} == left
    running_lock.release()


def test_upkeep_looks_at_all_jobs_only_now_and_then(records: JobRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps: list[bool] = []
    monkeypatch.setattr(records, "sweep", lambda: sweeps.append(True))
    runner = JobRunner(records, Works(lambda: Answer(200, b"{}")))
    for _ in range(3):
        runner.upkeep()
    assert sweeps == [True]
    monkeypatch.setattr(runner, "_upkeep_at", 0.0)
    runner.upkeep()
    assert sweeps == [True, True]


def test_a_record_of_an_earlier_version_is_still_answered(records: JobRecords, tmp_path: Path) -> None:
    job = uuid4()
    (tmp_path / "jobs").mkdir()
    now = time.time()
    record = {"id": str(job), "path": "_search", "started_at": now, "finished_at": now, "status": 200}
    (tmp_path / "jobs" / f"{job}.json").write_text(json.dumps(record))
    (tmp_path / "jobs" / f"{job}.result").write_bytes(b"{}")
    assert records.result(job) == (200, b"{}")


def test_what_jobs_keep_is_for_this_account_only(records: JobRecords, tmp_path: Path) -> None:
    record, lock = begun(records)
    records.finish(record, 200, b"{}")
    lock.release()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "jobs").iterdir()} == {0o600}


def test_a_job_may_do_what_its_caller_was_found_to_be_allowed(client: FlaskClient) -> None:
    dispatch = Dispatch(client.application)
    assert dispatch.answer("_search", Access.READ_ONLY, b'{"from": "t"}').status == 200
    assert dispatch.answer("data/t/batch", Access.READ_WRITE, b'[{"n": 5}]').status == 200
    refused = dispatch.answer("data/t/batch", Access.READ_ONLY, b'[{"n": 5}]')
    assert (refused.status, json.loads(refused.body)["error"]) == (403, "key_read_only")


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
