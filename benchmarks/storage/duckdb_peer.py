"""DuckDB: columns that are scanned."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from benchmarks.storage.engines import TOP, Engine, Unsupported
from benchmarks.storage.invoices import Row
from instance_agent.schema.types import JsonValue

TYPES: Final = {
    "id": "VARCHAR",
    "vendor": "VARCHAR",
    "description": "VARCHAR",
    "gl_code": "VARCHAR",
    "amount": "DOUBLE",
    "quantity": "INTEGER",
    "paid": "BOOLEAN",
    "note": "VARCHAR",
    "date": "VARCHAR",
    "tags": "VARCHAR[]",
}
# What `from_json` takes: the form of one batch.
ROWS: Final = msgspec.json.encode([{**TYPES, "tags": ["VARCHAR"]}]).decode()

TABLE: Final = f"create table invoices ({', '.join(f'{name} {kind}' for name, kind in TYPES.items())})"
LOAD: Final = "insert into invoices select * from read_json(?, format = 'newline_delimited', columns = {columns})"
# One JSON text holds a batch: a prepared statement called for each row takes fifty times as long.
INSERT: Final = "insert into invoices select unnest(from_json(?, ?), recursive := true)"
INSERT_ONE: Final = "insert into invoices values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
WITH_WORD: Final = "from invoices where list_contains(string_split(description, ' '), ?)"


class DuckDb(Engine):
    """One file, its log beside it."""

    def load(self, file: Path) -> float:
        started = time.perf_counter()
        self.open()
        self._connection.execute(TABLE)
        columns = "{" + ", ".join(f"{name}: '{kind}'" for name, kind in TYPES.items()) + "}"
        self._connection.execute(LOAD.format(columns=columns), [str(file)])
        self._connection.execute("checkpoint")
        taken = time.perf_counter() - started
        self.close()
        return taken

    def open(self) -> None:
        self._connection = duckdb.connect(str(self.folder / "invoices.duckdb"))

    def close(self) -> None:
        self._connection.close()

    def row_count(self) -> int:
        return self._number("select count(*) from invoices")

    def count(self, vendor: str) -> int:
        return self._number("select count(*) from invoices where vendor = ?", vendor)

    def find(self, vendor: str) -> int:
        self._fetch("select * from invoices where vendor = ? limit ?", vendor, TOP)
        return self.count(vendor)

    def search(self, word: str) -> int:
        self._fetch(f"select * {WITH_WORD} limit ?", word, TOP)
        return self._number(f"select count(*) {WITH_WORD}", word)

    def rank(self, word: str) -> int:  # noqa: ARG002 - no word can be ranked by
        raise Unsupported("its full-text index is an extension that doesn't follow writes")

    def order(self, gl_code: str) -> int:
        self._fetch("select * from invoices where gl_code = ? order by amount desc limit ?", gl_code, TOP)
        return self._number("select count(*) from invoices where gl_code = ?", gl_code)

    def insert(self, rows: Sequence[Row]) -> None:
        if len(rows) == 1:
            self._connection.execute(INSERT_ONE, [rows[0].get(name) for name in TYPES])
        else:
            self._connection.execute(INSERT, [msgspec.json.encode(rows).decode(), ROWS])

    def delete(self, vendor: str) -> None:
        self._connection.execute("delete from invoices where vendor = ?", [vendor])

    def rows(self, statement: str, values: Sequence[str | int]) -> list[tuple[JsonValue, ...]]:
        """What a statement finds."""
        return list(self._connection.execute(statement, list(values)).fetchall())

    def _fetch(self, statement: str, *values: str | int) -> None:
        self.rows(statement, values)

    def _number(self, statement: str, *values: str | int) -> int:
        (number,) = self._connection.execute(statement, list(values)).fetchall()[0]
        return int(number)
