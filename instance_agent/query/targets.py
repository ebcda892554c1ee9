"""What is predicted: the candidates, which rows have which, and how to count them in any set of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.column import ColumnView
from instance_agent.query.filters import rows_satisfying
from instance_agent.query.propositions import All, Any, Atomic, FieldTest, Not, Proposition
from instance_agent.query.refusals import unsupported
from instance_agent.query.rowsets import RowSet, as_list, as_mask
from instance_agent.query.scope import FieldName, Scope, column_of, linked_table
from instance_agent.schema.types import ColumnType, JsonValue


class Target(Protocol):
    """The candidates of one prediction, learned from one population."""

    @property
    def candidates(self) -> tuple[JsonValue, ...]:
        """The values that may be predicted, in order of first appearance."""

    @property
    def learned(self) -> NDArray[np.bool_]:
        """Mask of the rows to learn from: those of the population whose target is known."""

    @property
    def partition(self) -> bool:
        """True when every row learned from has exactly one candidate."""

    def count(self, rows: NDArray[np.uint32], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Per candidate, how many of `rows` (all learned from) have it; each counted `weights[row]` times if given."""

    def restricted(self, scope: Scope, table: TableView, parts: list[Proposition]) -> NDArray[np.bool_]:
        """Per candidate, whether it satisfies the propositions about the target."""


