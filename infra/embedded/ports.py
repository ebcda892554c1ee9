"""The TCP ports of the one-machine edition, all on 127.0.0.1."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from infra.embedded.errors import CannotStart, PortTaken

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """Who listens where."""

    console: int
    api: int
    identity: int
    postgres: int
    uploads: int
    environments: str  # "first-last": one port per environment

    @property
    def first_environment(self) -> int:
        """The lowest port of environments."""
        return int(self.environments.partition("-")[0])

    @property
    def last_environment(self) -> int:
        """The highest port of environments."""
        return int(self.environments.partition("-")[2])

    def url(self, port: int) -> str:
        """The address of what listens on `port`."""
        return f"http://{LOOPBACK}:{port}"


def require_free(ports: Ports, *, with_postgres: bool) -> None:
    """Raise PortTaken for the first port on which another program listens.

    Raises CannotStart for a port that is asked for twice, or that this user may not listen on.
    """
    wanted = [
        ("Mission Control", ports.console, "--console-port"),
        ("the control plane", ports.api, "--api-port"),
        ("the identity provider", ports.identity, "--identity-port"),
        ("uploads", ports.uploads, "--uploads-port"),
    ]
    if with_postgres:
        wanted.append(("PostgreSQL", ports.postgres, "--postgres-port"))
    seen: dict[int, str] = {}
    for what, port, flag in wanted:
        if port in seen:
            raise CannotStart(f"Port {port} is asked for twice: give {seen[port]} and {flag} different ports.")
        if ports.first_environment <= port <= ports.last_environment:
            raise CannotStart(
                f"Port {port} of {what} is among those of the environments, {ports.environments}: "
                f"choose another with {flag} PORT, or others for them with --environment-ports FIRST-LAST."
            )
        seen[port] = flag
        if not _may_listen(port):
            raise CannotStart(f"This user may not listen on port {port}: choose one above 1023 with {flag} PORT.")
        if not is_free(port):
            raise PortTaken(what=what, port=port, flag=flag)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now; connections that are only closing don't count."""
    try:
        _listen_briefly(port)
    except OSError:
        return False
    return True


def _may_listen(port: int) -> bool:
    try:
        _listen_briefly(port)
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def _listen_briefly(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, port))
