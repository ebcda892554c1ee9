"""The power fails at any moment: what was acknowledged is there, what was not is there whole or not at all."""

from __future__ import annotations

import copy
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from instance_agent.engine.check import check
from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import Maintenance, merge_policy
from tests.crash.model import History, Model, Table, assert_indexes_right, assert_same, rows_in
from tests.crash.recording import RecordingDirectory

STEPS = 40
SEED = int(os.environ.get("VAKKA_TEST_SEED", "0"))


@pytest.fixture(autouse=True)
def small_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are many here, so that flushes and merges happen."""
    monkeypatch.setattr(merge_policy, "FLUSH_ROWS", 10)
    monkeypatch.setattr(merge_policy, "SMALL_ROWS", 10)
    monkeypatch.setattr(merge_policy, "FAN_IN", 3)


class Blackouts:
    """Losses of power before random operations on the disk, and what was found when the database was opened after."""

    def __init__(self, directory: RecordingDirectory, chance: random.Random, folder: Path) -> None:
        self.found: list[Model] = []
        self.count = 0
        self._directory = directory
        self._chance = chance
        self._folder = folder

    def before_operation(self) -> None:
        if self._chance.random() < 0.3:
            self.happen()

    def happen(self) -> None:
        self._folder.mkdir()
        self._directory.lose_power(self._chance, self._folder)
        database = Database.open(self._folder)
        assert check(self._folder).problems == []
        self.found.append(model_of(database))
        self.count += 1
        if self._chance.random() < 0.1:
            assert_indexes_right(database.read_view())
            Maintenance(database, grace_seconds=0).purge_everything(now=4e9)
            assert_same(database.read_view(), self.found[-1])
        shutil.rmtree(self._folder)


def model_of(database: Database) -> Model:
    view = database.read_view()
    return {
        name: Table({key: one.type.value for key, one in table.schema.columns.items()}, plain(rows_in(table)))
        for name, table in view.tables.items()
    }


def plain(rows: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]


@pytest.mark.parametrize("seed", [SEED] if SEED else range(1, 9))
def test_power_fails_at_any_moment(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a replayable history, no secret
    (tmp_path / "data").mkdir()
    directory = RecordingDirectory(tmp_path / "data")
    blackouts = Blackouts(directory, chance, tmp_path / "left")
    directory.before_each = blackouts.before_operation
    history = History(Database.open(tmp_path / "data", directory), chance)
    assert all(found == {} for found in blackouts.found), "opening makes nothing up"
    try:
        for _ in range(STEPS):
            blackouts.found.clear()
            before = copy.deepcopy(history.model)
            history.step()
            for found in blackouts.found:
                assert found in (before, history.model)
            blackouts.found.clear()
            blackouts.happen()
            assert blackouts.found == [history.model], "what was acknowledged is there"
    except BaseException as error:
        error.add_note(f"VAKKA_TEST_SEED={seed}\n" + "\n".join(history.done))
        raise
    assert blackouts.count > STEPS
