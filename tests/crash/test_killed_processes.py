"""Processes killed with SIGKILL at any moment: what was acknowledged is there, nothing else is half there."""

from __future__ import annotations

import os
import random
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import Maintenance, merge_policy, optimize
from instance_agent.engine.transaction import Transaction
from instance_agent.schema.parse import parse_table
from instance_agent.schema.types import JsonValue
from tests.crash.model import assert_indexes_right, rows_in

KILLS = 60  # in each database
BATCH = 3
NUMBER = struct.Struct("<q")
COLUMNS: JsonValue = {"columns": {"n": {"type": "Int"}, "state": {"type": "String", "nullable": True}}}


@pytest.fixture(autouse=True)
def small_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushes and merges after a few rows, so that kills fall into them too."""
    monkeypatch.setattr(merge_policy, "FLUSH_ROWS", 30)
    monkeypatch.setattr(merge_policy, "SMALL_ROWS", 30)


def in_child(work: Callable[[int], None]) -> tuple[int, int]:
    """Run `work(pipe)` in a process of its own; its id, and the end of the pipe to read what it acknowledged."""
    read_end, write_end = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read_end)
        try:
            work(write_end)
        finally:
            os._exit(1)
    os.close(write_end)
    return process, read_end


def numbers_from(pipe: int) -> list[int]:
    """All numbers that were written to the pipe; a write of so few bytes is whole."""
    content = b""
    while part := os.read(pipe, 65536):
        content += part
    os.close(pipe)
    return [number for (number,) in NUMBER.iter_unpack(content)]


def write_for_ever(data_dir: Path, first: int, pipe: int) -> None:
    """Insert batches, update and delete; tell each batch's first number when it is acknowledged, negative: deleted."""
    database = Database.open(data_dir)
    number = first
    while True:
        database.insert_rows("t", [{"n": number + at} for at in range(BATCH)])
        os.write(pipe, NUMBER.pack(number))
        if number % 2:
            database.transact(lambda t, n=number: t.update("t", having(t, n), {"state": "done"}))  # type: ignore[misc]
        elif number % 5 == 0:
            database.transact(lambda t, n=number: t.delete("t", having(t, n)))  # type: ignore[misc]
            os.write(pipe, NUMBER.pack(-number))
        number += BATCH


def having(transaction: Transaction, number: int) -> NDArray[np.uint32]:
    return transaction.view.table("t").column("n").rows_equal(number)


def maintain_for_ever(data_dir: Path, chance: random.Random) -> None:
    database = Database.open(data_dir)
    upkeep = Maintenance(database, grace_seconds=0)
    while True:
        upkeep.run_once(time.time())
        if chance.random() < 0.2:
            optimize(database, "t")
        if chance.random() < 0.2:
            database.checkpoint()


@pytest.mark.parametrize("seed", range(5))
def test_a_writer_and_maintenance_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - when to kill
    Database.open(tmp_path).put_table("t", parse_table("t", COLUMNS))
    acknowledged: set[int] = set()
    deleted: set[int] = set()
    first = 1
    for _ in range(KILLS // 2):
        writer, pipe = in_child(lambda out, start=first: write_for_ever(tmp_path, start, out))  # type: ignore[misc]
        keeper, keeper_pipe = in_child(lambda _: maintain_for_ever(tmp_path, chance))
        time.sleep(chance.random() * 0.08)
        for process in chance.sample((writer, keeper), 2):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        os.close(keeper_pipe)
        told = numbers_from(pipe)
        acknowledged.update(number for number in told if number > 0)
        deleted.update(-number for number in told if number < 0)
        found = check(Database.open(tmp_path), acknowledged, deleted)
        first = max(found, default=first) + BATCH + 1
    assert_indexes_right(Database.open(tmp_path).read_view())
    assert len(acknowledged) > KILLS // 2, "the writer must have got somewhere between kills"
    assert deleted


def check(database: Database, acknowledged: set[int], deleted: set[int]) -> list[int]:
    """Raises unless whole batches are there: all acknowledged ones, without what was deleted. The numbers there."""
    rows = rows_in(database.read_view().table("t"))
    numbers = [int(str(row["n"])) for row in rows]
    assert len(numbers) == len(set(numbers)), "no row twice"
    assert numbers == sorted(numbers), "rows keep their order"
    there = set(numbers)
    for number in acknowledged:
        assert {number + at for at in range(1, BATCH)} <= there, "an acknowledged batch is whole"
        assert number in there or (number % 2 == 0 and number % 5 == 0), "an acknowledged row is there"
    assert not there & deleted, "a deleted row stays deleted"
    return numbers
