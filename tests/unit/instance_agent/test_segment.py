"""Segments: built from rows that arrive bit by bit, opened, and found out when they were written wrongly."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from instance_agent.index.column_arrays import ColumnArrays, from_cells
from instance_agent.index.segment import SegmentBuilder, StoredSegment, write_segment
from instance_agent.schema.analyzers import make_analyzer
from instance_agent.schema.rows import RowBatch
from instance_agent.schema.types import ColumnSchema, ColumnType, JsonValue, TableSchema
from instance_agent.storage.directory import Directory
from instance_agent.storage.segment_file import SegmentFile, SegmentWriter
from instance_agent.storage.segment_format import DamagedSegment
from tests.unit.instance_agent.column_model import SCHEMAS, Cells, check_stored, name_of, random_cells

TABLE = TableSchema({f"column {name_of(schema)}": schema for schema in SCHEMAS})


@pytest.mark.parametrize("sizes", [[], [0], [1], [40, 0, 1, 60]])
def test_a_segment_has_the_rows_that_its_builder_was_given(tmp_path: Path, sizes: list[int]) -> None:
    random_ = random.Random(len(sizes))  # noqa: S311
    builder = SegmentBuilder(TABLE)
    rows: dict[str, Cells] = {name: [] for name in TABLE.columns}
    for size in sizes:
        batch = {name: random_cells(random_, schema, size) for name, schema in TABLE.columns.items()}
        for name, cells in batch.items():
            rows[name].extend(cells)
        builder.add(RowBatch(size, batch))
    assert builder.row_count == sum(sizes)
    size_bytes = builder.write(SegmentWriter(Directory(tmp_path), "a.seg"))
    assert size_bytes == (tmp_path / "a.seg").stat().st_size
    segment = StoredSegment.open(tmp_path / "a.seg")
    segment.verify()
    assert segment.row_count == sum(sizes)
    assert segment.size_bytes == size_bytes
    assert (segment.row_count > 1) <= segment.data_bytes + segment.index_bytes < size_bytes
    assert list(segment.columns) == list(TABLE.columns)
    for name, schema in TABLE.columns.items():
        assert segment.column(name).schema == schema
        check_stored(segment.column(name), schema, rows[name])
    with pytest.raises(KeyError):
        segment.column("another")


def test_a_builder_tells_about_how_much_memory_it_takes() -> None:
    builder = SegmentBuilder(TableSchema({"a": ColumnSchema(ColumnType.STRING), "b": ColumnSchema(ColumnType.INT)}))
    assert builder.size_bytes < 1000
    builder.add(RowBatch(100, {"a": ["x" * 1000] * 100, "b": [*range(100)]}))
    once = builder.size_bytes
    assert 1000 < once < 4000
    strings: Cells = [str(max(row, 50)) * 500 for row in range(100)]
    builder.add(RowBatch(100, {"a": strings, "b": [*range(100)]}))
    assert once + 50_000 < builder.size_bytes < once + 70_000


def columns_of(schema: TableSchema, cells: dict[str, Cells]) -> dict[str, ColumnArrays]:
    return {name: from_cells(schema.columns[name], cells[name], make_analyzer(None, "test")) for name in schema.columns}


SMALL = TableSchema(
    {
        "number": ColumnSchema(ColumnType.INT, nullable=True),
        "string": ColumnSchema(ColumnType.STRING),
        "tags": ColumnSchema(ColumnType.STRING_ARRAY),
        "text": ColumnSchema(ColumnType.TEXT, nullable=True),
    }
)
ROWS: dict[str, Cells] = {
    "number": [3, None, 3, 9, 5],
    "string": ["aa", "bb", "aa", "cd", "e"],
    "tags": [["x"], ["y", "x"], [], ["z"], ["x"]],
    "text": ["some bread some", "rye", None, *["some bread bread"] * 2],
}


def test_columns_of_another_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rows"):
        write_segment(SegmentWriter(Directory(tmp_path), "a.seg"), SMALL, columns_of(SMALL, ROWS), 4)
    assert list(tmp_path.iterdir()) == []


class FullDirectory(Directory):
    """Has room for so many writes."""

    room = 0

    def write(self, descriptor: int, content: bytes | memoryview, offset: int) -> None:
        if self.room == 0:
            raise OSError(ENOSPC, "full")
        self.room -= 1
        super().write(descriptor, content, offset)


def test_a_segment_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path: Path) -> None:
    directory = FullDirectory(tmp_path)
    writes = 0
    while not list(tmp_path.iterdir()):
        directory.room = writes = writes + 1
        with suppress(OSError):
            write_segment(SegmentWriter(directory, "a.seg"), SMALL, columns_of(SMALL, ROWS), 5)
    assert writes > 20
    StoredSegment.open(tmp_path / "a.seg").verify()


def test_columns_may_be_made_one_by_one(tmp_path: Path) -> None:
    asked: list[str] = []

    class Made(dict[str, ColumnArrays]):
        def __missing__(self, name: str) -> ColumnArrays:
            asked.append(name)
            return columns_of(SMALL, ROWS)[name]

    write_segment(SegmentWriter(Directory(tmp_path), "a.seg"), SMALL, Made(), 5)
    assert asked == list(SMALL.columns)
    StoredSegment.open(tmp_path / "a.seg").verify()


class WrongWriter(SegmentWriter):
    """Writes another content for one array, with the checksum of what it writes."""

    def __init__(self, directory: Directory, wrong: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        super().__init__(directory, "a.seg")
        self.wrong = wrong
        self.change = change
        self.did = False

    def add(self, name: str, values: NDArray[Any], **kind: Any) -> None:
        if name == self.wrong:
            changed = self.change(values)
            self.did = not np.array_equal(changed, values)
            values = changed
        super().add(name, values, **kind)


def reversed_(values: NDArray[Any]) -> NDArray[Any]:
    return values[::-1].copy()


def increased(values: NDArray[Any]) -> NDArray[Any]:
    changed: NDArray[Any] = values + values.dtype.type(1)
    return changed


def longer(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate((values, values, values))


def shorter(values: NDArray[Any]) -> NDArray[Any]:
    return values[:-1]


def zeroed(values: NDArray[Any]) -> NDArray[Any]:
    return np.zeros_like(values)


def filled(values: NDArray[Any]) -> NDArray[Any]:
    return np.full_like(values, 255)


CHANGES = {
    "0.values": [reversed_, zeroed, shorter],
    "0.codes": [reversed_, increased, shorter, zeroed, filled],
    "0.rows": [reversed_, increased, shorter, zeroed],
    "0.rows.starts": [increased, shorter, reversed_],
    "1.values.bytes": [reversed_, shorter, filled],
    "1.values.lengths": [increased, shorter, filled],
    "1.values.starts": [increased],
    "2.values.bytes": [reversed_, shorter, increased],
    "2.lists.lengths": [reversed_, increased, shorter],
    "2.lists.starts": [increased],
    "2.lists.codes": [reversed_, increased, shorter, zeroed],
    "2.features.bytes": [reversed_],
    "3.lists.times": [longer, zeroed],
    "3.lists.repeated": [filled],
    "3.values.words.bytes": [reversed_],
    "3.values.codes": [reversed_, shorter, zeroed],
    "3.values.lengths": [increased, reversed_],
    "3.features.lengths": [increased, zeroed],
    "3.rows": [reversed_, shorter],
}


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name, changes in CHANGES.items() for change in changes]
)
def test_arrays_that_do_not_fit_together_are_found_out(
    tmp_path: Path, name: str, change: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    writer = WrongWriter(Directory(tmp_path), name, change)
    write_segment(writer, SMALL, columns_of(SMALL, ROWS), 5)
    assert writer.did
    segment = StoredSegment.open(tmp_path / "a.seg")
    with pytest.raises(DamagedSegment) as raised:
        segment.verify()
    assert raised.value.reason.startswith(f"a.seg: its column {name[0]}: ")


def test_every_array_is_there_to_be_changed(tmp_path: Path) -> None:
    write_segment(SegmentWriter(Directory(tmp_path), "a.seg"), SMALL, columns_of(SMALL, ROWS), 5)
    StoredSegment.open(tmp_path / "a.seg").verify()
    assert set(CHANGES) <= set(SegmentFile.open(tmp_path / "a.seg").arrays)


class ForgetfulWriter(SegmentWriter):
    """Leaves one array out."""

    forgets = ""

    def add(self, name: str, values: NDArray[Any], **kind: Any) -> None:
        if name != self.forgets:
            super().add(name, values, **kind)


@pytest.mark.parametrize(
    "name", ["0.values", "1.values.bytes", "2.lists.codes", "2.lists.lengths", "3.features.bytes", "0.rows"]
)
def test_a_missing_array_is_found_out(tmp_path: Path, name: str) -> None:
    writer = ForgetfulWriter(Directory(tmp_path), "a.seg")
    writer.forgets = name
    write_segment(writer, SMALL, columns_of(SMALL, ROWS), 5)
    with pytest.raises(DamagedSegment):
        StoredSegment.open(tmp_path / "a.seg").verify()


@pytest.mark.parametrize("properties", [b"", b"\xff", b"\x80", b"\x92\x01\x90", b"{}"])
def test_a_file_that_is_no_segment_is_refused(tmp_path: Path, properties: bytes) -> None:
    SegmentWriter(Directory(tmp_path), "a.seg").finish(properties)
    with pytest.raises(DamagedSegment) as raised:
        StoredSegment.open(tmp_path / "a.seg")
    assert raised.value.reason == "a.seg: its properties don't describe a segment"


def test_a_flipped_byte_of_a_column_is_found_at_its_first_use(tmp_path: Path) -> None:
    value: JsonValue = "a text that stands out"
    schema = TableSchema({"a": ColumnSchema(ColumnType.STRING), "b": ColumnSchema(ColumnType.STRING)})
    write_segment(
        SegmentWriter(Directory(tmp_path), "a.seg"), schema, columns_of(schema, {"a": [value], "b": ["fine"]}), 1
    )
    content = (tmp_path / "a.seg").read_bytes()
    (tmp_path / "a.seg").write_bytes(content.replace(b"stands out", b"stands 0ut"))
    segment = StoredSegment.open(tmp_path / "a.seg")
    assert segment.column("b").value_at(0) == "fine"
    with pytest.raises(DamagedSegment):
        segment.column("a").value_at(0)
