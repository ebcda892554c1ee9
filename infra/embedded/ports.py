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

    def url(self, port: int) -> str:
        """The address of what listens on `port`."""
        return f"http://{LOOPBACK}:{port}"


def require_free(ports: Ports, *, with_postgres: bool) -> None:
    """Raise PortTaken for the first port on which another program listens, CannotStart when one is asked for twice."""
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
        seen[port] = flag
        if not is_free(port):
            raise PortTaken(what=what, port=port, flag=flag)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now; connections that are only closing don't count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
