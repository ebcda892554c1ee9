"""Columns by brute force: what every accessor must answer, worked out from the cells alone."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from instance_agent.index.column_arrays import ColumnArrays
from instance_agent.index.stored_column import StoredColumn
from instance_agent.schema.analyzers import make_analyzer
from instance_agent.schema.types import ColumnSchema, ColumnType, JsonValue

Cells = list[JsonValue]

WORDS = [
    "Rye", "rye", "bread", "BREAD,", "ÄPFEL", "äpfel", "10,5", "can't", "ΩΔΣ", "ΩΔΣ.", "日本", "running", "runs",
    "\x00", "a\x00b", "\U0001f600", "e\u0301", "-", "Straße", "ab", "the", "İ", "\u2028x", "\x1cy", "\u00a0z",
]  # fmt: skip
PRINTABLE_WORDS = [word for word in WORDS if min(word) > " "]
GAPS = [" ", "  ", "\n", "\t ", "\u00a0", "\u2028", "\x1f", " ' "]
JSON_VALUES: Cells = [
    1, 1.0, -0.0, 0, True, False, "1", "", [], {}, [1], [1.0], [True], [None], 1e3, 1000, 2**53, 2.0**53, 2**53 + 1,
    1e300, -1e22, 0.1, 2**63 - 1, -(2**63), 2.0**63, {"a": 1, "b": 2}, {"b": 2.0, "a": 1}, {"a": {"": [{}, "é"]}},
    {"a": True}, {"a": None}, "é\U0001f600\x00\"\\", [[1, [2]], 3], [[1, [2], 3]],
]  # fmt: skip

ANALYZERS: list[JsonValue] = [
    None,
    "standard",
    "Whitespace",
    "english",
    "fi",
    {"type": "delimiter", "delimiter": "e"},
    {"type": "delimiter", "delimiter": " ", "trimWhitespace": False},
    {"type": "char-ngram", "minGram": 2, "maxGram": 3},
    {"type": "token-ngram", "source": "standard", "minGram": 1, "maxGram": 2},
    {"type": "language", "language": "english", "useDefaultStopWords": True, "customKeyWords": ["running"]},
]
SCHEMAS = [
    *(ColumnSchema(column_type, nullable=True) for column_type in ColumnType if column_type is not ColumnType.TEXT),
    *(ColumnSchema(ColumnType.TEXT, nullable=True, analyzer=analyzer) for analyzer in ANALYZERS),
]


def name_of(schema: ColumnSchema) -> str:
    """What tests call a schema."""
    return schema.type.value + ("" if schema.analyzer is None else f" {json.dumps(schema.analyzer)}")


def random_value(random_: random.Random, column_type: ColumnType) -> JsonValue:
    """A value that isn't null, one that comes again easily."""
    if column_type.is_array:
        return [random_value(random_, column_type.element) for _ in range(random_.choice([0, 1, 1, 2, 3, 8]))]
    made: dict[ColumnType, Any] = {
        ColumnType.BOOLEAN: lambda: random_.random() < 0.5,
        ColumnType.INT: lambda: random_.choice([0, 1, -1, 2**31 - 1, -(2**31), random_.randrange(20)]),
        ColumnType.LONG: lambda: random_.choice([0, 2**63 - 1, -(2**63), 2**53 + 1, 2**53, random_.randrange(20)]),
        ColumnType.DECIMAL: lambda: random_.choice([0.0, -0.0, 1.0, 1.5, 1e300, -1e22, 5e-324, random_.random()]),
        ColumnType.STRING: lambda: random_.choice([*WORDS, "", f"v{random_.randrange(50)}"]),
        ColumnType.TEXT: lambda: random_text(random_),
        ColumnType.JSON: lambda: random_.choice(JSON_VALUES),
    }
    value: JsonValue = made[column_type]()
    return value


def random_text(random_: random.Random) -> str:
    """Some words, sometimes none."""
    count = random_.choice([0, 1, 2, 5, 300 if random_.random() < 0.02 else 3])
    return "".join(random_.choice(WORDS) + random_.choice(GAPS) for _ in range(count))


def printable_text(random_: random.Random) -> str:
    """A text without control characters, which is kept as words."""
    count = random_.choice([0, 1, 2, 5, 300 if random_.random() < 0.02 else 3])
    words = [random_.choice(["", *PRINTABLE_WORDS]) for _ in range(count)]
    return " ".join(words)


def random_cells(random_: random.Random, schema: ColumnSchema, count: int) -> Cells:
    """Cells of one column, some null."""
    share = random_.choice([0.0, 0.2, 0.2, 1.0])
    if schema.type is ColumnType.TEXT and random_.random() < 0.7:
        return [None if random_.random() < share else printable_text(random_) for _ in range(count)]
    return [None if random_.random() < share else random_value(random_, schema.type) for _ in range(count)]


