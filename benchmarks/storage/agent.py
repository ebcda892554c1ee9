"""A real agent: `vakka agent serve` over a data directory, and one connection to it."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import msgspec

from instance_agent.schema.types import JsonValue

START_SECONDS = 300.0
STOP_SECONDS = 300.0
IDLE_SECONDS = 5.0
"""A connection that rested for longer is made anew: the agent closes idle ones."""


class Connection:
    """One connection with its key. For one thread."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self._key = key
        self._connection = http.client.HTTPConnection(address)
        self._last_call = 0.0

    def another(self) -> Connection:
        """One more of the same kind."""
        return Connection(self.address, self._key)

    def close(self) -> None:
        self._connection.close()

    def post(self, path: str, body: JsonValue = None) -> JsonValue:
        """The answer to POST, with `body` as JSON. Raises RuntimeError for a refusal."""
        return self._decoded("POST", path, msgspec.json.encode(body) if body is not None else b"")

    def put(self, path: str, body: JsonValue) -> JsonValue:
        return self._decoded("PUT", path, msgspec.json.encode(body))

    def get(self, path: str) -> JsonValue:
        return self._decoded("GET", path, b"")

    def _decoded(self, method: str, path: str, body: bytes) -> JsonValue:
        now = time.monotonic()
        if now - self._last_call > IDLE_SECONDS:
            self._connection.close()
        headers = {"x-api-key": self._key, "content-type": "application/json"}
        self._connection.request(method, path, body=body, headers=headers)
        answer = self._connection.getresponse()
        content = answer.read()
        self._last_call = now
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} was refused: {answer.status} {content[:300]!r}")
        decoded: JsonValue = msgspec.json.decode(content)
        return decoded


class Agent(Connection):
    """A running agent, and a connection to it."""

    def __init__(self, data_dir: Path, logs_dir: Path) -> None:
        """Start it and wait until it answers. Raises RuntimeError when it ends instead."""
        super().__init__(f"127.0.0.1:{_free_port()}", secrets.token_urlsafe(24))
        options = ["--data", str(data_dir), "--logs", str(logs_dir), "--port", self.address.rpartition(":")[2]]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "infra.embedded.cli", "agent", "serve", *options],
            env={**_without_settings(), "READ_WRITE_APIKEY": self._key},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_until_it_answers()

    @property
    def pid(self) -> int:
        return self._process.pid

    def put_file(self, url: str, file: BinaryIO) -> None:
        """Send a file to a URL that the agent gave, as a client would. Raises RuntimeError for a refusal."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc)
        size = os.fstat(file.fileno()).st_size
        connection.request("PUT", f"{parts.path}?{parts.query}", body=file, headers={"content-length": str(size)})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"the agent refused the file: {answer.status} {content[:300]!r}")

    def stop(self) -> None:
        """End it as an operator would; it purges before it ends."""
        self.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise RuntimeError(f"the agent didn't end within {STOP_SECONDS:.0f} s") from None

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.get("/health")
                return
            except (OSError, http.client.HTTPException):
                self.close()
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError("the agent didn't start to answer") from None
                time.sleep(0.01)


@contextmanager
def running_agent(data_dir: Path, logs_dir: Path) -> Iterator[Agent]:
    """An agent that answers, stopped at the end."""
    agent = Agent(data_dir, logs_dir)
    try:
        yield agent
    finally:
        agent.stop()


def _without_settings() -> dict[str, str]:
    """This process's environment without any setting of an agent."""
    keys = {"READ_WRITE_APIKEY", "APIKEY", "AITO_DISABLE_AUTH"}
    return {name: value for name, value in os.environ.items() if name not in keys and not name.startswith("VAKKA_")}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
