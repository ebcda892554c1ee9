"""The program of one process: what to measure on standard input, what it found as the last line of standard output."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.queries import recommendations
from benchmarks.queries.peers import PEERS
from benchmarks.queries.questions import OURS, SLOW, Asked, Body, questions
from benchmarks.storage.agent import Connection, running_agent
from benchmarks.storage.vakka import DATA
from instance_agent.engine.database import Database
from instance_agent.query.answer import answer

QUERY_SECONDS = 600.0
EVICTING_BYTES = 64 * 1024 * 1024
"""More than the last cache of any processor this is likely to run on."""

SLOWER = 10
"""Slow kinds of questions are asked so many times less often."""

Ask = Callable[[Asked], object]


class Task(msgspec.Struct, frozen=True):
    """What one process measures."""

    kind: str  # "ours", "first", "http", "recommend", or a peer's name
    folder: str  # that benchmarks.storage has filled for it
    rows: int
    questions: int
    rounds: int
    seconds: float  # of load, for each number of clients
    clients: list[int] = []


class Outcome(msgspec.Struct):
    """What was found."""

    seconds: dict[str, list[float]] = {}  # by measure; "cold: ..." with evicted caches
    facts: dict[str, float] = {}


def carry_out(task: Task) -> Outcome:
    """Do what the task says."""
    folder = Path(task.folder)
    match task.kind:
        case "first":
            return _first(folder, task)
        case "http":
            return _http(folder, task)
        case "recommend":
            return Outcome(seconds=recommendations.measure(folder, task.rows, task.questions))
        case "ours":
            return measured(_ours(folder), task)
    peer = PEERS[task.kind][1]()
    peer.open(folder, task.rows)
    return measured(peer.measures(), task)


def measured(measures: Mapping[str, Ask], task: Task) -> Outcome:
    """Each kind of question, each question several times: at once again, and with evicted caches."""
    asked = questions(task.rows, task.questions)
    evicting = np.ones(EVICTING_BYTES // 8)
    outcome = Outcome()
    for name, ask in measures.items():
        some = asked[: max(1, len(asked) // SLOWER)] if name in SLOW else asked
        outcome.seconds[f"first: {name}"] = [_seconds(ask, some[0])]
        for one in some:
            ask(one)
        outcome.seconds[name] = [_seconds(ask, one) for _ in range(task.rounds) for one in some]
        cold = []
        for one in some:
            evicting += 1.0
            cold.append(_seconds(ask, one))
        outcome.seconds[f"cold: {name}"] = cold
    return outcome


def _ours(folder: Path) -> dict[str, Ask]:
    database = Database.open(folder / DATA)

    def asking(make: Callable[[Asked], tuple[str, Body]]) -> Ask:
        def ask(asked: Asked) -> object:
            endpoint, body = make(asked)
            return answer(database.read_view(), endpoint, body, QUERY_SECONDS)

        return ask

    return {name: asking(make) for name, make in OURS.items()}


def _first(folder: Path, task: Task) -> Outcome:
    """From opening the database to the first answer, and the second."""
    asked = questions(task.rows, 2)
    started = time.perf_counter()
    ask = _ours(folder)["predict"]
    ask(asked[0])
    opened = time.perf_counter() - started
    return Outcome(seconds={"open and predict": [opened], "second prediction": [_seconds(ask, asked[1])]})


def _http(folder: Path, task: Task) -> Outcome:
    """Predictions from several clients at once, each with its own connection."""
    asked = [OURS["predict"](one) for one in questions(task.rows, task.questions)]
    outcome = Outcome()
    with running_agent(folder / DATA, folder / "logs") as agent:
        for _ in range(2 * len(asked)):  # both workers
            agent.post(f"/api/v1/{asked[0][0]}", asked[0][1])
        for clients in task.clients:
            taken: list[float] = []
            until = time.perf_counter() + task.seconds
            connections = [agent.another() for _ in range(clients)]
            threads = [
                threading.Thread(target=_load, args=(connection, asked[at:] + asked[:at], until, taken))
                for at, connection in enumerate(connections)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            outcome.seconds[f"{clients} clients"] = taken
            outcome.facts[f"{clients} clients: per second"] = len(taken) / task.seconds
    return outcome


def _load(connection: Connection, asked: list[tuple[str, Body]], until: float, taken: list[float]) -> None:
    """Ask one after the other until the time is over."""
    for endpoint, body in itertools.cycle(asked):
        started = time.perf_counter()
        if started >= until:
            return
        connection.post(f"/api/v1/{endpoint}", body)
        taken.append(time.perf_counter() - started)


def _seconds(ask: Ask, asked: Asked) -> float:
    started = time.perf_counter()
    ask(asked)
    return time.perf_counter() - started


def main() -> None:
    """Carry out one task."""
    outcome = carry_out(msgspec.json.decode(sys.stdin.buffer.read(), type=Task))
    print(msgspec.json.encode(outcome).decode())


if __name__ == "__main__":
    main()
