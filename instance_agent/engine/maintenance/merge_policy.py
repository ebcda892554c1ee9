"""Which parts of a table are rewritten next. Pure: sizes in, a range of parts out.

Segments are merged with their neighbours only, so the order of rows stays. Sizes fall into tiers, each FAN_IN times
the one before; FAN_IN neighbours of one tier, with smaller ones between them, become one. So a row is rewritten about
once per tier, log_FAN_IN(table / SMALL_ROWS) times in all, and a table of n rows has at most about
FAN_IN * log_FAN_IN(n / SMALL_ROWS) segments.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SMALL_ROWS = 32_768
FAN_IN = 4
LARGEST_ROWS = 2**21
"""A segment isn't merged beyond this: purging one deleted row rewrites a segment."""

FLUSH_ROWS = 20_000
FLUSH_BYTES = 8 * 1024 * 1024
"""A memory part as large as this becomes a segment: every process holds it in memory, and a start reads it again."""

DEAD_SHARE = 0.25
PATCHED_SHARE = 0.1
"""A segment with so many dead, or replaced, rows is rewritten without waiting for the grace period."""


@dataclass(frozen=True)
class PartSize:
    """What the policy knows of a part."""

    row_count: int
    in_memory: bool
    size_bytes: int = 0  # of a memory part, in the log
    dead_count: int = 0
    patched_count: int = 0
    is_due: bool = False  # has bytes that the purge must remove now


@dataclass(frozen=True)
class Span:
    """Parts from `first` to before `end`, to become one segment."""

    first: int
    end: int


def next_rewrite(parts: Sequence[PartSize]) -> Span | None:
    """What to rewrite first: single parts that must be, those with the fewest living rows first; then a merge.

    None: nothing. On a nearly full disk the smallest rewrite is the one that may still fit, and makes room for others.
    """
    last = len(parts) - 1
    due = [at for at, part in enumerate(parts) if _must_be_rewritten(part, is_last=at == last)]
    if due:
        smallest = min(due, key=lambda at: parts[at].row_count - parts[at].dead_count)
        return Span(smallest, smallest + 1)
    return _next_merge(parts)


def whole_table(parts: Sequence[PartSize]) -> Span | None:
    """The next rewrite on the way to as few segments as may be, without anything dead; None when that is reached."""
    for run in _runs(parts, [True] * len(parts)):
        if run.end - run.first > 1:
            return run
        part = parts[run.first]
        if part.in_memory or part.dead_count or part.patched_count or part.is_due:
            return run
    return None


def tier(row_count: int) -> int:
    """0 for up to SMALL_ROWS, one more for each FAN_IN times that."""
    return max(0, math.ceil(math.log(max(row_count, 1) / SMALL_ROWS, FAN_IN) - 1e-9))


def _must_be_rewritten(part: PartSize, *, is_last: bool) -> bool:
    """A memory part is flushed when it is large, or when others follow it, so that it doesn't grow any more."""
    if part.is_due:
        return True
    if part.in_memory:
        return not is_last or part.row_count >= FLUSH_ROWS or part.size_bytes >= FLUSH_BYTES
    return part.dead_count > part.row_count * DEAD_SHARE or part.patched_count > part.row_count * PATCHED_SHARE


def _next_merge(parts: Sequence[PartSize]) -> Span | None:
    tiers = sorted({tier(part.row_count) for part in parts if not part.in_memory})
    for highest in tiers:
        small_enough = [not part.in_memory and tier(part.row_count) <= highest for part in parts]
        for run in _runs(parts, small_enough):
            if sum(tier(part.row_count) == highest for part in parts[run.first : run.end]) >= FAN_IN:
                return run
    return None


def _runs(parts: Sequence[PartSize], taking_part: Sequence[bool]) -> Iterator[Span]:
    """The longest runs of neighbours that take part and aren't too large together."""
    first, rows = 0, 0
    for at, (part, fits) in enumerate(zip(parts, taking_part, strict=True)):
        if at > first and (not fits or rows + part.row_count > LARGEST_ROWS):
            yield Span(first, at)
            first, rows = at, 0
        if not fits:
            first, rows = at + 1, 0
        else:
            rows += part.row_count
    if first < len(parts):
        yield Span(first, len(parts))
