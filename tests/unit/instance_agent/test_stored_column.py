"""Columns written to a segment and read back, against their cells."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from instance_agent.index.column_arrays import from_cells, patched, take
from instance_agent.index.stored_column import StoredColumn, store
from instance_agent.index.verification import fault_of
from instance_agent.schema.analyzers import make_analyzer
from instance_agent.schema.types import ColumnSchema, ColumnType, JsonValue
from instance_agent.storage.directory import Directory
from instance_agent.storage.segment_file import SegmentFile, SegmentWriter
from tests.unit.instance_agent.column_model import SCHEMAS, Cells, check_arrays, check_stored, name_of, random_cells

Stored = Callable[[ColumnSchema, Cells], StoredColumn]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Writes cells to a segment file, and opens it."""

    def write(schema: ColumnSchema, cells: Cells) -> StoredColumn:
        arrays = from_cells(schema, cells, make_analyzer(schema.analyzer, "test"))
        name = f"{len(list(tmp_path.iterdir()))}.seg"
        writer = SegmentWriter(Directory(tmp_path), name)
        store(writer, "a.", arrays)
        writer.finish(b"")
        return StoredColumn(SegmentFile.open(tmp_path / name), "a.", schema, len(cells))

    return write


@pytest.mark.parametrize("schema", SCHEMAS, ids=name_of)
@pytest.mark.parametrize("seed", range(6))
def test_a_stored_column_answers_like_its_cells(stored: Stored, schema: ColumnSchema, seed: int) -> None:
    random_ = random.Random(seed)  # noqa: S311
    cells = random_cells(random_, schema, random_.choice([0, 1, 2, 30, 150]))
    column = stored(schema, cells)
    assert fault_of(column) is None
    check_stored(column, schema, cells)
    check_arrays(column.arrays(), schema, cells)
    again = stored(schema, [column.value_at(row) for row in range(column.row_count)])
    check_arrays(again, schema, cells)


@pytest.mark.parametrize("schema", SCHEMAS, ids=name_of)
def test_columns_of_one_value_or_of_nulls_only(stored: Stored, schema: ColumnSchema) -> None:
    value = random_cells(random.Random(4), ColumnSchema(schema.type), 200)[-1]  # noqa: S311
    choices: list[Cells] = [[None] * 5, [value] * 5, [value], [None], []]
    for cells in choices:
        column = stored(schema, cells)
        assert fault_of(column) is None
        check_stored(column, schema, cells)


NOT_THERE: Cells = ["nothing", "", 12345, 0.25, -7.0, True, False, [], ["nothing"], [0.25], {}, {"x": 1}, None, 10**400]


@pytest.mark.parametrize("schema", SCHEMAS, ids=name_of)
def test_what_no_row_has_is_not_found(stored: Stored, schema: ColumnSchema) -> None:
    single: dict[ColumnType, JsonValue] = {
        ColumnType.INT: 7, ColumnType.LONG: 7, ColumnType.DECIMAL: 7.5, ColumnType.JSON: {"x": 2},
        ColumnType.STRING: "here", ColumnType.TEXT: "here", ColumnType.BOOLEAN: None,
    }  # fmt: skip
    present = single[schema.type.element]
    if schema.type.is_array:
        present = [True, True] if present is None else [present]
    column = stored(schema, [present, None])
    choices: Cells = [*NOT_THERE, "\ud800", ["\ud800"]]
    for sought in choices:
        assert column.find(sought) == -1
        assert column.rows_equal(sought).tolist() == []
        if schema.type is not ColumnType.BOOLEAN_ARRAY or sought is not True:
            assert column.find_feature(sought) == -1
            assert column.rows_with(sought).tolist() == []


def test_numbers_are_found_by_value_whatever_their_spelling(stored: Stored) -> None:
    whole = stored(ColumnSchema(ColumnType.LONG), [1, 2**53, 2**53 + 1])
    assert [whole.find(value) for value in (1.0, True, 2.0**53, 2**53 + 1, 1.5, 2**64, 1e300)] == [
        0,
        -1,
        1,
        2,
        -1,
        -1,
        -1,
    ]
    double = stored(ColumnSchema(ColumnType.DECIMAL), [0.0, 2.0**53])
    assert [double.find(value) for value in (-0.0, 0, False, 2**53, 2**53 + 1)] == [0, 0, -1, 1, -1]
    many = stored(ColumnSchema(ColumnType.DECIMAL_ARRAY), [[1.0, 0.5], [-0.0]])
    sought: Cells = [[1, 0.5], [0], [True, 0.5]]
    assert [many.find(value) for value in sought] == [many.find([1.0, 0.5]), many.find([0.0]), -1]
    assert many.rows_with(1).tolist() == [0]


