"""The database: commits that all see, from many threads and several instances over one directory."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from instance_agent.engine import base as base_module
from instance_agent.engine import database as database_module
from instance_agent.engine.database import Database
from instance_agent.engine.memory_rows import MemoryRows
from instance_agent.engine.tables import ReadView
from instance_agent.engine.transaction import Transaction
from instance_agent.errors import AgentError, DamagedData, RowInvalid, SchemaInvalid, TableNotFound
from instance_agent.schema.parse import parse_database, parse_table
from instance_agent.schema.rows import RowBatch
from instance_agent.schema.types import JsonValue, TableSchema
from instance_agent.storage.commit_log import CommitLog
from instance_agent.storage.directory import Directory
from tests.processes import wait_until

COLUMNS: JsonValue = {"columns": {"n": {"type": "Int"}, "s": {"type": "String", "nullable": True}}}


def table() -> TableSchema:
    return parse_table("t", COLUMNS)


def rows_of(view: ReadView, name: str = "t") -> list[JsonValue]:
    found = view.table(name)
    return [found.row(number)["n"] for number in range(found.row_count)]


def test_everything_committed_is_there_when_the_directory_is_opened_again(tmp_path: Path) -> None:
    first = Database.open(tmp_path)
    first.put_table("t", table())
    first.insert_rows("t", [{"n": 1, "s": "a"}, {"n": 2}])
    again = Database.open(tmp_path).read_view()
    assert again.commit_number == 2
    assert again.table("t").row(0) == {"n": 1, "s": "a"}
    assert again.table("t").row(1) == {"n": 2}
    assert again.schema == first.read_view().schema


def test_two_instances_see_each_others_commits_at_once(tmp_path: Path) -> None:
    one, other = Database.open(tmp_path), Database.open(tmp_path)
    one.put_table("t", table())
    for number in range(10):
        (one, other)[number % 2].insert_rows("t", [{"n": number}])
        assert rows_of(one.read_view()) == rows_of(other.read_view()) == list(range(number + 1))


def test_a_view_never_changes(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    database.put_table("t", table())
    database.insert_rows("t", [{"n": 1}])
    view = database.read_view()
    column = view.table("t").column("n")
    database.insert_rows("t", [{"n": 1}, {"n": 2}])
    assert database.read_view().table("t").column("n").rows_with(1).tolist() == [0, 1]
    database.put_table("t", table())
    database.delete_tables()
    assert rows_of(view) == [1]
    assert column.rows_with(1).tolist() == view.table("t").column("n").rows_with(1).tolist() == [0]
    assert column.rows_with(2).tolist() == []
    assert list(column.values) == [1]


def test_putting_a_table_again_empties_it(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    database.put_table("t", table())
    database.insert_rows("t", [{"n": 1}])
    database.put_table("t", table())
    assert Database.open(tmp_path).read_view().table("t").row_count == 0


def test_replacing_the_schema_drops_all_else_and_checks_links(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    database.put_table("t", table())
    with pytest.raises(SchemaInvalid):
        database.put_table("u", parse_table("u", {"columns": {"c": {"type": "Int", "link": "t.nothing"}}}))
    database.put_table("u", parse_table("u", {"columns": {"c": {"type": "Int", "link": "t.n"}}}))
    both: JsonValue = {
        "a": {"columns": {"x": {"type": "Int", "link": "b.y"}}},
        "b": {"columns": {"y": {"type": "Int"}}},
    }
    database.replace_schema(parse_database({"schema": both}))
    assert list(database.read_view().tables) == ["a", "b"]
    assert database.delete_tables() == ["a", "b"]
    assert database.delete_tables() == []


def test_a_refused_write_commits_nothing(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    database.put_table("t", table())
    for attempt in (
        lambda: database.insert_rows("t", [{"n": 1}, {"n": "x"}]),
        lambda: database.insert_rows("gone", [{"n": 1}]),
        lambda: database.delete_table("gone"),
    ):
        with pytest.raises((RowInvalid, TableNotFound)):
            attempt()
    assert Database.open(tmp_path).read_view().commit_number == 1


def test_concurrent_writers_lose_nothing_and_readers_see_whole_commits(tmp_path: Path) -> None:
    databases = [Database.open(tmp_path), Database.open(tmp_path)]
    databases[0].put_table("t", table())
    torn: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            for database in databases:
                count = database.read_view().table("t").row_count
                if count % 3:
                    torn.append(count)

    reader = threading.Thread(target=read)
    reader.start()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: databases[n % 2].insert_rows("t", [{"n": n}] * 3), range(120)))
    done.set()
    reader.join()
    assert torn == []
    for database in (*databases, Database.open(tmp_path)):
        view = database.read_view()
        assert sorted(map(int, view.table("t").column("n").numbers)) == sorted(list(range(120)) * 3)
        assert view.commit_number <= 121, "writers who wait for each other share a commit"


def test_a_checkpoint_keeps_everything_and_the_others_go_on(tmp_path: Path) -> None:
    one, other = Database.open(tmp_path), Database.open(tmp_path)
    one.put_table("t", table())
    one.insert_rows("t", [{"n": 1}])
    behind = Database.open(tmp_path)
    one.insert_rows("t", [{"n": 2}])
    unchanged = other.read_view().table("t")
    one.checkpoint()
    assert other.read_view().table("t") is unchanged, "an unchanged table keeps its indexes"
    other.insert_rows("t", [{"n": 3}])
    other.checkpoint()
    other.insert_rows("t", [{"n": 4}])
    for database in (one, other, behind, Database.open(tmp_path)):
        assert rows_of(database.read_view()) == [1, 2, 3, 4]
        assert database.read_view().commit_number == 5


def test_a_checkpoint_of_an_empty_database_keeps_counting(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    database.put_table("t", table())
    database.delete_table("t")
    database.checkpoint()
    again = Database.open(tmp_path)
    again.put_table("t", table())
    assert database.read_view().commit_number == again.read_view().commit_number == 3


def test_a_log_that_nobody_looks_after_is_rewritten_by_its_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "LARGEST_LOG_BYTES", 10_000)
    database = Database.open(tmp_path)
    database.put_table("t", table())
    log = tmp_path / database_module.LOG_NAME
    for _ in range(20):
        database.put_column("t", "s", table().columns["s"], "x" * 1_000)
    assert log.stat().st_size < 15_000
    assert Database.open(tmp_path).read_view().table("t").row_count == 0


def test_a_checkpoint_of_large_rows_has_small_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database.open(tmp_path)
    database.put_table("t", table())
    database.insert_rows("t", [{"n": n, "s": "x" * 1000} for n in range(100)])
    monkeypatch.setattr(base_module, "MOST_BYTES", 10_000)
    database.checkpoint()
    sizes = [len(record.payload) for record in CommitLog(tmp_path / database_module.LOG_NAME).read_on()]
    assert max(sizes) < 12_000
    assert rows_of(Database.open(tmp_path).read_view()) == list(range(100))


def test_on_a_full_disk_the_room_of_deleted_tables_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database.open(tmp_path)
    for name in ("kept", "gone"):
        database.put_table(name, table())
        database.insert_rows(name, [{"n": 1, "s": "x" * 1000}] * 100)
    size = (tmp_path / database_module.LOG_NAME).stat().st_size
    append = CommitLog.append

    def append_while_it_fits(log: CommitLog, number: int, payload: bytes) -> int:
        if log.published + len(payload) > size + 200:
            raise AgentError("disk_full")
        return append(log, number, payload)

    monkeypatch.setattr(CommitLog, "append", append_while_it_fits)
    more: list[JsonValue] = [{"n": 2, "s": "y" * 1000}] * 50
    with pytest.raises(AgentError, match="disk is full"):
        database.insert_rows("kept", more)
    database.delete_table("gone")
    assert database.insert_rows("kept", more) == 50
    assert database.read_view().table("kept").row_count == 150
    assert Database.open(tmp_path).read_view().table("kept").row_count == 150


@pytest.mark.parametrize("own_commit", [True, False])
def test_a_commit_that_did_not_fit_into_memory_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_commit: bool
) -> None:
    database, other = Database.open(tmp_path), Database.open(tmp_path)
    database.put_table("t", table())
    database.insert_rows("t", [{"n": 0}])
    database.checkpoint()
    assert rows_of(database.read_view()) == [0]

    def extend_half(self: MemoryRows, row_count: int, batch: RowBatch) -> MemoryRows:
        self.columns["n"].extend(batch.columns["n"])
        raise MemoryError

    if not own_commit:
        other.insert_rows("t", [{"n": 1}])
    with monkeypatch.context() as scarce, pytest.raises(MemoryError):
        scarce.setattr(MemoryRows, "extended", extend_half)
        database.insert_rows("t", [{"n": 1}])
    expected = [0] if own_commit else [0, 1]
    assert rows_of(database.read_view()) == expected
    assert database.insert_rows("t", [{"n": 2}]) == 1
    assert rows_of(database.read_view()) == rows_of(other.read_view()) == [*expected, 2]


class SlowDirectory(Directory):
    """Counts syncs, and holds one up until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.syncs = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def sync(self, descriptor: int) -> None:
        self.syncs += 1
        assert self.may_go_on.wait(timeout=30)
        super().sync(descriptor)


