"""What every directory does: the real one, and the one that crash tests lose power with."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from instance_agent.storage.directory import Directory
from tests.crash.recording import MOST_UNSYNCED_NAMES, RecordingDirectory


@pytest.fixture(params=[Directory, RecordingDirectory])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Directory:
    (tmp_path / "data").mkdir()
    made: Directory = request.param(tmp_path / "data")
    return made


def write(directory: Directory, name: str, content: bytes, *, sync: bool = True) -> None:
    descriptor = directory.create(name)
    directory.write(descriptor, content, 0)
    if sync:
        directory.sync(descriptor)
    directory.close(descriptor)


def test_a_file_is_written_cut_and_read_where_it_lies(directory: Directory) -> None:
    descriptor = directory.create("a")
    directory.write(descriptor, b"hello", 2)
    directory.write(descriptor, memoryview(b"HE"), 2)
    directory.truncate(descriptor, 6)
    directory.sync(descriptor)
    assert os.pread(descriptor, 100, 0) == b"\0\0HEll"
    directory.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    descriptor = directory.open("a")
    directory.truncate(descriptor, 8)
    directory.close(descriptor)
    assert (directory.path / "a").read_bytes() == b"\0\0HEll\0\0"
    assert directory.size_bytes("a") == 8
    assert (directory.path / "a").stat().st_mode & 0o777 == 0o600


def test_names_are_made_moved_and_removed(directory: Directory) -> None:
    directory.make_folder("f")
    write(directory, "f/a", b"a")
    write(directory, "f/b", b"b")
    directory.rename("f/a", "c")
    directory.rename("f/b", "c")
    directory.sync_names("f")
    directory.sync_names(".")
    assert (directory.names("."), directory.names("f")) == (["c", "f"], [])
    assert (directory.path / "c").read_bytes() == b"b"
    assert directory.exists("f") and not directory.exists("f/a")
    directory.remove_folder("f")
    directory.remove("c")
    assert directory.names(".") == []


def test_what_a_reader_has_open_stays_readable(directory: Directory) -> None:
    write(directory, "a", b"old")
    with (directory.path / "a").open("rb") as reader:
        write(directory, "b", b"new")
        directory.rename("b", "a")
        directory.remove("a")
        assert reader.read() == b"old"


def test_what_the_system_refuses_is_raised_as_it_is(directory: Directory) -> None:
    write(directory, "a", b"")
    directory.make_folder("f")
    write(directory, "f/a", b"")
    for refused, call in (
        (FileExistsError, lambda: directory.create("a")),
        (FileNotFoundError, lambda: directory.open("x")),
        (FileNotFoundError, lambda: directory.rename("x", "y")),
        (FileNotFoundError, lambda: directory.remove("x")),
        (FileExistsError, lambda: directory.make_folder("f")),
        (OSError, lambda: directory.remove_folder("f")),
        (FileNotFoundError, lambda: directory.sync_names("x")),
        (FileNotFoundError, lambda: directory.names("x")),
        (FileNotFoundError, lambda: directory.size_bytes("x")),
    ):
        with pytest.raises(refused):
            call()
    assert directory.names(".") == ["a", "f"]


# What the recording directory promises those who test with it.


@pytest.fixture
def recording(tmp_path: Path) -> RecordingDirectory:
    (tmp_path / "data").mkdir()
    return RecordingDirectory(tmp_path / "data")


def states(recording: RecordingDirectory, count: int = 500) -> Iterator[dict[str, bytes]]:
    """What is left after losses of power: files by name."""
    for seed in range(count):
        target = recording.path.parent / f"left-{seed}"
        target.mkdir(exist_ok=True)
        recording.lose_power(random.Random(seed), target)  # noqa: S311 - replayable, no secret
        files = [path for path in target.rglob("*") if path.is_file()]
        yield {path.relative_to(target).as_posix(): path.read_bytes() for path in sorted(files)}
        for path in files:
            path.unlink()
        for path in sorted(target.rglob("*"), reverse=True):
            path.rmdir()


def test_only_what_is_synced_with_its_name_surely_survives(recording: RecordingDirectory) -> None:
    write(recording, "safe", b"safe")
    recording.sync_names(".")
    write(recording, "nameless", b"whole")
    write(recording, "neither", b"w" * 600, sync=False)
    found = list(states(recording))
    assert all(one["safe"] == b"safe" for one in found)
    assert {one.get("nameless") for one in found} == {None, b"whole"}
    contents = {one.get("neither") for one in found}
    assert contents >= {None, b"", bytes(600), b"w" * 600}
    assert contents & {b"w" * 512, bytes(512) + b"w" * 88}, "some sectors only"
    assert all(one is None or one[512:].strip(one[-1:]) == one[:512].strip(one[:1]) == b"" for one in contents)


def test_unsynced_writes_and_truncations_are_lost_each_for_itself(recording: RecordingDirectory) -> None:
    write(recording, "a", b"1" * 1024)
    recording.sync_names(".")
    descriptor = recording.open("a")
    recording.write(descriptor, b"2" * 1024, 0)
    recording.truncate(descriptor, 700)
    found = {one["a"] for one in states(recording)}
    for first, second in ((b"1", b"1"), (b"1", b"2"), (b"2", b"1"), (b"2", b"2")):
        assert first * 512 + second * 512 in found
        assert (first * 512 + second * 512)[:700] in found
    assert {len(one) for one in found} == {700, 1024}
    recording.sync(descriptor)
    assert {one["a"] for one in states(recording, 20)} == {b"2" * 700}


def test_a_rename_that_is_not_synced_may_leave_the_old_file_or_the_new_one(recording: RecordingDirectory) -> None:
    write(recording, "a", b"old")
    recording.sync_names(".")
    write(recording, "a.new", b"new")
    recording.rename("a.new", "a")
    found = [tuple(sorted(one.items())) for one in states(recording)]
    old, new = ("a", b"old"), ("a", b"new")
    assert set(found) == {(old,), (new,), (old, ("a.new", b"new"))}
    recording.sync_names(".")
    assert all(one == {"a": b"new"} for one in states(recording, 20))


def test_a_move_to_another_folder_is_two_changes(recording: RecordingDirectory) -> None:
    recording.make_folder("from")
    recording.make_folder("to")
    write(recording, "from/a", b"a")
    for folder in (".", "from", "to"):
        recording.sync_names(folder)
    recording.rename("from/a", "to/a")
    assert {tuple(one) for one in states(recording)} == {(), ("from/a",), ("to/a",), ("from/a", "to/a")}
    recording.sync_names("to")
    assert {tuple(one) for one in states(recording)} == {("to/a",), ("from/a", "to/a")}


def test_a_removal_that_is_not_synced_may_be_undone(recording: RecordingDirectory) -> None:
    write(recording, "a", b"a")
    recording.sync_names(".")
    recording.remove("a")
    assert {tuple(one) for one in states(recording)} == {(), ("a",)}
    recording.sync_names(".")
    assert {tuple(one) for one in states(recording, 20)} == {()}


def test_what_is_in_a_folder_is_lost_with_its_name(recording: RecordingDirectory) -> None:
    recording.make_folder("f")
    write(recording, "f/a", b"a")
    recording.sync_names("f")
    assert {tuple(one) for one in states(recording)} == {(), ("f/a",)}
    recording.sync_names(".")
    assert {tuple(one) for one in states(recording, 20)} == {("f/a",)}


def test_what_was_there_before_is_durable_and_what_others_put_there_is_taken_in(tmp_path: Path) -> None:
    (tmp_path / "data" / "f").mkdir(parents=True)
    (tmp_path / "data" / "f" / "a").write_bytes(b"before")
    recording = RecordingDirectory(tmp_path / "data")
    (tmp_path / "data" / "b").write_bytes(b"another's")
    (tmp_path / "data" / "lock").write_bytes(b"")
    recording.write(recording.open("b"), b"A", 0)
    recording.remove("lock")
    assert {(one["f/a"], one["b"]) for one in states(recording)} == {
        (b"before", b"another's"),
        (b"before", b"Another's"),
    }


def test_names_that_nobody_syncs_reach_the_disk_at_last(recording: RecordingDirectory) -> None:
    for number in range(MOST_UNSYNCED_NAMES + 3):
        write(recording, str(number), b"")
    found = list(states(recording, 30))
    assert all({"0", "1", "2"} <= set(one) for one in found)
    assert not all("3" in one for one in found)


def test_every_change_and_every_sync_is_announced_before_it_happens(recording: RecordingDirectory) -> None:
    seen: list[list[str]] = []
    recording.before_each = lambda: seen.append(recording.names("."))
    write(recording, "a", b"a")
    recording.rename("a", "b")
    recording.make_folder("c")
    recording.sync_names(".")
    recording.remove_folder("c")
    recording.remove("b")
    assert seen == [[], ["a"], ["a"], ["a"], ["b"], ["b", "c"], ["b", "c"], ["b"]]
