"""Segment files: what is written is what is read, in place, and no byte of a file changes unnoticed."""

from __future__ import annotations

import errno
import gc
import os
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from instance_agent.storage import segment_format as fmt
from instance_agent.storage.directory import Directory
from instance_agent.storage.segment_file import SegmentFile, SegmentWriter
from instance_agent.storage.segment_format import ArrayInfo, DamagedSegment

ARRAYS: dict[str, NDArray[Any]] = {
    "bytes": np.frombuffer(b"some text", np.uint8),
    "u16": np.array([0, 1, 65535], np.uint16),
    "u32": np.arange(40, dtype=np.uint32),
    "u64": np.array([2**64 - 1], np.uint64),
    "i8": np.array([-1, 1], np.int8),
    "i16": np.array([-300], np.int16),
    "i32": np.array([-(2**31)], np.int32),
    "i64": np.array([-(2**63), 2**63 - 1], np.int64),
    "f32": np.array([1.5, np.inf], np.float32),
    "f64": np.array([np.nan, -0.0, 1e300]),
    "bool": np.array([True, False, True]),
    "empty": np.empty(0, np.uint32),
    "strided": np.arange(20, dtype=np.uint16)[::3],
    "repeated": np.broadcast_to(np.uint8(7), 100),
    "big-endian": np.array([1, 2, 3], ">u4"),
    "empty at the end": np.empty(0, np.float64),
}


def write(
    folder: Path, name: str = "a.seg", arrays: dict[str, NDArray[Any]] = ARRAYS, properties: bytes = b"p"
) -> Path:
    writer = SegmentWriter(Directory(folder), name)
    for at, (key, values) in enumerate(arrays.items()):
        writer.add(key, values, kind="index" if at % 2 else "data")
    size = writer.finish(properties)
    assert (folder / name).stat().st_size == size
    return folder / name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path)


def damage_of(path: Path) -> str:
    with pytest.raises(DamagedSegment) as raised:
        SegmentFile.open(path).verify()
    assert str(raised.value) == raised.value.reason
    assert raised.value.reason.startswith(f"{path} is damaged: ")
    assert (raised.value.code, str(path) in raised.value.message) == ("table_damaged", False)
    return raised.value.reason


def test_arrays_of_every_type_come_back_as_they_were(path: Path) -> None:
    file = SegmentFile.open(path)
    assert list(file.arrays) == list(ARRAYS)
    assert (file.properties, file.size_bytes, file.path) == (b"p", path.stat().st_size, path)
    for at, (name, values) in enumerate(ARRAYS.items()):
        found, info = file.array(name), file.arrays[name]
        np.testing.assert_array_equal(found, values)
        assert found.dtype == values.dtype.newbyteorder("<")
        assert not found.flags.writeable and not found.flags.owndata
        assert (info.name, info.count, info.size_bytes) == (name, len(values), values.nbytes)
        assert info.offset % 64 == 0 and info.kind == ("index" if at % 2 else "data")
    file.verify()


def test_a_segment_of_nothing_is_a_segment(tmp_path: Path) -> None:
    file = SegmentFile.open(write(tmp_path, arrays={}, properties=b""))
    file.verify()
    assert (dict(file.arrays), file.properties) == ({}, b"")
    with pytest.raises(KeyError):
        file.array("a")


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((2, 2)),
        np.array(1),
        np.array([None], object),
        np.array(["a"]),
        np.array([b"a"]),
        np.array([1j]),
        np.zeros(1, np.float16),
        np.zeros(1, "datetime64[s]"),
        np.zeros(1, [("a", np.uint8)]),
    ],
    ids=lambda values: f"{values.ndim}-{values.dtype.str}",
)
def test_other_arrays_are_refused(tmp_path: Path, values: NDArray[Any]) -> None:
    writer = SegmentWriter(Directory(tmp_path), "a.seg")
    with pytest.raises(ValueError, match="array a"):
        writer.add("a", values, kind="data")
    writer.abandon()


