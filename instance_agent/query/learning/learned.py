"""What can be learned from: a target's classes over some rows, and columns counted against them.

The rows learned from are those of the population whose target is known. Where they are few among the table's, all is
about these rows alone, numbered from 0, so that it costs what they cost.

What is fitted to rows, other than counts, is fitted to the first of them: so many that a few rows more don't change
it. It then stays true, and kept, while rows are only added; a table made of the same rows at once gives the same.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference.problem import NO_ROWS, Cache, Entries, Rows
from instance_agent.query.filtering.rowsets import digest_of
from instance_agent.query.learning.counting import (
    BoundColumn,
    Classes,
    Condition,
    Counted,
    FirstRows,
    PickedRows,
    Source,
)
from instance_agent.query.learning.evidence import Evidence
from instance_agent.query.learning.keeping import keep
from instance_agent.query.learning.targets import OneValue, Target
from instance_agent.query.paths import PathColumn

FEW = 8
"""What is learned is about its rows alone where the table has this many times as many."""

LEADING_BITS = 5
"""Of the number of rows learned from; as many as these say alone are fitted to."""

MOST_POPULATIONS = 256
MOST_CLASSES = 12_000
"""Of the populations of a table that fits and counts are kept of. A fit takes some 15 kB for each class."""


@dataclass(frozen=True)
class Learned:
    """A target's classes over the rows that a problem is about."""

    target: Target
    picked: Rows | None  # the table's rows it is about; None: the table's first, with their own numbers
    classes: Classes
    rows: Rows  # those learned from
    mask: NDArray[np.bool_] | None  # of the rows learned from, where classes don't tell it
    class_rows: NDArray[np.float64]
    entries: Entries | None
    growing: dict[Hashable, object]  # of the table: what is kept while rows are only added
    columns: dict[str, tuple[PathColumn, BoundColumn]] = field(default_factory=dict)
    fitted: dict[Hashable, object] = field(default_factory=dict)  # the same, kept no longer than this

    @property
    def row_count(self) -> int:
        """Of the rows that the problem is about, learned from or not."""
        return self.classes.row_count

    @cached_property
    def first(self) -> Learned:
        """The first of these rows, which fits are made for."""
        if not len(self.rows):
            return self
        count = leading(len(self.rows))
        if self.picked is not None:
            return self if count == len(self.rows) else _of_rows(self.target, self.picked[:count], self.growing)
        end = int(self.rows[count - 1]) + 1
        entries, last = self.entries, int(self.classes.offsets[end]) if self.entries is not None else 0
        later = self.classes.entries[last:] if self.classes.codes is None else self.classes.codes[end:]
        class_rows = self.class_rows - _per_class(later, self.classes.count)
        class_count = self.classes.count if self.target.linked is not None else int(np.count_nonzero(class_rows))
        classes = Classes(
            count=class_count,
            row_count=end,
            codes=None if self.classes.codes is None else self.classes.codes[:end],
            offsets=self.classes.offsets[: end + 1],
            entries=self.classes.entries[:last],
        )
        return replace(
            self,
            classes=classes,
            rows=self.rows[:count],
            mask=None if self.mask is None else self.mask[:end],
            class_rows=class_rows[:class_count],
            entries=None if entries is None else Entries(entries.rows[:last], entries.classes[:last]),
            columns={},
        )

    def bound(self, column: PathColumn) -> BoundColumn:
        """The column with its counts per class; the same one the next time."""
        known = self.columns.get(column.path)
        if known is None or known[0] is not column:
            known = self.columns[column.path] = (column, self._bound(column))
        return known[1]

    def condition(self, piece: Evidence) -> BoundColumn:
        """A condition as a column."""
        rows = NO_ROWS if piece.condition is None else piece.condition
        if self.picked is not None:
            rows = np.flatnonzero(np.isin(self.picked, rows, assume_unique=True)).astype(np.uint32)
        rows = rows[: int(np.searchsorted(rows, self.row_count))]
        path = json.dumps(piece.proposition, sort_keys=True)
        return BoundColumn(Condition(path, rows, self.row_count), self.classes, self.mask, Counted.nothing())

    def cache(self, columns: Sequence[PathColumn]) -> Cache:
        """Where what is fitted to `first` is kept: while rows are only added, and linked tables stay as they are."""
        store = self._lasting() if self._is_lasting(columns) else self.fitted
        tables = {table.name: table for column in columns for table in column.tables}
        tables |= {table.name: table for table in self.target.tables}
        about = tuple(table for _, table in sorted(tables.items()))
        key: Hashable = ("fitted", self.target.path, tuple(sorted(tables)))
        found = store.get(key)
        if not isinstance(found, _Kept) or not found.is_about(about, self.first.row_count):
            found = store[key] = _Kept(about, self.first.row_count, {})
        return cast(Cache, found.value)

    def _lasting(self) -> dict[Hashable, object]:
        """A store that lasts while rows are only added: of the whole table, or one of those of its populations."""
        if self.target.population is None:
            return self.growing
        populations = cast("dict[Hashable, dict[Hashable, object]]", self.growing.setdefault("of populations", {}))
        store = populations.get(self._population) or {}
        keep(populations, self._population, store, min(MOST_POPULATIONS, MOST_CLASSES // (self.classes.count + 1) + 1))
        return store

    @cached_property
    def _population(self) -> bytes:
        """Tells the first rows of this population from those of others, however many rows are added."""
        rows = self.target.learned_rows
        first = rows[: leading(len(rows))]
        return digest_of(first, int(first[-1]) + 1 if len(first) else 0)

    def _bound(self, column: PathColumn) -> BoundColumn:
        if self.picked is not None:
            return BoundColumn(PickedRows(column, self.picked), self.classes, self.mask, Counted.nothing())
        source: Source = column if self.row_count == column.row_count else FirstRows(column, self.row_count)
        return BoundColumn(source, self.classes, self.mask, self._counted(column))

    def _counted(self, column: PathColumn) -> Counted:
        """What is known of the first rows."""
        first, lasting = self.first, self._is_lasting((column,))
        key, tables = ("counted", self.target.path, column.path), (*self.target.tables, *column.tables)
        store = self._lasting()
        found = store.get(key)
        if lasting and isinstance(found, _Kept) and found.is_about(tables, first.row_count):
            return cast(Counted, found.value)
        made = Counted.all_of(FirstRows(column, first.row_count), first.classes, first.mask)
        if lasting:
            store[key] = _Kept(tables, first.row_count, made)
        return made

    def _is_lasting(self, columns: Sequence[PathColumn]) -> bool:
        """Do codes keep their meaning as the table grows?"""
        return all(column.column.has_lasting_codes for column in (self.target.column, *columns))


@dataclass(frozen=True)
class _Kept:
    """Something that is true of so many first rows as long as these tables are the same."""

    tables: tuple[TableView, ...]
    row_count: int
    value: object

    def is_about(self, tables: tuple[TableView, ...], row_count: int) -> bool:
        same = len(tables) == len(self.tables) and all(map(operator.is_, tables, self.tables))
        return same and row_count == self.row_count


def learned_of(table: TableView, target: Target) -> Learned:
    """What can be learned of a target of this table."""
    rows = target.learned_rows
    if len(rows) * FEW < table.live_count:
        return _of_rows(target, rows, table.growing)
    growing = table.growing
    count, row_count = len(target.candidates), len(target.learned)
    if isinstance(target, OneValue):
        codes = target.codes if target.population is None else np.where(target.learned, target.codes, np.int32(-1))
        classes = Classes(count, row_count, codes, np.zeros(1, np.int64), codes[:0])
        return Learned(target, None, classes, rows, None, _per_class(codes, count), None, growing)
    places, found = target.entries(rows)
    classes, entries = _listed(count, rows[places], found, row_count)
    return Learned(target, None, classes, rows, target.learned, _per_class(found, count), entries, growing)


def leading(count: int) -> int:
    """The number with all but its leading bits set to 0: it stays the same while a number grows by a part of itself."""
    shift = max(0, count.bit_length() - LEADING_BITS)
    return count >> shift << shift


def _of_rows(target: Target, rows: Rows, growing: dict[Hashable, object]) -> Learned:
    """A problem about these rows alone, numbered from 0."""
    count, row_count = len(target.candidates), len(rows)
    own: Rows = np.arange(row_count, dtype=np.uint32)
    if isinstance(target, OneValue):
        codes = target.codes[rows]
        classes = Classes(count, row_count, codes, np.zeros(1, np.int64), codes[:0])
        return Learned(target, rows, classes, own, None, _per_class(codes, count), None, growing)
    places, found = target.entries(rows)
    classes, entries = _listed(count, places.astype(np.uint32), found, row_count)
    return Learned(target, rows, classes, own, np.ones(row_count, np.bool_), _per_class(found, count), entries, growing)


def _listed(count: int, owners: Rows, found: NDArray[np.int64], row_count: int) -> tuple[Classes, Entries]:
    """Lists of classes: each owner, not decreasing, has the class that is found with it."""
    offsets: NDArray[np.int64] = np.zeros(row_count + 1, np.int64)
    np.cumsum(np.bincount(owners, minlength=row_count), out=offsets[1:])
    entries = found.astype(np.int32)
    return Classes(count, row_count, None, offsets, entries), Entries(owners, entries)


def _per_class(codes: NDArray[np.int32] | NDArray[np.int64], count: int) -> NDArray[np.float64]:
    return np.bincount(codes[codes >= 0], minlength=count).astype(np.float64)