def test_writers_who_wait_for_each_other_share_a_sync(tmp_path: Path) -> None:
    directory = SlowDirectory(tmp_path)
    database = Database.open(tmp_path, directory)
    database.put_table("t", table())
    before = directory.syncs
    directory.may_go_on.clear()
    first = threading.Thread(target=database.insert_rows, args=("t", [{"n": 0}]))
    first.start()
    wait_until(lambda: directory.syncs == before + 1, what="the first writer's sync")
    with ThreadPoolExecutor(20) as pool:
        done = [pool.submit(database.insert_rows, "t", [{"n": n}]) for n in range(1, 20)]
        refused = pool.submit(database.transact, lambda t: t.insert("t", [{"n": "no number"}]))
        wait_until(lambda: len(database._turns._waiting) == 20, what="the others in the queue")
        directory.may_go_on.set()
        assert [one.result() for one in done] == [1] * 19
        with pytest.raises(RowInvalid):
            refused.result()
    first.join()
    assert directory.syncs == before + 2, "one for the first, one for all others"
    assert sorted(map(int, database.read_view().table("t").column("n").numbers)) == list(range(20))


def test_each_of_a_group_sees_what_those_before_it_did(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    database.put_table("t", table())

    def increment(transaction: Transaction) -> int:
        count = transaction.view.table("t").live_count
        transaction.insert("t", [{"n": count}])
        return count

    with ThreadPoolExecutor(16) as pool:
        counts = list(pool.map(lambda _: database.transact(increment), range(200)))
    assert sorted(counts) == list(range(200))
    assert rows_of(database.read_view()) == list(range(200))


@pytest.mark.parametrize("left", [b"", bytes(512)])
def test_a_power_loss_while_the_pause_flag_is_made_leaves_writes_open(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "pause.json").write_bytes(left)
    database = Database.open(tmp_path)
    assert not database.paused.paused
    database.put_table("t", table())
    assert database.pause(epoch=1) == 1
    assert Database.open(tmp_path).paused.paused


def test_a_pause_flag_that_can_not_be_read_lets_nobody_write(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    (tmp_path / "pause.json").write_bytes(b"{not json".ljust(512))
    with pytest.raises(DamagedData, match=r"pause\.json"):
        database.put_table("t", table())
