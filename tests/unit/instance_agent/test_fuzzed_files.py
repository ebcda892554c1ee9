"""Commit logs and segments with flipped, cut, swapped and spliced bytes.

What comes out is an error that names the file, or exactly what was written: no other error, no hang, no memory that the
file's size doesn't explain. VAKKA_TEST_SEED=n runs the random changes of seed n alone.
"""

from __future__ import annotations

import os
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from instance_agent.errors import DamagedData
from instance_agent.storage import log_format, segment_format
from instance_agent.storage.commit_log import CommitLog
from instance_agent.storage.directory import Directory
from instance_agent.storage.segment_file import SegmentFile, SegmentWriter
from instance_agent.storage.segment_format import DamagedSegment

SEED = int(os.environ.get("VAKKA_TEST_SEED", "0"))
SEEDS = [SEED] if SEED else range(1, 9)
CHANGES_PER_SEED = 600
MOST_MEMORY_BYTES = 3_000_000

Change = Callable[[bytes, bytes, random.Random], bytes]


def flip(content: bytes, _: bytes, chance: random.Random) -> bytes:
    """Some bits, at places of their own or side by side."""
    changed = bytearray(content)
    start, width = chance.randrange(len(content)), chance.choice((1, 4, len(content)))
    for _bit in range(chance.choice((1, 2, 5))):
        changed[min(len(content) - 1, start + chance.randrange(width)) % len(content)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def overwrite(content: bytes, _: bytes, chance: random.Random) -> bytes:
    """A stretch with zeros, ones, noise, or another part of the same file."""
    length = min(len(content), chance.choice((1, 4, 8, 60, 512)))
    at, other = (chance.randrange(len(content) - length + 1) for _ in range(2))
    filling = (bytes(length), b"\xff" * length, chance.randbytes(length), content[other : other + length])
    return content[:at] + chance.choice(filling) + content[at + length :]


def cut(content: bytes, _: bytes, chance: random.Random) -> bytes:
    """The end, the start, or a piece out of the middle."""
    start = chance.choice((0, chance.randrange(len(content))))
    end = chance.choice((len(content), chance.randrange(start, len(content))))
    return content[:start] + content[end:]


def swap(content: bytes, _: bytes, chance: random.Random) -> bytes:
    """Two stretches change places."""
    length = min(len(content) // 2, chance.choice((1, 4, 8, 64, 512)))
    first = chance.randrange(len(content) - 2 * length + 1)
    second = chance.randrange(first + length, len(content) - length + 1)
    middle = content[first + length : second]
    return content[:first] + content[second:][:length] + middle + content[first:][:length] + content[second + length :]


def splice(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """This file's start and another one's end."""
    at = chance.randrange(len(content))
    return content[:at] + other[chance.choice((min(at, len(other)), chance.randrange(len(other)))) :]


def append(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """Something behind the end."""
    return content + chance.choice((bytes(600), chance.randbytes(30), content, other))


CHANGES: list[Change] = [flip, overwrite, cut, swap, splice, append]


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY_BYTES
    finally:
        tracemalloc.stop()


def changed_files(content: bytes, other: bytes, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)  # noqa: S311 - replayable, no secret
    for number in range(CHANGES_PER_SEED):
        change = CHANGES[number % len(CHANGES)]
        changed = change(content, other, chance)
        if chance.random() < 0.1:
            changed = chance.choice(CHANGES)(changed or content, other, chance)
        yield changed


# The commit log. A recovered log may be cut at its end, so what is right depends on what had been published.


def log_at(folder: Path, name: bytes) -> Path:
    folder.mkdir()
    log = CommitLog.create(folder / "commit.log", 7, [b"base " + name, b"", name * 40])
    for number in range(8, 16):
        log.append(number, name * (number * 5 % 37))
    return folder / "commit.log"


def payloads(path: Path) -> list[bytes] | None:
    """What a recovered log says, None when it is refused in the way it should be.

    Or when whole records were taken out of it, as the gap in their numbers tells those who read it.
    """
    try:
        log = CommitLog.recover(path)
        records = list(log.read_on())
    except DamagedData as refused:
        assert str(path) in str(refused)
        return None
    added = [record.commit_number for record in records if record.end > log.header.base_end]
    if added != list(range(log.header.base_commit + 1, log.header.base_commit + 1 + len(added))):
        return None
    return [record.payload for record in records]


def with_published(content: bytes, length: int) -> bytes:
    return content[: log_format.PUBLISHED_AT] + log_format.PUBLISHED.pack(length) + content[log_format.HEADER_SIZE :]


def test_a_flipped_bit_of_a_log_is_refused_or_does_no_harm(tmp_path: Path) -> None:
    path = log_at(tmp_path / "a", b"a")
    content, whole = path.read_bytes(), payloads(path)
    harmless = set()
    for at in range(len(content)):
        for bit in range(8):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
            found = payloads(path)
            assert found in (None, whole), (at, bit)
            if found is not None:
                harmless.add(at)
    assert harmless <= set(range(log_format.PUBLISHED_AT, log_format.HEADER_SIZE))


def test_a_flipped_bit_behind_the_published_length_costs_at_most_the_last_record(tmp_path: Path) -> None:
    """That one can't be told from a torn tail; any other has whole records behind it."""
    path = log_at(tmp_path / "a", b"a")
    whole = payloads(path)
    assert whole is not None
    base_end = CommitLog(path).header.base_end
    content = with_published(path.read_bytes(), base_end)
    path.write_bytes(content)
    assert payloads(path) == whole
    last = len(content) - log_format.RECORD_SIZE - len(whole[-1])
    for at in range(base_end, len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :])
        assert payloads(path) == (None if at < last else whole[:-1]), at


def test_a_log_cut_anywhere_is_refused_or_ends_with_a_whole_record(tmp_path: Path) -> None:
    path = log_at(tmp_path / "a", b"a")
    content, whole = path.read_bytes(), payloads(path)
    assert whole is not None
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert payloads(path) is None, length
    base_end = CommitLog.create(tmp_path / "a" / "other", 7, whole[:3]).header.base_end
    for length in range(base_end, len(content)):
        path.write_bytes(with_published(content[:length], base_end))
        found = payloads(path)
        assert found is not None and len(found) >= 3 and found == whole[: len(found)]
        assert payloads(path) == found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_log_with_any_change_is_refused_or_right(tmp_path: Path, seed: int) -> None:
    path, other = log_at(tmp_path / "a", b"a"), log_at(tmp_path / "b", b"bb")
    right = [None, payloads(path), payloads(other)]
    with little_memory():
        for changed in changed_files(path.read_bytes(), other.read_bytes(), seed):
            (tmp_path / "commit.log").write_bytes(changed)
            assert payloads(tmp_path / "commit.log") in right, f"VAKKA_TEST_SEED={seed}"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_log_that_was_not_published_with_any_change_is_refused_or_a_beginning(tmp_path: Path, seed: int) -> None:
    path, other = log_at(tmp_path / "a", b"a"), log_at(tmp_path / "b", b"bb")
    all_records = [payloads(path), payloads(other)]
    base_end = CommitLog(path).header.base_end
    content = with_published(path.read_bytes(), base_end)
    for changed in changed_files(content, other.read_bytes(), seed):
        (tmp_path / "commit.log").write_bytes(changed)
        found = payloads(tmp_path / "commit.log")
        beginnings = [one[: len(found)] for one in all_records if one is not None and found is not None]
        assert found is None or (len(found) >= 3 and found in beginnings), f"VAKKA_TEST_SEED={seed}"


@pytest.mark.timeout(60)
def test_a_torn_tail_full_of_beginnings_of_records_is_cut_in_no_time(tmp_path: Path) -> None:
    """A client that could make recovery look at a megabyte per 24 bytes would keep the database from starting."""
    path = log_at(tmp_path / "a", b"a")
    whole = payloads(path)
    beginning = log_format.RECORD.pack(log_format.MARKER, 0) + log_format.COVERED.pack(4_000_000, 0, 16)
    with path.open("ab") as file:
        file.write(beginning * (8_000_000 // len(beginning)))
    assert payloads(path) == whole


# Segments.


def segment_at(folder: Path, seed: int) -> Path:
    folder.mkdir()
    chance = np.random.default_rng(seed)
    writer = SegmentWriter(Directory(folder), "a.seg")
    for at, dtype in enumerate((np.uint8, np.uint32, np.float64, np.uint16)):
        writer.add(f"a{at}", chance.integers(0, 200, at * 40).astype(dtype), kind="data")
    writer.finish(f"properties {seed}".encode())
    return folder / "a.seg"


def contents(path: Path) -> tuple[bytes, list[tuple[str, list[float]]]] | None:
    """All that a segment says, None when it is refused in the way it should be; whole only when verified."""
    try:
        file = SegmentFile.open(path)
        found = file.properties, [(name, file.array(name).tolist()) for name in file.arrays]
    except DamagedSegment as refused:
        assert str(path) in refused.reason
        return None
    try:
        file.verify()
    except DamagedSegment as refused:
        assert str(path) in refused.reason
        assert "filling" in refused.reason or "start" in refused.reason
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_segment_with_any_change_is_refused_or_right(tmp_path: Path, seed: int) -> None:
    path, other = segment_at(tmp_path / "a", 1), segment_at(tmp_path / "b", 2)
    content, right = path.read_bytes(), [None, contents(path), contents(other)]
    with little_memory():
        for changed in changed_files(content, other.read_bytes(), seed):
            path.write_bytes(changed)
            assert contents(path) in right, f"VAKKA_TEST_SEED={seed}"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_segment_that_is_changed_is_never_verified(tmp_path: Path, seed: int) -> None:
    path, other = segment_at(tmp_path / "a", 1), segment_at(tmp_path / "b", 2)
    originals = path.read_bytes(), other.read_bytes()
    for changed in changed_files(*originals, seed):
        if changed not in originals:
            path.write_bytes(changed)
            with pytest.raises(DamagedSegment):
                SegmentFile.open(path).verify()


def test_tables_of_contents_of_noise_are_refused(tmp_path: Path) -> None:
    """With right checksums, as no accident makes them: what MessagePack can hold must not get further."""
    path = segment_at(tmp_path / "a", 1)
    content = path.read_bytes()
    file = SegmentFile.open(path)
    last = list(file.arrays.values())[-1]
    footer_at = -(-(last.offset + last.size_bytes) // 64) * 64
    chance = random.Random(1)  # noqa: S311
    packed = msgspec.msgpack.encode(["a.seg", list(file.arrays.values()), b"p"])
    with little_memory():
        for _ in range(3000):
            noise = bytearray(packed)
            for _ in range(chance.choice((1, 1, 3))):
                noise[chance.randrange(len(noise))] = chance.randrange(256)
            path.write_bytes(content[:footer_at] + with_checksums(bytes(noise), footer_at))
            _use(path)


def with_checksums(footer: bytes, offset: int) -> bytes:
    place = segment_format.PLACE.pack(offset, len(footer), zlib.crc32(footer), segment_format.VERSION)
    return footer + place + segment_format.CHECKED.pack(zlib.crc32(place), segment_format.MAGIC)


def _use(path: Path) -> None:
    try:
        file = SegmentFile.open(path)
        for name in file.arrays:
            file.array(name)
        file.verify()
    except DamagedSegment as refused:
        assert str(path) in refused.reason
