"""The parts that a table's rows lie in, and what was deleted and replaced in them since they were written.

All values here are immutable; a change makes another part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.memory_rows import MemoryRows
from instance_agent.schema.types import JsonValue

Rows = NDArray[np.uint32]
Mask = NDArray[np.bool_]
Cells = NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Patch:
    """Values of one column that were replaced."""

    rows: Rows  # increasing, the part's own numbers
    cells: Cells

    def with_cells(self, rows: Rows, cells: Cells) -> Patch:
        """Also these rows (increasing) have other values: these."""
        places = np.searchsorted(self.rows, rows)
        known = np.isin(rows, self.rows, assume_unique=True)
        changed = self.cells.copy()
        changed[places[known]] = cells[known]
        fresh = places[~known]
        return Patch(np.insert(self.rows, fresh, rows[~known]), np.insert(changed, fresh, cells[~known]))

    def between(self, start: int, end: int) -> Patch:
        """What it says of the rows from `start` to before `end`, counted from `start`."""
        low, high = (int(at) for at in np.searchsorted(self.rows, (start, end)))
        return Patch(self.rows[low:high] - np.uint32(start), self.cells[low:high])


def cells_of(values: Sequence[JsonValue]) -> Cells:
    """The values as an array of objects, lists too."""
    cells = np.empty(len(values), object)
    for at, value in enumerate(values):
        cells[at] = value
    return cells


NO_PATCH = Patch(np.empty(0, np.uint32), np.empty(0, object))


@dataclass(frozen=True, eq=False)
class Overlay:
    """What lies over a part."""

    dead: Mask | None = None  # per row; it may be shorter than the part has rows: the others live
    patches: Mapping[str, Patch] = field(default_factory=dict)
    stale_since: int | None = None  # unix seconds: the part has bytes since then that nobody may see

    def with_deleted(self, row_count: int, rows: Rows, at: int) -> Overlay:
        dead = self.dead_rows(row_count).copy()
        dead[rows] = True
        return replace(self, dead=dead, stale_since=earliest(self.stale_since, at))

    def with_updated(self, rows: Rows, values: Mapping[str, JsonValue], at: int) -> Overlay:
        changed = {
            name: self.patches.get(name, NO_PATCH).with_cells(rows, cells_of([value] * len(rows)))
            for name, value in values.items()
        }
        return replace(self, patches={**self.patches, **changed}, stale_since=earliest(self.stale_since, at))

    def without_column(self, name: str, at: int) -> Overlay:
        """The column's values are gone, its bytes aren't yet."""
        kept = {other: patch for other, patch in self.patches.items() if other != name}
        return replace(self, patches=kept, stale_since=earliest(self.stale_since, at))

    def between(self, start: int, end: int) -> Overlay:
        """What it says of the rows from `start` to before `end`, counted from `start`."""
        dead = None if self.dead is None else self.dead[start:end]
        cut = {name: patch.between(start, end) for name, patch in self.patches.items()}
        patches = {name: patch for name, patch in cut.items() if len(patch.rows)}
        return Overlay(dead if dead is not None and dead.any() else None, patches, self.stale_since)

    def dead_rows(self, row_count: int) -> Mask:
        """The mask of all rows; the same array as long as nothing is deleted and no row is added."""
        known = np.empty(0, np.bool_) if self.dead is None else self.dead
        if len(known) == row_count:
            return known
        return np.pad(known, (0, row_count - len(known)))

    @property
    def dead_count(self) -> int:
        return 0 if self.dead is None else int(np.count_nonzero(self.dead))

    @property
    def is_empty(self) -> bool:
        return self.dead is None and not self.patches


NO_OVERLAY = Overlay()


@dataclass(frozen=True, eq=False)
class SegmentPart:
    """The rows of one segment."""

    segment_id: str
    row_count: int
    constants: Mapping[str, JsonValue] = field(default_factory=dict)  # columns that came after the segment
    overlay: Overlay = NO_OVERLAY


@dataclass(frozen=True, eq=False)
class MemoryPart:
    """Rows of the commit log that are in no segment yet."""

    rows: MemoryRows
    row_count: int
    size_bytes: int  # about what they take in the log
    overlay: Overlay = NO_OVERLAY

    def between(self, start: int, end: int) -> MemoryPart | None:
        """The rows from `start` to before `end` as a part of their own; None when there are none."""
        if start >= end:
            return None
        if start == 0 and end == self.row_count:
            return self
        rows = MemoryRows.of(self.rows.schema, self.rows.columns, start, end)
        return MemoryPart(
            rows, end - start, self.size_bytes * (end - start) // self.row_count, self.overlay.between(start, end)
        )


Part = SegmentPart | MemoryPart


def earliest(known: int | None, at: int) -> int:
    return at if known is None else min(known, at)
