"""Beside the workers: bytes of deleted rows go in time, at a stop and at a start, and the process may be killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import optimize
from tests.agents import KEYS, RunningAgent, running_agent
from tests.processes import wait_until

TABLE = {"type": "table", "columns": {"n": {"type": "Int"}, "s": {"type": "String"}}}
SECRET = b"Geheimnis-4711"


def holds_secret(data_dir: Path) -> bool:
    """Is the deleted value anywhere below the data directory?"""
    return any(SECRET in path.read_bytes() for path in files_below(data_dir))


def files_below(folder: Path) -> Iterator[Path]:
    """Files may come and go while we look."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path


def fill_and_delete(data_dir: Path, *, in_segment: bool) -> None:
    """Rows of which the one with the secret is deleted, beside an agent that serves them or isn't there."""
    database = Database.open(data_dir)
    database.insert_rows("t", [{"n": n, "s": f"harmless {n}"} for n in range(50)])
    database.insert_rows("t", [{"n": 50, "s": SECRET.decode()}])
    if in_segment:
        optimize(database, "t")
    assert holds_secret(data_dir)
    database.transact(
        lambda t: t.delete("t", t.view.table("t").column("n").rows_equal(50)),
    )
    assert database.read_view().table("t").live_count == 50


def secret_is_gone(data_dir: Path) -> bool:
    try:
        return not holds_secret(data_dir)
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("in_segment", [False, True])
def test_deleted_bytes_go_when_the_grace_period_is_over(tmp_path: Path, in_segment: bool) -> None:
    data_dir = tmp_path / "data"
    with running_agent(data_dir, {**KEYS, "VAKKA_AGENT_PURGE_GRACE_SECONDS": "1"}) as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        fill_and_delete(data_dir, in_segment=in_segment)
        wait_until(lambda: secret_is_gone(data_dir), what="the purge", seconds=20)
        assert agent.call("POST", "/api/v1/_search", {"from": "t", "limit": 0}).json()["total"] == 50


@pytest.mark.parametrize("in_segment", [False, True])
def test_a_clean_stop_purges_whatever_the_grace_period(
    tmp_path: Path, in_segment: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "data"
    with running_agent(data_dir) as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        fill_and_delete(data_dir, in_segment=in_segment)
        assert holds_secret(data_dir)
        assert agent.stop() == 0
    assert not holds_secret(data_dir)
    assert Database.open(data_dir).read_view().table("t").live_count == 50
    assert capfd.readouterr().err == "", "nobody complains on the way out"


@pytest.mark.parametrize("in_segment", [False, True])
def test_a_start_purges_what_a_killed_agent_left(tmp_path: Path, in_segment: bool) -> None:
    data_dir = tmp_path / "data"
    with running_agent(data_dir) as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        fill_and_delete(data_dir, in_segment=in_segment)
        agent.kill()
    assert holds_secret(data_dir)
    with running_agent(data_dir):
        wait_until(lambda: secret_is_gone(data_dir), what="the purge", seconds=20)


def test_a_killed_maintenance_process_is_started_again_and_none_outlives_its_agent(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running_agent(data_dir, {**KEYS, "VAKKA_AGENT_PURGE_GRACE_SECONDS": "0"}) as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        wait_until(lambda: len(maintaining(data_dir)) == 1, what="the maintenance process")
        first = maintaining(data_dir)[0]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: maintaining(data_dir) not in ([], [first]), what="another one", seconds=20)
        fill_and_delete(data_dir, in_segment=True)
        wait_until(lambda: secret_is_gone(data_dir), what="the purge", seconds=20)
        os.kill(agent.process.pid, signal.SIGKILL)  # only the process that started the others
        wait_until(lambda: maintaining(data_dir) == [], what="its end with its agent", seconds=20)


def maintaining(data_dir: Path) -> list[int]:
    """The maintenance processes of this directory."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                arguments = (process / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if b"instance_agent.maintenance" in arguments and str(data_dir).encode() in arguments:
                found.append(int(process.name))
    return found


def test_a_full_memory_part_becomes_a_segment_while_it_is_served(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running_agent(data_dir) as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        for first in range(0, 30_000, 5_000):
            rows = [{"n": first + at, "s": "x"} for at in range(5_000)]
            assert agent.call("POST", "/api/v1/data/t/batch", rows).status_code == 200
        wait_until(lambda: any((data_dir / "segments").iterdir()), what="a segment", seconds=20)
        assert count(agent) == 30_000
        assert agent.stop() == 0
    assert [int(n) for n in Database.open(data_dir).read_view().table("t").column("n").numbers] == list(range(30_000))


def count(agent: RunningAgent) -> int:
    return int(agent.call("POST", "/api/v1/_search", {"from": "t", "limit": 0}).json()["total"])
