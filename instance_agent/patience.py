"""How long a client may take. gunicorn's threads wait for ever, so a few silent clients would hold all of them.

A connection without a request holds a thread for IDLE_SECONDS. A request must be sent within START_SECONDS, plus a
second for every SLOWEST_BYTES_PER_SECOND received: a steady client on a slow line is in time whatever it uploads, one
that drips isn't. An answer must be fetched without pauses of more than SEND_SECONDS. Whoever is too slow finds the
connection closed.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from typing import Any

from gunicorn.workers import gthread  # type: ignore[import-untyped]

IDLE_SECONDS = 0.05
START_SECONDS = 15.0
SLOWEST_BYTES_PER_SECOND = 8192
SEND_SECONDS = 30


class PatientSocket(socket.socket):
    """A client's connection whose reads keep to the time above; `begin` starts the clock of a request."""

    _deadline = 0.0

    def begin(self) -> None:
        """The next request starts now."""
        self._deadline = time.monotonic() + START_SECONDS

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Raises ConnectionResetError when the client is too slow, as if it had gone."""
        was = self.gettimeout()
        left = self._deadline - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self.settimeout(left)
            part = super().recv(size, flags)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the client is too slow") from None
        finally:
            self.settimeout(was)
        self._deadline += len(part) / SLOWEST_BYTES_PER_SECOND
        return part


class PatientWorker(gthread.ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker with patience that ends."""

    def handle(self, conn: Any) -> object:
        """One request of one connection, in a thread of the pool."""
        if not isinstance(conn.sock, PatientSocket):
            conn.sock = PatientSocket(fileno=conn.sock.detach())
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        if not conn.initialized and not conn.wait_for_data(IDLE_SECONDS):
            return gthread._DEFER  # back to the poller, which waits without a thread
        conn.sock.begin()
        return super().handle(conn)
