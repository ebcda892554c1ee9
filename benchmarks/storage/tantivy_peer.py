"""tantivy through its Python binding."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import tantivy

from benchmarks.storage.engines import TOP, Engine
from benchmarks.storage.invoices import Row
from instance_agent.schema.types import JsonValue

WHOLE_VALUES: Final = ("id", "vendor", "gl_code", "date", "tags")
TEXTS: Final = ("description", "note")
LOADING_HEAP_BYTES: Final = 256 * 1024 * 1024
WRITING_HEAP_BYTES: Final = 64 * 1024 * 1024


class Tantivy(Engine):
    """One folder of segments."""

    def load(self, file: Path) -> float:
        started = time.perf_counter()
        writer = self._index().writer(heap_size=LOADING_HEAP_BYTES, num_threads=os.cpu_count() or 1)
        with gzip.open(file) as lines:
            for line in lines:
                writer.add_json(line.decode())
        writer.commit()
        taken = time.perf_counter() - started
        writer.wait_merging_threads()
        self._index().writer(heap_size=WRITING_HEAP_BYTES, num_threads=1).garbage_collect_files()
        return taken

    def open(self) -> None:
        self._schema = _schema()
        self._opened = self._index()
        self._searcher = self._opened.searcher()
        self._writer: tantivy.IndexWriter | None = None

    def close(self) -> None:
        if self._writer is not None:
            self._writer.wait_merging_threads()
            self._writer = None

    def row_count(self) -> int:
        return int(self._searcher.num_docs)

    def count(self, vendor: str) -> int:
        return int(self._searcher.search(self._equal("vendor", vendor), limit=1).count)

    def find(self, vendor: str) -> int:
        return self._top(self._equal("vendor", vendor), None)

    def search(self, word: str) -> int:
        unranked = tantivy.Query.const_score_query(self._equal("description", word), 1.0)
        return self._top(unranked, None)

    def rank(self, word: str) -> int:
        return self._top(self._equal("description", word), None)

    def order(self, gl_code: str) -> int:
        return self._top(self._equal("gl_code", gl_code), "amount")

    def insert(self, rows: Sequence[Row]) -> None:
        writer = self._writing()
        for row in rows:
            writer.add_json(msgspec.json.encode(row).decode())
        self._commit(writer)

    def delete(self, vendor: str) -> None:
        writer = self._writing()
        writer.delete_documents_by_term("vendor", vendor)
        self._commit(writer)

    def counts(self, field: str, value: str, by: str) -> JsonValue:
        """How many rows with this value have each value of the fast field `by`."""
        counts: JsonValue = self._searcher.aggregate(
            self._equal(field, value), {"counts": {"terms": {"field": by, "size": 1_000}}}
        )
        return counts

    def _commit(self, writer: tantivy.IndexWriter) -> None:
        writer.commit()
        self._opened.reload()
        self._searcher = self._opened.searcher()

    def _writing(self) -> tantivy.IndexWriter:
        if self._writer is None:
            self._writer = self._opened.writer(heap_size=WRITING_HEAP_BYTES, num_threads=1)
        return self._writer

    def _index(self) -> tantivy.Index:
        return tantivy.Index(_schema(), path=str(self.folder), reuse=True)

    def _equal(self, name: str, value: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, name, value, "freq" if name in TEXTS else "basic")

    def _top(self, query: tantivy.Query, by: str | None) -> int:
        found = self._searcher.search(query, limit=TOP, order_by_field=by)
        for _, address in found.hits:
            self._searcher.doc(address).to_dict()
        return int(found.count)


def _schema() -> tantivy.Schema:
    schema = tantivy.SchemaBuilder()
    for name in WHOLE_VALUES:
        # Accounts are counted by in benchmarks.queries.
        schema.add_text_field(name, stored=True, fast=name == "gl_code", tokenizer_name="raw", index_option="basic")
    for name in TEXTS:
        schema.add_text_field(name, stored=True, tokenizer_name="default", index_option="freq")
    schema.add_float_field("amount", stored=True, indexed=True, fast=True)
    schema.add_integer_field("quantity", stored=True, indexed=True, fast=True)
    schema.add_boolean_field("paid", stored=True, indexed=True)
    return schema.build()
