"""Which parts are rewritten next, and how often a row is rewritten in all."""

from __future__ import annotations

import math

import pytest

from instance_agent.engine.maintenance.merge_policy import (
    FAN_IN,
    FLUSH_BYTES,
    FLUSH_ROWS,
    LARGEST_ROWS,
    SMALL_ROWS,
    PartSize,
    Span,
    next_rewrite,
    tier,
    whole_table,
)


def segment(rows: int, dead: int = 0, patched: int = 0, *, due: bool = False) -> PartSize:
    return PartSize(rows, in_memory=False, dead_count=dead, patched_count=patched, is_due=due)


def memory(rows: int, size_bytes: int = 0) -> PartSize:
    return PartSize(rows, in_memory=True, size_bytes=size_bytes)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], None),
        ([memory(FLUSH_ROWS - 1)], None),
        ([memory(FLUSH_ROWS)], Span(0, 1)),
        ([memory(1, FLUSH_BYTES)], Span(0, 1)),
        ([memory(1), segment(5)], Span(0, 1)),
        ([segment(100)] * (FAN_IN - 1), None),
        ([segment(100)] * FAN_IN, Span(0, FAN_IN)),
        ([segment(LARGEST_ROWS)] * 10, None),
        ([segment(LARGEST_ROWS), *[segment(10)] * FAN_IN], Span(1, FAN_IN + 1)),
        ([*[segment(10)] * 2, memory(5), *[segment(10)] * 2], Span(2, 3)),
        ([segment(1000, dead=1)], None),
        ([segment(1000, dead=1, due=True)], Span(0, 1)),
        ([segment(1000, dead=251)], Span(0, 1)),
        ([segment(10), segment(1000, patched=101)], Span(1, 2)),
    ],
)
def test_the_next_rewrite(parts: list[PartSize], expected: Span | None) -> None:
    assert next_rewrite(parts) == expected


def test_a_merge_stops_before_it_is_too_large() -> None:
    span = next_rewrite([segment(LARGEST_ROWS // 5)] * 9)
    assert span == Span(0, 5)


def test_tiers_grow_by_the_fan_in() -> None:
    assert [tier(rows) for rows in (1, SMALL_ROWS, SMALL_ROWS + 1, SMALL_ROWS * FAN_IN, SMALL_ROWS * FAN_IN + 1)] == [
        0,
        0,
        1,
        1,
        2,
    ]


def test_every_row_is_rewritten_about_once_per_tier_and_segments_stay_few() -> None:
    parts: list[PartSize] = []
    written = flushed = 0
    for _ in range(400):
        parts.append(segment(FLUSH_ROWS))
        flushed += FLUSH_ROWS
        while (span := next_rewrite(parts)) is not None:
            rows = sum(part.row_count for part in parts[span.first : span.end])
            parts[span.first : span.end] = [segment(rows)]
            written += rows
    tiers = math.log(flushed / SMALL_ROWS, FAN_IN)
    assert written / flushed <= tiers + 1
    assert len(parts) <= FAN_IN * (tiers + 1) + flushed / (LARGEST_ROWS / FAN_IN)
    assert sum(part.row_count for part in parts) == flushed


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], None),
        ([segment(5)], None),
        ([memory(5)], Span(0, 1)),
        ([segment(5, dead=1)], Span(0, 1)),
        ([segment(5, due=True)], Span(0, 1)),
        ([segment(5), segment(5), memory(1)], Span(0, 3)),
        ([segment(LARGEST_ROWS), segment(1)], None),
        ([segment(LARGEST_ROWS), segment(1), memory(1)], Span(1, 3)),
    ],
)
def test_a_whole_table_becomes_as_few_segments_as_may_be(parts: list[PartSize], expected: Span | None) -> None:
    assert whole_table(parts) == expected
