"""Real agent processes: killed under load, several at once, out of disk; nothing acknowledged is ever lost."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from instance_agent.engine.database import Database
from tests.agents import KEYS, RunningAgent, agent_command, clean_environment, running_agent
from tests.processes import free_port, stretched, wait_until

TABLE = {"type": "table", "columns": {"n": {"type": "Int"}, "s": {"type": "String", "nullable": True}}}
ROUNDS = 3
SECONDS_UNDER_LOAD = 1.0


def numbers_in(data_dir: Path) -> list[int]:
    table = Database.open(data_dir).read_view().table("t")
    return [int(number) for number in table.column("n").numbers]


class Load:
    """Inserts from several threads; remembers what was sent and what was acknowledged."""

    def __init__(self, agent: RunningAgent, first: int) -> None:
        self.sent: list[int] = []
        self.acknowledged: list[int] = []
        self._agent = agent
        self._numbers = iter(range(first, first + 1_000_000, 3))
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._insert) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _insert(self) -> None:
        while not self._over.is_set():
            with self._lock:
                number = next(self._numbers)
                self.sent.append(number)
            rows = [{"n": number + offset} for offset in range(3)]
            try:
                answer = self._agent.call("POST", "/api/v1/data/t/batch", rows)
            except requests.RequestException:
                return
            if answer.status_code == 200:
                with self._lock:
                    self.acknowledged.append(number)


def test_no_acknowledged_row_is_lost_and_no_batch_is_torn_when_the_agent_is_killed(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    sent: list[int] = []
    acknowledged: list[int] = []
    for round_number in range(ROUNDS):
        with running_agent(data_dir) as agent:
            if round_number == 0:
                assert agent.call("PUT", "/api/v1/schema/t", TABLE).status_code == 200
            load = Load(agent, round_number * 10_000_000)
            time.sleep(SECONDS_UNDER_LOAD)
            agent.kill()
            load.end()
        sent += load.sent
        acknowledged += load.acknowledged
        assert load.acknowledged
        found = numbers_in(data_dir)
        whole = set(found)
        assert len(whole) == len(found), "no row twice"
        assert {number + offset for number in acknowledged for offset in range(3)} <= whole
        batches = [number for number in sent if number in whole]
        assert whole == {number + offset for number in batches for offset in range(3)}, "no batch in part"
    with running_agent(data_dir) as agent:
        assert agent.call("GET", "/status/limits").json()["usage"]["rowsTotal"] == len(found)


def test_a_write_is_seen_by_the_next_request_whichever_worker_answers(tmp_path: Path) -> None:
    with running_agent(tmp_path / "data") as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        wrong: list[tuple[int, int]] = []
        for expected in range(1, 61):
            assert agent.call("POST", "/api/v1/data/t", {"n": expected}).status_code == 200
            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(lambda _: agent.call("GET", "/status/limits").json(), range(4)))
            counts = [answer["usage"]["rowsTotal"] for answer in answers]
            wrong += [(expected, count) for count in counts if count != expected]
        assert wrong == []


def test_one_killed_worker_leaves_no_lock_behind(tmp_path: Path) -> None:
    with running_agent(tmp_path / "data") as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        load = Load(agent, 0)
        children = Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children").read_text().split()
        os.kill(int(children[0]), 9)
        time.sleep(0.5)
        load.end()
        wait_until(lambda: _inserts(agent), what="writes after the death of a worker", seconds=10)


def _inserts(agent: RunningAgent) -> bool:
    try:
        return agent.call("POST", "/api/v1/data/t", {"n": -1}).status_code == 200
    except requests.RequestException:
        return False


def test_an_upload_goes_on_after_the_agent_was_killed_and_adds_each_row_once(tmp_path: Path) -> None:
    row_count = 60_000
    content = gzip.compress(b"".join(b'{"n": %d, "s": "text %d"}\n' % (n, n) for n in range(row_count)))
    with running_agent(tmp_path / "data") as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        begun = agent.call("POST", "/api/v1/data/t/file").json()
        assert requests.put(begun["url"], data=content, timeout=30).status_code == 200
        path = f"/api/v1/data/t/file/{begun['id']}"
        assert agent.call("POST", path).status_code == 200
        wait_until(lambda: agent.call("GET", "/status/limits").json()["usage"]["rowsTotal"] > 0, what="the first rows")
        agent.kill()
    before = len(numbers_in(tmp_path / "data"))
    assert before > 0
    with running_agent(tmp_path / "data") as agent:
        wait_until(lambda: bool(agent.call("GET", path).json()["status"]["finished"]), what="the upload to end")
        after = agent.call("GET", path).json()
        assert after["errors"]["message"] == "Last 0 failing rows"
        assert after["status"]["completedCount"] == row_count
    assert numbers_in(tmp_path / "data") == list(range(row_count))


def test_the_agent_stops_within_five_seconds_when_asked(tmp_path: Path) -> None:
    with running_agent(tmp_path / "data") as agent:
        started = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - started < stretched(5)


def fill_until_refused(agent: RunningAgent, first: int = 0) -> list[int]:
    """Insert until the disk is full; the numbers that were acknowledged."""
    acknowledged: list[int] = []
    for number in range(first, first + 10_000):
        answer = agent.call("POST", "/api/v1/data/t", {"n": number, "s": "x" * 20_000})
        if answer.status_code != 200:
            assert (answer.status_code, answer.json()["error"]) == (507, "disk_full")
            return acknowledged
        acknowledged.append(number)
    raise AssertionError("the disk never got full")


def check_full_disk(agent: RunningAgent) -> list[int]:
    """Fill the disk through the agent, and see that it says so, loses nothing and reads on."""
    assert agent.call("PUT", "/api/v1/schema/t", TABLE).status_code == 200
    acknowledged = fill_until_refused(agent)
    assert acknowledged
    for _ in range(3):
        acknowledged += fill_until_refused(agent, len(acknowledged))  # maintenance may have made room
        assert agent.call("GET", "/status/limits").json()["usage"]["rowsTotal"] == len(acknowledged)
        assert agent.call("GET", "/api/v1/schema/t").status_code == 200
    return acknowledged


@contextmanager
def small_disk(path: Path, size_bytes: int) -> Iterator[None]:
    path.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(path)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"this account can't mount a small disk ({mounted.stderr.strip()}); the file-size test covers it")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, 2 * 1024 * 1024):
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(1024 * 1024))
        with running_agent(disk / "data", KEYS) as agent:
            acknowledged = check_full_disk(agent)
            ballast.unlink()
            assert agent.call("POST", "/api/v1/data/t", {"n": -2, "s": "x" * 20_000}).status_code == 200
            agent.kill()
        assert numbers_in(disk / "data") == [*acknowledged, -2]


def test_an_upload_that_fills_the_disk_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, 2 * 1024 * 1024), running_agent(disk / "data") as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        begun = agent.call("POST", "/api/v1/data/t/file").json()
        answer = requests.put(begun["url"], data=os.urandom(4 * 1024 * 1024), timeout=30)
        assert (answer.status_code, answer.json()["error"]) == (507, "disk_full")
        assert [path.suffix for path in (disk / "data" / "uploads").iterdir()] == [".json"]
        assert agent.call("POST", "/api/v1/data/t", {"n": 1}).status_code == 200


def test_a_refused_body_is_read_so_that_its_sender_sees_why(tmp_path: Path) -> None:
    with running_agent(tmp_path / "data") as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        url = agent.call("POST", "/api/v1/data/t/file").json()["url"]
        big = bytes(11_000_000)
        for key, status in ((KEYS["READ_WRITE_APIKEY"], 413), ("wrong", 413)):
            headers = {"x-api-key": key}
            answer = requests.post(f"{agent.url}/api/v1/data/t/batch", data=big, headers=headers, timeout=30)
            assert (answer.status_code, answer.json()["error"]) == (status, "request_too_large")
            answer = requests.post(f"{agent.url}/api/v1/data/t/batch", data=iter([big]), headers=headers, timeout=30)
            assert answer.status_code == (status if key != "wrong" else 403)
        answer = requests.put(f"{url}0", data=big, timeout=30)
        assert (answer.status_code, answer.json()["error"]) == (403, "upload_url_invalid")
        assert agent.call("GET", "/status/limits").json()["usage"]["rowsTotal"] == 0


def test_the_agent_stops_within_five_seconds_also_under_load(tmp_path: Path) -> None:
    with running_agent(tmp_path / "data") as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        load = Load(agent, 0)
        time.sleep(0.3)
        started = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - started < stretched(5)
        load.end()
    assert {number + offset for number in load.acknowledged for offset in range(3)} <= set(
        numbers_in(tmp_path / "data")
    )


def test_a_log_that_may_not_grow_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    """The same by a limit on the size of files, which any account can set."""
    data_dir, logs_dir = tmp_path / "data", tmp_path / "logs"
    port = free_port()
    process = subprocess.Popen(
        agent_command(data_dir, logs_dir, port),
        env=clean_environment(KEYS),
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, 1024 * 1024)),  # noqa: PLW1509
    )
    agent = RunningAgent(process, f"http://127.0.0.1:{port}", logs_dir)
    try:
        wait_until(lambda: _is_up(agent), what="the agent to answer", seconds=30)
        acknowledged = check_full_disk(agent)
    finally:
        agent.kill()
    assert numbers_in(data_dir) == acknowledged


def _is_up(agent: RunningAgent) -> bool:
    try:
        return agent.call("GET", "/health").ok
    except requests.ConnectionError:
        return False


def refuses_to_start(data_dir: Path, environment: dict[str, str] = KEYS, port: int | None = None) -> str:
    """What the command says on its way out."""
    ended = subprocess.run(
        agent_command(data_dir, data_dir.parent / "logs", port or free_port()),
        env=clean_environment(environment),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    return ended.stderr.strip()


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with running_agent(tmp_path / "data") as agent:
        port = int(agent.url.rsplit(":", 1)[1])
        said = refuses_to_start(tmp_path / "other", port=port)
    assert str(port) in said
    assert "--port" in said
    assert len(said.splitlines()) == 1


def test_a_data_folder_that_can_not_be_one_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refuses_to_start(tmp_path / "file" / "data")
    assert "--data" in said
    assert len(said.splitlines()) == 1


def test_an_agent_without_keys_does_not_start(tmp_path: Path) -> None:
    assert "READ_WRITE_APIKEY" in refuses_to_start(tmp_path / "data", {})


def test_what_is_answered_is_on_the_disk_in_both_formats(tmp_path: Path) -> None:
    with running_agent(tmp_path / "data") as agent:
        agent.call("PUT", "/api/v1/schema/t", {"columns": {"j": {"type": "Json"}, "d": {"type": "Decimal"}}})
        row = {"d": 0.1, "j": {"a": [1, None, "ä\u2028"], "b": 2**62}}
        assert agent.call("POST", "/api/v1/data/t", row).json() == row
        agent.kill()
    assert json.dumps(Database.open(tmp_path / "data").read_view().table("t").row(0)) == json.dumps(row)
