"""Files read in while processes are killed at random moments: each row is there once, and nothing is left behind."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import Maintenance
from tests.agents import RunningAgent, running_agent
from tests.processes import wait_until

TABLE = {"type": "table", "columns": {"n": {"type": "Int"}, "s": {"type": "Text"}}}
ROWS = 120_000
"""Enough for several builders."""
BAD_EVERY = 10_007
KILLS = 4
PADDING = b"all rows begin with the same words, which make them long without making them slow"
READER = "instance_agent.uploads.reading"
MAINTENANCE = "instance_agent.maintenance"


@dataclass(frozen=True)
class Uploaded:
    """A file that was uploaded and triggered."""

    id: str
    first: int
    count: int

    def finished(self, agent: RunningAgent) -> bool:
        try:
            answer: Any = agent.call("GET", f"/api/v1/data/t/file/{self.id}").json()
        except requests.RequestException:  # the worker that would have answered was killed
            return False
        return bool(answer["status"]["finished"])


def content_of(first: int, count: int) -> bytes:
    lines = (
        b"bad\n"
        if n % BAD_EVERY == 0
        else b'{"n": %d, "s": "%s row %x of %d"}\n' % (n, PADDING, n * 2654435761 % 2**32, first)
        for n in range(first, first + count)
    )
    return gzip.compress(b"".join(lines), 1)


def begin(agent: RunningAgent, first: int, count: int) -> Uploaded:
    begun = agent.call("POST", "/api/v1/data/t/file").json()
    assert requests.put(begun["url"], data=content_of(first, count), timeout=30).ok
    assert agent.call("POST", f"/api/v1/data/t/file/{begun['id']}").ok
    return Uploaded(begun["id"], first, count)


def processes(agent: RunningAgent, kind: str) -> list[psutil.Process]:
    """The agent's living processes of a kind: reader, builder or worker."""
    found = []
    for process in psutil.Process(agent.process.pid).children(recursive=True):
        try:
            command, parent = " ".join(process.cmdline()), process.parent()
            if READER in command:
                is_builder = parent is not None and READER in " ".join(parent.cmdline())
                its_kind = "builder" if is_builder else "reader"
            else:
                its_kind = "maintenance" if MAINTENANCE in command else "worker"
        except psutil.NoSuchProcess:
            continue
        if its_kind == kind and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def kill_one(agent: RunningAgent, kind: str, random_: random.Random) -> bool:
    """Kill one process of a kind with SIGKILL; False when there is none."""
    found = processes(agent, kind)
    if not found:
        return False
    with suppress(psutil.NoSuchProcess):
        random_.choice(found).kill()
    return True


def check(data_dir: Path, uploads: list[Uploaded]) -> None:
    """Each file's rows are there once, in their order, and nothing half built is left after a sweep."""
    database = Database.open(data_dir)
    Maintenance(database, 0).purge_everything(time.time())
    assert list((data_dir / "building").iterdir()) == []
    numbers = database.read_view().table("t").column("n").numbers.astype(np.int64)
    for upload in uploads:
        expected = np.arange(upload.first, upload.first + upload.count)
        expected = expected[expected % BAD_EVERY != 0]
        there = numbers[(numbers >= upload.first) & (numbers < upload.first + upload.count)]
        assert np.array_equal(there, expected)
        progress = database.read_view().uploads[upload.id]
        assert (progress.lines, progress.stored) == (upload.count, len(expected))
    assert len(numbers) == sum(database.read_view().uploads[upload.id].stored for upload in uploads)


@pytest.mark.parametrize("kind", ["reader", "builder", "worker"])
def test_a_file_is_stored_once_whichever_of_its_processes_is_killed(tmp_path: Path, kind: str) -> None:
    random_ = random.Random(kind)  # noqa: S311
    with running_agent(tmp_path / "data") as agent:
        assert agent.call("PUT", "/api/v1/schema/t", TABLE).ok
        uploads = [begin(agent, at * 1_000_000, ROWS if at else 3_000) for at in range(3)]
        killed = 0
        while killed < KILLS and not all(upload.finished(agent) for upload in uploads):
            time.sleep(random_.random() * 0.5)  # any moment will do
            killed += kill_one(agent, kind, random_)
        assert killed, f"there was no {kind} to kill"
        for upload in uploads:
            wait_until(lambda upload=upload: upload.finished(agent), what="the upload to end", seconds=60)  # type: ignore[misc]
        for upload in uploads:
            answer = agent.call("GET", f"/api/v1/data/t/file/{upload.id}/errors?format=lines")
            assert answer.content == b"bad\n" * len(range(-upload.first % BAD_EVERY, upload.count, BAD_EVERY))
        assert agent.stop() == 0
    check(tmp_path / "data", uploads)


def test_a_file_is_stored_once_by_an_agent_that_is_killed_as_a_whole(tmp_path: Path) -> None:
    random_ = random.Random(1)  # noqa: S311
    data_dir = tmp_path / "data"
    uploads: list[Uploaded] = []
    for round_number in range(4):
        with running_agent(data_dir) as agent:
            if round_number == 0:
                assert agent.call("PUT", "/api/v1/schema/t", TABLE).ok
                uploads = [begin(agent, 1_000_000, ROWS), begin(agent, 2_000_000, ROWS)]
            wait_until(lambda last=uploads[1]: bool(processes(agent, "reader")) or last.finished(agent), what="reading")  # type: ignore[misc]
            time.sleep(random_.random() * 1.5)  # any moment will do
            agent.kill()
    with running_agent(data_dir) as agent:
        for upload in uploads:
            wait_until(lambda upload=upload: upload.finished(agent), what="the upload to end", seconds=60)  # type: ignore[misc]
        assert agent.stop() == 0
    check(data_dir, uploads)


@pytest.mark.parametrize("end", [RunningAgent.kill, RunningAgent.stop])
def test_no_process_of_an_upload_outlives_its_agent(tmp_path: Path, end: Callable[[RunningAgent], object]) -> None:
    with running_agent(tmp_path / "data") as agent:
        assert agent.call("PUT", "/api/v1/schema/t", TABLE).ok
        begin(agent, 1_000_000, 4 * ROWS)
        wait_until(lambda: bool(processes(agent, "builder")), what="builders")
        started = [*processes(agent, "reader"), *processes(agent, "builder")]
        for worker in processes(agent, "worker"):
            worker.kill()  # first, so that the reader is told by its pipe alone
        wait_until(lambda: not any(process.is_running() for process in started), what="the upload's processes to end")
        end(agent)
