"""The power fails, or a process is killed, at any operation on the commit log and on segment files.

A seed's history is the same every time: VAKKA_TEST_SEED=n runs that of seed n alone.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from instance_agent.errors import AgentError, DamagedData
from instance_agent.storage import log_format
from instance_agent.storage.commit_log import CommitLog
from instance_agent.storage.segment_file import SegmentFile, SegmentWriter
from instance_agent.storage.segment_format import DamagedSegment
from tests.crash.recording import RecordingDirectory

SEED = int(os.environ.get("VAKKA_TEST_SEED", "0"))
LOG = "commit.log"
STEPS = 30


class Killed(BaseException):
    """The process ends here; nothing that it would do afterwards happens."""


class Accident:
    """What happens at the next operation of a directory, or after some more, once."""

    def __init__(self, directory: RecordingDirectory, look: Callable[[], None]) -> None:
        self.raises: BaseException | None = None
        self.after = 0  # operations
        self._look = look
        directory.before_each = self._before_operation

    def _before_operation(self) -> None:
        self._look()
        if self.raises is None:
            return
        if self.after:
            self.after -= 1
            return
        accident = self.raises
        if not isinstance(accident, Killed):
            self.raises = None
        raise accident


class LogHistory:
    """Random operations on a commit log, with losses of power before each operation on its directory."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a replayable history, no secret
        self.left = folder / "left"
        (folder / "data").mkdir()
        self.path = folder / "data" / LOG
        self.directory = RecordingDirectory(folder / "data")
        self.accident = Accident(self.directory, self.lose_power)
        self.acknowledged: list[bytes] = []
        self.coming: bytes | None = None  # what is being appended
        self.done: list[str] = []
        self.blackouts = 0
        self.log = CommitLog.recover(self.path, self.directory)

    def lose_power(self) -> None:
        """Twice, differently; what comes up must be what was acknowledged, with or without what is being done."""
        for _ in range(2):
            self.left.mkdir()
            self.directory.lose_power(self.chance, self.left)
            log = CommitLog.recover(self.left / LOG)
            found = payloads(log)
            self.assert_right(found)
            log.append(len(found) + 1, b"goes on")
            assert payloads(CommitLog(self.left / LOG)) == [*found, b"goes on"]
            shutil.rmtree(self.left)
            self.blackouts += 1

    def assert_right(self, found: list[bytes]) -> None:
        assert found in (self.acknowledged, [*self.acknowledged, self.coming])

    def step(self) -> None:
        fate = self.chance.random()
        if fate < 0.15:
            self.accident.raises, self.accident.after = Killed(), self.chance.randrange(8)
        elif fate < 0.3:
            self.accident.raises = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.accident.after = self.chance.randrange(5)
        self.done.append(f"{self.accident.raises!r} after {self.accident.after}")
        try:
            self.checkpoint() if self.chance.random() < 0.15 else self.append()
        except AgentError as refused:
            assert refused.code == "disk_full"
            self.done.append("refused")
        except Killed:
            self.done.append("killed")
            self.accident.raises = None
            self.restart()
        self.accident.raises = self.coming = None
        self.lose_power()

    def append(self) -> None:
        length = self.chance.choice((0, 1, 30, 3000, 100_000))
        self.coming = self.chance.randbytes(length)
        self.done.append(f"append {length} bytes")
        self.log.settle()
        self.log.append(len(self.acknowledged) + 1, self.coming)
        self.acknowledged.append(self.coming)

    def checkpoint(self) -> None:
        self.done.append("checkpoint")
        self.log = CommitLog.create(self.path, len(self.acknowledged), self.acknowledged, self.directory)

    def restart(self) -> None:
        """Another process takes over; what the killed one was doing has happened or not."""
        self.log = CommitLog.recover(self.path, self.directory)
        found = payloads(self.log)
        self.assert_right(found)
        self.acknowledged = found


def payloads(log: CommitLog) -> list[bytes]:
    log.rewind()
    return [record.payload for record in log.read_on()]


@pytest.mark.parametrize("seed", [SEED] if SEED else range(1, 31))
def test_the_commit_log_keeps_what_it_acknowledged(tmp_path: Path, seed: int) -> None:
    history = LogHistory(tmp_path, seed)
    try:
        for _ in range(STEPS):
            history.step()
    except BaseException as error:
        error.add_note(f"VAKKA_TEST_SEED={seed}\n" + "\n".join(history.done))
        raise
    assert len(history.acknowledged) > STEPS / 3
    assert history.blackouts > 4 * STEPS


def test_a_large_record_is_there_whole_or_not_at_all_whichever_pages_arrived(tmp_path: Path) -> None:
    """Its payload holds what a client could know of records: marker, lengths, numbers, whole foreign records."""
    (tmp_path / "data").mkdir()
    directory = RecordingDirectory(tmp_path / "data")
    log = CommitLog.recover(tmp_path / "data" / LOG, directory)
    log.append(1, b"first")
    foreign = log_format.Header(b"no such1", 0, log_format.HEADER_SIZE)
    forged = b"".join(log_format.pack_record(foreign, number, b"client data") for number in range(1, 5))
    payload = b"".join(forged + bytes(random.Random(at).randrange(600)) for at in range(8000))  # noqa: S311
    assert len(payload) > 2_000_000
    found: list[list[bytes]] = []

    def lose_power() -> None:
        for seed in range(40):
            target = tmp_path / f"left-{len(found)}"
            target.mkdir()
            directory.lose_power(random.Random(seed), target)  # noqa: S311
            found.append(payloads(CommitLog.recover(target / LOG)))
            shutil.rmtree(target)

    directory.before_each = lose_power
    log.append(2, payload)
    assert all(one in ([b"first"], [b"first", payload]) for one in found)
    assert [b"first"] in found and [b"first", payload] in found
    found.clear()
    lose_power()
    assert all(one == [b"first", payload] for one in found)


