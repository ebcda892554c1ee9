"""Real agents for tests: a process over a data directory, and calls to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.processes import free_port, wait_until

READ_WRITE_KEY = "read-write-key-of-a-test"
READ_ONLY_KEY = "read-only-key-of-a-test"
KEYS = {"READ_WRITE_APIKEY": READ_WRITE_KEY, "APIKEY": READ_ONLY_KEY}


@dataclass
class RunningAgent:
    """One agent with its processes."""

    process: subprocess.Popen[bytes]
    url: str
    logs_dir: Path

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = READ_WRITE_KEY,
        data: bytes | None = None,
    ) -> requests.Response:
        """One request; body: sent as JSON."""
        headers = {"x-api-key": key} if key else {}
        return requests.request(method, self.url + path, json=body, data=data, headers=headers, timeout=30)

    def kill(self) -> None:
        """End all its processes with SIGKILL, as a crash of the machine would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)

    def stop(self) -> int:
        """End it as an operator would; its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=10)


def agent_command(data_dir: Path, logs_dir: Path, port: int) -> list[str]:
    """The command line that serves a data directory."""
    options = ["--data", str(data_dir), "--logs", str(logs_dir), "--port", str(port)]
    return [sys.executable, "-m", "infra.embedded.cli", "agent", "serve", *options]


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without any setting of an agent, and `extra`."""
    ours = {"READ_WRITE_APIKEY", "APIKEY", "AITO_DISABLE_AUTH"}
    kept = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("VAKKA_")}
    return {**kept, **extra}


@contextmanager
def running_agent(data_dir: Path, environment: Mapping[str, str] = KEYS) -> Iterator[RunningAgent]:
    """An agent over `data_dir` that answers; killed at the end if it still runs."""
    port = free_port()
    logs_dir = data_dir.parent / f"{data_dir.name}-logs"
    process = subprocess.Popen(
        agent_command(data_dir, logs_dir, port), env=clean_environment(environment), start_new_session=True
    )
    agent = RunningAgent(process, f"http://127.0.0.1:{port}", logs_dir)
    try:
        wait_until(lambda: process.poll() is not None or _answers(agent), what="the agent to answer", seconds=30)
        assert process.poll() is None, f"the agent ended with status {process.returncode}"
        yield agent
    finally:
        if process.poll() is None:
            agent.kill()


def _answers(agent: RunningAgent) -> bool:
    try:
        return agent.call("GET", "/health").ok
    except requests.ConnectionError:
        return False
