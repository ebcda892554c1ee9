"""The page about a run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from benchmarks.queries.peers import PEERS
from benchmarks.queries.questions import OURS, SAMPLES, WORDS_OF_A_QUESTION
from benchmarks.queries.work import Outcome
from benchmarks.storage.machine import Machine
from benchmarks.storage.statistics import median, p99

HEAD = """\
# Benchmarks: queries

Written by `make benchmark-queries` (`python -m benchmarks.queries`); edit `benchmarks/queries/report.py`, not this.

Predictions, relations and searches beside others, over the same made-up invoices, in one run. Cells are the median and
the 99th percentile in milliseconds; in brackets how many times as long the peer takes as ours does (above 1 ours is
quicker).

**How far to trust this.** The machine is shared: other work may have run on it at the same time. Figures move from run
to run, small ones and the 99th percentile most. What counts is the order of magnitude, and ratios within one run.
"""
READING = f"""\
## How to read it

- A prediction asks for the account of an invoice by its vendor and {WORDS_OF_A_QUESTION} words. Ours answers the ten
  most probable accounts with calibrated probabilities. tantivy, DuckDB and SQLite are asked only for what such an
  answer is made of, the rows of each account for each of the six features: that is less work. scikit-learn answers with
  a naive Bayes that it fitted before; the time it took to fit isn't shown.
- *Narrowed* learns only from the invoices of one day. *relate* relates the vendor to every word and account; DuckDB
  only counts them. *evaluate* predicts {SAMPLES} invoices, each as if it weren't there.
- *rank* orders by similarity; peers by BM25.
- *Cold* has 64 MB of other memory touched before each question, so that nothing of the index is in a processor's cache.
- *First* is the first question of its kind in a fresh process that has the files in the page cache.
- Over HTTP: one agent with two worker processes; the clients are threads of one process on the same machine, and take
  their part of it.
"""
GOALS = {
    "predict": (0.5, 1.5),
    "predict, narrowed": (0.5, 2.0),
    "relate": (1.0, 3.0),
    "search": (0.15, 1.5),
    "filter and order": (0.1, 0.7),
    "evaluate": (100.0, None),
}
GOAL_ROWS = 1_000_000

Table = list[list[str]]


def page(
    found: Mapping[int, Mapping[str, Outcome]],
    machine: Machine,
    versions: Mapping[str, str],
    day: date,
    *,
    quick: bool,
) -> str:
    """docs/benchmarks-queries.md."""
    parts = [HEAD]
    if quick:
        parts.append("**These are no measurements**: the harness was tried with few repetitions.\n")
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    parts.append(
        f"## The machine\n\n{day.isoformat()}: {machine.cores} cores of {machine.processor}, "
        f"{machine.memory_bytes / 2**30:.0f} GiB of memory, load {machine.load:.1f} at the start. {named}.\n"
    )
    parts.append(READING)
    for rows, outcomes in found.items():
        parts.append(f"## {rows:,} rows\n\n{_markdown(_comparison(outcomes))}\n{_markdown(_ours(outcomes))}")
        parts.append(_markdown(_clients(outcomes)))
    if GOAL_ROWS in found:
        parts.append(
            f"## Goals\n\nFor {GOAL_ROWS:,} rows, in process.\n\n{_markdown(_goals(found[GOAL_ROWS]['ours']))}"
        )
    return "\n".join(parts)


def _comparison(outcomes: Mapping[str, Outcome]) -> Table:
    peers = [name for name in PEERS if name in outcomes]
    table = [["", "Vakka", *(PEERS[name][0] for name in peers)]]
    ours = outcomes["ours"].seconds
    for measure in OURS:
        for name in (measure, f"cold: {measure}"):
            cells = [_against(outcomes[peer].seconds.get(name), ours[name]) for peer in peers]
            table.append([name, _both(ours[name]), *cells])
    return table


def _ours(outcomes: Mapping[str, Outcome]) -> Table:
    first = outcomes["first"].seconds
    table = [["Ours alone", "ms"]]
    table += [[name, f"{1000 * seconds[0]:.1f}"] for name, seconds in first.items()]
    table += [
        [name, f"{1000 * seconds[0]:.1f}"]
        for name, seconds in outcomes["ours"].seconds.items()
        if name.startswith("first: ")
    ]
    table += [[name, _both(seconds)] for name, seconds in outcomes["recommend"].seconds.items()]
    return table


def _clients(outcomes: Mapping[str, Outcome]) -> Table:
    over = outcomes["http"]
    table = [["Predictions over HTTP", "ms", "per second"]]
    for name, seconds in over.seconds.items():
        table.append([name, _both(seconds), f"{over.facts[f'{name}: per second']:.0f}"])
    return table


def _goals(ours: Outcome) -> Table:
    table = [["", "goal p50 / p99", "measured", "of the goal"]]
    for name, (middle, high) in GOALS.items():
        seconds = ours.seconds[name]
        goal = f"{middle:g}" if high is None else f"{middle:g} / {high:g}"
        table.append([name, goal, _both(seconds), f"{1000 * median(seconds) / middle:.1f}"])
    return table


def _both(seconds: list[float]) -> str:
    return f"{_milliseconds(median(seconds))} / {_milliseconds(p99(seconds))}"


def _against(seconds: list[float] | None, ours: list[float]) -> str:
    if seconds is None:
        return "-"
    return f"{_both(seconds)} ({median(seconds) / median(ours):.1f})"


def _milliseconds(seconds: float) -> str:
    value = 1000 * seconds
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _markdown(table: Table) -> str:
    lines = [f"| {' | '.join(row)} |\n" for row in table]
    return "".join([lines[0], "|---" * len(table[0]) + "|\n", *lines[1:]])
