"""SQLite with FTS5."""

from __future__ import annotations

import gzip
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.storage.engines import TOP, Engine
from benchmarks.storage.invoices import Row
from instance_agent.schema.types import JsonValue

NAMES: Final = ("id", "vendor", "description", "gl_code", "amount", "quantity", "paid", "note", "date", "tags")
INSERT: Final = "insert into invoices values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

TABLES: Final = """
create table invoices (id text, vendor text, description text, gl_code text, amount real, quantity integer,
                       paid integer, note text, date text, tags text);
create virtual table texts using fts5 (description, note, content = 'invoices');
"""
INDEXES: Final = """
insert into texts (texts) values ('rebuild');
create index by_id on invoices (id);
create index by_vendor on invoices (vendor);
create index by_gl_code on invoices (gl_code, amount);
create trigger added after insert on invoices begin
    insert into texts (rowid, description, note) values (new.rowid, new.description, new.note);
end;
create trigger removed after delete on invoices begin
    insert into texts (texts, rowid, description, note) values ('delete', old.rowid, old.description, old.note);
end;
"""


class Sqlite(Engine):
    """One file, its log beside it."""

    def load(self, file: Path) -> float:
        started = time.perf_counter()
        self.open()
        self._connection.executescript(TABLES)
        with gzip.open(file) as lines:
            self._connection.execute("begin")
            self._connection.executemany(INSERT, _parsed(lines))
            self._connection.execute("commit")
        self._connection.executescript(INDEXES)
        self._connection.execute("analyze")
        self._connection.execute("pragma wal_checkpoint(truncate)")
        taken = time.perf_counter() - started
        self.close()
        return taken

    def open(self) -> None:
        self._connection = sqlite3.connect(self.folder / "invoices.sqlite", isolation_level=None)
        for pragma in ("journal_mode=wal", "synchronous=full", "cache_size=-65536"):
            self._connection.execute(f"pragma {pragma}")

    def close(self) -> None:
        self._connection.close()

    def row_count(self) -> int:
        return self._number("select count(*) from invoices")

    def count(self, vendor: str) -> int:
        return self._number("select count(*) from invoices where vendor = ?", vendor)

    def find(self, vendor: str) -> int:
        self._rows("select * from invoices where vendor = ? limit ?", vendor, TOP)
        return self.count(vendor)

    def search(self, word: str) -> int:
        self._rows(
            "select * from invoices where rowid in (select rowid from texts where texts match ? limit ?)",
            _in_description(word),
            TOP,
        )
        return self._with_word(word)

    def rank(self, word: str) -> int:
        self._rows(
            "select invoices.* from texts join invoices on invoices.rowid = texts.rowid "
            "where texts match ? order by rank limit ?",
            _in_description(word),
            TOP,
        )
        return self._with_word(word)

    def order(self, gl_code: str) -> int:
        self._rows("select * from invoices where gl_code = ? order by amount desc limit ?", gl_code, TOP)
        return self._number("select count(*) from invoices where gl_code = ?", gl_code)

    def insert(self, rows: Sequence[Row]) -> None:
        self._connection.execute("begin")
        self._connection.executemany(INSERT, [_cells(row) for row in rows])
        self._connection.execute("commit")

    def delete(self, vendor: str) -> None:
        self._connection.execute("delete from invoices where vendor = ?", (vendor,))

    def _with_word(self, word: str) -> int:
        return self._number("select count(*) from texts where texts match ?", _in_description(word))

    def rows(self, statement: str, values: Sequence[str | int]) -> list[tuple[JsonValue, ...]]:
        """What a statement finds."""
        return self._connection.execute(statement, values).fetchall()

    def _rows(self, statement: str, *values: str | int) -> list[tuple[JsonValue, ...]]:
        return self.rows(statement, values)

    def _number(self, statement: str, *values: str | int) -> int:
        return int(self._connection.execute(statement, values).fetchone()[0])


def _in_description(word: str) -> str:
    return f'description : "{word}"'


def _parsed(lines: gzip.GzipFile) -> Iterator[tuple[JsonValue, ...]]:
    decoder = msgspec.json.Decoder(dict)
    return (_cells(decoder.decode(line)) for line in lines)


def _cells(row: Row) -> tuple[JsonValue, ...]:
    return tuple(" ".join(map(str, cell)) if isinstance(cell := row.get(name), list) else cell for name in NAMES)
