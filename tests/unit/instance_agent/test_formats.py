"""A data directory of every format version that was ever released opens, and says the same as then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from instance_agent.engine.check import check
from instance_agent.engine.database import LOG_NAME, Database
from instance_agent.engine.maintenance import Maintenance
from instance_agent.storage import log_format, segment_format
from instance_agent.storage.commit_log import CommitLog
from tests.crash.model import assert_indexes_right, rows_in

FORMATS = Path(__file__).resolve().parents[2] / "formats"
EXPECTED = {
    "customers": [
        {"country": "FI", "id": "c1", "name": "Meri Oy"},
        {"country": "FI", "id": "c2", "name": "Tuuli Ab"},
    ],
    "persons": [
        {"country": "FI", "id": "c1", "name": "Meri Oy"},
        {"country": "FI", "id": "c2", "name": "Tuuli Ab"},
    ],
    "orders": [
        {
            "at": 1_700_000_000_000,
            "customer": "c1",
            "extra": {"k": [1, 2]},
            "items": 2,
            "note": "Running shoes",
            "tags": ["a", "b"],
            "total": 12.5,
        },
        {"at": 1_700_000_000_001, "customer": "c2", "items": 1, "total": 3.0},
        {"at": 5, "customer": "c1", "items": 9, "total": 7.25},
    ],
}


def folders() -> list[Path]:
    return sorted(path for path in FORMATS.iterdir() if path.is_dir())


@pytest.mark.parametrize("kept", folders(), ids=lambda path: path.name)
def test_a_directory_of_an_earlier_version_opens(kept: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(kept, data_dir)
    database = Database.open(data_dir)
    for _ in range(2):
        view = database.read_view()
        assert {name: rows_in(table) for name, table in view.tables.items()} == EXPECTED
        assert view.table("orders").column("note").rows_with("run").tolist() == [0]
        assert view.uploads["00000000-0000-4000-8000-000000000001"].stored == 1
        assert_indexes_right(view)
        database.insert_rows("persons", [{"country": "SE", "id": "c3", "name": "Vind"}])
        assert Database.open(data_dir).read_view().table("persons").live_count == 3
        database.transact(lambda t: t.delete("persons", t.view.table("persons").column("id").rows_equal("c3")))
        Maintenance(database, grace_seconds=0).purge_everything(now=4e9)
        assert check(data_dir).problems == []
    assert CommitLog(data_dir / LOG_NAME).version == log_format.VERSION


def test_every_format_version_is_kept() -> None:
    """The folders' names say which versions; what they hold is opened above."""
    names = {path.name for path in folders()}
    assert names == {"log-1", "log-2-segment-1"}
    assert log_format.VERSION == 2, "add a folder for the new version"
    assert segment_format.VERSION == 1, "add a folder for the new version"
