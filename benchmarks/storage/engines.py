"""What a database must be able to do to be measured, and which ones are."""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.storage.invoices import Row

TABLE = "invoices"
TOP = 10


class Unsupported(Exception):
    """The engine can't be asked this."""


class Engine(ABC):
    """One database in one folder. Not for several threads."""

    opening: ClassVar[str] = "open"
    """The measure that the time from `open` to the first answer belongs to."""

    def __init__(self, folder: Path) -> None:
        """folder: exists; the database, if there is one yet, is in it."""
        self.folder = folder

    @abstractmethod
    def load(self, file: Path) -> float | None:
        """Make the database of a file of rows, durable and ready to answer; the seconds that took, None: not timed.

        Leaves the database closed, with its own merges done; these may go on after the time that is told.
        """

    @abstractmethod
    def open(self) -> None:
        """Have it ready for everything below."""

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def row_count(self) -> int: ...

    @abstractmethod
    def count(self, vendor: str) -> int:
        """How many rows have this vendor."""

    @abstractmethod
    def find(self, vendor: str) -> int:
        """As `count`, together with ten of these rows, whole."""

    @abstractmethod
    def search(self, word: str) -> int:
        """How many rows have this word in their description, together with any ten of them, whole."""

    @abstractmethod
    def rank(self, word: str) -> int:
        """As `search`, with the ten best by BM25. Raises Unsupported."""

    @abstractmethod
    def order(self, gl_code: str) -> int:
        """How many rows have this account, together with the ten of the largest amounts, whole."""

    @abstractmethod
    def insert(self, rows: Sequence[Row]) -> None:
        """Add rows: durable, and seen by the next question."""

    @abstractmethod
    def delete(self, vendor: str) -> None:
        """Delete all rows of this vendor: durable, and seen by the next question."""

    def disk_bytes(self) -> int:
        """What the closed database takes on the disk."""
        return folder_bytes(self.folder)


@dataclass(frozen=True)
class Kind:
    """An engine as the report knows it."""

    name: str
    title: str
    place: str  # module:class
    libraries: tuple[str, ...]  # distributions whose versions matter
    needs: str | None  # the module without which it can't be measured
    setting: str  # durability, and what it indexes

    def missing(self) -> bool:
        return self.needs is not None and importlib.util.find_spec(self.needs) is None

    def make(self, folder: Path) -> Engine:
        module, _, name = self.place.partition(":")
        made = getattr(importlib.import_module(module), name)(folder)
        if not isinstance(made, Engine):
            raise TypeError(f"{self.place} is not an Engine")
        return made


OURS, OURS_HTTP = "vakka", "vakka_http"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            OURS_HTTP,
            "Vakka over HTTP",
            "benchmarks.storage.vakka_http:VakkaOverHttp",
            (),
            None,
            "A real agent: two worker processes and one for maintenance; one client with one connection. "
            "A write is answered when its commit is on the disk (fdatasync).",
        ),
        Kind(
            OURS,
            "Vakka in process",
            "benchmarks.storage.vakka:Vakka",
            ("vakka", "numpy", "msgspec"),
            None,
            "Calls of the database and the query language without HTTP, no maintenance beside it. "
            "fdatasync at each commit. Every column is indexed.",
        ),
        Kind(
            "tantivy",
            "tantivy",
            "benchmarks.storage.tantivy_peer:Tantivy",
            ("tantivy",),
            "tantivy",
            "Through tantivy-py. One commit for each write, which syncs its files, and a reload of the reader. All "
            "fields are indexed and stored, texts with frequencies and without positions; numbers are fast fields.",
        ),
        Kind(
            "duckdb",
            "DuckDB",
            "benchmarks.storage.duckdb_peer:DuckDb",
            ("duckdb",),
            "duckdb",
            "Its defaults: the write-ahead log is synced at each commit, all cores are used. No indexes: "
            "questions scan, also those for words.",
        ),
        Kind(
            "sqlite",
            "SQLite FTS5",
            "benchmarks.storage.sqlite_peer:Sqlite",
            (),
            None,
            "Write-ahead log with synchronous=FULL, 64 MB of cache. Indexes on id, vendor and (gl_code, amount) only; "
            "description and note in FTS5, kept by triggers.",
        ),
    )
}


def folder_bytes(folder: Path) -> int:
    """The lengths of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
