"""`vakka agent serve` as an operator meets it: damaged data is refused, and nothing of a request reaches its output."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from instance_agent.engine.database import LOG_NAME, Database
from instance_agent.schema.parse import parse_database
from instance_agent.storage import log_format
from instance_agent.storage.commit_log import CommitLog
from tests.agents import KEYS, READ_WRITE_KEY, agent_command, clean_environment
from tests.processes import free_port, stretched, wait_until

SCHEMA = parse_database({"schema": {"t": {"type": "table", "columns": {"n": {"type": "Int"}}}}})


def database_of_three_commits(data_dir: Path) -> list[int]:
    """A database; where each record of its log ends."""
    data_dir.mkdir()
    database = Database.open(data_dir)
    database.replace_schema(SCHEMA)
    for n in range(2):
        database.insert_rows("t", [{"n": n}])
    return [record.end for record in CommitLog(data_dir / LOG_NAME).read_on()]


def serve_refused(data_dir: Path, logs_dir: Path) -> tuple[int, str, str]:
    """Status, standard output and standard error of an agent that must not start."""
    ended = subprocess.run(
        agent_command(data_dir, logs_dir, free_port()),
        env=clean_environment(KEYS),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_a_damaged_record_before_whole_ones_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    ends = database_of_three_commits(data_dir)
    content = bytearray((data_dir / LOG_NAME).read_bytes())
    content[ends[1] - 1] ^= 0xFF
    (data_dir / LOG_NAME).write_bytes(content)
    status, output, errors = serve_refused(data_dir, tmp_path / "logs")
    assert (status, output) == (1, "")
    assert errors == (
        f"{data_dir / LOG_NAME} is damaged at byte {ends[0]}: the checksum of a committed record is wrong. "
        "Nothing was changed. "
        "Restore the data directory from a snapshot, or ask for help before anything is written.\n"
    )
    assert (data_dir / LOG_NAME).read_bytes() == content


@pytest.mark.parametrize(
    ("offset", "told"),
    [(0, "it doesn't start like a commit log"), (8, "format version"), (20, "the checksum of its header is wrong")],
)
def test_a_log_with_a_damaged_header_is_refused(tmp_path: Path, offset: int, told: str) -> None:
    data_dir = tmp_path / "data"
    database_of_three_commits(data_dir)
    content = bytearray((data_dir / LOG_NAME).read_bytes())
    content[offset] ^= 0xFF
    (data_dir / LOG_NAME).write_bytes(content)
    status, _, errors = serve_refused(data_dir, tmp_path / "logs")
    assert status == 1
    assert told in errors
    assert "Restore the data directory from a snapshot." in errors
    assert "Traceback" not in errors


def test_a_log_that_lost_committed_bytes_is_refused(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    ends = database_of_three_commits(data_dir)
    shutil.copy(data_dir / LOG_NAME, tmp_path / "whole")
    with (data_dir / LOG_NAME).open("r+b") as file:
        file.truncate(ends[1])
    status, _, errors = serve_refused(data_dir, tmp_path / "logs")
    assert (status, "bytes that were committed are missing" in errors) == (1, True)
    assert (data_dir / LOG_NAME).stat().st_size == ends[1] > log_format.HEADER_SIZE


@contextmanager
def agent_with_output(folder: Path) -> Iterator[tuple[int, Path]]:
    """An agent's port, and the file that has all it prints."""
    port, output = free_port(), folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            agent_command(folder / "data", folder / "logs", port),
            env=clean_environment(KEYS),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: _answers(port), what="the agent to answer", seconds=30)
        yield port, output
    finally:
        process.terminate()
        process.wait(timeout=10)


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_nothing_of_a_request_that_is_no_http_is_printed_or_logged(tmp_path: Path) -> None:
    head = f"POST /api/v1/_search HTTP/1.1\r\nHost: x\r\nx-api-key: {READ_WRITE_KEY}\r\n"
    hostile = (
        f"{head}Content-Length: 2\r\n\r\n{{}}" + '{"name": "secret-row"}\r\n\r\n',
        f"{head}Content-Length: secret\r\n\r\n",
        f"{head}secret header: secret\r\n\r\n",
        f"GET /secret{'x' * 9000} HTTP/1.1\r\n\r\n",
    )
    with agent_with_output(tmp_path) as (port, output):
        for request in hostile:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(request.encode())
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65_536):
                    pass
    everything = b"".join(path.read_bytes() for path in [output, *(tmp_path / "logs").iterdir()])
    assert b"secret" not in everything
    assert READ_WRITE_KEY.encode() not in everything


def test_connections_without_a_request_keep_nobody_waiting(tmp_path: Path) -> None:
    with agent_with_output(tmp_path) as (port, _), ExitStack() as idle:
        for _ in range(40):
            idle.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        started = time.monotonic()
        assert requests.get(f"http://127.0.0.1:{port}/health", timeout=10).ok
        assert time.monotonic() - started < stretched(3)
