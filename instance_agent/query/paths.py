"""The column at the end of a path, links followed, as the rows of the table see it that the path starts at.

A link leads to the first row that has its key; an array of links to one for each element. A dangling link leads
nowhere, which looks like an absent value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.column import ColumnView
from instance_agent.index.growing import key_of
from instance_agent.query.scope import FieldName, Scope, column_of, linked_table
from instance_agent.schema.types import ColumnSchema, ColumnType, FeatureValue

FEATURE = "$feature"
"""A last segment that says: the features of the column, not its value."""

FEW_KEYS = 64
"""Rows that link to so few keys are found key by key; for more all rows' links are looked at."""


@dataclass(frozen=True)
class Hop:
    """One link followed: per row of the table before it, the rows it leads to."""

    link: ColumnView
    target: TableView
    key: ColumnView
    first_rows: NDArray[np.int64]  # per feature of the link the first row that has this key, -1 for none


class PathColumn:
    """A column as the rows of the first table see it. Immutable; arrays are built when first asked for.

    `splits`: a row may have several features (Text, arrays, anything behind an array of links): then `offsets` and
    `feature_codes` say which; else `codes` does, -1 for absent. A feature's code is its place in `features`.
    """

    def __init__(self, path: tuple[str, ...], hops: tuple[Hop, ...], column: ColumnView, row_count: int) -> None:
        self.path = ".".join(path)
        self.schema: ColumnSchema = column.schema
        self.row_count = row_count
        self.hops = hops
        self.column = column
        self.splits = column.splits or any(hop.link.splits for hop in hops)
        self.is_text = column.schema.type is ColumnType.TEXT

    @property
    def tables(self) -> tuple[TableView, ...]:
        """The linked tables that the path leads through."""
        return tuple(hop.target for hop in self.hops)

    @property
    def features(self) -> Sequence[FeatureValue]:
        """The distinct features, in no order to rely on; no row may have some of them."""
        return self.column.features

    @property
    def feature_count(self) -> int:
        """How many codes there are."""
        return len(self.features)

    def code_of(self, feature: FeatureValue) -> int:
        """The code of a feature, -1 when the column has never had it."""
        return self.column.feature_code_of(feature)

    @cached_property
    def codes(self) -> NDArray[np.int32]:
        """Per row the code of its only feature, -1 for absent. For columns that don't split."""
        if not self.hops:
            return self.column.codes
        return np.append(self.column.codes, np.int32(-1))[self._rows_at_end]

    @cached_property
    def numbers(self) -> NDArray[np.float64] | None:
        """Per row the number, NaN for absent; None for columns that split or aren't numeric."""
        if self.splits or not self.schema.type.is_numeric:
            return None
        return self.column.numbers if not self.hops else np.append(self.column.numbers, np.nan)[self._rows_at_end]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Row r has the features feature_codes[offsets[r]:offsets[r + 1]], each once."""
        return self._lists[0]

    @property
    def feature_codes(self) -> NDArray[np.int32]:
        """The features of all rows, row by row."""
        return self._lists[1]

    def rows_with(self, code: int, start: int = 0) -> NDArray[np.uint32]:
        """The rows from `start` on that have the feature, increasing."""
        if not self.hops:
            return self.column.rows_with(self.features[code], start)
        if not self.splits and start == 0:
            return self._rows_linking(code)
        if not self.splits:
            return (np.flatnonzero(self.codes[start:] == code) + start).astype(np.uint32)
        first = int(self.offsets[start])
        having = np.flatnonzero(self.feature_codes[first:] == code) + first
        return (np.searchsorted(self.offsets, having, side="right") - 1).astype(np.uint32)

    def _rows_linking(self, code: int) -> NDArray[np.uint32]:
        """By the postings of the first link where few of its keys lead to the feature."""
        if len(self.hops) == 1:
            hop = self.hops[0]
            ends = np.append(self.column.codes, np.int32(-1))[hop.first_rows]
            links = np.flatnonzero(ends == code)
            if len(links) <= FEW_KEYS:
                found = [hop.link.rows_equal(hop.link.values[link]) for link in links.tolist()]
                return np.sort(np.concatenate(found)) if found else np.empty(0, np.uint32)
        return np.flatnonzero(self.codes == code).astype(np.uint32)

    @cached_property
    def _rows_at_end(self) -> NDArray[np.int64]:
        """Per row of the first table the row of the last one, -1 for none. For paths without arrays of links."""
        rows = np.arange(self.row_count, dtype=np.int64)
        for at, hop in enumerate(self.hops):
            links = hop.link.codes if at == 0 else np.append(hop.link.codes, np.int32(-1))[rows]
            rows = np.append(hop.first_rows, -1)[links]
        return rows

    @cached_property
    def _lists(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        if not self.hops:
            return self.column.feature_offsets, self.column.feature_codes
        offsets, ends = _followed(self.hops, self.row_count)
        return _distinct_lists(*_flattened(offsets, ends, self.column.feature_offsets, self.column.feature_codes))


def path_column(scope: Scope, table: TableView, field: FieldName) -> PathColumn:
    """The column at the path; a last `$feature` means the column before it. Raises `field 'x' not found`.

    Kept with the table's view as long as the linked tables are the same, too.
    """
    path = field.path[:-1] if len(field.path) > 1 and field.path[-1] == FEATURE else field.path
    found = table.derived.get(("path", path))
    if isinstance(found, PathColumn) and all(
        scope.view.tables.get(hop.target.name) is hop.target for hop in found.hops
    ):
        return found
    hops: list[Hop] = []
    holder = table
    for segment in path[:-1]:
        link = column_of(holder, segment, field)
        hops.append(hop_of(scope, holder, segment, field))
        holder = linked_table(scope, link, field)[0]
    made = PathColumn(path, tuple(hops), column_of(holder, path[-1], field), table.row_count)
    table.derived[("path", path)] = made
    return made


def hop_of(scope: Scope, table: TableView, name: str, field: FieldName) -> Hop:
    """Where the links of one column lead. Raises `field 'x' not found` for a column that is no link."""
    link = column_of(table, name, field)
    target, to = linked_table(scope, link, field)
    found = table.derived.get(("hop", name))
    if isinstance(found, Hop) and found.target is target:
        return found
    key = column_of(target, to.column, field)
    known: NDArray[np.int64] = np.empty(0, np.int64)
    before = table.growing.get(("hop", name))
    if isinstance(before, Hop) and before.target is target and link.has_lasting_codes:
        known = before.first_rows
    made = Hop(link, target, key, np.concatenate((known, _first_rows(scope, link.features[len(known) :], key))))
    table.derived[("hop", name)] = made
    if link.has_lasting_codes:
        table.growing[("hop", name)] = made
    return made


def _first_rows(scope: Scope, links: Sequence[FeatureValue], key: ColumnView) -> NDArray[np.int64]:
    """For each of these values of a link the first row that has the key, -1 for none."""
    first_of_code = np.full(len(key.values) + 1, -1, np.int64)
    present = np.flatnonzero(key.codes >= 0)
    first_of_code[key.codes[present][::-1]] = present[::-1]
    scope.deadline.check()
    first_of_code[-1] = -1
    if len(links) * 8 < len(key.values):
        codes = [key.code_of(value) for value in links]
    else:
        code_of = {key_of(value): code for code, value in enumerate(key.values)}
        codes = [code_of.get(key_of(value), -1) for value in links]
    return first_of_code[np.array(codes, np.int64)] if codes else np.empty(0, np.int64)


def _followed(hops: tuple[Hop, ...], row_count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Per row of the first table the rows of the last one it leads to: (offsets, rows)."""
    offsets = np.arange(row_count + 1, dtype=np.int64)
    rows = np.arange(row_count, dtype=np.int64)
    for hop in hops:
        links = (hop.link.feature_offsets, hop.link.feature_codes)
        offsets, codes = _flattened(offsets, rows, *links)
        rows = np.append(hop.first_rows, -1)[codes]
        offsets, rows = _without_nowhere(offsets, rows)
    return offsets, rows


def _flattened(
    offsets: NDArray[np.int64], rows: NDArray[np.int64], inner: NDArray[np.int64], codes: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Lists of rows, each row with its list of codes, as lists of codes."""
    counts = inner[rows + 1] - inner[rows]
    ends: NDArray[np.int64] = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(counts, out=ends[1:])
    places = np.repeat(inner[rows] - ends[:-1], counts) + np.arange(int(ends[-1]))
    return ends[offsets], codes[places]


def _without_nowhere(
    offsets: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    there = rows >= 0
    before: NDArray[np.int64] = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(there, out=before[1:])
    return before[offsets], rows[there]


def _distinct_lists(
    offsets: NDArray[np.int64], codes: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Each feature once in its row, where several linked rows have it."""
    rows = np.repeat(np.arange(len(offsets) - 1, dtype=np.int64), np.diff(offsets))
    _, firsts = np.unique(rows * (int(codes.max(initial=0)) + 1) + codes, return_index=True)
    firsts.sort()
    made: NDArray[np.int64] = np.zeros(len(offsets), np.int64)
    np.cumsum(np.bincount(rows[firsts], minlength=len(offsets) - 1), out=made[1:])
    return made, codes[firsts]
