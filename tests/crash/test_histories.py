"""Random histories against a dictionary: same rows in the same order, and indexes that say what the rows say."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import merge_policy
from tests.crash.model import History, assert_indexes_right, assert_same

STEPS = 60
SEED = int(os.environ.get("VAKKA_TEST_SEED", "0"))


@pytest.fixture(autouse=True)
def small_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are many here, so that flushes and merges happen."""
    monkeypatch.setattr(merge_policy, "FLUSH_ROWS", 10)
    monkeypatch.setattr(merge_policy, "SMALL_ROWS", 10)
    monkeypatch.setattr(merge_policy, "FAN_IN", 3)
    monkeypatch.setattr(merge_policy, "LARGEST_ROWS", 200)


@pytest.mark.parametrize("seed", [SEED] if SEED else range(1, 13))
def test_a_history_leaves_what_its_model_says(tmp_path: Path, seed: int) -> None:
    database = Database.open(tmp_path)
    reader = Database.open(tmp_path)
    history = History(database, random.Random(seed))  # noqa: S311 - a replayable history, no secret
    try:
        for step in range(STEPS):
            history.step()
            assert_same(database.read_view(), history.model)
            assert_same(reader.read_view(), history.model)
            if step % 10 == 9:
                assert_indexes_right(database.read_view())
                assert_indexes_right(reader.read_view())
                assert_same(Database.open(tmp_path).read_view(), history.model)
    except BaseException as error:
        error.add_note(f"VAKKA_TEST_SEED={seed}\n" + "\n".join(history.done))
        raise
