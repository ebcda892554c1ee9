"""The program of one process: a task on standard input, what it found as the last line of standard output."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.storage import amplification
from benchmarks.storage.agent import running_agent
from benchmarks.storage.engines import KINDS, Engine, Unsupported
from benchmarks.storage.invoices import Invoices
from benchmarks.storage.machine import sync_seconds
from benchmarks.storage.plan import BATCH_ROWS, Outcome, Phase, Plan, Task
from benchmarks.storage.process_memory import resident_bytes, settled_tree_bytes
from benchmarks.storage.vakka import Vakka
from benchmarks.storage.vakka_http import VakkaOverHttp


def carry_out(task: Task) -> Outcome:
    """Do what the task says, in this process."""
    folder = Path(task.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if task.phase is Phase.IDLE:
        return _idle(folder, task.plan)
    if task.phase is Phase.AMPLIFICATION:
        return amplification.measure(folder, min(task.rows, task.plan.stream_rows), BATCH_ROWS)
    engine = KINDS[task.engine].make(folder)
    return _PHASES[task.phase](engine, task)


def _load(engine: Engine, task: Task) -> Outcome:
    taken = engine.load(Path(task.file))
    outcome = Outcome(facts={"disk_bytes": engine.disk_bytes()})
    if taken is not None:
        outcome.seconds["load"] = [taken]
    return outcome


def _open(engine: Engine, task: Task) -> Outcome:
    started = time.perf_counter()
    engine.open()
    total = engine.find(task.questions.vendors[0])
    taken = time.perf_counter() - started
    engine.close()
    return Outcome(seconds={engine.opening: [taken]}, answers={"first": [total]})


def _query(engine: Engine, task: Task) -> Outcome:
    asked = task.questions
    before = resident_bytes(os.getpid())
    engine.open()
    outcome = Outcome(answers={"rows": [engine.row_count()]})
    kinds: list[tuple[str, Callable[[str], int], list[str]]] = [
        ("count", engine.count, asked.vendors),
        ("find", engine.find, asked.vendors),
        ("search", engine.search, asked.words),
        ("rank", engine.rank, asked.words),
        ("order", engine.order, asked.gl_codes),
    ]
    for name, ask, values in kinds:
        with suppress(Unsupported):
            answers = [ask(value) for value in values]  # also brings into memory what is asked for
            outcome.answers["search" if name == "rank" else name] = answers
            outcome.seconds[name] = [_seconds(partial(ask, value)) for _ in range(task.plan.rounds) for value in values]
    outcome.facts.update(_memory(engine, before, task.plan))
    engine.close()
    return outcome


def _memory(engine: Engine, before: int, plan: Plan) -> dict[str, float]:
    """What the answering processes hold now. before: resident bytes of this process before it opened the database."""
    if isinstance(engine, VakkaOverHttp):
        return {"agent_bytes": sum(settled_tree_bytes(engine.agent.pid, plan.idle_seconds))}
    facts: dict[str, float] = {"grown_bytes": resident_bytes(os.getpid()) - before}
    if isinstance(engine, Vakka):
        facts["mapped_bytes"] = engine.mapped_bytes()
    return facts


def _write(engine: Engine, task: Task) -> Outcome:
    plan, invoices = task.plan, Invoices()
    engine.open()
    before, first = engine.row_count(), task.rows
    ones = [[row] for row in invoices.rows(first, plan.single_inserts)]
    first += plan.single_inserts
    batches = [list(invoices.rows(first + at * BATCH_ROWS, BATCH_ROWS)) for at in range(plan.batches)]
    gc.freeze()  # so that the collector's rounds during a write walk over the engine's objects, not over these rows
    outcome = Outcome(seconds={"sync": sync_seconds(engine.folder, plan.syncs)})
    outcome.seconds["insert_one"] = [_seconds(partial(engine.insert, row)) for row in ones]
    _expect(engine, before + len(ones), "single inserts")
    outcome.seconds["delete"] = [_seconds(partial(engine.delete, vendor)) for vendor in task.questions.doomed_vendors]
    outcome.answers["rows_after_deletes"] = [engine.row_count()]
    if any(engine.count(vendor) for vendor in task.questions.doomed_vendors):
        raise RuntimeError("deleted rows are still found")
    left, vendors = engine.row_count(), task.questions.vendors
    inserted, counted = outcome.seconds.setdefault("insert_batch", []), outcome.seconds.setdefault("count_behind", [])
    for at, batch in enumerate(batches):
        inserted.append(_seconds(partial(engine.insert, batch)))
        counted.append(_seconds(partial(engine.count, vendors[at % len(vendors)])))
    _expect(engine, left + plan.batches * BATCH_ROWS, "batches")
    engine.close()
    outcome.seconds["sync"] += sync_seconds(engine.folder, plan.syncs)
    return outcome


def _idle(folder: Path, plan: Plan) -> Outcome:
    with running_agent(folder / "data", folder / "logs") as agent:
        sizes = settled_tree_bytes(agent.pid, plan.idle_seconds)
    return Outcome(facts={"idle_bytes": sum(sizes), "idle_processes": len(sizes)})


def _expect(engine: Engine, rows: int, after: str) -> None:
    """Raises RuntimeError when the engine didn't take every row."""
    found = engine.row_count()
    if found != rows:
        raise RuntimeError(f"after {after} there are {found} rows instead of {rows}")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


_PHASES: dict[Phase, Callable[[Engine, Task], Outcome]] = {
    Phase.LOAD: _load,
    Phase.OPEN: _open,
    Phase.QUERY: _query,
    Phase.WRITE: _write,
}


def main(arguments: Sequence[str] = ()) -> None:  # noqa: ARG001 - the task comes on standard input
    """Carry out one task."""
    outcome = carry_out(msgspec.json.decode(sys.stdin.buffer.read(), type=Task))
    print(msgspec.json.encode(outcome).decode())


if __name__ == "__main__":
    main()
