"""What a proposition means, said a second time: over the JSON of the request, and row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from instance_agent.query.filtering.stable_hash import hash_of_value, hashes_of_positions
from instance_agent.schema.analyzers import make_analyzer
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.column_model import same
from tests.unit.instance_agent.query.layouts import Row, Tables

COMPARISONS: Mapping[str, Callable[[int], bool]] = {
    "$gt": lambda sign: sign > 0,
    "$gte": lambda sign: sign >= 0,
    "$lt": lambda sign: sign < 0,
    "$lte": lambda sign: sign <= 0,
}


@dataclass(frozen=True)
class Opinion:
    """Of the rows of some tables."""

    tables: Tables

    def rows(self, table: str, where: JsonValue) -> list[int]:
        """The positions of the rows that satisfy it."""
        rows = self.tables[table][1]
        return [position for position, row in enumerate(rows) if self.holds(table, row, position, where)]

    def holds(self, table: str, row: Row, position: int, where: JsonValue) -> bool:
        assert isinstance(where, dict)
        return all(self._member(table, row, position, key, value) for key, value in where.items())

    def _member(self, table: str, row: Row, position: int, key: str, value: JsonValue) -> bool:
        if key in ("$and", "$or", "$on"):
            assert isinstance(value, list)
            parts = [self.holds(table, row, position, part) for part in value]
            return any(parts) if key == "$or" else all(parts)
        if key in ("$atomic", "$context"):
            return self.holds(table, row, position, value)
        if key == "$not":
            return not self.holds(table, row, position, value)
        if key in ("$index", "$hash"):
            number = position if key == "$index" else int(hashes_of_positions(np.array([position]))[0])
            return whole_passes(number, value)
        if key == "$exists":
            fields = value if isinstance(value, list) else [value]
            return all(self._condition(table, row, str(field), {"$defined": True}) for field in fields)
        return self._condition(table, row, key, value)

    def _condition(self, table: str, row: Row, field: str, condition: JsonValue) -> bool:
        """A condition below a field: distributed over the field down to single tests."""
        if isinstance(condition, dict):
            return all(self._operator(table, row, field, key, value) for key, value in condition.items())
        ends = [*self.ends(table, row, field.removesuffix(".$feature").split("."))]
        if condition is None:
            return not any(value is not None for _, value in ends)
        return any(value is not None and equals(column, value, condition) for column, value in ends)

    def _operator(self, table: str, row: Row, field: str, key: str, value: JsonValue) -> bool:
        if not key.startswith("$"):
            return self._condition(table, row, f"{field}.{key}", value)
        if key in ("$and", "$or"):
            assert isinstance(value, list)
            parts = [self._condition(table, row, field, part) for part in value]
            return any(parts) if key == "$or" else all(parts)
        if key == "$not":
            return not self._condition(table, row, field, value)
        if key == "$atomic":
            return self._condition(table, row, field, value)
        if key == "$defined" and value is False:
            return self._condition(table, row, field, None)
        ends = self.ends(table, row, field.removesuffix(".$feature").split("."))
        return any(found is not None and passes(column, found, key, value) for column, found in ends)

    def ends(self, table: str, row: Row, path: list[str]) -> Iterator[tuple[Mapping[str, JsonValue], JsonValue]]:
        """The cells that a path leads to, with their columns."""
        columns = self.tables[table][0]
        value, column = row.get(path[0]), columns[path[0]]
        if len(path) == 1:
            yield column, value
            return
        target, key = str(column["link"]).split(".")
        target = table if target == "this" else target
        for link in value if isinstance(value, list) else [value]:
            for linked in self.tables[target][1]:
                if link is not None and linked.get(key) is not None and same(link, linked[key]):
                    yield from self.ends(target, linked, path[1:])


def equals(column: Mapping[str, JsonValue], value: JsonValue, literal: JsonValue) -> bool:
    """A bare literal."""
    if isinstance(value, list) and not isinstance(literal, list) and column["type"] != "Json":
        return any(same(element, literal) for element in value)
    return same(value, literal)


def passes(column: Mapping[str, JsonValue], value: JsonValue, operator: str, operand: JsonValue) -> bool:
    """One operator over one value that is there."""
    if operator in COMPARISONS or operator in ("$startsWith", "$mod"):
        elements = value if isinstance(value, list) else [value]
        return any(_element_passes(element, operator, operand) for element in elements)
    is_text = column["type"] == "Text"
    tokens = make_analyzer(column.get("analyzer"), "c")(value) if is_text and isinstance(value, str) else []
    if is_text and operator in ("$match", "$has"):
        wanted = make_analyzer(column.get("analyzer"), "c")(str(operand)) if operator == "$match" else [operand]
        return set(wanted) <= set(tokens)
    if operator in ("$is", "$json"):
        return same(value, operand)
    if operator == "$hash":
        return whole_passes(hash_of_value(value), operand)
    if operator == "$defined":
        return True
    assert operator in ("$has", "$match", "$numeric")
    return equals(column, value, operand)


def _element_passes(value: JsonValue, operator: str, operand: JsonValue) -> bool:
    if operator == "$startsWith":
        return str(value).startswith(str(operand))
    if operator == "$mod":
        return whole_passes(value, {"$mod": operand})
    sign = (value > operand) - (value < operand)  # type: ignore[operator]
    return COMPARISONS[operator](sign)


def whole_passes(number: JsonValue, test: JsonValue) -> bool:
    """Tests of a position or a hash."""
    assert isinstance(number, int)
    if isinstance(test, int):
        return number == test
    assert isinstance(test, dict)
    for operator, operand in test.items():
        if operator == "$not":
            result = not whole_passes(number, operand)
        elif operator in ("$and", "$or"):
            assert isinstance(operand, list)
            parts = [whole_passes(number, part) for part in operand]
            result = any(parts) if operator == "$or" else all(parts)
        elif operator == "$mod":
            assert isinstance(operand, list)
            result = number % operand[0] == operand[1]  # type: ignore[operator]
        else:
            sign = (number > operand) - (number < operand)  # type: ignore[operator]
            result = COMPARISONS[operator](sign)
        if not result:
            return False
    return True
