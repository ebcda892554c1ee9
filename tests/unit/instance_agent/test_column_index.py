"""Column indexes against a simple model, as rows arrive bit by bit."""

from __future__ import annotations

import random

import numpy as np
import pytest

from instance_agent.engine.operations import Commit, PutTable, insert
from instance_agent.engine.state import State
from instance_agent.engine.tables import ReadView
from instance_agent.errors import FieldNotFound, TableNotFound
from instance_agent.index import postings
from instance_agent.index.column import ColumnView
from instance_agent.index.memory_column import MemoryIndex
from instance_agent.schema.parse import parse_column, parse_database
from instance_agent.schema.rows import to_batch
from instance_agent.schema.types import JsonValue

VALUES: dict[str, list[JsonValue]] = {
    "Boolean": [True, False],
    "Int": [0, 1, -5, 7],
    "Long": [2**40, 0],
    "Decimal": [0.0, 1.5, 1],
    "String": ["a", "b c", "", "1"],
    "Text": ["rye bread", "Bread", "", "rye rye"],
    "Json": [1, True, "1", [1], {"a": 1}, {"a": True}, {"b": [1, {}]}, []],
    "String[]": [[], ["a"], ["b", "a", "a"]],
    "Int[]": [[1, 2], [2]],
}


def features_of(type_name: str, value: JsonValue) -> list[JsonValue]:
    if type_name == "Text":
        return [*str(value).lower().split()]
    return value if isinstance(value, list) and type_name.endswith("[]") else [value]


def same(left: JsonValue, right: JsonValue) -> bool:
    """Equality of JSON: numbers by value, booleans apart from numbers, all the way down."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


def check(column: ColumnView, type_name: str, cells: list[JsonValue]) -> None:
    """Everything that the view says follows from its cells."""
    assert len(column.codes) == len(cells)
    for code, cell in zip(column.codes, cells, strict=True):
        assert (code == -1) if cell is None else same(column.values[int(code)], cell)
    if column.schema.type.is_numeric:
        expected = [np.nan if cell is None else float(str(cell)) for cell in cells]
        np.testing.assert_array_equal(column.numbers, expected)
    for value in column.values:
        rows = [at for at, cell in enumerate(cells) if cell is not None and same(cell, value)]
        assert column.rows_equal(value).tolist() == rows != []
    for feature in column.features:
        rows = [
            at
            for at, cell in enumerate(cells)
            if cell is not None and any(same(feature, one) for one in features_of(type_name, cell))
        ]
        assert column.rows_with(feature).tolist() == rows != []
        assert column.most_rows_with(feature) >= len(rows)
        for times in (2, 3):
            often = [
                row for row in rows if sum(same(feature, one) for one in features_of(type_name, cells[row])) >= times
            ]
            assert column.rows_repeating(feature, times).tolist() == often
    offsets, codes = column.feature_offsets, column.feature_codes
    for at, cell in enumerate(cells):
        own = [column.features[int(code)] for code in codes[offsets[at] : offsets[at + 1]]]
        distinct: list[JsonValue] = []
        for feature in [] if cell is None else features_of(type_name, cell):
            if not any(same(feature, known) for known in distinct):
                distinct.append(feature)
        assert len(own) == len(distinct)
        assert all(map(same, own, distinct))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("type_name", VALUES)
def test_an_index_that_grows_answers_like_the_rows_themselves(
    type_name: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "SMALLEST_TAIL", 5)
    chance = random.Random(seed)  # noqa: S311 - a history that can be replayed
    definition: dict[str, JsonValue] = {"columns": {"c": {"type": type_name, "nullable": True}}}
    state = State().after(1, Commit([PutTable("t", definition)]), 0)
    view = ReadView.of(state, None, None)
    cells: list[JsonValue] = []
    older: list[tuple[ReadView, int]] = []
    for number in range(2, 14):
        fresh = [chance.choice([None, *VALUES[type_name]]) for _ in range(chance.randrange(12))]
        batch = to_batch(view.table("t").schema, [{"c": cell} for cell in fresh])
        state = state.after(number, Commit([insert("t", batch)]), 0)
        view = ReadView.of(state, None, view)
        cells += fresh
        check(view.table("t").column("c"), type_name, cells)
        older.append((ReadView.of(state, None, view), len(cells)))
    for seen, count in older:
        check(seen.table("t").column("c"), type_name, cells[:count])
        check(ReadView.of(state, None, None).table("t").column("c"), type_name, cells)


def test_booleans_and_numbers_are_never_taken_for_each_other() -> None:
    schema = parse_database({"schema": {"t": {"columns": {"i": {"type": "Int"}, "b": {"type": "Boolean"}}}}})
    table = ReadView.from_rows(schema, {"t": [{"i": 1, "b": True}]}).table("t")
    assert table.column("i").rows_with(True).tolist() == []
    assert table.column("b").rows_with(1).tolist() == []
    assert table.column("i").rows_with(1.0).tolist() == [0]


def test_views_can_not_be_changed_through_their_arrays() -> None:
    schema = parse_database({"schema": {"t": {"columns": {"i": {"type": "Int"}}}}})
    column = ReadView.from_rows(schema, {"t": [{"i": 1}]}).table("t").column("i")
    for array in (column.codes, column.numbers, column.feature_codes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5


def test_unknown_tables_and_fields_are_named() -> None:
    view = ReadView.from_rows(parse_database({"schema": {"t": {"columns": {}}}}), {})
    with pytest.raises(TableNotFound, match="No such table: q"):
        view.table("q")
    with pytest.raises(FieldNotFound, match="field 'x' not found"):
        view.table("t").column("x")


def test_rows_come_back_without_nulls_and_in_alphabetical_order() -> None:
    columns: JsonValue = {name: {"type": "Int", "nullable": True} for name in ("b", "a", "c")}
    view = ReadView.from_rows(
        parse_database({"schema": {"t": {"columns": columns}}}), {"t": [{"c": 1, "a": 2, "b": None}]}
    )
    assert list(view.table("t").row(0).items()) == [("a", 2), ("c", 1)]
    with pytest.raises(IndexError):
        view.table("t").row(1)


def test_a_text_that_repeats_is_analysed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cells: list[JsonValue] = ["rye bread", "bread", "rye bread", None, "rye bread"]
    index = MemoryIndex(parse_column("t", "f", {"type": "Text", "nullable": True}), cells)
    analysed: list[str] = []
    plain = index.analyzer

    def analyze(text: str) -> list[str]:
        analysed.append(text)
        return plain(text)

    assert index._parts is not None
    monkeypatch.setattr(index._parts, "_analyzer", analyze)
    column = index.view(len(cells))
    assert column.rows_with("bread").tolist() == [0, 1, 2, 4]
    assert column.lists is not None
    assert column.lists[0].tolist() == [0, 2, 3, 5, 5, 7]
    assert analysed == ["rye bread", "bread"]
