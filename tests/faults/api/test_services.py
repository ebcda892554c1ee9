"""Real servers of the control plane: without a database, stopped, and what of the keys they leave behind."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import psycopg
import pytest
import requests
from psycopg import sql

from api.adapters.embedded.layout import Layout
from api.adapters.embedded.upload_store import FileUploads
from api.adapters.embedded.upload_urls import UploadTarget
from tests.faults.api.processes import Process, environment_of, web, worker
from tests.processes import free_port, wait_until
from tests.unit.api.world import World, looking_by_itself


def test_a_lost_database_is_answered_with_503_until_it_is_back(world: World, tmp_path: Path) -> None:
    url = world.settings.database_url.get_secret_value()
    name = url.rsplit("/", 1)[1]
    with web("api.wsgi:app", world.settings, tmp_path / "api.log", workers=2) as base:
        assert requests.get(f"{base}/health", timeout=5).status_code == 200
        with psycopg.connect(url.rsplit("/", 1)[0] + "/postgres", autocommit=True) as connection:
            connection.execute(f"alter database {name} allow_connections false".encode())
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
            for path, headers in (("/health", {}), ("/v1/environments", world.headers())):
                began = time.monotonic()
                response = requests.get(f"{base}{path}", headers=headers, timeout=10)
                assert time.monotonic() - began < 4
                assert response.status_code == 503
                assert response.json()["error"]["code"] == "database_unavailable"
                assert int(response.headers["Retry-After"]) > 0
            connection.execute(f"alter database {name} allow_connections true".encode())
        wait_until(
            lambda: requests.get(f"{base}/health", timeout=5).status_code == 200, what="the API to recover", seconds=15
        )


def test_the_api_starts_without_a_database_and_says_so(world: World, tmp_path: Path) -> None:
    nowhere = "postgresql://vakka:secret-password@127.0.0.1:1/nothing"
    log = tmp_path / "api.log"
    with web("api.wsgi:app", world.settings, log, VAKKA_API_DATABASE_URL=nowhere) as base:
        response = requests.get(f"{base}/health", timeout=10)
        assert (response.status_code, response.json()["error"]["code"]) == (503, "database_unavailable")
    assert "secret-password" not in log.read_text()


@pytest.mark.parametrize("application", ["api.wsgi:app", "api.adapters.embedded.upload_server:app"])
def test_a_server_stops_cleanly_within_five_seconds(world: World, tmp_path: Path, application: str) -> None:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--threads", "4", "--workers", "1", "--no-control-socket"]
    process = Process(command, environment_of(world.settings), tmp_path / "server.log")
    session = requests.Session()

    def healthy() -> bool:
        try:
            return session.get(f"http://127.0.0.1:{port}/health", timeout=1).status_code == 200
        except requests.RequestException:
            return False

    wait_until(healthy, what="the server to answer")
    began = time.monotonic()
    assert process.stop() == 0
    assert time.monotonic() - began < 5


def test_no_key_token_or_secret_is_in_the_database_the_logs_or_a_repr(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    api_log, worker_log = tmp_path / "api.log", tmp_path / "worker.log"
    secrets = [
        world.settings.master_secret.get_secret_value(),
        world.settings.console_secret.get_secret_value(),
    ]
    with (
        looking_by_itself(world.supervisor),
        worker(world.settings, worker_log),
        web("api.wsgi:app", world.settings, api_log) as base,
    ):

        def call(method: str, path: str, **options: Any) -> requests.Response:
            headers = options.pop("headers", world.headers())
            secrets.append(headers["Authorization"].split(".")[2])
            return requests.request(method, base + path, headers=headers, timeout=10, **options)

        created = call("POST", "/v1/environments", json={"name": "Anna Virtasen kauppa"}).json()
        path = f"/v1/environments/{created['environment']['id']}"
        wait_until(lambda: call("GET", path).json()["environment"]["state"] == "running", what="the environment to run")
        for access in ("read_only", "read_write"):
            key = call("POST", f"{path}/keys/reveal", json={"access": access}).json()["key"]
            secrets.append(key.split("_")[2])
            agent = world.agent_headers(created["environment"]["id"])
            assert call("POST", f"{path}/keys/check", json={"key": key}, headers=agent).status_code == 200
            assert call("POST", f"{path}/keys/check", json={"key": key + "x"}, headers=agent).status_code == 403
        call("POST", f"{path}/keys/reveal", json={"access": secrets[-1]})
        secrets.append(call("POST", f"{path}/uploads").json()["upload"]["url"].split("signature=")[1])
        secret_files = list((world.data_dir / "instances").glob("*/service_secret"))
        assert [file.stat().st_mode & 0o777 for file in secret_files] == [0o600]
        secrets.append(secret_files[0].read_text())
        call("DELETE", path)
    logs = api_log.read_text() + worker_log.read_text() + "".join(capfd.readouterr())
    assert len(secrets) > 12
    assert_nowhere(world, secrets, logs)
    assert "Virtasen" not in logs


def assert_nowhere(world: World, secrets: list[str], logs: str) -> None:
    dump = dump_of(world)
    assert "environment.key_revealed" in dump
    assert "step_completed" in logs
    for secret in secrets:
        assert secret not in dump
        assert secret not in logs
        assert secret not in repr(world.settings) + repr(world.ports)


def dump_of(world: World) -> str:
    """Every row of every table of the schema, as text."""
    lines = []
    with world.connect() as connection:
        for table in connection.execute("select tablename from pg_tables where schemaname = 'api'").fetchall():
            rows = connection.execute(sql.SQL("select * from {}").format(sql.Identifier(table["tablename"])))
            lines += [str(row) for row in rows]
    return "\n".join(lines)


def test_a_full_disk_is_answered_with_507_and_leaves_nothing(world: World, tmp_path: Path) -> None:
    environment_id = world.running_environment()
    with web("api.adapters.embedded.upload_server:app", world.settings, tmp_path / "uploads.log") as base:
        # A limit on the size of files stands for a full disk: the same write fails, in the same place.
        for process in psutil.Process().children(recursive=True):
            if "gunicorn" in " ".join(process.cmdline()):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        signed = world.ports.object_store.presign_upload(UUID(environment_id))
        url = signed.url.replace(world.settings.public_upload_url, base)
        response = requests.put(url, data=b"x" * 3_000_000, timeout=20)
        assert (response.status_code, response.json()["error"]["code"]) == (507, "disk_full")
        assert list((world.data_dir / "uploads" / environment_id).iterdir()) == []
        assert requests.put(url, data=b"x" * 1000, timeout=20).status_code == 200


def test_a_write_that_fails_in_the_middle_leaves_no_part_of_the_file(world: World) -> None:
    environment_id = uuid4()
    files = FileUploads(Layout(world.data_dir))
    files.ensure_prefix(environment_id)

    def pieces() -> Any:
        yield b"first"
        raise OSError(28, "No space left on device")

    target = UploadTarget(environment_id, uuid4())
    with pytest.raises(OSError, match="No space"):
        files.put(target, pieces())
    assert list((world.data_dir / "uploads" / str(environment_id)).iterdir()) == []


def test_migrating_again_and_by_several_at_once_does_nothing_twice(database_url: str) -> None:
    environment = {"PATH": os.environ["PATH"], "VAKKA_API_DATABASE_URL": database_url}
    command = [sys.executable, "-m", "api.store.migrate"]
    started = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert sum('"applied": []' in output for output in outputs) == 2
    with psycopg.connect(database_url, options="-csearch_path=api") as connection:
        connection.execute("select 1 from environments, operations, procrastinate_jobs, events")
