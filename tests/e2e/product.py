"""`vakka up` as a child process on a folder and ports of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.processes import free_port, wait_until

START_SECONDS = 120


@dataclass
class Product:
    """One installation on a data directory; it may be started, killed and started again."""

    data_dir: Path
    ports: dict[str, int]
    environment_ports: str
    output: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    @property
    def command(self) -> list[str]:
        """What a user would type."""
        flags = [f"--{name}-port={port}" for name, port in self.ports.items()]
        return [
            str(Path(sys.executable).parent / "vakka"),
            "up",
            f"--data={self.data_dir}",
            f"--environment-ports={self.environment_ports}",
            *flags,
        ]

    @property
    def console_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['console']}"

    @property
    def printed(self) -> str:
        """All that this run has printed so far."""
        return "".join(self.output)

    @property
    def owner(self) -> tuple[str, str]:
        """E-mail and password of the machine's owner, as printed."""
        email = re.search(r"sign in as\s+(\S+)", self.printed)
        password = re.search(r"with password\s+(\S+)", self.printed)
        assert email
        assert password
        return email[1], password[1]

    def start(self, *more: str, environment: dict[str, str] | None = None) -> None:
        """Start, and return when it says where to go."""
        self.output = []
        self.process = subprocess.Popen(
            [*self.command, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        threading.Thread(target=self._collect, args=(self.process,), daemon=True).start()
        wait_until(self._started_or_ended, what="vakka up", seconds=START_SECONDS)
        assert "Ctrl-C stops everything" in self.printed, self.printed + self._log_tails()

    def interrupt(self) -> int:
        """Press Ctrl-C; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)

    def kill_everything(self) -> None:
        """SIGKILL the supervisor and, at the same moment, all that it started."""
        assert self.process is not None
        family = [psutil.Process(self.process.pid), *self._children()]
        for member in family:
            if member.is_running():
                member.kill()
        self.process.wait(timeout=30)
        psutil.wait_procs(family, timeout=30)

    def kill_supervisor(self) -> list[psutil.Process]:
        """SIGKILL the supervisor alone; what it had started."""
        assert self.process is not None
        children = self._children()
        self.process.kill()
        self.process.wait(timeout=30)
        return children

    def children_named(self, fragment: str) -> list[psutil.Process]:
        """The running processes below the supervisor whose command line holds `fragment`."""
        found = []
        for child in self._children():
            try:
                if fragment in " ".join(child.cmdline()):
                    found.append(child)
            except psutil.NoSuchProcess:
                continue
        return found

    def _children(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def _collect(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.output.append(line)

    def _started_or_ended(self) -> bool:
        assert self.process is not None
        return "Ctrl-C stops everything" in self.printed or self.process.poll() is not None

    def _log_tails(self) -> str:
        logs = sorted((self.data_dir / "logs").glob("*.log")) if (self.data_dir / "logs").exists() else []
        return "".join(f"\n--- {log.name}\n{log.read_text()[-3000:]}" for log in logs)


@contextmanager
def installation(folder: Path) -> Iterator[Product]:
    """An installation that isn't started yet, killed at the end if the test left it running."""
    ports = {name: free_port() for name in ("console", "api", "identity", "postgres", "uploads")}
    first = free_environment_ports()
    product = Product(data_dir=folder / "data", ports=ports, environment_ports=f"{first}-{first + 9}")
    try:
        yield product
    finally:
        if product.process is not None and product.process.poll() is None:
            product.kill_everything()


def free_environment_ports() -> int:
    """The first of ten ports in a row for environments, away from those that the system hands out by itself."""
    return 20_000 + (os.getpid() * 10) % 10_000
