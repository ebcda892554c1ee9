"""The edge of one machine: clients speak to the agent's own port."""

from __future__ import annotations

import socket
from collections.abc import Collection
from uuid import UUID

from api.ports import Denied, NoCapacity, Presence

LOOPBACK = "127.0.0.1"


class AgentPorts:
    """One TCP port per environment, for its whole life."""

    def __init__(self, ports: range) -> None:
        self._ports = ports

    def choose_port(self, taken: Collection[int]) -> int | None:
        """The first port that no environment has and nobody listens on. Raises NoCapacity."""
        for port in self._ports:
            if port not in taken and _is_free(port):
                return port
        raise NoCapacity("every port is taken")

    def ensure_route(self, environment_id: UUID, port: int | None) -> str:
        """The agent's own address: it is open as soon as the agent listens."""
        del environment_id
        if port is None:
            raise Denied("an environment of one machine needs a port")
        return f"http://{LOOPBACK}:{port}"

    def ensure_route_absent(self, environment_id: UUID) -> Presence:
        """Nothing to close: the port goes with the agent."""
        del environment_id
        return Presence.GONE


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
