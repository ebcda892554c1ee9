"""The sample store as files: schema.json and one gzip-compressed NDJSON file per table."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

from examples.sample_store.generate import SampleStore
from examples.sample_store.schema import Row


def to_ndjson(rows: Iterable[Row]) -> bytes:
    """One JSON object per line, UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows).encode()


def to_ndjson_gz(rows: Iterable[Row]) -> bytes:
    """The same, compressed, without a date inside: equal rows give equal bytes."""
    return gzip.compress(to_ndjson(rows), compresslevel=6, mtime=0)


def write_files(store: SampleStore, folder: Path) -> list[Path]:
    """Write the store into `folder`, which is made when missing; files of the same names are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = folder / "schema.json"
    schema.write_text(json.dumps(store.schema, indent=2) + "\n")
    written = [schema]
    for table, rows in store.tables.items():
        written.append(folder / f"{table}.ndjson.gz")
        written[-1].write_bytes(to_ndjson_gz(rows))
    return written
