"""Pausing: who may, what it stops, what goes on, and what outlives the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from werkzeug.test import TestResponse

from instance_agent.app import create_app
from instance_agent.engine.database import Database
from instance_agent.errors import AgentError
from tests.agents import running_agent
from tests.processes import wait_until
from tests.unit.instance_agent.conftest import READ_ONLY_KEY, Caller, make_settings
from tests.unit.instance_agent.test_http import TABLE, body_of, refused

ENVIRONMENT = UUID("7b0f7a52-6f0c-4d10-9a0e-0d8a6a1f9d11")
SECRET = "s" * 64
CLIENTS = 4
WRITES: list[tuple[str, str, Any]] = [
    ("PUT", "/api/v1/schema", {"schema": {}}),
    ("DELETE", "/api/v1/schema", None),
    ("PUT", "/api/v1/schema/t", TABLE),
    ("DELETE", "/api/v1/schema/t", None),
    ("PUT", "/api/v1/schema/t/c", {"type": "Int", "nullable": True}),
    ("DELETE", "/api/v1/schema/t/s", None),
    ("POST", "/api/v1/schema/_rename", {"from": "t", "rename": "u"}),
    ("POST", "/api/v1/schema/_copy", {"from": "t", "copy": "u"}),
    ("POST", "/api/v1/data/t", {"n": 1}),
    ("POST", "/api/v1/data/t/batch", [{"n": 1}]),
    ("POST", "/api/v1/data/t/optimize", {}),
    ("POST", "/api/v1/data/t/file", None),
    ("POST", f"/api/v1/data/t/file/{ENVIRONMENT}", None),
    ("POST", "/api/v1/data/_delete", {"from": "t", "where": {}}),
    ("POST", "/api/v1/data/_modify", {"operations": []}),
    ("POST", "/api/v1/jobs/data/t/batch", [{"n": 1}]),
    ("POST", "/api/v1/jobs/data/t/optimize", {}),
    ("POST", "/api/v1/jobs/data/_delete", {"from": "t", "where": {}}),
    ("POST", "/api/v1/jobs/data/_modify", {"operations": []}),
]
INTERNAL: list[tuple[str, str, Any]] = [
    ("POST", "/internal/pause", {"epoch": 1}),
    ("POST", "/internal/resume", {"epoch": 1}),
    ("GET", "/internal/state", None),
]


@pytest.fixture
def table(call: Caller) -> Caller:
    call("PUT", "/api/v1/schema/t", TABLE)
    call("POST", "/api/v1/data/t/batch", [{"n": n, "s": "x"} for n in range(3)])
    return call


def state(call: Caller) -> Any:
    answer = call("GET", "/internal/state")
    assert answer.status_code == 200
    return body_of(answer)


def test_a_pause_is_answered_with_the_last_commit_and_taken_back(table: Caller) -> None:
    before = state(table)
    assert (before["commit"], before["paused"], before["epoch"]) == (2, False, 0)
    for _ in range(2):
        assert body_of(table("POST", "/internal/pause", {"epoch": 1})) == {"commit": 2, "epoch": 1}
        after = state(table)
        assert (after["commit"], after["paused"], after["epoch"]) == (2, True, 1)
    for _ in range(2):
        assert body_of(table("POST", "/internal/resume", {"epoch": 1})) == {"epoch": 1}
        assert state(table)["paused"] is False
    assert table("POST", "/api/v1/data/t", {"n": 9}).status_code == 200
    assert state(table)["commit"] == 3


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_every_write_is_refused_while_paused(table: Caller, method: str, path: str, body: Any) -> None:
    table("POST", "/internal/pause", {"epoch": 0})
    answer = table(method, path, body)
    refused(answer, "writes_paused")
    assert answer.headers["Retry-After"] == "5"
    assert state(table)["commit"] == 2
    table("POST", "/internal/resume", {"epoch": 0})
    assert table(method, path, body).status_code in (200, 404)


def test_a_look_at_an_upload_is_no_write(table: Caller) -> None:
    table("POST", "/internal/pause", {"epoch": 0})
    for method in ("GET", "HEAD"):
        assert table(method, f"/api/v1/data/t/file/{uuid4()}").status_code == 404


def test_the_list_of_writes_above_is_whole(table: Caller) -> None:
    sent = {(method, path) for method, path, _ in WRITES}
    with table.app.app_context():
        adapter = table.app.url_map.bind("localhost")
        listed = {adapter.match(path, method)[0] for method, path in sent}
    writing = {
        rule.endpoint
        for rule in table.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        and not hasattr(table.app.view_functions[rule.endpoint], "vakka_access")
        and "GET" not in (rule.methods or set())
    }
    assert listed == writing


def test_reads_and_jobs_of_queries_go_on_while_paused(table: Caller) -> None:
    table("POST", "/internal/pause", {"epoch": 1})
    query = {"from": "t", "where": {"n": 1}}
    assert body_of(table("POST", "/api/v1/_search", query))["total"] == 1
    assert body_of(table("POST", "/api/v1/_predict", {"from": "t", "predict": "s"}))["total"] == 1
    for path in ("/api/v1/schema", "/api/v1/schema/t", "/status/limits", "/health", "/version", "/api/v1/jobs/"):
        assert table("GET", path).status_code == 200
    job = body_of(table("POST", "/api/v1/jobs/_search", query))["id"]
    wait_until(lambda: "finishedAt" in body_of(table("GET", f"/api/v1/jobs/{job}")), what="the job", seconds=20)
    assert body_of(table("GET", f"/api/v1/jobs/{job}/result"))["total"] == 1


def test_a_pause_outlives_the_process_and_comes_with_a_copy_of_the_data(table: Caller, tmp_path: Path) -> None:
    table("POST", "/internal/pause", {"epoch": 7})
    settings = make_settings(tmp_path)
    again = Caller(create_app(settings), settings.data_dir, settings.logs_dir)
    refused(again("POST", "/api/v1/data/t", {"n": 9}), "writes_paused")
    assert body_of(again("POST", "/internal/resume", {"epoch": 8})) == {"epoch": 8}
    assert table("POST", "/api/v1/data/t", {"n": 9}).status_code == 200
    assert state(table)["epoch"] == 8


@pytest.mark.parametrize("path", ["/internal/pause", "/internal/resume"])
def test_an_epoch_that_is_over_changes_nothing(table: Caller, path: str) -> None:
    table("POST", "/internal/pause", {"epoch": 5})
    refused(table("POST", path, {"epoch": 4}), "epoch_stale")
    assert (state(table)["paused"], state(table)["epoch"]) == (True, 5)
    table("POST", "/internal/resume", {"epoch": 5})
    refused(table("POST", path, {"epoch": 4}), "epoch_stale")
    assert (state(table)["paused"], state(table)["epoch"]) == (False, 5)


@pytest.mark.parametrize(
    "body",
    [
        *({}, [], 1, {"epoch": 1, "more": 1}),
        *({"epoch": wrong} for wrong in (None, -1, 1.5, 1.0, True, "1", 2**63, [1])),
    ],
)
@pytest.mark.parametrize("path", ["/internal/pause", "/internal/resume"])
def test_an_epoch_is_a_whole_number(table: Caller, path: str, body: Any) -> None:
    refused(table("POST", path, body), "request_invalid")
    assert (state(table)["paused"], state(table)["epoch"]) == (False, 0)
    largest = {"epoch": 2**63 - 1}
    assert body_of(table("POST", path, largest))["epoch"] == largest["epoch"]
    assert state(table)["epoch"] == largest["epoch"]


def test_the_state_says_what_the_data_takes(table: Caller) -> None:
    storage = state(table)["storage"]
    assert storage.keys() == {"data_bytes", "index_bytes", "log_bytes", "awaiting_purge_bytes"}
    assert storage["log_bytes"] == (table.data_dir / "commit.log").stat().st_size
    table("POST", "/api/v1/data/t/optimize", {})
    stored = state(table)["storage"]
    assert stored["data_bytes"] > 0
    table("POST", "/api/v1/data/_delete", {"from": "t", "where": {"n": 0}})
    assert state(table)["storage"]["awaiting_purge_bytes"] > 0


def test_without_a_control_plane_the_read_write_key_is_asked_for(table: Caller) -> None:
    for method, path, body in INTERNAL:
        refused(table(method, path, body, key=None), "key_missing")
        refused(table(method, path, body, key="wrong"), "key_unknown")
        refused(table(method, path, body, key=READ_ONLY_KEY), "key_read_only")
        assert table(method, path, body).status_code == 200


def test_nothing_is_committed_after_a_pause_is_answered_whoever_writes(tmp_path: Path) -> None:
    with running_agent(tmp_path / "data") as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        writing = threading.Barrier(CLIENTS + 1)

        def write_until_refused(client: int) -> int:
            stored = 0
            while (answer := agent.call("POST", "/api/v1/data/t", {"n": client})).ok:
                stored += 1
                if stored == 5:
                    writing.wait()
            assert answer.json()["error"] == "writes_paused"
            return stored

        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(write_until_refused, client) for client in range(CLIENTS)]
            writing.wait(timeout=30)
            commit = agent.call("POST", "/internal/pause", {"epoch": 1}).json()["commit"]
            total = agent.call("POST", "/api/v1/_search", {"from": "t"}).json()["total"]
            assert sum(client.result() for client in clients) == total
        assert agent.call("GET", "/internal/state").json()["commit"] == commit
        agent.kill()
    with running_agent(tmp_path / "data") as agent:
        assert agent.call("POST", "/api/v1/data/t", {"n": 1}).json()["error"] == "writes_paused"
        assert agent.call("GET", "/internal/state").json()["commit"] == commit
        assert agent.call("POST", "/internal/resume", {"epoch": 1}).ok
        assert agent.call("POST", "/api/v1/data/t", {"n": 1}).ok
        assert agent.call("POST", "/api/v1/_search", {"from": "t"}).json()["total"] == total + 1


def test_the_databases_own_writes_are_refused_too(table: Caller) -> None:
    database = Database.open(table.data_dir)
    database.pause(3)
    with pytest.raises(AgentError) as paused:
        database.insert_rows("t", [{"n": 1}])
    assert (paused.value.code, paused.value.retry_after_seconds) == ("writes_paused", 5)
    refused(table("POST", "/api/v1/data/t", {"n": 9}), "writes_paused")


# The control plane's tokens.


@pytest.fixture
def governed(tmp_path: Path) -> Caller:
    """An agent that has a control plane, whose keys nobody can check: it isn't running."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    settings = make_settings(
        tmp_path,
        control_plane_url="http://127.0.0.1:1",
        environment_id=ENVIRONMENT,
        service_secret_file=secret,
        uploads_dir=tmp_path,
    )
    return Caller(create_app(settings), settings.data_dir, settings.logs_dir)


