"""A disk filled to the brim: writes are refused with a code, reads, deletes and the purge go on, nothing is lost."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from instance_agent.engine.check import check
from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import Maintenance, merge_policy, rounds
from instance_agent.errors import AgentError
from instance_agent.schema.parse import parse_table
from instance_agent.schema.types import JsonValue
from tests.crash.model import rows_in

DISK_BYTES = 48 * 1024 * 1024
BATCH = 250
COLUMNS: JsonValue = {"columns": {"n": {"type": "Int"}, "s": {"type": "String"}}}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(path)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"this account can't mount a small disk ({mounted.stderr.strip()})")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(database: Database, first: int = 0, upkeep: Maintenance | None = None) -> list[int]:
    """Insert until the disk is full, with upkeep in between; the numbers that were acknowledged."""
    numbers: list[int] = []
    for number in range(first, first + 1_000_000, BATCH):
        rows: list[JsonValue] = [{"n": number + at, "s": os.urandom(200).hex()} for at in range(BATCH)]
        try:
            database.insert_rows("t", rows)
        except AgentError as error:
            assert error.code == "disk_full"
            return numbers
        numbers += range(number, number + BATCH)
        if upkeep is not None and number % (BATCH * 4) == 0:
            keep_up(upkeep)
    raise AssertionError("the disk never got full")


def numbers_in(database: Database) -> list[int]:
    return [int(str(row["n"])) for row in rows_in(database.read_view().table("t"))]


def test_a_full_disk_loses_nothing_and_can_be_emptied(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge_policy, "SMALL_ROWS", 1_000)
    monkeypatch.setattr(merge_policy, "FLUSH_ROWS", 1_000)
    monkeypatch.setattr(merge_policy, "LARGEST_ROWS", 4_000)
    monkeypatch.setattr(rounds, "SMALLEST_CHECKPOINT_BYTES", 1024 * 1024)
    database = Database.open(disk)
    database.put_table("t", parse_table("t", COLUMNS))
    upkeep = Maintenance(database, grace_seconds=0)
    kept: list[int] = []
    while more := fill(database, len(kept), upkeep):
        kept += more
    assert len(kept) > 10_000
    for _ in range(3):
        assert fill(database, first=10**6) == []
        assert numbers_in(database) == numbers_in(Database.open(disk)) == kept
    count = len(kept) // 2
    gone = np.arange(count, dtype=np.uint32) * 2  # some of every segment
    assert database.transact(lambda t: t.delete("t", gone)) == count
    left = [number for at, number in enumerate(kept) if at % 2 or at >= 2 * count]
    assert numbers_in(database) == left
    upkeep.purge_everything(time.time())
    assert check(disk).problems == []
    more = fill(database, first=2 * 10**6)
    assert len(more) > count // 4, "the room of deleted rows is used again"
    assert numbers_in(Database.open(disk)) == left + more
    database.delete_table("t")
    upkeep.purge_everything(time.time())
    database.put_table("t", parse_table("t", COLUMNS))
    assert len(fill(database)) > len(kept) // 2


def keep_up(upkeep: Maintenance) -> None:
    """A round that may find the disk full, as the maintenance process does."""
    try:
        upkeep.run_once(time.time())
    except AgentError as error:
        assert error.code == "disk_full"
    except OSError as error:
        assert error.errno == errno.ENOSPC


def test_pausing_needs_no_room(disk: Path) -> None:
    database = Database.open(disk)
    database.put_table("t", parse_table("t", COLUMNS))
    kept = fill(database)
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            try:
                ballast.write(bytes(512))
            except OSError:
                break
    database.pause(epoch=3)
    assert Database.open(disk).paused.paused
    with pytest.raises(AgentError) as refused:
        database.insert_rows("t", [{"n": -1, "s": ""}])
    assert refused.value.code == "writes_paused"
    database.resume(epoch=4)
    (disk / "ballast").unlink()
    assert numbers_in(Database.open(disk)) == kept
