"""The commit log: what is durable, what a crash may leave, and what is refused."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from instance_agent.errors import AgentError, DamagedData
from instance_agent.storage.commit_log import CommitLog
from instance_agent.storage.directory import Directory
from instance_agent.storage.log_format import HEADER_SIZE, PUBLISHED_AT, RECORD_SIZE, Header, pack_header, pack_record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    CommitLog.create(tmp_path / "commit.log")
    return tmp_path / "commit.log"


def payloads(log: CommitLog) -> list[bytes]:
    return [record.payload for record in log.read_on()]


def change_byte(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    path.write_bytes(content)


def forget_published(path: Path, published: int) -> None:
    """As after a loss of power: the published length wasn't synced."""
    content = bytearray(path.read_bytes())
    content[PUBLISHED_AT : PUBLISHED_AT + 8] = published.to_bytes(8, "little")
    path.write_bytes(content)


def test_what_one_appends_every_reader_sees_once(path: Path) -> None:
    writer, reader = CommitLog(path), CommitLog(path)
    writer.append(1, b"one")
    assert payloads(reader) == [b"one"]
    writer.append(2, b"")
    assert payloads(reader) == [b""]
    assert payloads(CommitLog(path)) == [b"one", b""]


@pytest.mark.parametrize("kept", [0, 1, RECORD_SIZE - 1, RECORD_SIZE, RECORD_SIZE + 2])
def test_a_torn_tail_is_cut_and_the_log_goes_on(path: Path, kept: int) -> None:
    log = CommitLog(path)
    end = log.append(1, b"whole")
    log.append(2, b"torn")
    with path.open("r+b") as file:
        file.truncate(end + kept)
    forget_published(path, end)
    recovered = CommitLog.recover(path)
    assert payloads(recovered) == [b"whole"]
    assert path.stat().st_size == end
    recovered.append(2, b"next")
    assert payloads(CommitLog(path)) == [b"whole", b"next"]


def test_a_tail_of_zeros_is_cut(path: Path) -> None:
    end = CommitLog(path).append(1, b"whole")
    with path.open("ab") as file:
        file.write(bytes(5000))
    assert payloads(CommitLog.recover(path)) == [b"whole"]
    assert path.stat().st_size == end


def test_records_that_were_synced_but_not_published_are_kept(path: Path) -> None:
    log = CommitLog(path)
    end = log.append(1, b"one")
    log.append(2, b"two")
    log.append(3, b"three")
    forget_published(path, end)
    assert payloads(CommitLog(path)) == [b"one"]
    assert payloads(CommitLog.recover(path)) == [b"one", b"two", b"three"]


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("at", [0, 4, 8, 12, 16, RECORD_SIZE, RECORD_SIZE + 4])
def test_a_flipped_byte_in_the_middle_is_refused_with_file_and_offset(path: Path, at: int, forgotten: bool) -> None:
    log = CommitLog(path)
    first_end = log.append(1, b"first")
    log.append(2, b"second")
    log.append(3, b"third")
    change_byte(path, first_end + at)
    if forgotten:
        forget_published(path, first_end)
    before = path.read_bytes()
    with pytest.raises(DamagedData) as refused:
        payloads(CommitLog.recover(path))
    assert str(path) in str(refused.value)
    assert f"byte {first_end}" in str(refused.value)
    assert path.read_bytes() == before


def test_a_flipped_byte_in_the_last_committed_record_is_refused(path: Path) -> None:
    end = CommitLog(path).append(1, b"committed")
    change_byte(path, end - 1)
    with pytest.raises(DamagedData, match=f"byte {HEADER_SIZE}"):
        payloads(CommitLog.recover(path))


def test_a_flipped_byte_in_the_last_committed_record_before_a_torn_tail_is_refused(path: Path) -> None:
    end = CommitLog(path).append(1, b"committed")
    change_byte(path, end - 1)
    with path.open("ab") as file:
        file.write(b"VREC torn")
    before = path.read_bytes()
    with pytest.raises(DamagedData, match=f"byte {HEADER_SIZE}: the checksum of a committed record"):
        CommitLog.recover(path)
    assert path.read_bytes() == before