def test_a_name_is_taken_once_and_a_finished_file_takes_no_more(tmp_path: Path) -> None:
    writer = SegmentWriter(Directory(tmp_path), "a.seg")
    writer.add("a", np.zeros(1), kind="data")
    with pytest.raises(ValueError, match="array a"):
        writer.add("a", np.zeros(1), kind="data")
    writer.finish(b"")
    with pytest.raises(ValueError, match="finished"):
        writer.add("b", np.zeros(1), kind="data")
    with pytest.raises(ValueError, match="finished"):
        writer.finish(b"")
    writer.abandon()
    assert list(SegmentFile.open(tmp_path / "a.seg").arrays) == ["a"]
    with pytest.raises(FileExistsError):
        SegmentWriter(Directory(tmp_path), "a.seg")


def open_files() -> int:
    gc.collect()  # so that files of other tests aren't closed in the middle of this one
    return len(list(Path("/proc/self/fd").iterdir()))


class FullDirectory(Directory):
    """Has no room behind the first so many bytes of a file."""

    room_bytes = 0

    def write(self, descriptor: int, content: bytes | memoryview, offset: int) -> None:
        super().write(descriptor, content[: max(0, self.room_bytes - offset)], offset)
        if offset + len(content) > self.room_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("room_bytes", [0, 70, 64 + 400, 64 + 410])
def test_an_abandoned_file_leaves_nothing(tmp_path: Path, room_bytes: int) -> None:
    before = open_files()
    directory = FullDirectory(tmp_path)
    directory.room_bytes = room_bytes
    writer = SegmentWriter(directory, "a.seg")

    def write_all() -> None:
        writer.add("a", np.arange(100, dtype=np.uint32), kind="data")
        writer.finish(b"properties")

    with pytest.raises(OSError, match="No space"):
        write_all()
    writer.abandon()
    writer.abandon()
    assert list(tmp_path.iterdir()) == []
    assert open_files() == before


def test_arrays_are_not_kept_while_others_are_written(tmp_path: Path) -> None:
    writer = SegmentWriter(Directory(tmp_path), "a.seg")
    tracemalloc.start()
    try:
        for at in range(20):
            writer.add(str(at), np.full(1_000_000, at, np.uint8), kind="data")
        writer.finish(b"")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_500_000
    assert SegmentFile.open(tmp_path / "a.seg").array("19")[-1] == 19


def test_every_changed_byte_is_found(path: Path) -> None:
    content = path.read_bytes()
    for at in range(len(content)):
        for bit in (1, 128):
            changed = bytearray(content)
            changed[at] ^= bit
            path.write_bytes(changed)
            damage_of(path)


def test_every_cut_and_every_appendix_is_found(path: Path) -> None:
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        damage_of(path)
    for more in (b"\0", bytes(64), content[-fmt.TRAILER_SIZE :], content):
        path.write_bytes(content + more)
        damage_of(path)