@dataclass(frozen=True)
class OneValue:
    """Every row has one value: any type but Text and arrays. Its linked table decides the candidates of a link."""

    candidates: tuple[JsonValue, ...]
    learned: NDArray[np.bool_]
    codes: NDArray[np.int64]  # per row of the table the place of its candidate, -1 for none
    linked: LinkedRows | None  # set when the target is a link
    path: tuple[str, ...]
    partition: bool = True

    def count(self, rows: NDArray[np.uint32], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        given = None if weights is None else weights[rows]
        return np.bincount(self.codes[rows], given, len(self.candidates)).astype(np.float64)

    def restricted(self, scope: Scope, table: TableView, parts: list[Proposition]) -> NDArray[np.bool_]:
        allowed = np.ones(len(self.candidates), dtype=np.bool_)
        for part in parts:
            if self.linked is None:
                with_value = self.codes[as_list(rows_satisfying(scope, table, part))]
            else:
                inside = below(part, self.path, self.linked.key)
                with_value = self.linked.codes[as_list(rows_satisfying(scope, self.linked.table, inside))]
            satisfied = np.zeros_like(allowed)
            satisfied[with_value[with_value >= 0]] = True
            allowed &= satisfied
        return allowed


@dataclass(frozen=True)
class LinkedRows:
    """The rows that a link target predicts."""

    table: TableView
    key: str  # the column that the link points to
    codes: NDArray[np.int64]  # per linked row the place of its candidate, -1 for rows without a key
    first_rows: tuple[int, ...]  # per candidate the first linked row that has its key


@dataclass(frozen=True)
class ManyFeatures:
    """A row may have several candidates: the tokens of a Text, the elements of an array."""

    candidates: tuple[JsonValue, ...]
    learned: NDArray[np.bool_]
    entry_rows: NDArray[np.int64]  # the row of each (row, candidate) pair learned from
    entry_codes: NDArray[np.int64]  # the candidate of each pair
    partition: bool = False

    def count(self, rows: NDArray[np.uint32], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        inside = as_mask(rows, len(self.learned))[self.entry_rows]
        given = None if weights is None else weights[self.entry_rows[inside]]
        return np.bincount(self.entry_codes[inside], given, len(self.candidates)).astype(np.float64)

    def restricted(self, scope: Scope, table: TableView, parts: list[Proposition]) -> NDArray[np.bool_]:  # noqa: ARG002
        if parts:
            raise unsupported("conditions on a Text or array target are not supported in this version", "where")
        return np.ones(len(self.candidates), dtype=np.bool_)


def make_target(scope: Scope, table: TableView, population: RowSet, field: FieldName) -> Target:
    """The target at the field's path. Raises `field 'x' not found`, and 400 for paths that can't be predicted yet."""
    inside = as_mask(population, table.row_count)
    column = column_of(table, field.path[0], field)
    rows = np.arange(table.row_count, dtype=np.int64)
    holder = table
    for segment in field.path[1:]:
        rows, holder = _step(scope, column, rows, field)
        column = column_of(holder, segment, field)
    if column.schema.type is ColumnType.TEXT or column.schema.type.is_array:
        if len(field.path) > 1:
            raise unsupported(f"'{field.text}' has several values and is behind a link", field.place)
        return _many_features(column, inside)
    codes = np.append(column.codes, -1)[rows].astype(np.int64)
    if column.schema.link is None or len(field.path) > 1:
        return _one_value(column, codes, inside, field.path)
    return _linked_value(scope, column, codes, inside, field)


def _step(
    scope: Scope, column: ColumnView, rows: NDArray[np.int64], field: FieldName
) -> tuple[NDArray[np.int64], TableView]:
    """For every row of the column in `rows` the first row it links to, -1 for none, and the linked table."""
    target, link = linked_table(scope, column, field)
    if column.schema.type.is_array:
        raise unsupported(f"'{field.text}' goes through an array of links", field.place)
    key = column_of(target, link.column, field)
    first = np.full(len(column.values) + 1, -1, dtype=np.int64)
    for code, value in enumerate(column.values):
        found = key.rows_equal(value)
        if len(found):
            first[code] = found[0]
    return first[np.append(column.codes, -1)[rows]], target


def _one_value(
    column: ColumnView, codes: NDArray[np.int64], inside: NDArray[np.bool_], path: tuple[str, ...]
) -> OneValue:
    learned = np.asarray(inside & (codes >= 0))
    order = _by_first_appearance(codes[learned], len(column.values))
    places = np.full(len(column.values) + 1, -1, dtype=np.int64)
    places[order] = np.arange(len(order))
    candidates = tuple(column.values[code] for code in order.tolist())
    return OneValue(candidates, learned, places[codes], None, path)


def _linked_value(
    scope: Scope, column: ColumnView, codes: NDArray[np.int64], inside: NDArray[np.bool_], field: FieldName
) -> OneValue:
    target, link = linked_table(scope, column, field)
    key = column_of(target, link.column, field)
    keys, first_rows = np.unique(key.codes, return_index=True)
    known = [(row, code) for code, row in zip(keys.tolist(), first_rows.tolist(), strict=True) if code >= 0]
    known.sort()
    places = np.full(len(key.values) + 1, -1, dtype=np.int64)
    places[[code for _, code in known]] = np.arange(len(known))
    candidates = tuple(key.values[code] for _, code in known)
    place_of = {_hashable(candidate): place for place, candidate in enumerate(candidates)}
    mapped = [place_of.get(_hashable(value), -1) for value in column.values]
    own = np.array([*mapped, -1], dtype=np.int64)[codes]
    linked = LinkedRows(target, link.column, places[key.codes], tuple(row for row, _ in known))
    return OneValue(candidates, np.asarray(inside & (own >= 0)), own, linked, field.path)


def _hashable(value: JsonValue) -> JsonValue | tuple[str, bool]:
    """True is no 1 in JSON, and Python's dictionaries must be told."""
    return ("Boolean", value) if isinstance(value, bool) else value


def _many_features(column: ColumnView, inside: NDArray[np.bool_]) -> ManyFeatures:
    learned = np.asarray(inside & column.present)
    rows = np.repeat(np.arange(len(learned), dtype=np.int64), np.diff(column.feature_offsets))
    kept = learned[rows]
    rows, codes = rows[kept], column.feature_codes[kept].astype(np.int64)
    order = _by_first_appearance(codes, len(column.features))
    places = np.full(len(column.features), -1, dtype=np.int64)
    places[order] = np.arange(len(order))
    return ManyFeatures(tuple(column.features[code] for code in order.tolist()), learned, rows, places[codes])


def _by_first_appearance(codes: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The codes that occur, each once, in order of first appearance; all are in 0..size - 1."""
    first = np.full(size, len(codes), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    present = np.flatnonzero(first < len(codes))
    return present[np.argsort(first[present], kind="stable")]


def below(proposition: Proposition, path: tuple[str, ...], key: str) -> Proposition:
    """A proposition about a link target, said of the linked row: the link itself becomes the key column."""
    match proposition:
        case FieldTest():
            return FieldTest(proposition.path[len(path) :] or (key,), proposition.test, proposition.place)
        case All():
            return All(tuple(below(part, path, key) for part in proposition.parts))
        case Any():
            return Any(tuple(below(part, path, key) for part in proposition.parts))
        case Not():
            return Not(below(proposition.part, path, key))
        case Atomic():
            return Atomic(below(proposition.part, path, key))
    return proposition
