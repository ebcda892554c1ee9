"""Real processes of the control plane, started as the supervisor starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from api.settings import Settings
from tests.processes import free_port, wait_until


def environment_of(settings: Settings, **changes: str) -> dict[str, str]:
    """The settings as environment variables."""
    return {
        "PATH": os.environ["PATH"],
        "VAKKA_API_DATABASE_URL": settings.database_url.get_secret_value(),
        "VAKKA_API_MASTER_SECRET": settings.master_secret.get_secret_value(),
        "VAKKA_API_CONSOLE_SECRET": settings.console_secret.get_secret_value(),
        "VAKKA_API_DATA_DIR": str(settings.data_dir),
        "VAKKA_API_AGENT_PORTS": settings.agent_ports,
        **changes,
    }


class Process:
    """A running service with its log lines."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self.popen = subprocess.Popen(command, env=environment, stdout=file, stderr=file)

    @property
    def text(self) -> str:
        return self._log.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of this event."""
        lines = [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]

    def stop(self) -> int:
        self.popen.terminate()
        return self.popen.wait(timeout=10)


@contextmanager
def worker(settings: Settings, log: Path, **changes: str) -> Iterator[Process]:
    """A worker process, killed at the end when it still runs."""
    process = Process([sys.executable, "-m", "api.worker"], environment_of(settings, **changes), log)
    try:
        yield process
    finally:
        process.popen.kill()
        process.popen.wait()


@contextmanager
def web(application: str, settings: Settings, log: Path, *, workers: int = 1, **changes: str) -> Iterator[str]:
    """A gunicorn serving the application; gives its base URL."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--threads", "8", "--workers", str(workers), "--no-control-socket"]
    process = Process(command, environment_of(settings, **changes), log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(url), what=f"{application} to answer")
        yield url
    finally:
        process.popen.terminate()
        process.popen.wait(timeout=15)


def answers(url: str) -> bool:
    """Whether somebody speaks HTTP there."""
    try:
        requests.get(f"{url}/health", timeout=5)
    except requests.RequestException:
        return False
    return True