def test_a_changed_array_is_found_at_its_first_use_and_the_others_are_served(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[SegmentFile.open(path).arrays["u32"].offset + 17] ^= 4
    path.write_bytes(content)
    file = SegmentFile.open(path)
    assert file.array("u16").tolist() == [0, 1, 65535]
    for _ in range(2):
        with pytest.raises(DamagedSegment, match="the checksum of the array 'u32' is wrong"):
            file.array("u32")


def test_a_file_under_another_name_is_refused(path: Path) -> None:
    other = path.rename(path.with_name("b.seg"))
    assert "it was written under the name 'a.seg'" in damage_of(other)
    (path.parent / "moved").mkdir()
    SegmentFile.open(other.rename(path.parent / "moved" / "a.seg")).verify()


def test_a_file_of_another_version_says_both_versions(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-16] = 7
    path.write_bytes(content)
    assert "it has format version 7, and this program reads up to 1" in damage_of(path)


@pytest.mark.parametrize("content", [b"", b"VAKKASEG", bytes(200), b"VAKKALOG" + bytes(200), fmt.HEAD, fmt.MAGIC * 30])
def test_a_file_that_is_no_segment_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.seg").write_bytes(content)
    damage_of(tmp_path / "a.seg")


def test_a_file_that_is_not_there_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SegmentFile.open(tmp_path / "a.seg")


GOOD = ArrayInfo("a", "<u4", 10, 64, 40, 0, "data")


@pytest.mark.parametrize(
    "listed",
    [
        [msgspec.structs.replace(GOOD, dtype="|O")],
        [msgspec.structs.replace(GOOD, dtype=">u4")],
        [msgspec.structs.replace(GOOD, dtype="<u9")],
        [msgspec.structs.replace(GOOD, dtype="<u9", count=0, size_bytes=0)],
        [msgspec.structs.replace(GOOD, count=-10, size_bytes=-40)],
        [msgspec.structs.replace(GOOD, count=11)],
        [msgspec.structs.replace(GOOD, count=2**61, size_bytes=2**63)],
        [msgspec.structs.replace(GOOD, count=1000, size_bytes=4000)],
        [msgspec.structs.replace(GOOD, offset=0)],
        [msgspec.structs.replace(GOOD, offset=68)],
        [GOOD, msgspec.structs.replace(GOOD, name="b")],
        [GOOD, msgspec.structs.replace(GOOD, offset=128, count=0, size_bytes=0)],
        [],
    ],
)
def test_a_table_of_contents_that_can_not_be_is_refused(tmp_path: Path, listed: list[ArrayInfo]) -> None:
    """Its checksums are right: whoever wrote it was wrong."""
    ending = fmt.pack_footer(fmt.Footer("a.seg", listed, b""), 128)
    (tmp_path / "a.seg").write_bytes(fmt.HEAD + bytes(64) + ending)
    assert "table of contents" in damage_of(tmp_path / "a.seg")


@pytest.mark.parametrize(
    "footer", [b"", b"\x93", b"\x90", b"\xc0", b"\x93\xa5a.seg\x90\xa0", b"\x93\xa1\xff\x90\xc4\0"]
)
def test_a_table_of_contents_that_is_none_is_refused(tmp_path: Path, footer: bytes) -> None:
    place = fmt.PLACE.pack(64, len(footer), zlib.crc32(footer), fmt.VERSION)
    trailer = place + fmt.CHECKED.pack(zlib.crc32(place), fmt.MAGIC)
    (tmp_path / "a.seg").write_bytes(fmt.HEAD + footer + trailer)
    assert "its table of contents can't be read" in damage_of(tmp_path / "a.seg")


def test_a_file_that_is_cut_after_it_was_opened_is_noticed(tmp_path: Path) -> None:
    arrays: dict[str, NDArray[Any]] = {name: np.arange(10_000, dtype=np.uint32) for name in "ab"}
    path = write(tmp_path, arrays=arrays)
    file = SegmentFile.open(path)
    os.truncate(path, 100)
    for use in (lambda: file.array("a"), lambda: file.array("b"), file.verify):
        with pytest.raises(DamagedSegment, match="it was cut to 100 bytes after it was opened"):
            use()


def test_a_removed_or_replaced_file_stays_readable_to_those_who_have_it(path: Path) -> None:
    file = SegmentFile.open(path)
    path.unlink()
    write(path.parent, arrays={"u32": np.zeros(3, np.uint32)})
    assert file.array("u32").tolist() == list(range(40))
    file.verify()


def test_nothing_stays_open_when_the_last_array_is_gone(path: Path) -> None:
    before = open_files()
    array = SegmentFile.open(path).array("u32")
    assert open_files() == before + 1
    assert array.sum() == 780
    del array
    assert open_files() == before


def test_verifying_proves_again_what_was_proven_before(path: Path) -> None:
    file = SegmentFile.open(path)
    file.verify()
    file.array("u32")
    with path.open("r+b") as raw:
        raw.seek(file.arrays["u32"].offset)
        raw.write(b"\x01")
    with pytest.raises(DamagedSegment, match="'u32'"):
        file.verify()


def test_many_threads_get_the_same_arrays(tmp_path: Path) -> None:
    arrays: dict[str, NDArray[Any]] = {str(at): np.arange(at * 1000, dtype=np.uint32) for at in range(40)}
    file = SegmentFile.open(write(tmp_path, arrays=arrays))
    read: Callable[[int], list[int]] = lambda _: [id(file.array(name)) for name in arrays]  # noqa: E731
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(read, range(16)))
    assert len({tuple(one) for one in found}) == 1
    assert all(np.array_equal(file.array(name), values) for name, values in arrays.items())
