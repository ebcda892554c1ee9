"""Fields of hits: as numbers to compute with, as numbers to order by, as values to show.

A field of a row, or of the row that a candidate is, is named from that row on (`price`, `maker.town`); of candidates
also from the table of `from` on, through the path of the candidates (`product.price`). The path itself is the
candidate's value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.query.language.scores import FieldValue, Own, OwnScore
from instance_agent.query.learning.targets import OneValue
from instance_agent.query.paths import PathColumn, path_column
from instance_agent.query.refusals import invalid
from instance_agent.query.scope import FieldName
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.scoring.cells import cells_at
from instance_agent.query.scoring.ranks import ranks_of, sortable
from instance_agent.query.scoring.rows import RowHits
from instance_agent.schema.types import ColumnType, JsonValue

Hits = RowHits | CandidateHits
Places = NDArray[np.int64]
INDEX = ("$index",)
SORTED_TYPES = frozenset(
    {
        ColumnType.BOOLEAN,
        ColumnType.INT,
        ColumnType.LONG,
        ColumnType.DECIMAL,
        ColumnType.STRING,
        ColumnType.TEXT,
    }
)
"""Types whose whole values have an order."""


@dataclass(frozen=True)
class RowField:
    """A field of rows: those that the hits are, or that they lead to."""

    hits: Hits
    table: TableView
    rows: NDArray[np.int64]  # per place the row of the table
    name: FieldName

    def numbers(self) -> NDArray[np.float64]:
        """Per place the number, Booleans as 0 and 1, NaN for absent ones. Raises 400 for fields without numbers."""
        if self.name.path == INDEX:
            return self.table.positions[self.rows].astype(np.float64)
        column = self._column()
        if column.schema.type.is_numeric and column.numbers is not None:
            return column.numbers[self.rows]
        if column.schema.type is ColumnType.BOOLEAN:
            numbers = np.array([float(value is True) for value in column.column.values] + [np.nan])
            return numbers[column.codes[self.rows]]
        kind = column.schema.type.value
        raise invalid(f"'{self.name.text}' of type {kind} is no number to compute with", self.name.place)

    def comparable(self) -> NDArray[np.float64]:
        """Per place a number that compares as the value does, NaN for absent ones. Raises 400 for what has no order."""
        if self.name.path == INDEX:
            return self.table.positions[self.rows].astype(np.float64)
        column = self._column()
        column_type = column.schema.type
        if column_type.is_array or column_type is ColumnType.JSON:
            raise invalid(f"'{self.name.text}' of type {column_type.value} has no order", self.name.place)
        if column_type in (ColumnType.INT, ColumnType.DECIMAL) and column.numbers is not None:
            return column.numbers[self.rows]
        codes = column.codes[self.rows]
        return np.where(codes < 0, np.nan, ranks_of(column.column, codes))

    def cells(self, places: Places) -> list[JsonValue]:
        """The values at these places, None for absent ones."""
        rows = self.rows[places].tolist()
        if self.name.path == INDEX:
            return [int(position) for position in self.table.positions[rows]]
        return cells_at(self.hits.scope, self.table, self.name.path, self.name)(rows)

    def _column(self) -> PathColumn:
        column = path_column(self.hits.scope, self.table, self.name)
        if any(hop.link.splits for hop in column.hops):
            raise invalid(f"'{self.name.text}' has several values in a row, so it is no number", self.name.place)
        return column


@dataclass(frozen=True)
class OwnValue:
    """What the candidates themselves are."""

    hits: CandidateHits
    name: FieldName

    def numbers(self) -> NDArray[np.float64]:
        """Per place the value as a number, Booleans as 0 and 1. Raises 400 for other values."""
        element = self.hits.target.column.schema.type.element
        if not element.is_numeric and element is not ColumnType.BOOLEAN:
            raise invalid(f"'{self.name.text}' of type {element.value} is no number to compute with", self.name.place)
        return self._whole(("numbers",), lambda: _as_numbers(self.hits.target.candidates[:]))

    def comparable(self) -> NDArray[np.float64]:
        """Per place a number that compares as the value does; lists and objects keep the order of the candidates."""
        return self._whole(("ranks",), self._ranks)

    def cells(self, places: Places) -> list[JsonValue]:
        """The values at these places."""
        return self.hits.values(places)

    def _whole(self, key: tuple[str], make: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Of all candidates, kept with the target; then of those allowed."""
        found = self.hits.target.kept.get(("value", *key))
        if not isinstance(found, np.ndarray):
            found = self.hits.target.kept[("value", *key)] = make()
        return np.asarray(found[self.hits.candidates], np.float64)

    def _ranks(self) -> NDArray[np.float64]:
        target = self.hits.target
        column = target.column.column if target.linked is None else target.linked.table.column(target.linked.key)
        if isinstance(target, OneValue) and column.schema.type in SORTED_TYPES:
            return ranks_of(column, target.candidates.codes.astype(np.int32)).astype(np.float64)
        values = target.candidates[:]
        try:
            order = sorted(range(len(values)), key=lambda at: sortable(values[at]))
        except TypeError:
            order = list(range(len(values)))
        ranks = np.zeros(len(values))
        ranks[order] = np.arange(len(values))
        return ranks


HitField = RowField | OwnValue


def field_of(hits: Hits, score: FieldValue | OwnScore) -> HitField:
    """The field that a score names; `$value` is that of candidates. Raises `field 'x' not found`."""
    if isinstance(score, OwnScore):
        if score.which is not Own.VALUE or isinstance(hits, RowHits):
            raise invalid(f"{score.which.value} is no field of these hits", score.place)
        return OwnValue(hits, FieldName(("$value",), score.place, score.place))
    name = FieldName(score.path, score.place, score.place)
    if isinstance(hits, RowHits):
        _check(hits, hits.table, score.path, name)
        return RowField(hits, hits.table, hits.rows.astype(np.int64), name)
    return _of_candidates(hits, name)


def path_of_hit(hits: CandidateHits, path: tuple[str, ...]) -> tuple[str, ...] | None:
    """The path from the candidate on, () for the candidate itself; None where there is no such field."""
    linked = hits.target.linked
    if linked is not None and path[0] in linked.table.schema.columns:
        return path
    base = hits.target.path
    if path[: len(base)] != base:
        return None
    rest = path[len(base) :]
    return rest if linked is not None or rest in ((), ("$feature",)) else None


def _of_candidates(hits: CandidateHits, name: FieldName) -> HitField:
    linked = hits.target.linked
    if name.path == INDEX and linked is None:
        raise invalid("$index is that of rows, and these hits are values", name.place)
    path = name.path if name.path == INDEX else path_of_hit(hits, name.path)
    if path is None:
        raise name.not_found()
    if linked is None or path == ():
        return OwnValue(hits, name)
    below = FieldName(path, name.place, name.said_by)
    _check(hits, linked.table, path, below)
    return RowField(hits, linked.table, hits.linked_rows(hits.every_place), below)


def _check(hits: Hits, table: TableView, path: tuple[str, ...], name: FieldName) -> None:
    if path != INDEX:
        cells_at(hits.scope, table, path, name)


def _as_numbers(values: list[JsonValue]) -> NDArray[np.float64]:
    return np.array([float(value) if isinstance(value, int | float) else np.nan for value in values], np.float64)
