"""Columns as arrays, made and changed every way, against their cells."""

from __future__ import annotations

import random

import numpy as np
import pytest

from instance_agent.index.canonical import canonical_text
from instance_agent.index.column_arrays import ColumnArrays, concatenate, constant, from_cells, patched, take
from instance_agent.index.growing import key_of
from instance_agent.schema.analyzers import make_analyzer
from instance_agent.schema.types import ColumnSchema, ColumnType, JsonValue
from tests.unit.instance_agent.column_model import (
    JSON_VALUES,
    SCHEMAS,
    Cells,
    check_arrays,
    name_of,
    random_cells,
    random_value,
    same,
)

every_schema = pytest.mark.parametrize("schema", SCHEMAS, ids=name_of)
SEEDS = range(6)


def arrays_of(schema: ColumnSchema, cells: Cells) -> ColumnArrays:
    return from_cells(schema, cells, make_analyzer(schema.analyzer, "test"))


@every_schema
@pytest.mark.parametrize("seed", SEEDS)
def test_arrays_of_cells_say_what_the_cells_say(schema: ColumnSchema, seed: int) -> None:
    random_ = random.Random(seed)  # noqa: S311
    cells = random_cells(random_, schema, random_.choice([0, 1, 2, 30, 120]))
    check_arrays(arrays_of(schema, cells), schema, cells)


@every_schema
@pytest.mark.parametrize("seed", SEEDS)
def test_rows_taken_are_those_of_their_cells(schema: ColumnSchema, seed: int) -> None:
    random_ = random.Random(seed)  # noqa: S311
    cells = random_cells(random_, schema, random_.choice([0, 1, 60]))
    share = random_.choice([0.0, 0.1, 0.9, 1.0])
    keep = np.array([random_.random() < share for _ in cells], np.bool_)
    taken = take(arrays_of(schema, cells), keep)
    check_arrays(taken, schema, [cell for cell, kept in zip(cells, keep, strict=True) if kept])


@every_schema
@pytest.mark.parametrize("seed", SEEDS)
def test_patched_rows_are_those_of_their_cells(schema: ColumnSchema, seed: int) -> None:
    random_ = random.Random(seed)  # noqa: S311
    cells = random_cells(random_, schema, random_.choice([1, 60]))
    rows = sorted(random_.sample(range(len(cells)), random_.randrange(len(cells) + 1)))
    replacement = random_cells(random_, schema, len(rows))
    result = patched(arrays_of(schema, cells), np.array(rows, np.uint32), arrays_of(schema, replacement))
    for row, cell in zip(rows, replacement, strict=True):
        cells[row] = cell
    check_arrays(result, schema, cells)


@every_schema
@pytest.mark.parametrize("seed", SEEDS)
def test_columns_put_together_are_those_of_their_cells(schema: ColumnSchema, seed: int) -> None:
    random_ = random.Random(seed)  # noqa: S311
    parts = [random_cells(random_, schema, random_.choice([0, 1, 40])) for _ in range(random_.choice([0, 1, 2, 5]))]
    joined = concatenate(schema, [arrays_of(schema, part) for part in parts])
    check_arrays(joined, schema, [cell for part in parts for cell in part])


@every_schema
@pytest.mark.parametrize("seed", SEEDS)
def test_a_constant_column_has_its_value_in_every_row(schema: ColumnSchema, seed: int) -> None:
    random_ = random.Random(seed)  # noqa: S311
    value = random_.choice([None, random_value(random_, schema.type)])
    row_count = random_.choice([0, 1, 50])
    column = constant(schema, value, row_count, make_analyzer(schema.analyzer, "test"))
    check_arrays(column, schema, [value] * row_count)


def test_more_values_than_16_bits_can_count() -> None:
    cells: Cells = [f"{number * 7919 % 70_000:05}" for _ in range(2) for number in range(70_000)]
    column = arrays_of(ColumnSchema(ColumnType.STRING), cells)
    assert column.codes.dtype == np.uint32
    assert (column.codes == np.array([int(str(cell)) + 1 for cell in cells])).all()
    text = arrays_of(ColumnSchema(ColumnType.TEXT), [f"{cell} {cell} x" for cell in cells])
    assert text.forward is not None
    assert text.features is not None
    assert text.features[69_999:] == ["69999", "x"]
    assert (text.forward.codes[::2] == column.codes - 1).all()
    assert text.forward.frequencies is not None
    assert text.forward.frequencies.tolist() == [2, 1] * 140_000
    halves = [take(column, column.codes % 2 == parity) for parity in (0, 1)]
    assert [len(half.values) for half in halves] == [35_000, 35_000]
    assert halves[0].codes.dtype == np.uint16
    whole = concatenate(column.schema, halves)
    assert whole.codes.dtype == np.uint32
    assert [*whole.values] == [*column.values]


def test_equal_json_values_and_only_those_have_equal_canonical_texts() -> None:
    values: list[JsonValue] = [*JSON_VALUES, 2**64, 2.0**64, 10**400, 2**64 + 1, 1.8446744073709552e19]
    for left in values:
        for right in values:
            assert (canonical_text(left) == canonical_text(right)) == same(left, right)
            assert same(left, right) == (key_of(left) == key_of(right))


def test_a_json_value_comes_back_as_it_was_written() -> None:
    cells: Cells = [1.0, {"b": 1, "a": 2.0}, 3]
    column = arrays_of(ColumnSchema(ColumnType.JSON), cells)
    assert [repr(column.values[code - 1]) for code in column.codes.tolist()] == list(map(repr, cells))
