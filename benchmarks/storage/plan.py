"""What one process of a run is told to do, and what it hands back."""

from __future__ import annotations

from enum import Enum

import msgspec

from benchmarks.storage.invoices import Questions


class Phase(Enum):
    """What is measured together, in one process."""

    LOAD = "load"  # a file of rows into an empty database
    OPEN = "open"  # a fresh process to its first answer; several times
    QUERY = "query"  # questions to an unchanging database, and the memory of the process that answers
    WRITE = "write"  # single rows, deletes, batches
    IDLE = "idle"  # memory of an agent that nobody asks
    AMPLIFICATION = "amplification"  # bytes written for a stream of batches


BATCH_ROWS = 1_000


class Plan(msgspec.Struct, frozen=True):
    """How often each thing is done."""

    questions: int = 200
    rounds: int = 5  # over all questions, after one that isn't measured
    openings: int = 7
    single_inserts: int = 300
    batches: int = 60
    deletes: int = 60
    syncs: int = 50  # bare ones, before and after an engine's writes
    stream_rows: int = 1_000_000  # at most; a stream is never longer than the file that was loaded
    idle_seconds: float = 5.0


QUICK = Plan(
    questions=5,
    rounds=1,
    openings=1,
    single_inserts=3,
    batches=2,
    deletes=3,
    syncs=3,
    stream_rows=2_000,
    idle_seconds=0.5,
)
"""For trying the harness: its figures mean nothing."""


class Task(msgspec.Struct, frozen=True):
    """One phase of one engine over one database."""

    engine: str
    phase: Phase
    folder: str  # of this engine's database of this size
    file: str  # rows as gzip JSON lines
    rows: int  # in the file
    questions: Questions
    plan: Plan


class Outcome(msgspec.Struct):
    """What a phase found."""

    seconds: dict[str, list[float]] = {}  # by measure, one of each repetition
    facts: dict[str, float] = {}  # by name; the unit is in the name
    answers: dict[str, list[int]] = {}  # by question; must be the same for all engines


def merged(outcomes: list[Outcome]) -> Outcome:
    """All of them in one; facts and answers of the last that has them."""
    whole = Outcome()
    for outcome in outcomes:
        for name, seconds in outcome.seconds.items():
            whole.seconds.setdefault(name, []).extend(seconds)
        whole.facts.update(outcome.facts)
        whole.answers.update(outcome.answers)
    return whole
