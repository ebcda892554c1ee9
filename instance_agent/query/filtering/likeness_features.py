"""The features that a proposition stands for when rows are compared with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from instance_agent.engine.tables import TableView
from instance_agent.index.growing import Key, key_of
from instance_agent.query.filtering import literals
from instance_agent.query.filtering.conditions import Condition, Found
from instance_agent.query.filtering.filters import condition_at, condition_of
from instance_agent.query.filtering.value_tests import analyzed
from instance_agent.query.language.propositions import (
    All,
    Atomic,
    Context,
    Defined,
    Equals,
    FieldTest,
    Has,
    Is,
    Match,
    Numeric,
    Proposition,
    to_json,
)
from instance_agent.query.paths import FEATURE
from instance_agent.query.scope import FieldName, Scope, column_of, last_column
from instance_agent.schema.types import ColumnType, JsonValue

MOST_TIMES = 255
"""Repetitions of a token beyond these aren't counted."""


@dataclass(frozen=True)
class Feature:
    """One feature, and the rows that share it."""

    shared: Condition
    field: tuple[str, ...] | None  # the column that it is a feature of; None for a condition
    repeated: tuple[Condition, ...]  # shared also a second time, a third, ...: as often as the proposition has it


def features_in(scope: Scope, table: TableView, near: Proposition) -> list[Feature]:
    """Every feature once, in the order of the proposition. Raises 400, `query_timeout`."""
    found: dict[Key, Feature] = {}
    for said, feature in _features(scope, table, near):
        found.setdefault(key_of(said), feature)
    return list(found.values())


def _features(scope: Scope, table: TableView, near: Proposition) -> Iterator[tuple[JsonValue, Feature]]:
    """Each with what it says, which is the same for the same feature."""
    scope.deadline.check()
    match near:
        case All(parts):
            for part in parts:
                yield from _features(scope, table, part)
        case Context(part):
            yield from _features(scope, table, part)
        case FieldTest(test=Defined(present=False)):
            condition_of(scope, table, near)  # which refuses what isn't there
        case FieldTest():
            yield from _of_field(scope, table, near)
        case _:
            part = near.part if isinstance(near, Atomic) else near
            yield to_json(part), Feature(condition_of(scope, table, near), None, ())


def _of_field(scope: Scope, table: TableView, part: FieldTest) -> Iterator[tuple[JsonValue, Feature]]:
    path = part.path[:-1] if len(part.path) > 1 and part.path[-1] == FEATURE else part.path
    field = FieldName(path, part.place, "")
    column_type = last_column(scope, table, field).schema.type
    match part.test:
        case Equals(value) | Match(value) | Is(value) if column_type is ColumnType.TEXT:
            for token, times in Counter(analyzed(last_column(scope, table, field), value, field)).items():
                yield _feature(scope, table, part, path, token, times)
        case Equals(list() as elements) | Is(list() as elements) if column_type.is_array:
            for element in elements:
                yield _feature(scope, table, part, path, literals.element(column_type, element, field), 1)
        case Equals(value) | Has(value) | Match(value) | Is(value) | Numeric(value):
            condition_of(scope, table, part)  # which refuses what doesn't fit
            yield _feature(scope, table, part, path, literals.element(column_type, value, field), 1)
        case _:
            yield to_json(part), Feature(condition_of(scope, table, part), None, ())


def _feature(
    scope: Scope, table: TableView, part: FieldTest, path: tuple[str, ...], feature: JsonValue, times: int
) -> tuple[JsonValue, Feature]:
    has = FieldTest(path, Has(feature), part.place)
    field = FieldName(path, part.place, "")

    def often(least: int) -> Condition:
        def at_the_end(holder: TableView, name: str) -> Condition:
            column = column_of(holder, name, field)
            return Found(lambda: column.rows_repeating(feature, least))

        return condition_at(scope, table, path, at_the_end, field)

    repeated = tuple(often(least) for least in range(2, min(times, MOST_TIMES) + 1))
    return to_json(has), Feature(condition_of(scope, table, has), path, repeated)
