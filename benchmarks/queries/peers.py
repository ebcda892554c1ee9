"""The same questions put to others. For a prediction they hand over the counts that it is made of: less than ours does.

tantivy, DuckDB and SQLite count, for each of six features, the rows of each account; scikit-learn answers with the
probabilities of a multinomial naive Bayes that was fitted before.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.queries.questions import TARGET, Asked
from benchmarks.storage.invoices import Invoices
from instance_agent.schema.types import JsonValue

OF_VENDOR = "select gl_code, count(*) from invoices where vendor = ?"
OF_WORD = (
    "select gl_code, count(*) from invoices where contains(description, ?)"
    " and list_contains(string_split(description, ' '), ?)"
)
OF_DAY = " and date = ?"
MATCHING = "select gl_code, count(*) from invoices where rowid in (select rowid from texts where texts match ?)"
BY_ACCOUNT = " group by gl_code"
WORDS_OF_VENDOR = (
    "select word, count(*) as n from (select unnest(string_split(description, ' ')) as word from invoices"
    " where vendor = ?) group by word order by n desc limit 10"
)
MOST_FITTED_ROWS = 1_000_000


class Peer(ABC):
    """One database over a folder that `benchmarks.storage` has filled."""

    @abstractmethod
    def open(self, folder: Path, rows: int) -> None:
        """Have it ready."""

    @abstractmethod
    def measures(self) -> Mapping[str, Callable[[Asked], object]]:
        """What it can be asked, by the measure's name."""


class TantivyPeer(Peer):
    """Aggregations by terms over a fast field."""

    def open(self, folder: Path, rows: int) -> None:  # noqa: ARG002 - the same for all sizes
        from benchmarks.storage.tantivy_peer import Tantivy

        self._engine = Tantivy(folder)
        self._engine.open()

    def measures(self) -> Mapping[str, Callable[[Asked], object]]:
        engine = self._engine
        return {
            "predict": self._counts,
            "search": lambda asked: engine.search(asked.words[0]),
            "rank": lambda asked: engine.rank(asked.words[0]),
            "filter and order": lambda asked: engine.order(asked.gl_code),
            "count": lambda asked: engine.count(asked.vendor),
        }

    def _counts(self, asked: Asked) -> object:
        return [
            self._engine.counts("vendor", asked.vendor, TARGET),
            *(self._engine.counts("description", word, TARGET) for word in asked.words),
        ]


class DuckDbPeer(Peer):
    """Scans of columns."""

    def open(self, folder: Path, rows: int) -> None:  # noqa: ARG002 - the same for all sizes
        from benchmarks.storage.duckdb_peer import DuckDb

        self._engine = DuckDb(folder)
        self._engine.open()

    def measures(self) -> Mapping[str, Callable[[Asked], object]]:
        engine = self._engine
        return {
            "predict": self._counts,
            "predict, narrowed": self._narrowed,
            "relate": self._related,
            "search": lambda asked: engine.search(asked.words[0]),
            "filter and order": lambda asked: engine.order(asked.gl_code),
            "count": lambda asked: engine.count(asked.vendor),
        }

    def _counts(self, asked: Asked) -> object:
        return [
            self._rows(OF_VENDOR + BY_ACCOUNT, [asked.vendor]),
            *(self._rows(OF_WORD + BY_ACCOUNT, [word, word]) for word in asked.words),
        ]

    def _narrowed(self, asked: Asked) -> object:
        return [
            self._rows(OF_VENDOR + OF_DAY + BY_ACCOUNT, [asked.vendor, asked.day]),
            *(self._rows(OF_WORD + OF_DAY + BY_ACCOUNT, [word, word, asked.day]) for word in asked.words),
        ]

    def _related(self, asked: Asked) -> object:
        return [self._rows(WORDS_OF_VENDOR, [asked.vendor]), self._rows(OF_VENDOR + BY_ACCOUNT, [asked.vendor])]

    def _rows(self, statement: str, values: list[str]) -> list[tuple[JsonValue, ...]]:
        return self._engine.rows(statement, values)


class SqlitePeer(Peer):
    """Its index of the vendor, and FTS5 for words."""

    def open(self, folder: Path, rows: int) -> None:  # noqa: ARG002 - the same for all sizes
        from benchmarks.storage.sqlite_peer import Sqlite

        self._engine = Sqlite(folder)
        self._engine.open()

    def measures(self) -> Mapping[str, Callable[[Asked], object]]:
        engine = self._engine
        return {
            "predict": self._counts,
            "search": lambda asked: engine.search(asked.words[0]),
            "rank": lambda asked: engine.rank(asked.words[0]),
            "filter and order": lambda asked: engine.order(asked.gl_code),
            "count": lambda asked: engine.count(asked.vendor),
        }

    def _counts(self, asked: Asked) -> object:
        return [
            self._engine.rows(OF_VENDOR + BY_ACCOUNT, [asked.vendor]),
            *(self._engine.rows(MATCHING + BY_ACCOUNT, [f'description : "{word}"']) for word in asked.words),
        ]


class ScikitPeer(Peer):
    """Naive Bayes over one-hot vendors and words; what it takes to fit isn't in the time."""

    def open(self, folder: Path, rows: int) -> None:  # noqa: ARG002 - it makes its own of the rows
        texts, classes = [], []
        for row in Invoices().rows(0, min(rows, MOST_FITTED_ROWS)):
            texts.append(_as_text(str(row["vendor"]), str(row["description"])))
            classes.append(str(row[TARGET]))
        texts_of = importlib.import_module("sklearn.feature_extraction.text")
        self._vectorizer = texts_of.CountVectorizer(binary=True, tokenizer=str.split, token_pattern=None)
        self._model = importlib.import_module("sklearn.naive_bayes").MultinomialNB()
        self._model.fit(self._vectorizer.fit_transform(texts), classes)

    def measures(self) -> Mapping[str, Callable[[Asked], object]]:
        return {"predict": self._predict}

    def _predict(self, asked: Asked) -> object:
        text = _as_text(asked.vendor, " ".join(asked.words))
        chances = self._model.predict_proba(self._vectorizer.transform([text]))[0]
        return sorted(zip(chances.tolist(), self._model.classes_.tolist(), strict=True), reverse=True)[:10]


def _as_text(vendor: str, description: str) -> str:
    return f"vendor={vendor.replace(' ', '_')} {description}"


PEERS: dict[str, tuple[str, type[Peer], str | None]] = {
    "tantivy": ("tantivy", TantivyPeer, "tantivy"),
    "duckdb": ("DuckDB", DuckDbPeer, "duckdb"),
    "sqlite": ("SQLite FTS5", SqlitePeer, "sqlite"),
    "scikit": ("scikit-learn", ScikitPeer, None),
}
"""By name: its title, its class, and the engine of `benchmarks.storage` that fills its folder."""
