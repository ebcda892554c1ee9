"""Several processes that build runs of one file at the same time, forked from the one that reads it in.

Each unpacks the whole file by itself: that is cheap beside building, and no rows have to travel between processes. A
builder ends when the pipe to it closes, so it doesn't outlive the process that it works for.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from instance_agent.errors import AgentError
from instance_agent.log import place_of
from instance_agent.storage.files import refusal
from instance_agent.uploads.runs import BuiltRun, Job, RunBuilder
from instance_agent.uploads.unpacking import NotSound


class BuilderDied(Exception):
    """A builder was killed; nothing is known of why."""


class BuilderFailed(Exception):
    """Something in a builder that nobody thought of; says what and where, without the text, which may hold data."""

    def __init__(self, error: str, places: list[str]) -> None:
        super().__init__(error)
        self.error = error
        self.places = places


@dataclass(frozen=True)
class _Failure:
    """How an exception travels from a builder."""

    not_sound: str | None = None  # the message
    code: str | None = None  # of an AgentError
    error: str = ""
    places: tuple[str, ...] = ()

    def as_exception(self) -> Exception:
        if self.not_sound is not None:
            return NotSound(self.not_sound)
        if self.code is not None:
            return AgentError(self.code)
        return BuilderFailed(self.error, list(self.places))


class Builders:
    """A context: some processes, ended when it ends."""

    def __init__(self, job: Job, count: int, run_bytes: int) -> None:
        self._job = job
        self._run_bytes = run_bytes
        self._segment_bytes = job.bounds.segments_bytes // count
        self._connections: list[Connection] = []
        fork = get_context("fork")
        self._processes = []
        for number in range(count):
            ours, theirs = fork.Pipe()
            self._connections.append(ours)
            process = fork.Process(target=self._work, args=(theirs,), name=f"builder-{number}", daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)

    def __enter__(self) -> Builders:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()

    def build_all(self, report: Callable[[BuiltRun], None]) -> list[BuiltRun]:
        """All runs of the file, in order. report: called with each when it is built.

        Raises what `RunBuilder.build` raises, BuilderDied, BuilderFailed.
        """
        runs: dict[int, BuiltRun] = {}
        working: dict[Connection, int] = {}
        idle = list(self._connections)
        has_more = True
        while working or has_more:
            while idle and has_more:
                connection = idle.pop()
                number = len(runs) + len(working)
                connection.send(number)
                working[connection] = number
            for ready in [one for one in wait(list(working)) if isinstance(one, Connection)]:
                run = _received(ready)
                runs[working.pop(ready)] = run
                report(run)
                idle.append(ready)
                has_more &= not run.is_last
        return [runs[number] for number in sorted(runs)]

    def _work(self, connection: Connection) -> None:
        """The program of a builder."""
        for ours in self._connections:
            ours.close()
        numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
        threading.Thread(target=_receive, args=(connection, numbers), daemon=True).start()
        with suppress(BrokenPipeError):  # whom it works for is gone
            connection.send(self._build(connection, numbers))

    def _build(self, connection: Connection, numbers: queue.SimpleQueue[int]) -> _Failure:
        """Build what is asked for, until that fails."""
        try:
            builder = RunBuilder(self._job, self._run_bytes, self._segment_bytes)
            while True:
                connection.send(builder.build(numbers.get()))
        except NotSound as error:
            return _Failure(not_sound=str(error))
        except AgentError as error:
            return _Failure(code=error.code)
        except OSError as error:
            return _Failure(code=refusal(error).code)
        except Exception as error:  # noqa: BLE001 - it is told, and raised there
            return _Failure(error=type(error).__name__, places=tuple(place_of(error)))


def _receive(connection: Connection, numbers: queue.SimpleQueue[int]) -> None:
    try:
        while True:
            numbers.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)


def _received(connection: Connection) -> BuiltRun:
    try:
        message: BuiltRun | _Failure = connection.recv()
    except (EOFError, OSError):
        raise BuilderDied from None
    if isinstance(message, BuiltRun):
        return message
    raise message.as_exception()
