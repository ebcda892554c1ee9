"""What was removed leaves no byte behind, whatever way it was removed, and wherever it lay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import Maintenance, optimize
from instance_agent.schema.parse import parse_column, parse_table
from instance_agent.schema.types import JsonValue

SECRET = "Geheimnis4711"
COLUMNS: JsonValue = {"columns": {"n": {"type": "Int"}, "s": {"type": "Text"}, "j": {"type": "Json"}}}
OTHER: JsonValue = {"columns": {"n": {"type": "Int"}}}


def delete_row(database: Database) -> None:
    database.transact(lambda t: t.delete("t", t.view.table("t").column("n").rows_equal(7)))


def replace_values(database: Database) -> None:
    database.transact(
        lambda t: t.update("t", t.view.table("t").column("n").rows_equal(7), {"s": "harmless", "j": {}}),
    )


def drop_columns(database: Database) -> None:
    database.delete_column("t", "s")
    database.put_column("t", "j", parse_column("t", "j", {"type": "Int"}), 0)


def drop_table(database: Database) -> None:
    database.delete_table("t")


def put_table_again(database: Database) -> None:
    database.put_table("t", parse_table("t", OTHER))


def replace_by_a_copy(database: Database) -> None:
    database.put_table("other", parse_table("other", OTHER))
    database.copy_table("other", "t", replace=True)


def update_and_update_again(database: Database) -> None:
    delete_row(database)
    database.insert_rows("t", [{"n": 8, "s": "x", "j": 1}])
    for text in (f"{SECRET} in a patch", "harmless"):
        database.transact(
            lambda t, s=text: t.update("t", t.view.table("t").column("n").rows_equal(8), {"s": s}),  # type: ignore[misc]
        )


@pytest.mark.parametrize("in_segment", [False, True])
@pytest.mark.parametrize(
    "remove",
    [
        delete_row,
        replace_values,
        drop_columns,
        drop_table,
        put_table_again,
        replace_by_a_copy,
        update_and_update_again,
    ],
)
def test_no_byte_of_what_was_removed_is_left(
    tmp_path: Path, remove: Callable[[Database], None], in_segment: bool
) -> None:
    database = Database.open(tmp_path)
    database.put_table("t", parse_table("t", COLUMNS))
    rows: list[JsonValue] = [{"n": n, "s": f"text {n}", "j": [n]} for n in range(20)]
    rows[7] = {"n": 7, "s": f"with {SECRET} inside", "j": {"deep": [SECRET]}}
    database.insert_rows("t", rows)
    if in_segment:
        optimize(database, "t")
    assert holds_secret(tmp_path)
    remove(database)
    upkeep = Maintenance(database, grace_seconds=3600)
    upkeep.purge_everything(now=0)
    assert not holds_secret(tmp_path)
    assert not holds_secret(tmp_path, SECRET.lower())


def test_nothing_is_rewritten_before_its_time(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    database.put_table("t", parse_table("t", COLUMNS))
    harmless: list[JsonValue] = [{"n": n, "s": "x", "j": 0} for n in range(10, 30)]
    database.insert_rows("t", [{"n": 7, "s": SECRET, "j": 0}, *harmless])
    optimize(database, "t")
    database.checkpoint()
    before = {path.name: path.stat().st_ino for path in (tmp_path / "segments").iterdir()}
    delete_row(database)
    deleted_at = database.state().stale_log_since
    assert deleted_at is not None
    upkeep = Maintenance(database, grace_seconds=3600)
    upkeep.run_once(now=deleted_at + 3599)
    assert {path.name: path.stat().st_ino for path in (tmp_path / "segments").iterdir()} == before
    upkeep.run_once(now=deleted_at + 3600)
    upkeep.run_once(now=deleted_at + 3600)
    assert not holds_secret(tmp_path)


def holds_secret(folder: Path, secret: str = SECRET) -> bool:
    return any(secret.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())