def token(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": "api", "aud": "agent", "sub": str(ENVIRONMENT), "iat": now, "exp": now + 60, "jti": str(uuid4())}
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not ...}
    return jwt.encode({"alg": algorithm}, claims, OctKey.import_key(secret), algorithms=[algorithm])


def bearing(call: Caller, authorization: str | None, method: str, path: str, body: Any) -> TestResponse:
    headers = {"x-api-key": "read-write-key-of-a-test"} | ({"Authorization": authorization} if authorization else {})
    options: dict[str, Any] = {} if body is None else {"json": body}
    return call.app.test_client().open(path, method=method, headers=headers, **options)


@pytest.mark.parametrize(("method", "path", "body"), INTERNAL)
def test_the_control_plane_is_known_by_its_token(governed: Caller, method: str, path: str, body: Any) -> None:
    assert bearing(governed, f"Bearer {token()}", method, path, body).status_code == 200
    shown = token()
    assert bearing(governed, f"bearer  {shown} ", method, path, body).status_code == 200
    logs = "".join(path.read_text() for path in governed.logs_dir.iterdir())
    assert shown not in logs and SECRET not in logs


@pytest.mark.parametrize(("method", "path", "body"), INTERNAL)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic eDp5", "read-write-key-of-a-test"])
def test_without_a_token_nobody_may(governed: Caller, header: str | None, method: str, path: str, body: Any) -> None:
    refused(bearing(governed, header, method, path, body), "token_missing")


