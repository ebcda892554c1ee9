"""From `where` to pieces of evidence: each one feature of the rows, with the rows that have it.

Literals on Text columns are analysed and every token is a piece; every element of an array literal is one; `$and`
falls into its parts. Everything else (`$or`, `$not`, `$atomic`, comparisons) is one piece as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.column import ColumnView
from instance_agent.query.filters import rows_satisfying
from instance_agent.query.propositions import (
    All,
    Atomic,
    Defined,
    Equals,
    FieldTest,
    Has,
    IndexTest,
    Match,
    Proposition,
    fields_of,
    to_json,
)
from instance_agent.query.refusals import invalid, unsupported
from instance_agent.query.rowsets import as_list
from instance_agent.query.scope import FieldName, Scope, last_column
from instance_agent.query.value_tests import tokens_of
from instance_agent.schema.types import ColumnType, JsonValue

MOST_ROWS_HELD = 10_000_000
PIECES_OF_ALL_ROWS = 100
"""Evidence may be so many row numbers: these, and as many pieces that every row of the table has."""


@dataclass(frozen=True)
class Evidence:
    """One piece: what it says, and where it holds among the rows learned from."""

    proposition: dict[str, JsonValue]  # as `$why` shows it
    rows: NDArray[np.uint32]
    text: ColumnView | None  # the Text column of the table itself whose token it is


def split(proposition: Proposition, target: tuple[str, ...]) -> tuple[list[Proposition], list[Proposition]]:
    """The conjuncts that are evidence, and those about the target, which restrict the candidates instead.

    Raises 400 for a conjunct that mixes both.
    """
    evidence: list[Proposition] = []
    about_target: list[Proposition] = []
    for part in _conjuncts(proposition):
        hits = [path[: len(target)] == target for path in fields_of(part)]
        if any(hits) and not all(hits):
            text = f"'{'.'.join(target)}' is predicted, and can't share an $or, $not or $atomic with other fields"
            raise unsupported(text, "where")
        (about_target if any(hits) else evidence).append(part)
    return evidence, about_target


def collect(
    scope: Scope, table: TableView, parts: list[Proposition], learned: NDArray[np.bool_]
) -> tuple[Evidence, ...]:
    """The pieces of evidence that some row learned from has, each once. Absent and unseen values say nothing.

    Raises 400 for more than memory should hold.
    """
    pieces: dict[str, Evidence] = {}
    room = MOST_ROWS_HELD + PIECES_OF_ALL_ROWS * table.row_count
    for part in parts:
        for shown, condition, text in _features(scope, table, part):
            rows = as_list(rows_satisfying(scope, table, condition))
            rows = rows[learned[rows]]
            room -= len(rows)
            if room < 0:
                raise invalid("this is more evidence than one prediction can weigh; leave some of it out", "where")
            if len(rows):
                pieces.setdefault(json.dumps(shown, sort_keys=True), Evidence(shown, rows, text))
    return tuple(pieces.values())


def _conjuncts(proposition: Proposition) -> Iterator[Proposition]:
    if isinstance(proposition, All):
        for part in proposition.parts:
            yield from _conjuncts(part)
    else:
        yield proposition


Feature = tuple[dict[str, JsonValue], Proposition, ColumnView | None]


def _features(scope: Scope, table: TableView, part: Proposition) -> Iterator[Feature]:
    if isinstance(part, Atomic | IndexTest) or not isinstance(part, FieldTest):
        yield to_json(part.part if isinstance(part, Atomic) else part), part, None
        return
    field = FieldName(part.path, part.place, f"where.{part.field}")
    column = last_column(scope, table, field)
    if part.test == Defined(False):
        return
    text = column if column.schema.type is ColumnType.TEXT else None
    features = _parts_of(column, part, field)
    if features is None:
        yield to_json(part), part, None
        return
    for feature in features:
        has = FieldTest(part.path, Has(feature), part.place)
        yield {part.field: {"$has": feature}}, has, text if len(part.path) == 1 else None


def _parts_of(column: ColumnView, part: FieldTest, field: FieldName) -> list[JsonValue] | None:
    """The features that a literal stands for; None for tests that aren't about features."""
    test, column_type = part.test, column.schema.type
    match test:
        case Equals(value) | Match(value) if column_type is ColumnType.TEXT:
            return list(tokens_of(column, value, field))
        case Equals(list() as elements) if column_type.is_array:
            return elements
        case Equals(value) | Match(value) | Has(value):
            return [value]
    return None