def same(left: JsonValue, right: JsonValue) -> bool:
    """Equality of JSON: numbers by value, booleans apart from numbers, all the way down."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


def distinct(values: Sequence[JsonValue]) -> tuple[Cells, list[int]]:
    """The values without repetitions, in order of first occurrence, and how often each is there."""
    found: Cells = []
    times: list[int] = []
    for value in values:
        at = next((at for at, known in enumerate(found) if same(known, value)), len(found))
        if at == len(found):
            found.append(value)
            times.append(0)
        times[at] += 1
    return found, times


def features_of(schema: ColumnSchema, cell: JsonValue) -> Cells:
    """The features of a cell, repetitions included."""
    if cell is None:
        return []
    if schema.type is ColumnType.TEXT and isinstance(cell, str):
        return [*make_analyzer(schema.analyzer, "test")(cell)]
    return cell if schema.type.is_array and isinstance(cell, list) else [cell]


def check_arrays(column: ColumnArrays | StoredColumn, schema: ColumnSchema, cells: Cells) -> None:
    """All that the arrays say follows from the cells."""
    assert column.row_count == len(cells) == len(column.codes)
    values = [*column.values]
    assert len(values) == len(column.values)
    assert column.codes.dtype == np.min_scalar_type(len(values))
    for code, cell in zip(column.codes.tolist(), cells, strict=True):
        assert (code == 0) if cell is None else (code > 0 and same(values[code - 1], cell))
    assert set(column.codes.tolist()) | {0} == set(range(len(values) + 1))
    check_order(values)
    if schema.type is not ColumnType.TEXT and not schema.type.is_array:
        assert column.features is None
        assert column.forward is None
        return
    assert column.features is not None
    assert column.forward is not None
    check_forward(column, schema, cells)


def check_forward(column: ColumnArrays | StoredColumn, schema: ColumnSchema, cells: Cells) -> None:
    """The lists of features follow from the cells."""
    forward, features = column.forward, [] if column.features is None else [*column.features]
    assert forward is not None
    check_order(features)
    assert len(forward.offsets) == len(cells) + 1
    assert set(forward.codes.tolist()) == set(range(len(features)))
    most = 0
    for row, cell in enumerate(cells):
        start, end = int(forward.offsets[row]), int(forward.offsets[row + 1])
        expected, times = distinct(features_of(schema, cell))
        own = [features[code] for code in forward.codes[start:end].tolist()]
        assert len(own) == len(expected)
        assert all(map(same, own, expected))
        frequencies = [1] * len(own) if forward.frequencies is None else forward.frequencies[start:end].tolist()
        assert frequencies == [min(255, count) for count in times]
        most = max(most, *times, 0)
    assert (forward.frequencies is None) == (most <= 1)


def check_order(values: Cells) -> None:
    """Numbers, booleans and strings are increasing; nothing is there twice."""
    if all(isinstance(value, int | float) for value in values) or all(isinstance(value, str) for value in values):
        assert all(left < right for left, right in pairwise(values))  # type: ignore[operator]
    assert len(distinct(values)[0]) == len(values)


def check_stored(column: StoredColumn, schema: ColumnSchema, cells: Cells) -> None:
    """All that a stored column says follows from the cells."""
    check_arrays(column, schema, cells)
    for row, cell in enumerate(cells):
        value = column.value_at(row)
        assert value is None if cell is None else same(value, cell)
        expected = distinct(features_of(schema, cell))[0]
        assert len(column.features_at(row)) == len(expected)
        assert all(map(same, column.features_at(row), expected))
    for place, value in enumerate(column.values):
        assert column.find(value) == place
        assert column.values[place - len(column.values)] == value
        rows = [row for row, cell in enumerate(cells) if cell is not None and same(cell, value)]
        assert column.rows_equal(value).tolist() == rows
    own = [features_of(schema, cell) for cell in cells]
    for place, feature in enumerate(column.values if column.features is None else column.features):
        assert column.find_feature(feature) == place
        rows = [row for row, has in enumerate(own) if any(same(one, feature) for one in has)]
        found = column.rows_with(feature)
        assert found.dtype == np.uint32
        assert found.tolist() == rows
        assert column.most_rows_with(feature) == len(rows)
        for times in (2, 3, 255):
            rows = [row for row, has in enumerate(own) if sum(same(one, feature) for one in has) >= times]
            assert column.rows_repeating(feature, times).tolist() == rows
    numbers = [float(cell) if schema.type.is_numeric and isinstance(cell, int | float) else np.nan for cell in cells]
    np.testing.assert_array_equal(column.numbers, numbers)
