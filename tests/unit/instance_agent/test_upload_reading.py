"""Reading a file in: unpacked as gzip is, the same rows whatever is shared out, damaged files, bounded blocks."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest

from instance_agent import log
from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import Maintenance
from instance_agent.errors import AgentError
from instance_agent.schema.types import ColumnSchema, ColumnType, JsonValue, TableSchema
from instance_agent.uploads import reading
from instance_agent.uploads.bad_rows import read_kept
from instance_agent.uploads.builders import BuilderDied
from instance_agent.uploads.ingest import Tally, Task, ingest
from instance_agent.uploads.runs import Bounds
from instance_agent.uploads.states import FINISHED, UploadState, UploadStates
from instance_agent.uploads.unpacking import BLOCK_BYTES, Block, NotSound, Unpacked

SCHEMA = TableSchema({"n": ColumnSchema(ColumnType.INT), "s": ColumnSchema(ColumnType.TEXT, nullable=True)})
SEVERAL = Bounds(small_file_bytes=1, run_bytes=300_000, segment_rows=5_000)
"""So that a small file is built by several processes."""


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Tally] = []
        self.before: list[Tally] = []

    def progress(self, tally: Tally, /) -> None:
        self.told.append(tally)

    def before_commit(self, tally: Tally, /) -> None:
        self.before.append(tally)


@contextmanager
def opened(folder: Path, content: bytes) -> Iterator[int]:
    """A descriptor of a file with this content."""
    path = folder / uuid4().hex
    path.write_bytes(content)
    with path.open("rb") as file:
        yield file.fileno()


@pytest.fixture
def database(tmp_path: Path) -> Database:
    (tmp_path / "data").mkdir()
    made = Database.open(tmp_path / "data")
    made.put_table("t", SCHEMA)
    return made


def state_for(database: Database) -> UploadState:
    return UploadState(str(uuid4()), "t", database.read_view().table("t").made_by_commit)


def read(database: Database, content: bytes, bounds: Bounds, state: UploadState | None = None) -> tuple[Tally, Path]:
    """Read a file in; what became of its lines, and where the refused ones are."""
    folder = database.data_dir.parent
    refused = folder / f"{uuid4().hex}.refused"
    with opened(folder, gzip.compress(content, 1)) as descriptor:
        return ingest(database, Task(state or state_for(database), descriptor, refused, bounds), Listener()), refused


def rows_of(database: Database) -> list[JsonValue]:
    view = database.read_view().table("t")
    return [view.row(number)["n"] for number in range(view.row_count)]


def some_lines(seed: int, count: int) -> bytes:
    """Good, blank and bad lines; good ones have their number."""
    random_ = random.Random(seed)  # noqa: S311
    made = []
    for number in range(count):
        kind = random_.random()
        if kind < 0.9:
            made.append(b'{"n": %d, "s": "%x %x"}' % (number, random_.getrandbits(12), random_.getrandbits(40)))
        else:
            made.append(b"" if kind < 0.95 else b"bad %d" % number)
    return b"\n".join(made)


@pytest.mark.parametrize("bounds", [SEVERAL, Bounds(), Bounds(tail_rows=0), Bounds(tail_rows=10**9)])
def test_a_file_gives_its_rows_in_order_however_it_is_shared_out(database: Database, bounds: Bounds) -> None:
    content = some_lines(1, 60_000)
    lines = content.split(b"\n")
    tally, refused = read(database, content, bounds)
    expected = [at for at, line in enumerate(lines) if line.startswith(b"{")]
    assert rows_of(database) == expected
    assert tally.stored == len(expected)
    assert tally.last_row == database.read_view().table("t").row(len(expected) - 1)
    bad = [(at + 1, line) for at, line in enumerate(lines) if line.startswith(b"bad")]
    assert [(line.line, line.text) for line in read_kept(refused)] == bad
    assert [row.line for row in tally.failing] == [number for number, _ in bad[-10:]]
    assert (tally.failed, tally.kept) == (len(bad), len(bad))
    Maintenance(database, 0).purge_everything(time.time())
    assert rows_of(database) == expected
    assert list((database.data_dir / "building").iterdir()) == []


def test_a_file_for_several_processes_is_shared_out_and_told_of(database: Database) -> None:
    listener = Listener()
    content = some_lines(2, 60_000)
    with opened(database.data_dir.parent, gzip.compress(content, 1)) as descriptor:
        task = Task(state_for(database), descriptor, database.data_dir.parent / "refused", SEVERAL)
        tally = ingest(database, task, listener)
    assert len(listener.told) >= 4
    assert listener.before == [tally]
    assert {told.stored for told in listener.told[:1]} != {tally.stored}
    parts = database.read_view().table("t").state.parts
    assert len(parts) > 4
    assert max(part.row_count for part in parts) < 5_000 + BLOCK_BYTES // 20


@pytest.mark.parametrize("bounds", [SEVERAL, Bounds()])
def test_a_file_that_was_stored_adds_nothing_again(database: Database, bounds: Bounds) -> None:
    content, state = some_lines(3, 40_000), state_for(database)
    first, refused = read(database, content, bounds, state)
    rows = rows_of(database)
    again, not_again = read(database, content, bounds, state)
    assert rows_of(database) == rows
    assert (again.stored, again.failed) == (first.stored, first.failed)
    assert refused.exists()
    assert not not_again.exists(), "the lines that were kept stay as they are"


@pytest.mark.parametrize("bounds", [SEVERAL, Bounds()])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda whole: whole[:-1], "truncated"),
        (lambda whole: whole[: len(whole) // 2], "truncated"),
        (lambda whole: whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:], "isn't sound gzip"),
        (lambda whole: whole + b"\0\0garbage", "isn't sound gzip"),
    ],
)
def test_of_a_damaged_file_nothing_is_left(
    database: Database, bounds: Bounds, damage: object, words: str, tmp_path: Path
) -> None:
    assert callable(damage)
    with (
        opened(tmp_path, damage(gzip.compress(some_lines(4, 60_000), 1))) as descriptor,
        pytest.raises(NotSound, match=words),
    ):
        ingest(database, Task(state_for(database), descriptor, tmp_path / "refused", bounds), Listener())
    assert rows_of(database) == []
    assert list((database.data_dir / "building").iterdir()) == []
    assert not (tmp_path / "refused").exists()
    assert dict(database.read_view().uploads) == {}


def test_several_files_in_one_and_padding_behind_them_are_one_file(tmp_path: Path) -> None:
    parts = [some_lines(seed, 20_000) + b"\n" for seed in range(3)]
    packed = b"\0\0".join(gzip.compress(part, 1) for part in parts) + b"\0" * 100_000
    with opened(tmp_path, packed) as descriptor:
        assert b"".join(block.content for block in Unpacked(descriptor).blocks()) == b"".join(parts)


def test_gzip_is_read_as_the_standard_library_reads_it(tmp_path: Path) -> None:
    """Flipped, cut and appended bytes: the same content, or a refusal where that refuses."""
    random_ = random.Random(5)  # noqa: S311
    whole = gzip.compress(some_lines(6, 300), 1)
    for _ in range(1_500):
        packed = bytearray(whole * random_.choice([1, 2]))
        for _ in range(random_.choice([0, 1, 2])):
            packed[random_.randrange(len(packed))] ^= 1 << random_.randrange(8)
        del packed[random_.choice([len(packed), random_.randrange(1, len(packed))]) :]
        packed += random_.randbytes(random_.choice([0, 0, 1, 5]))
        try:
            expected: bytes | None = gzip.decompress(packed)
        except (EOFError, OSError, gzip.zlib.error):  # type: ignore[attr-defined]
            expected = None
        with opened(tmp_path, bytes(packed)) as descriptor:
            try:
                found: bytes | None = b"".join(block.content for block in Unpacked(descriptor).blocks())
            except NotSound:
                found = None
        assert found == expected


def test_blocks_are_whole_lines_and_never_much_longer_than_a_line_may_be(tmp_path: Path) -> None:
    limit = 1_000_000
    content = b"\n" * 600_000 + b"a" * limit + b"\n" + b"b" * (limit + 1) + b"\n\n" + b"c" * 3 * limit + b"\nd"
    with opened(tmp_path, gzip.compress(content, 1)) as descriptor:
        blocks = list(Unpacked(descriptor, line_limit_bytes=limit).blocks())
    for block, following in pairwise(blocks):
        assert block.first_line + block.line_count == following.first_line
        assert content[: following.offset].endswith(b"\n")
        assert content[: following.offset].count(b"\n") == following.first_line
    assert max(len(block.content) for block in blocks) <= limit + BLOCK_BYTES
    assert blocks[-1] == Block(len(content) - 1, 600_004, b"d")
    assert sum(block.content.count(b"c") for block in blocks) == limit


def test_a_builder_that_is_killed_ends_the_reading_and_leaves_nothing(database: Database, tmp_path: Path) -> None:
    def children() -> set[str]:
        return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())

    others = children()  # of other tests of the run: a database server, perhaps

    class Killer(Listener):
        def progress(self, _: Tally) -> None:
            for child in children() - others:
                os.kill(int(child), signal.SIGKILL)

    with opened(tmp_path, gzip.compress(some_lines(7, 200_000), 1)) as descriptor, pytest.raises(BuilderDied):
        ingest(database, Task(state_for(database), descriptor, tmp_path / "refused", SEVERAL), Killer())
    assert rows_of(database) == []
    assert list((database.data_dir / "building").iterdir()) == []


@pytest.mark.parametrize("bounds", [SEVERAL, Bounds()])
def test_a_table_replaced_while_its_file_is_read_gets_nothing(
    database: Database, tmp_path: Path, bounds: Bounds
) -> None:
    class Replacer(Listener):
        def before_commit(self, _: Tally) -> None:
            database.put_table("t", SCHEMA)

    with (
        opened(tmp_path, gzip.compress(some_lines(8, 60_000), 1)) as descriptor,
        pytest.raises(AgentError, match="replaced"),
    ):
        ingest(database, Task(state_for(database), descriptor, tmp_path / "refused", bounds), Replacer())
    assert rows_of(database) == []
    assert list((database.data_dir / "building").iterdir()) == []


def test_a_failure_nobody_thought_of_is_told_in_words_and_logged_by_its_place(
    database: Database, tmp_path: Path
) -> None:
    for name in ("logs", "states"):
        (tmp_path / name).mkdir()
    log.configure(tmp_path / "logs")
    states = UploadStates(tmp_path / "states")
    with opened(tmp_path, gzip.compress(some_lines(9, 10))) as descriptor:
        task = Task(state_for(database), descriptor, tmp_path / "not a\0 name")
        ended = reading.read_in(database, states, task)
    assert (ended.state, ended.can_go_on, ended.stored) == (FINISHED, True, 0)
    assert ended.problem == (
        "Something went wrong while the file was read. "
        "Nothing of it is stored. Trigger it again, and it is read from its beginning."
    )
    logged = [json.loads(line) for line in (tmp_path / "logs" / "info.log").read_text().splitlines()]
    assert [(line["event"], line["error"]) for line in logged] == [("upload_failed", "ValueError")]
    assert any("bad_rows.py" in place for place in logged[0]["places"])


class Meddler(Listener):
    """Changes the table's columns when everything is ready for the commit."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    def before_commit(self, tally: Tally, /) -> None:
        self._database.put_column("t", "more", ColumnSchema(ColumnType.INT, nullable=True), None)
        super().before_commit(tally)


@pytest.mark.parametrize("bounds", [Bounds(tail_rows=0), Bounds()])
def test_rows_that_were_checked_against_other_columns_are_not_stored(database: Database, bounds: Bounds) -> None:
    folder, state = database.data_dir.parent, state_for(database)
    with opened(folder, gzip.compress(b'{"n": 1}\n')) as descriptor:
        task = Task(state, descriptor, folder / "refused", bounds)
        with pytest.raises(AgentError, match="columns were changed") as refused:
            ingest(database, task, Meddler(database))
        assert refused.value.code == "table_changed"
        assert rows_of(database) == []
        assert ingest(database, task, Listener()).stored == 1
    assert rows_of(database) == [1]