def test_a_log_that_lost_committed_bytes_is_refused(path: Path) -> None:
    end = CommitLog(path).append(1, b"committed")
    with path.open("r+b") as file:
        file.truncate(end - 1)
    with pytest.raises(DamagedData, match="are missing"):
        payloads(CommitLog.recover(path))


@pytest.mark.parametrize("content", [b"", b"not a log at all" * 10, b"VAKKALOG" + bytes(60)])
def test_a_file_that_is_no_log_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "commit.log"
    path.write_bytes(content)
    with pytest.raises(DamagedData, match="can't be read"):
        CommitLog.recover(path)
    assert path.read_bytes() == content


def test_a_log_of_another_version_says_both_versions(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8] = 9
    path.write_bytes(content)
    with pytest.raises(DamagedData, match="version 9, and this program reads up to 2"):
        CommitLog(path)


def test_stored_text_that_looks_like_a_record_is_not_taken_for_one(path: Path) -> None:
    log = CommitLog(path)
    log.append(1, b"x")
    forged = path.read_bytes()[HEADER_SIZE:].replace(b"x", b"y")
    end = log.append(2, b"real")
    log.append(3, b"torn " + forged + b" tail")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    forget_published(path, end)
    assert payloads(CommitLog.recover(path)) == [b"x", b"real"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
@pytest.mark.parametrize("fails", ["write", "sync", "publish"])
def test_a_failed_write_leaves_nothing_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch, fails: str, number: int
) -> None:
    log = CommitLog(path)
    end = log.append(1, b"kept")
    real_write = Directory.write

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    def half_write(directory: Directory, descriptor: int, content: bytes, offset: int) -> None:
        is_publishing = offset == PUBLISHED_AT
        if is_publishing == (fails == "publish"):
            real_write(directory, descriptor, content[: 0 if is_publishing else len(content) // 2], offset)
            fail()
        real_write(directory, descriptor, content, offset)

    with monkeypatch.context() as broken:
        if fails == "sync":
            broken.setattr(os, "fdatasync", fail)
        else:
            broken.setattr(Directory, "write", half_write)
        with pytest.raises(AgentError) as refused:
            log.append(2, b"lost")
    assert refused.value.code == ("storage_failed" if number == errno.EIO else "disk_full")
    assert path.stat().st_size == end
    assert payloads(CommitLog(path)) == [b"kept"]
    log.append(2, b"later")
    assert payloads(CommitLog.recover(path)) == [b"kept", b"later"]


def test_a_replacement_appears_whole_and_old_readers_keep_theirs(path: Path) -> None:
    log = CommitLog(path)
    log.append(1, b"one")
    log.append(2, b"two")
    assert not log.is_replaced()
    fresh = CommitLog.create(path, 2, [b"base-a", b"base-b"])
    assert log.is_replaced()
    assert payloads(log) == [b"one", b"two"]
    assert [(record.commit_number, record.payload) for record in fresh.read_on()] == [(2, b"base-a"), (2, b"base-b")]
    assert fresh.position == fresh.header.base_end


def test_a_replacement_that_fails_changes_nothing(path: Path) -> None:
    CommitLog(path).append(1, b"one")

    def base() -> list[bytes]:
        raise OSError(errno.ENOSPC, "no space")

    with pytest.raises(AgentError, match="disk is full"):
        CommitLog.create(path, 1, (payload for _ in [0] for payload in base()))
    assert payloads(CommitLog(path)) == [b"one"]
    assert [item.name for item in path.parent.iterdir()] == ["commit.log"]


def test_a_log_of_the_first_version_is_read_but_not_appended_to(path: Path) -> None:
    header = Header(b"12345678", 0, HEADER_SIZE, version=1)
    records = [pack_record(header, number, b"one") for number in (1, 2)]
    published = HEADER_SIZE + len(records[0])
    path.write_bytes(pack_header(header, published) + b"".join(records) + b"VREC")
    old = CommitLog.recover(path)
    assert (old.version, payloads(old)) == (1, [b"one", b"one"])
    before = path.read_bytes()
    with pytest.raises(ValueError, match="earlier format version"):
        old.append(3, b"three")
    assert path.read_bytes() == before


@pytest.mark.parametrize("published", [0, HEADER_SIZE - 1, HEADER_SIZE + 1, HEADER_SIZE + RECORD_SIZE + 4])
def test_a_published_length_that_was_changed_costs_no_record(path: Path, published: int) -> None:
    """It has no checksum of its own; whoever believed it would cut the last record off as a torn tail."""
    CommitLog(path).append(1, b"the only one")
    forget_published(path, published)
    before = path.read_bytes()
    with pytest.raises(DamagedData, match=f"at byte {PUBLISHED_AT}: the published length"):
        CommitLog.recover(path)
    assert path.read_bytes() == before


def test_a_published_length_within_the_base_is_refused(path: Path) -> None:
    CommitLog.create(path, 3, [b"base"])
    forget_published(path, HEADER_SIZE)
    with pytest.raises(DamagedData, match="less than was ever published"):
        payloads(CommitLog(path))


def test_what_a_killed_rewrite_left_is_in_nobodys_way(path: Path) -> None:
    CommitLog(path).append(1, b"one")
    path.with_name("commit.log.new").write_bytes(b"half a log" * 1000)
    fresh = CommitLog.create(path, 1, [b"one"])
    assert payloads(fresh) == [b"one"]
    assert [item.name for item in path.parent.iterdir()] == ["commit.log"]


def test_a_base_of_many_records_is_written_in_blocks(path: Path) -> None:
    base = [bytes([number % 256]) * (number % 5000) for number in range(2000)]
    fresh = CommitLog.create(path, 9, iter(base))
    assert payloads(fresh) == base
    assert fresh.header.base_end == path.stat().st_size
    assert fresh.append(10, b"more") == path.stat().st_size


def fill(log: CommitLog, first: int, length: int) -> list[bytes]:
    """Append until there is no room; what was acknowledged."""
    kept: list[bytes] = []
    for number in range(first, first + 10_000):
        payload = number.to_bytes(4, "big") + bytes(length)
        try:
            log.append(number, payload)
        except AgentError as refused:
            assert refused.code == "disk_full"
            return kept
        kept.append(payload)
    raise AssertionError("there was always room")


@contextmanager
def small_files(largest_bytes: int) -> Iterator[None]:
    """As on a disk with a quota: a write gets as far as the limit, and fails there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_gets_halfway_leaves_nothing_and_a_smaller_one_goes_on(path: Path) -> None:
    log = CommitLog(path)
    with small_files(100_000):
        kept = fill(log, 1, length=9000)
        assert len(kept) == 11
        kept += fill(log, 12, length=100)
        assert path.stat().st_size == log.published > 99_800
        assert payloads(CommitLog(path)) == kept
    log.append(len(kept) + 1, b"room again")
    assert payloads(CommitLog.recover(path)) == [*kept, b"room again"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path / "disk")]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"this account can't mount a small disk ({mounted.stderr.strip()})")
    yield tmp_path / "disk"
    subprocess.run(["umount", "-l", str(tmp_path / "disk")], check=True)


def test_a_full_disk_refuses_records_and_rewrites_and_keeps_the_rest(small_disk: Path) -> None:
    path = small_disk / "commit.log"
    log = CommitLog.recover(path)
    kept = fill(log, 1, length=10_000)
    kept += fill(log, len(kept) + 1, length=10)
    assert payloads(CommitLog(path)) == kept
    with pytest.raises(AgentError, match="disk is full"):
        CommitLog.create(path, len(kept), kept)
    assert [item.name for item in small_disk.iterdir()] == ["commit.log"]
    assert payloads(CommitLog.recover(path)) == kept
