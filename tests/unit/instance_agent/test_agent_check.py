"""`vakka agent check`: what holds together, what doesn't, and what it takes on the disk."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from instance_agent.cli import agent
from instance_agent.engine.check import check
from instance_agent.engine.database import LOG_NAME, Database
from instance_agent.engine.maintenance import Maintenance, optimize
from instance_agent.engine.tables import TableView
from instance_agent.errors import AgentError, DamagedData
from instance_agent.schema.parse import parse_table
from instance_agent.schema.types import JsonValue
from instance_agent.storage.segment_format import DamagedSegment

COLUMNS: JsonValue = {"columns": {"n": {"type": "Int"}, "s": {"type": "Text"}}}


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Two tables with a segment each, one with rows in the log as well."""
    made = Database.open(tmp_path)
    for name in ("good", "bad"):
        made.put_table(name, parse_table(name, COLUMNS))
        made.insert_rows(name, [{"n": n, "s": f"word{n} and more"} for n in range(100)])
        optimize(made, name)
    made.insert_rows("good", [{"n": -1, "s": "late"}])
    return made


def run(data_dir: Path) -> Result:
    return CliRunner().invoke(agent, ["check", "--data", str(data_dir)])


def segment_of(database: Database, table: str) -> Path:
    part = database.state().tables[table].parts[0]
    return database.data_dir / "segments" / f"{part.segment_id}.seg"  # type: ignore[union-attr]


def test_a_whole_directory_checks_out_with_its_sizes(database: Database, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    lines = dict(line.split(": ") for line in result.output.splitlines() if ": " in line)
    assert (lines["table good"], lines["table bad"], lines["segments"]) == ("101 rows", "100 rows", "2")
    use = database.disk_use()
    segments = sum(path.stat().st_size for path in (tmp_path / "segments").iterdir())
    assert use.data_bytes + use.index_bytes + use.awaiting_purge_bytes == segments
    assert lines["data"] == f"{use.data_bytes} bytes"
    assert lines["log"] == f"{(tmp_path / LOG_NAME).stat().st_size} bytes"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_deleted_rows_await_their_purge(database: Database) -> None:
    whole = database.disk_use()
    database.transact(lambda t: t.delete("bad", np.arange(50, dtype=np.uint32)))
    half = database.disk_use()
    assert half.awaiting_purge_bytes > whole.data_bytes // 10
    assert half.data_bytes < whole.data_bytes
    Maintenance(database, grace_seconds=0).purge_everything(now=4e9)
    assert database.disk_use().awaiting_purge_bytes == 0


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "swapped", "empty"])
def test_a_damaged_segment_is_named_and_only_its_table_says_so(database: Database, tmp_path: Path, damage: str) -> None:
    victim, other = segment_of(database, "bad"), segment_of(database, "good")
    content = bytearray(victim.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    elif damage == "cut":
        del content[-100:]
    elif damage == "swapped":
        content = bytearray(other.read_bytes())
    elif damage == "empty":
        content.clear()
    victim.unlink()
    if damage != "missing":
        victim.write_bytes(content)
    result = run(tmp_path)
    assert result.exit_code == 1
    assert victim.stem in result.output
    assert "table 'bad'" in result.output
    assert "table 'good'" not in result.output
    again = Database.open(tmp_path)
    assert again.read_view().table("good").row(3) == {"n": 3, "s": "word3 and more"}
    with pytest.raises(AgentError) as refused:
        everything_of(again, "bad")
    assert refused.value.code == "table_damaged"
    assert again.insert_rows("good", [{"n": 5, "s": "on"}]) == 1
    Maintenance(again, grace_seconds=0).purge_everything(now=4e9)
    assert again.read_view().table("good").live_count == 102
    again.delete_table("bad")
    Maintenance(again, grace_seconds=0).purge_everything(now=4e9)
    assert check(tmp_path).problems == []


def everything_of(database: Database, table: str) -> None:
    view = database.read_view().table(table)
    for number in range(view.row_count):
        view.row(number)
    for name in view.schema.columns:
        column = view.column(name)
        assert len(column.codes) == len(column.feature_offsets) - 1
        column.rows_with("word3")


def test_the_damage_is_no_surprise_to_who_reads_the_log(database: Database) -> None:
    victim = segment_of(database, "bad")
    victim.write_bytes(b"")
    with pytest.raises(DamagedSegment) as damaged:
        everything_of(Database.open(database.data_dir), "bad")
    assert victim.name in damaged.value.reason
    assert str(victim) not in damaged.value.message


def test_a_damaged_commit_log_is_named(database: Database, tmp_path: Path) -> None:
    content = bytearray((tmp_path / LOG_NAME).read_bytes())
    content[-3] ^= 1
    (tmp_path / LOG_NAME).write_bytes(content)
    result = run(tmp_path)
    assert result.exit_code == 1
    assert LOG_NAME in result.output


def test_a_folder_without_a_database_is_said_to_be_one(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "There is no database" in result.output
    assert list(tmp_path.iterdir()) == []


def test_segments_without_their_log_are_no_empty_database(database: Database, tmp_path: Path) -> None:
    segments = sorted((tmp_path / "segments").iterdir())
    (tmp_path / LOG_NAME).unlink()
    with pytest.raises(DamagedData, match="is missing"):
        Database.open(tmp_path)
    assert sorted((tmp_path / "segments").iterdir()) == segments
    assert not (tmp_path / LOG_NAME).exists()


def test_too_many_open_files_are_no_damage(database: Database, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    again = Database.open(tmp_path)
    again.segments._open.clear()
    taken: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 8, hard))
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        table = TableView(again.state().tables["bad"], again.segments, None)
        with pytest.raises(AgentError) as refused:
            table.row(0)
        assert refused.value.code == "storage_failed"
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert table.row(0) == {"n": 0, "s": "word0 and more"}
