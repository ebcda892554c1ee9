"""Writers that wait for each other share one turn: one lock, one record of the log, one sync.

A thread that wants to write queues up. Whoever gets the turn carries out everything that has queued up meanwhile; the
others find it done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from instance_agent.engine.transaction import Transaction

Result = TypeVar("Result")
MOST_AT_ONCE = 64


class Request(Generic[Result]):
    """One thread's changes, and what became of them."""

    def __init__(self, work: Callable[[Transaction], Result]) -> None:
        self._work = work
        self._outcome: Result | BaseException | None = None
        self.is_done = False

    def prepare(self, transaction: Transaction) -> bool:
        """Do the work on a transaction; False when it was refused, and the transaction is of no use."""
        try:
            self._outcome = self._work(transaction)
        except BaseException as error:  # noqa: BLE001 - it is raised where the request came from
            self.fail(error)
            return False
        return True

    def fail(self, error: BaseException) -> None:
        self._outcome, self.is_done = error, True

    def succeed(self) -> None:
        self.is_done = True

    def result(self) -> Result:
        """What the work returned. Raises what it raised, and what kept its commit from the disk."""
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome  # type: ignore[return-value]


class Turns:
    """The queue of one process's writers."""

    def __init__(self) -> None:
        self._waiting: list[Request[Any]] = []
        self._queue = threading.Lock()
        self._turn = threading.Lock()

    def take(self, request: Request[Result], carry_out: Callable[[list[Request[Any]]], None]) -> Result:
        """The request's result, after this thread or another has carried it out."""
        with self._queue:
            self._waiting.append(request)
        with self._turn:
            while not request.is_done:
                with self._queue:
                    together, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                try:
                    carry_out(together)
                except BaseException as error:
                    for waiting in together:
                        if not waiting.is_done:
                            waiting.fail(error)
                    if not isinstance(error, Exception):
                        raise
        return request.result()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A turn for something else than requests."""
        with self._turn:
            yield
