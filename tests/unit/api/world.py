"""A control plane for tests: real PostgreSQL, real embedded adapters on a temporary folder, and a supervisor's double.

Only what lies beyond the unit files is played: a thread starts a small HTTP server where an agent would run.
"""

from __future__ import annotations

import json
import logging
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import structlog
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr
from werkzeug.test import TestResponse

from api import log
from api.adapters.derivation import agent_secret
from api.adapters.wiring import embedded_ports
from api.app import create_app
from api.lifecycle.outcomes import Done, Nap
from api.lifecycle.runner import Runner, no_failpoint
from api.ports import Ports
from api.settings import Settings
from api.store.database import Connection, connect_directly
from tests.processes import free_port

MASTER_SECRET = "master-secret-for-tests-only-0123456789"
CONSOLE_SECRET = "console-secret-for-tests-only-012345678"


class HandClock:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def move(self, **by: float) -> None:
        self.offset += timedelta(**by)


class _AgentHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = {"/health": {"status": "ok"}, "/version": {"version": "test"}}.get(self.path)
        body = json.dumps(content).encode()
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class SupervisorDouble:
    """Plays the supervisor's side of the unit files; `look` does what one round of its loop does."""

    def __init__(self, data_dir: Path) -> None:
        self._instances = data_dir / "instances"
        self._servers: dict[str, ThreadingHTTPServer] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}  # what stands for the agents' processes
        self.crashing = False  # report a crash loop instead of starting anything
        self.started: list[str] = []

    @property
    def running(self) -> set[str]:
        return set(self._servers)

    def look(self) -> None:
        declared = {path.parent.name: path for path in self._instances.glob("*/unit.json")}
        for name, path in declared.items():
            if self.crashing:
                self._tell(name, "crash_loop")
            elif name not in self._servers:
                self._start(name, json.loads(path.read_text())["port"])
        for name in set(self._servers) - set(declared):
            self._stop(name)
            self._tell(name, "stopped")
        if self.crashing:
            for folder in self._instances.glob("*"):
                if folder.name not in declared:
                    self._tell(folder.name, "stopped")

    def close(self) -> None:
        for name in list(self._servers):
            self._stop(name)

    def _start(self, name: str, port: int) -> None:
        server = ThreadingHTTPServer(("127.0.0.1", port), _AgentHandler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self._servers[name] = server
        secret_file = str(self._instances / name / "service_secret")
        self._processes[name] = subprocess.Popen(
            ["/bin/sleep", "600"], env={"VAKKA_AGENT_SERVICE_SECRET_FILE": secret_file}
        )
        self.started.append(name)
        self._tell(name, "running")

    def _stop(self, name: str) -> None:
        server = self._servers.pop(name)
        server.shutdown()
        server.server_close()
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def _tell(self, name: str, state: str) -> None:
        folder = self._instances / name
        process = self._processes.get(name)
        if folder.is_dir():
            status = {"state": state, "pid": process.pid if process else None, "restarts": 0}
            (folder / "status.json").write_text(json.dumps(status))


@contextmanager
def looking_by_itself(supervisor: SupervisorDouble) -> Iterator[None]:
    """The supervisor's loop in a thread, for tests with a real worker process."""
    ended = threading.Event()

    def loop() -> None:
        while not ended.wait(0.05):
            supervisor.look()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@dataclass
class World:
    """Everything a test of the control plane needs."""

    settings: Settings
    ports: Ports
    clock: HandClock
    client: FlaskClient
    supervisor: SupervisorDouble
    team_id: UUID = field(default_factory=uuid4)
    account_id: UUID = field(default_factory=uuid4)

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir

    def connect(self) -> Connection:
        return connect_directly(self.settings.database_url)

    def headers(self, *, team_id: UUID | None = None) -> dict[str, str]:
        return bearer(console_token(team_id=team_id or self.team_id, account_id=self.account_id, now=self.clock.now()))

    def agent_headers(self, environment_id: str) -> dict[str, str]:
        return bearer(agent_token(UUID(environment_id), now=self.clock.now()))

    def call(self, method: str, path: str, *, team_id: UUID | None = None, **options: Any) -> TestResponse:
        headers = {**self.headers(team_id=team_id), **options.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **options)

    def ask_for(self, name: str = "shop") -> tuple[str, str]:
        """Ask for an environment over HTTP; returns its id and its operation's."""
        response = self.call("POST", "/v1/environments", json={"name": name})
        assert response.status_code == 202, response.text
        answer = body(response)
        return answer["environment"]["id"], answer["operation"]["id"]

    def ask_to_delete(self, environment_id: str) -> str:
        response = self.call("DELETE", f"/v1/environments/{environment_id}")
        assert response.status_code == 202, response.text
        return str(body(response)["operation"]["id"])

    def runner(self, **changes: Any) -> Runner:
        standard = Runner(connect=self.connect, ports=self.ports, random=lambda: 0.0, failpoint=no_failpoint)
        return replace(standard, **changes)

    def advance(self, operation_id: str, runner: Runner | None = None, *, rounds: int = 60) -> Done | Nap:
        """Advance an operation until it has ended, moving the clock over its naps."""
        outcome: Done | Nap = Nap(0)
        for _ in range(rounds):
            outcome = (runner or self.runner()).advance(UUID(operation_id))
            if isinstance(outcome, Done):
                break
            self.clock.move(seconds=outcome.seconds)
            self.supervisor.look()
        return outcome

    def running_environment(self, name: str = "shop") -> str:
        environment_id, operation_id = self.ask_for(name)
        self.advance(operation_id)
        assert self.environment(environment_id)["state"] == "running"
        return environment_id

    def environment(self, environment_id: str) -> dict[str, Any]:
        return dict(body(self.call("GET", f"/v1/environments/{environment_id}"))["environment"])

    def operation(self, operation_id: str) -> dict[str, Any]:
        return dict(body(self.call("GET", f"/v1/operations/{operation_id}"))["operation"])

    def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        with self.connect() as connection:
            return connection.execute(query.encode(), arguments or None).fetchall()

    def assert_rows_match_resources(self) -> None:
        """No resource without a row, no row without its resource, for all operations that have ended."""
        declared = "select id from resources where kind = %s and removed_at is null"
        present = {kind: {row["id"] for row in self.rows(declared, kind)} for kind in ("volume", "instance")}
        assert set(self.ports.volumes.list_volumes()) == present["volume"]
        assert set(self.ports.compute.list_instances()) == present["instance"]
        live = {str(row["id"]) for row in self.rows("select id from environments where state = 'running'")}
        uploads = self.data_dir / "uploads"
        assert {path.name for path in uploads.glob("*")} == live
        assert self.supervisor.running == {str(found) for found in present["instance"]}


def settings_for(database_url: str, data_dir: Path, **changes: Any) -> Settings:
    first = free_port()
    return Settings(
        database_url=SecretStr(database_url),
        master_secret=SecretStr(MASTER_SECRET),
        console_secret=SecretStr(CONSOLE_SECRET),
        data_dir=data_dir,
        **{"agent_ports": f"{first}-{min(first + 40, 65535)}", **changes},
    )


@contextmanager
def logging_as_in_production() -> Iterator[None]:
    """JSON lines on standard error; everything as before afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    log.configure("INFO")
    try:
        yield
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)


@contextmanager
def make_world(database_url: str, data_dir: Path) -> Iterator[World]:
    settings = settings_for(database_url, data_dir)
    clock = HandClock()
    ports = embedded_ports(settings, clock)
    app = create_app(ports, settings)
    supervisor = SupervisorDouble(data_dir)
    try:
        with logging_as_in_production():
            yield World(settings=settings, ports=ports, clock=clock, client=app.test_client(), supervisor=supervisor)
    finally:
        supervisor.close()
        app.extensions["vakka_api"].database.close()


def body(response: TestResponse) -> dict[str, Any]:
    """The JSON object of an answer."""
    return dict(json.loads(response.data))


def console_token(
    *, team_id: UUID, account_id: UUID, now: datetime, secret: str = CONSOLE_SECRET, **claims: Any
) -> str:
    """A token as Mission Control signs it; `claims` replace its claims, None removes one."""
    issued = int(now.timestamp())
    standard: dict[str, Any] = {
        "iss": "mission_control",
        "aud": "api",
        "sub": str(team_id),
        "act": str(account_id),
        "iat": issued,
        "exp": issued + 60,
        "jti": str(uuid4()),
    }
    return _sign({**standard, **claims}, secret)


def agent_token(environment_id: UUID, *, now: datetime, signed_for: UUID | None = None, **claims: Any) -> str:
    """A token as the agent of the environment signs it, with its own secret or that of `signed_for`."""
    issued = int(now.timestamp())
    standard: dict[str, Any] = {
        "iss": "agent",
        "aud": "api",
        "sub": str(environment_id),
        "iat": issued,
        "exp": issued + 60,
        "jti": str(uuid4()),
    }
    secret = agent_secret(SecretStr(MASTER_SECRET), signed_for or environment_id).get_secret_value()
    return _sign({**standard, **claims}, secret)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _sign(claims: dict[str, Any], secret: str) -> str:
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "HS256"}, kept, OctKey.import_key(secret))
