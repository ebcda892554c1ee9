"""Gives up on clients that send too slowly, so that a few of them can't hold every thread of a server.

A timeout of the socket is no help: it starts anew with every byte.
"""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Protocol


class Connection(Protocol):
    """What is needed of a connection's socket."""

    def shutdown(self, how: int, /) -> None: ...


class Patience:
    """Ends the reading of a connection once a window of time has brought too little.

    Whoever reads then finds the end of the stream, and `ran_out` says why; an answer can still be sent.
    """

    def __init__(self, connection: Connection | None, *, window_seconds: float, bytes_per_window: float) -> None:
        self._connection = connection
        self._window_seconds = window_seconds
        self._bytes_per_window = bytes_per_window
        self._received = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="patience")
        self.ran_out = False

    def received(self, count: int) -> None:
        """So many bytes more have come."""
        self._received += count

    def __enter__(self) -> Patience:
        if self._connection is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._connection is not None:
            self._thread.join()

    def _watch(self) -> None:
        before = 0
        while not self._ended.wait(self._window_seconds):
            received = self._received
            if received - before < self._bytes_per_window:
                self._give_up()
                return
            before = received

    def _give_up(self) -> None:
        self.ran_out = True
        try:
            if self._connection is not None:
                self._connection.shutdown(socket.SHUT_RD)
        except OSError:
            return  # the client was quicker
