"""Relations said a second time: by looking at every row, for every pair, with sets and lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from instance_agent.engine.tables import ReadView
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.relate import relate
from instance_agent.query.language.grammar import parse_relate
from instance_agent.query.scope import Scope
from instance_agent.schema.types import DatabaseSchema, JsonValue, Row
from tests.unit.instance_agent.inference.plain_relation import plain_relation

Test = Callable[[Row], bool]


def related(view: ReadView, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The answer to a body."""
    return relate(Scope(view, Deadline.after(30)), parse_relate(body)).to_json()


@dataclass(frozen=True)
class Feature:
    """One feature or condition: how it is shown, where it holds, and among which rows it is considered."""

    shown: JsonValue
    holds: Test
    given: Test = lambda _: True

    def on(self, shown: JsonValue, given: Test) -> Feature:
        """Considered among the rows where `given` holds."""
        return Feature({"$on": [self.shown, shown]}, self.holds, given)


Member = list[Feature]
"""Features that are counted together: those of one field, or one condition."""


@dataclass(frozen=True)
class Rows:
    """All rows of some tables."""

    schema: DatabaseSchema
    tables: dict[str, list[Row]]

    def values(self, table: str, row: Row, path: Sequence[str]) -> list[JsonValue]:
        """The features of a row at a path, each as often as it is there."""
        column = self.schema.tables[table].columns[path[0]]
        value = row.get(path[0])
        values: list[JsonValue] = value if isinstance(value, list) else [] if value is None else [value]
        if len(path) == 1 and column.type.value == "Text":
            return [word for text in values for word in str(text).split()]
        if len(path) == 1:
            return values
        assert column.link is not None
        linked = {str(row[column.link.column]): row for row in reversed(self.tables[column.link.table])}
        found = [linked[str(value)] for value in values if str(value) in linked]
        return [value for row in found for value in self.values(column.link.table, row, path[1:])]

    def feature(self, table: str, field: str, value: JsonValue) -> Feature:
        """Having a value at a path."""
        path = field.split(".")
        return Feature({field: {"$has": value}}, lambda row: value in self.values(table, row, path))

    def field(self, table: str, field: str) -> list[Member]:
        """All features of a field that rows have, in order of first appearance; below a link those of its columns."""
        own = self._own(table, field)
        column = self._column(table, field)
        if column is None:
            return [own]
        return [own, *(self._own(table, f"{field}.{name}") for name in self.schema.tables[column].columns)]

    def _own(self, table: str, field: str) -> Member:
        seen: dict[str, JsonValue] = {}
        for row in self.tables[table]:
            for value in self.values(table, row, field.split(".")):
                seen.setdefault(repr(value), value)
        return [self.feature(table, field, value) for value in seen.values()]

    def _column(self, table: str, field: str) -> str | None:
        """The table that a field links to."""
        for name in field.split(".")[:-1]:
            link = self.schema.tables[table].columns[name].link
            assert link is not None
            table = link.table
        link = self.schema.tables[table].columns[field.rsplit(".", 1)[-1]].link
        return None if link is None else link.table


def expected(
    rows: Sequence[Row], conditions: Sequence[Member], others: Sequence[Member], *, apart: bool = False
) -> list[dict[str, JsonValue]]:
    """Every hit in the default order. apart: features of one field aren't paired."""
    looked = [[[_Looked.at(feature, rows) for feature in member] for member in side] for side in (conditions, others)]
    hits: list[dict[str, JsonValue]] = []
    for member, seen in zip(conditions, looked[0], strict=True):
        for other, seen_of_other in zip(others, looked[1], strict=True):
            if apart and member and other and _field(member) == _field(other):
                continue
            hits.extend(_hit(condition, feature) for condition in seen for feature in seen_of_other)
    return sorted(hits, key=lambda hit: -round(_information(hit), 12))


@dataclass(frozen=True)
class _Looked:
    """A feature, looked for in every row."""

    shown: JsonValue
    given: list[bool]
    holds: list[bool]

    @classmethod
    def at(cls, feature: Feature, rows: Sequence[Row]) -> _Looked:
        return cls(feature.shown, [feature.given(row) for row in rows], [feature.holds(row) for row in rows])


def _field(member: Member) -> str:
    shown = member[0].shown
    assert isinstance(shown, dict)
    return next(iter(shown))


def _information(hit: dict[str, JsonValue]) -> float:
    relation = hit["relation"]
    assert isinstance(relation, dict)
    assert isinstance(relation["mi"], float)
    return relation["mi"]


def _hit(condition: _Looked, feature: _Looked) -> dict[str, JsonValue]:
    counted = [one and other for one, other in zip(condition.given, feature.given, strict=True)]
    on = [holds for holds, counts in zip(condition.holds, counted, strict=True) if counts]
    having = [holds for holds, counts in zip(feature.holds, counted, strict=True) if counts]
    both = sum(one and other for one, other in zip(on, having, strict=True))
    n, c, f = sum(counted), sum(on), sum(having)
    numbers = plain_relation(n, c, f, both)
    groups: dict[str, dict[str, JsonValue]] = {"ps": {}, "info": {}}
    for name, value in numbers.items():
        group, _, member = name.partition(".")
        if group in groups:
            groups[group][member] = value
    return {
        "related": feature.shown,
        "condition": condition.shown,
        "lift": numbers["lift"],
        "fs": {"f": f, "fOnCondition": both, "fOnNotCondition": f - both, "fCondition": c, "n": n},
        **groups,
        "relation": {
            "n": n,
            "varFs": [c, f],
            "stateFs": [n - c - f + both, c - both, f - both, both],
            "mi": numbers["relation.mi"],
        },
    }


def same(answer: JsonValue, wanted: JsonValue) -> bool:
    """Are the answers the same but for the last digits of numbers with fractions?"""
    if isinstance(wanted, float):
        return isinstance(answer, float) and abs(answer - wanted) <= 1e-9 * max(1.0, abs(wanted))
    if isinstance(wanted, dict):
        return (
            isinstance(answer, dict)
            and list(answer) == list(wanted)
            and all(same(answer[key], wanted[key]) for key in wanted)
        )
    if isinstance(wanted, list):
        return (
            isinstance(answer, list)
            and len(answer) == len(wanted)
            and all(same(one, other) for one, other in zip(answer, wanted, strict=True))
        )
    return json.dumps(answer) == json.dumps(wanted)
