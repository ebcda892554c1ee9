"""What the storage engine is meant to reach, and by how much it misses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.storage.engines import OURS, OURS_HTTP
from benchmarks.storage.plan import Outcome
from benchmarks.storage.run import RunResult, SizeResult
from benchmarks.storage.statistics import median, p99

MEGA = 1_000_000
MILLION = 1_000_000

Measured = Callable[[RunResult, SizeResult], float | None]


@dataclass(frozen=True)
class Goal:
    """A number to stay at or below, or, where `at_least`, at or above."""

    what: str
    limit: float
    unit: str
    measured: Measured
    at_least: bool = False

    def missed_by(self, value: float) -> str:
        """How often the limit fits into what was measured, or the other way round; a dash when it is reached."""
        times = self.limit / value if self.at_least else value / self.limit
        return "-" if times <= 1 else f"{times:.2f} times" if times < 1.1 else f"{times:.1f} times"


def _milliseconds(engine: str, measure: str, statistic: Callable[[list[float]], float]) -> Measured:
    def measured(_: RunResult, size: SizeResult) -> float | None:
        seconds = size.outcomes.get(engine, Outcome()).seconds.get(measure)
        return None if not seconds else 1000 * statistic(seconds)

    return measured


def _timed(what: str, measure: str, median_limit: float, p99_limit: float) -> list[Goal]:
    return [
        Goal(f"{what}, median", median_limit, "ms", _milliseconds(OURS, measure, median)),
        Goal(f"{what}, p99", p99_limit, "ms", _milliseconds(OURS, measure, p99)),
    ]


def _http_adds(statistic: Callable[[list[float]], float]) -> Measured:
    def measured(run: RunResult, size: SizeResult) -> float | None:
        through = _milliseconds(OURS_HTTP, "count", statistic)(run, size)
        inside = _milliseconds(OURS, "count", statistic)(run, size)
        return None if through is None or inside is None else through - inside

    return measured


def _per_million_rows(fact: str) -> Measured:
    def measured(_: RunResult, size: SizeResult) -> float | None:
        value = size.outcomes.get(OURS, Outcome()).facts.get(fact)
        return None if value is None else value / size.file.rows * MILLION / MEGA

    return measured


def _disk(_: RunResult, size: SizeResult) -> float | None:
    value = size.outcomes.get(OURS_HTTP, Outcome()).facts.get("disk_bytes")
    return None if value is None else value / size.file.raw_bytes


def _ingest(_: RunResult, size: SizeResult) -> float | None:
    seconds = size.outcomes.get(OURS_HTTP, Outcome()).seconds.get("load")
    return None if not seconds else size.file.rows / median(seconds)


def _idle(run: RunResult, _: SizeResult) -> float | None:
    value = run.idle.facts.get("idle_bytes")
    return None if value is None else value / MEGA


GOALS: Final = (
    *_timed("full text, ten rows and the exact total", "search", 0.15, 1.5),
    *_timed("filter and order, top ten", "order", 0.1, 0.7),
    *_timed("insert 1,000 rows, durable", "insert_batch", 5, 8),
    *_timed("insert one row, durable", "insert_one", 1, 2),
    *_timed("delete by condition, durable", "delete", 1, 3),
    Goal("open to first answer", 50, "ms", _milliseconds(OURS, "open", median)),
    Goal("HTTP, key check, parsing and JSON add, median", 1.5, "ms", _http_adds(median)),
    Goal("HTTP, key check, parsing and JSON add, p99", 4, "ms", _http_adds(p99)),
    Goal("ingest of gzip ndjson", 250_000, "rows/s", _ingest, at_least=True),
    Goal("resident memory per million rows and process", 150, "MB", _per_million_rows("grown_bytes")),
    Goal("mapped memory per million rows and process", 150, "MB", _per_million_rows("mapped_bytes")),
    Goal("disk, as a share of the raw JSON lines", 0.5, "", _disk),
    Goal("an idle environment with two workers", 200, "MB", _idle),
)
"""The latencies are goals for 1,000,000 rows, one core, warm."""