def test_a_log_that_was_rewritten_does_not_come_back_as_it_was(tmp_path: Path) -> None:
    """What the old one held is purged, and files that it names may be removed, as soon as the new one is made."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / LOG
    directory = RecordingDirectory(tmp_path / "data")
    CommitLog.recover(path, directory).append(1, b"deleted since")
    made = CommitLog.create(path, 1, [b"base"], directory)
    for seed in range(20):
        target = tmp_path / f"left-{seed}"
        target.mkdir()
        directory.lose_power(random.Random(seed), target)  # noqa: S311
        found = CommitLog.recover(target / LOG)
        assert (found.header, payloads(found)) == (made.header, [b"base"])


def test_what_is_appended_after_a_killed_checkpoint_is_not_lost_with_its_name(tmp_path: Path) -> None:
    """One process is killed between renaming the log and syncing the folder, and the next one appends to that log."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / LOG
    directory = RecordingDirectory(tmp_path / "data")
    CommitLog.recover(path, directory).append(1, b"one")
    operations: list[int] = []
    accident = Accident(directory, lambda: operations.append(1))
    CommitLog.create(path, 1, [b"one"], directory)
    accident.raises, accident.after = Killed(), len(operations) - 1
    with pytest.raises(Killed):
        CommitLog.create(path, 1, [b"one"], directory)
    accident.raises = None
    CommitLog.recover(path, directory).append(2, b"two")
    for seed in range(20):
        target = tmp_path / f"left-{seed}"
        target.mkdir()
        directory.lose_power(random.Random(seed), target)  # noqa: S311
        assert payloads(CommitLog.recover(target / LOG)) == [b"one", b"two"]


@pytest.mark.parametrize("seed", [SEED] if SEED else range(1, 41))
def test_a_segment_is_whole_once_its_name_is_synced_and_never_taken_for_whole_before(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    (tmp_path / "data").mkdir()
    directory = RecordingDirectory(tmp_path / "data")
    arrays = {f"a{at}": np.arange(chance.choice((0, 1, 77, 5000)), dtype=np.uint32) for at in range(6)}
    outcomes: list[str] = []

    def lose_power() -> None:
        for _ in range(3):
            target = tmp_path / "left"
            target.mkdir()
            directory.lose_power(chance, target)
            outcomes.extend(outcome(target / place, arrays) for place in ("building/x/s.seg", "segments/s.seg"))
            shutil.rmtree(target)

    for folder in ("segments", "building"):
        directory.make_folder(folder)
    directory.sync_names(".")
    directory.before_each = lose_power
    directory.make_folder("building/x")
    writer = SegmentWriter(directory, "building/x/s.seg")
    for name, values in arrays.items():
        writer.add(name, values, kind="data")
    writer.finish(b"properties")
    directory.rename("building/x/s.seg", "segments/s.seg")
    directory.sync_names("segments")
    assert {"absent", "damaged", "whole"} >= set(outcomes)
    outcomes.clear()
    lose_power()
    assert outcomes[1::2] == ["whole"] * 3


def outcome(path: Path, arrays: dict[str, np.ndarray[tuple[int], np.dtype[np.uint32]]]) -> str:
    try:
        file = SegmentFile.open(path)
        file.verify()
    except FileNotFoundError:
        return "absent"
    except DamagedSegment as damaged:
        assert str(path) in damaged.reason
        return "damaged"
    assert all(np.array_equal(file.array(name), values) for name, values in arrays.items())
    assert (set(file.arrays), file.properties) == (set(arrays), b"properties")
    return "whole"


def test_a_segment_can_be_lost_halfway_in_every_way(tmp_path: Path) -> None:
    """The test above proves something only if the losses of power are of every kind."""
    found = set()
    (tmp_path / "data").mkdir()
    directory = RecordingDirectory(tmp_path / "data")
    writer = SegmentWriter(directory, "s.seg")
    writer.add("a", np.arange(5000, dtype=np.uint32), kind="data")
    for seed in range(200):
        target = tmp_path / "left"
        target.mkdir()
        directory.lose_power(random.Random(seed), target)  # noqa: S311
        found.add((target / "s.seg").stat().st_size if (target / "s.seg").exists() else None)
        shutil.rmtree(target)
    assert {None, 0, 64 + 20_000} <= found
    assert len(found) > 5


def test_a_log_that_other_bytes_were_put_into_is_no_torn_tail(tmp_path: Path) -> None:
    """The counterpart: where what was synced is changed, recovery says so instead of cutting it off."""
    log = CommitLog.recover(tmp_path / LOG)
    end = log.append(1, b"one")
    log.append(2, b"two")
    content = bytearray((tmp_path / LOG).read_bytes())
    content[end - 1] ^= 1
    content[log_format.PUBLISHED_AT : log_format.HEADER_SIZE] = log_format.PUBLISHED.pack(log_format.HEADER_SIZE)
    (tmp_path / LOG).write_bytes(content)
    with pytest.raises(DamagedData, match="whole ones follow it"):
        CommitLog.recover(tmp_path / LOG)