FORGED: dict[str, Callable[[], str]] = {
    "another secret": lambda: token("t" * 64),
    "another environment": lambda: token(sub=str(uuid4())),
    "another audience": lambda: token(aud="api"),
    "our own token sent back": lambda: token(iss="agent", aud="api"),
    "another issuer": lambda: token(iss="mission_control"),
    "another algorithm": lambda: token(algorithm="HS512"),
    "no issuer": lambda: token(iss=...),
    "no audience": lambda: token(aud=...),
    "no subject": lambda: token(sub=...),
    "no time of issue": lambda: token(iat=...),
    "no end": lambda: token(exp=...),
    "no id": lambda: token(jti=...),
    "a long life": lambda: token(exp=int(time.time()) + 3600),
    "an old one": lambda: token(iat=int(time.time()) - 120, exp=int(time.time()) - 60),
    "one of tomorrow": lambda: token(iat=int(time.time()) + 86_400, exp=int(time.time()) + 86_460),
    "an end that is no number": lambda: token(exp="never"),
    "a time of issue that is no number": lambda: token(iat="never"),
    "no signature": lambda: token().rpartition(".")[0] + ".",
    "half": lambda: token()[:40],
    "nonsense": lambda: "x.y.z",
    "dots": lambda: "..",
    "not ascii": lambda: "\xe4.\xf6.\xfc",
    "signed by nobody": lambda: "eyJhbGciOiJub25lIn0." + token().split(".")[1] + ".",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_token_that_isnt_the_control_planes_is_refused(governed: Caller, name: str) -> None:
    for method, path, body in INTERNAL:
        refused(bearing(governed, f"Bearer {FORGED[name]()}", method, path, body), "token_invalid")


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_without_its_secret_the_agent_trusts_nobody(governed: Caller, tmp_path: Path, content: str | None) -> None:
    secret = tmp_path / "secret"
    if content is None:
        secret.unlink()
    else:
        secret.write_text(content)
    for method, path, body in INTERNAL:
        refused(bearing(governed, f"Bearer {token()}", method, path, body), "key_check_unavailable")


def test_a_token_opens_nothing_else(governed: Caller) -> None:
    answer = governed.app.test_client().get("/api/v1/schema", headers={"Authorization": f"Bearer {token()}"})
    refused(answer, "key_missing")
