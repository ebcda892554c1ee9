"""The measures as cells: what was found, and how many times the peer takes what we take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.storage.engines import KINDS, OURS, OURS_HTTP
from benchmarks.storage.goals import GOALS
from benchmarks.storage.plan import Outcome
from benchmarks.storage.run import RunResult, SizeResult
from benchmarks.storage.statistics import median, p99

MEGA = 1_000_000
MILLION = 1_000_000
DISK_DIFFERS = 2.0
NOTHING = "-"
ORDER: Final = (OURS, OURS_HTTP, "tantivy", "duckdb", "sqlite")

Table = list[list[str]]
"""Rows of cells, the first row is the header."""


@dataclass(frozen=True)
class Measure:
    """One row of the comparison."""

    title: str
    cost: Callable[[Outcome, SizeResult], float | None]  # what is compared: seconds or bytes, less is better
    shown: Callable[[Outcome, SizeResult], str]
    waits_for_the_disk: bool = False


def _timed(title: str, measure: str, *, waits_for_the_disk: bool = False) -> Measure:
    def cost(outcome: Outcome, _: SizeResult) -> float | None:
        seconds = outcome.seconds.get(measure)
        return median(seconds) if seconds else None

    def shown(outcome: Outcome, _: SizeResult) -> str:
        seconds = outcome.seconds[measure]
        return f"{milliseconds(median(seconds))} / {milliseconds(p99(seconds))}"

    return Measure(f"{title}, ms", cost, shown, waits_for_the_disk)


def _fact(title: str, fact: str, show: Callable[[float, SizeResult], str]) -> Measure:
    return Measure(
        title, lambda outcome, _: outcome.facts.get(fact), lambda outcome, size: show(outcome.facts[fact], size)
    )


def _load_seconds(outcome: Outcome, _: SizeResult) -> float | None:
    return median(outcome.seconds["load"]) if "load" in outcome.seconds else None


def _rows_per_second(outcome: Outcome, size: SizeResult) -> str:
    return f"{size.file.rows / median(outcome.seconds['load']):,.0f}"


def _memory(value: float, size: SizeResult) -> str:
    return f"{value / MEGA:.0f} MB, {value / size.file.rows:,.0f}"


BARE_SYNC: Final = _timed("4 KiB and fdatasync, before and after these writes", "sync")
"""The disk's, not an engine's: it isn't compared."""

MEASURES: Final = (
    Measure("ingest of the gzip file, rows/s", _load_seconds, _rows_per_second),
    _timed("open to first answer", "open"),
    _timed("start of the agent to first answer", "start"),
    _timed("count where vendor = x", "count"),
    _timed("ten rows where vendor = x, and their number", "find"),
    _timed("any ten rows with a word, and their number", "search"),
    _timed("the ten best rows for a word by BM25, and their number", "rank"),
    _timed("gl_code = x, ten largest amounts, and their number", "order"),
    _timed("insert one row, durable", "insert_one", waits_for_the_disk=True),
    _timed("insert 1,000 rows, durable", "insert_batch", waits_for_the_disk=True),
    _timed("the first count after these 1,000 rows", "count_behind"),
    _timed("delete where vendor = x, durable", "delete", waits_for_the_disk=True),
    BARE_SYNC,
    _fact("disk, bytes per row", "disk_bytes", lambda value, size: f"{value / size.file.rows:,.0f}"),
    _fact("disk, share of the raw JSON lines", "disk_bytes", lambda value, size: f"{value / size.file.raw_bytes:.2f}"),
    _fact("memory that the answering process grew by, and per row in bytes", "grown_bytes", _memory),
    _fact("memory of the whole agent that answered, and per row in bytes", "agent_bytes", _memory),
)


def comparison(size: SizeResult) -> Table:
    """A row for each measure that anybody has, a column for each engine."""
    engines = [name for name in ORDER if name in size.outcomes]
    table: Table = [["p50 / p99", *(KINDS[name].title for name in engines)]]
    for measure in MEASURES:
        cells = [_cell(measure, name, size) for name in engines]
        if any(cell != NOTHING for cell in cells):
            table.append([measure.title, *cells])
    return table


def _cell(measure: Measure, name: str, size: SizeResult) -> str:
    outcome = size.outcomes[name]
    cost = measure.cost(outcome, size)
    if cost is None:
        return NOTHING
    shown = measure.shown(outcome, size)
    ours = next((own for own in _own_costs(measure, size) if own), None)
    if name in (OURS, OURS_HTTP) or not ours or measure is BARE_SYNC:
        return shown
    if measure.waits_for_the_disk and not _met_the_same_disk(outcome, size):
        return f"{shown} (the disk differed)"
    return f"{shown} (x {ratio(cost / ours)})"


def _met_the_same_disk(outcome: Outcome, size: SizeResult) -> bool:
    """Did a bare sync take about as long beside this engine's writes as beside ours?"""
    syncs = [one.seconds["sync"] for one in (outcome, size.outcomes.get(OURS, Outcome())) if "sync" in one.seconds]
    medians = sorted(median(seconds) for seconds in syncs)
    return len(medians) < 2 or medians[1] < DISK_DIFFERS * medians[0]


def _own_costs(measure: Measure, size: SizeResult) -> list[float | None]:
    """In process where it was measured there, because the peers are called in process, too; else over HTTP."""
    return [measure.cost(size.outcomes[name], size) for name in (OURS, OURS_HTTP) if name in size.outcomes]


def amplification(sizes: Sequence[SizeResult]) -> Table:
    """Bytes written for each byte of rows, by the length of the stream; only the header when it wasn't measured."""
    table: Table = [
        ["Rows in the stream", "Bytes written per byte of rows", "to segments", "to the log", "Segments left"]
    ]
    for size in sizes:
        facts = size.outcomes.get(OURS, Outcome()).facts
        if "amplification" in facts:
            parts = [
                f"{facts[name]:.2f}" for name in ("amplification", "amplification_of_segments", "amplification_of_log")
            ]
            table.append([f"{facts['amplification_rows']:,.0f}", *parts, f"{facts['segments_at_the_end']:.0f}"])
    return table


def goals(run: RunResult) -> Table:
    """Each goal beside what the largest size that was measured shows."""
    table: Table = [["Goal", "Limit", "Measured", "Missed by"]]
    size = judged(run)
    for goal in GOALS:
        value = goal.measured(run, size)
        limit = f"{'≥' if goal.at_least else '≤'} {_plain(goal.limit)} {goal.unit}".strip()
        measured = NOTHING if value is None else f"{_plain(value)} {goal.unit}".strip()
        table.append([goal.what, limit, measured, "not measured" if value is None else goal.missed_by(value)])
    return table


def judged(run: RunResult) -> SizeResult:
    """The size that is held against the goals, which are for a million rows: the largest of up to so many."""
    return max(run.sizes, key=lambda size: (size.file.rows <= MILLION, size.file.rows))


def milliseconds(seconds: float) -> str:
    """Three digits that count, at most three behind the point."""
    value = 1000 * seconds
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(times: float) -> str:
    return f"{times:,.0f}" if times >= 10 else f"{times:.1f}" if times >= 0.1 else f"{times:.2f}"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:g}" if value == round(value, 1) else f"{value:.2f}"
