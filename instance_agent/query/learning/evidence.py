"""From `where` to pieces of evidence: each one feature of the rows, or a condition that is more than a feature.

Literals on Text columns are analysed and every token is a piece; every element of an array literal is one; `$and`
falls into its parts. A bare literal on a link says its key and every feature of the row it leads to, an operator on it
the key alone. Everything else (`$or`, `$not`, `$atomic`, comparisons) is one piece as a whole.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.column import ColumnView
from instance_agent.query.filtering import literals
from instance_agent.query.filtering.filters import rows_satisfying
from instance_agent.query.filtering.rowsets import as_list
from instance_agent.query.language.propositions import (
    All,
    Atomic,
    Context,
    Defined,
    Equals,
    FieldTest,
    Proposition,
    fields_of,
    to_json,
)
from instance_agent.query.learning.proposition_sets import as_filter, features_said
from instance_agent.query.paths import PathColumn, hop_of, path_column
from instance_agent.query.refusals import invalid, unsupported
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue

MOST_ROWS_HELD = 10_000_000
CONDITIONS_OF_ALL_ROWS = 100
"""Conditions may hold so many row numbers: these, and as many conditions as all rows of the table satisfy."""

MOST_TOKENS_OF_A_LINK = 32
"""Features of one column of a linked row that are evidence: the first of a long text."""


@dataclass(frozen=True)
class Evidence:
    """One piece: what it says, and where it holds among the rows learned from."""

    proposition: dict[str, JsonValue]  # as `$why` shows it
    column: PathColumn | None  # the column whose feature it is; None for a condition
    code: int  # the feature's code in the column, -1 for a number that no row has
    number: float | None  # for numeric columns
    condition: NDArray[np.uint32] | None  # the rows of a condition
    learned: NDArray[np.bool_]

    @cached_property
    def rows(self) -> NDArray[np.uint32]:
        """The rows learned from that have it, increasing."""
        rows = self.condition
        if rows is None:
            empty: NDArray[np.uint32] = np.empty(0, np.uint32)
            rows = empty if self.column is None or self.code < 0 else self.column.rows_with(self.code)
        return rows[self.learned[rows]]


def split(proposition: Proposition, target: tuple[str, ...]) -> tuple[list[Proposition], list[Proposition]]:
    """The conjuncts that are evidence, and those about the target, which restrict the candidates instead.

    Raises 400 for a conjunct that mixes both.
    """
    evidence: list[Proposition] = []
    about_target: list[Proposition] = []
    for part in conjuncts(proposition):
        if isinstance(part, Context):
            evidence.extend(conjuncts(part.part))
            continue
        hits = [path[: len(target)] == target for path in fields_of(part)]
        if any(hits) and not all(hits):
            text = f"'{'.'.join(target)}' is predicted, and can't share an $or, $not or $atomic with other fields"
            raise unsupported(text, "where")
        (about_target if any(hits) else evidence).append(part)
    return evidence, about_target


def collect(
    scope: Scope, table: TableView, parts: list[Proposition], learned: NDArray[np.bool_]
) -> tuple[Evidence, ...]:
    """The pieces of evidence, each once. Absent values and features that no row has ever had say nothing.

    Raises 400 for what doesn't fit the schema, and for more than memory should hold.
    """
    pieces: dict[str, Evidence] = {}
    room = MOST_ROWS_HELD + CONDITIONS_OF_ALL_ROWS * table.row_count
    for part in parts:
        for piece in _pieces(scope, table, part, learned):
            scope.deadline.check()
            room -= 0 if piece.condition is None else len(piece.condition)
            if room < 0:
                raise invalid("this is more evidence than one prediction can weigh; leave some of it out", "where")
            pieces.setdefault(json.dumps(piece.proposition, sort_keys=True), piece)
    return tuple(pieces.values())


def conjuncts(proposition: Proposition) -> Iterator[Proposition]:
    """The parts that all must hold."""
    if isinstance(proposition, All):
        for part in proposition.parts:
            yield from conjuncts(part)
    else:
        yield proposition


def _pieces(scope: Scope, table: TableView, part: Proposition, learned: NDArray[np.bool_]) -> Iterator[Evidence]:
    features = _features(scope, table, part) if isinstance(part, FieldTest) else None
    if features is None:
        rows = as_list(rows_satisfying(scope, table, as_filter(scope, table, part)))
        shown = to_json(part.part if isinstance(part, Atomic) else part)
        yield Evidence(shown, None, 1, None, rows, learned)
        return
    for column, feature in features:
        number = _number(column, feature)
        code = column.code_of(feature)
        if code >= 0 or number is not None:
            yield Evidence({column.path: {"$has": feature}}, column, code, number, None, learned)


def _features(scope: Scope, table: TableView, part: FieldTest) -> list[tuple[PathColumn, JsonValue]] | None:
    """The features the test stands for; None when it is a condition."""
    if part.test == Defined(False):
        return []
    field = FieldName(part.path, part.place, f"where.{part.field}")
    column = path_column(scope, table, field)
    features = features_said(scope, table, part)
    if features is None:
        return None
    found = [(column, feature) for feature in features]
    if column.schema.link is None or part.path[-1].startswith("$") or not isinstance(part.test, Equals):
        return found
    return found + [one for feature in features for one in _of_linked_row(scope, table, field, feature)]


def _of_linked_row(
    scope: Scope, table: TableView, field: FieldName, key: JsonValue
) -> Iterator[tuple[PathColumn, JsonValue]]:
    """Every feature of the first row that has the key, as fields below the link."""
    holder = table
    for segment in field.path[:-1]:
        holder = hop_of(scope, holder, segment, field).target
    hop = hop_of(scope, holder, field.path[-1], field)
    rows = hop.key.rows_equal(key)
    if not len(rows):
        return
    link = holder.schema.columns[field.path[-1]].link
    for name in hop.target.schema.columns:
        if link is not None and name == link.column:
            continue
        column = path_column(scope, table, FieldName((*field.path, name), field.place, ""))
        for code in _codes_of_row(column.column, int(rows[0])):
            yield column, column.features[code]


def _codes_of_row(column: ColumnView, row: int) -> list[int]:
    if not column.splits:
        code = int(column.codes[row])
        return [code] if code >= 0 else []
    start, end = int(column.feature_offsets[row]), int(column.feature_offsets[row + 1])
    return [int(code) for code in column.feature_codes[start : min(end, start + MOST_TOKENS_OF_A_LINK)]]


def _number(column: PathColumn, feature: JsonValue) -> float | None:
    if column.splits or not column.schema.type.is_numeric or isinstance(feature, bool | str | list | dict | None):
        return None
    number = literals.double(feature)
    return number if math.isfinite(number) else None
