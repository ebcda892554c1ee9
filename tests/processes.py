"""Real parts for tests: free ports, a folder that an unprivileged account can reach, a PostgreSQL server."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.embedded.postgres import PostgresServer, account_for_postgres, find_binaries

FIRST_PORT, PORTS = 10_000, 9_000
_given = itertools.count(FIRST_PORT + os.getpid() * 37 % PORTS)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on, and that this process has not been given before.

    Below the ports that the system hands out to outgoing connections, so that none of these takes it meanwhile.
    """
    while True:
        port = FIRST_PORT + (next(_given) - FIRST_PORT) % PORTS
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def wait_until(condition: Callable[[], bool], *, what: str, seconds: float = 60) -> None:
    """Return as soon as `condition()` holds; fail the test, naming `what`, when it doesn't within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for: {what}")
        time.sleep(0.05)


def stretched(seconds: float) -> float:
    """How long something may take here that takes at most `seconds` on a machine that does nothing else."""
    return seconds * max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))


@contextmanager
def reachable_dir() -> Iterator[Path]:
    """A temporary folder that other accounts may enter (pytest's own is closed to them), removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="vakka-test-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL with an empty database, gone afterwards."""
    with reachable_dir() as folder:
        account = account_for_postgres()
        server = PostgresServer(
            bin_dir=find_binaries(folder, account),
            data_dir=folder / "postgres",
            port=free_port(),
            password="only-for-tests",
            account=account,
        )
        server.initialise()
        with (folder / "postgres.log").open("wb") as log:
            process = subprocess.Popen(
                [*server.command, "-cfsync=off"],
                stdout=log,
                stderr=log,
                cwd="/",
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        try:
            wait_until(server.is_ready, what="PostgreSQL to accept connections")
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