def test_lone_surrogates_can_be_stored(stored: Stored) -> None:
    cells: Cells = ["\ud800", "\ud83d", "\ude00", "\U0001f600", "\uffff", "a\udfff b"]
    for column_type in (ColumnType.STRING, ColumnType.TEXT):
        column = stored(ColumnSchema(column_type), cells)
        check_stored(column, column.schema, cells)


def test_a_column_takes_no_more_room_than_it_needs(stored: Stored) -> None:
    counting = stored(ColumnSchema(ColumnType.STRING), [f"{row:04}" for row in range(1000)])
    assert total(counting) == 4000 + 1  # the texts, and their one length
    constant = stored(ColumnSchema(ColumnType.STRING), ["always"] * 1000)
    assert total(constant) == 6 + 1 + 1  # the text, its length, the code
    unique = stored(ColumnSchema(ColumnType.INT), [row * 7 % 1000 for row in range(1000)])
    assert total(unique) == 1000 * (8 + 2 + 4)  # values, codes, rows


@pytest.mark.parametrize("column_type", [ColumnType.STRING, ColumnType.TEXT, ColumnType.JSON, ColumnType.STRING_ARRAY])
def test_what_was_taken_away_leaves_no_bytes(tmp_path: Path, column_type: ColumnType) -> None:
    schema, analyzer = ColumnSchema(column_type), make_analyzer(None, "test")
    words = ["other word", "secret word"] * 100
    cells: Cells = [[word] for word in words] if column_type.is_array else [*words]
    column, patch = from_cells(schema, cells, analyzer), from_cells(schema, cells[:1] * 100, analyzer)
    odd = np.arange(200) % 2 == 1
    for number, arrays in enumerate(
        [take(column, ~odd), patched(column, np.flatnonzero(odd).astype(np.uint32), patch)]
    ):
        writer = SegmentWriter(Directory(tmp_path), f"{number}.seg")
        store(writer, "a.", arrays)
        writer.finish(b"")
        content = (tmp_path / f"{number}.seg").read_bytes()
        assert b"other" in content
        assert b"secret" not in content


def total(column: StoredColumn) -> int:
    return sum(array.size_bytes for array in column._file.arrays.values())


def test_posting_lists_reach_beyond_65536_rows(stored: Stored) -> None:
    cells: Cells = [[row % 7, 7 + row // 5000 % 9] for row in range(200_000)]
    column = stored(ColumnSchema(ColumnType.INT_ARRAY), cells)
    assert column._file.array("a.rows").dtype == np.uint16
    assert fault_of(column) is None
    rows = np.arange(200_000)
    for feature in range(7):
        assert (column.rows_with(feature) == rows[rows % 7 == feature]).all()
    for feature in range(9):
        assert (column.rows_with(7 + feature) == rows[rows // 5000 % 9 == feature]).all()


def test_many_rare_features_do_not_waste_room(stored: Stored) -> None:
    cells: Cells = [[row // 2, row] for row in range(150_000)]
    column = stored(ColumnSchema(ColumnType.INT_ARRAY), cells)
    assert column._file.array("a.rows").dtype == np.uint32
    assert fault_of(column) is None
    assert column.rows_with(70_000).tolist() == [70_000, 140_000, 140_001]


def test_texts_of_common_words_take_little_room(stored: Stored) -> None:
    random_ = random.Random(1)  # noqa: S311
    words = [f"word{number:04}" for number in range(300)]
    cells: Cells = [" ".join(random_.choices(words, k=random_.randrange(8))) for _ in range(3000)]
    column = stored(ColumnSchema(ColumnType.TEXT), cells)
    size = sum(info.size_bytes for name, info in column._file.arrays.items() if name.startswith("a.values"))
    assert size < 0.4 * sum(map(len, map(str, cells)))
    expected = sorted(set(map(str, cells)))
    assert [*column.values] == expected
    assert column.values[1500:1510] == expected[1500:1510]
    for place in range(0, len(expected), 97):
        assert column.find(expected[place]) == place
        for other in (
            expected[place] + " ",
            expected[place] + "0",
            expected[place][:-1],
            expected[place] + " word0001",
        ):
            assert column.find(other) == (expected.index(other) if other in expected else -1)
    assert fault_of(column) is None


def test_values_are_decoded_in_slices_too(stored: Stored) -> None:
    cells: Cells = [f"é{row:05}" if row % 3 else f"{row:05}" for row in range(20_000)]
    column = stored(ColumnSchema(ColumnType.STRING), cells)
    expected = sorted(map(str, cells))
    assert [*column.values] == expected
    for part in (slice(5, 9), slice(8190, 16_390), slice(None, None, -7), slice(9, 5), slice(-3, None), slice(0, 0)):
        assert column.values[part] == expected[part]
    with pytest.raises(IndexError):
        column.values[20_000]
    with pytest.raises(IndexError):
        column.value_at(-1)
    np.testing.assert_array_equal(column.codes[:3], [expected.index(str(cell)) + 1 for cell in cells[:3]])
