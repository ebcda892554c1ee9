"""How many bytes are written to the data directory for each byte of rows that arrives.

Every write to the data directory goes through its `Directory`, so counting there is exact: log, segments, and all
rewrites by flush, merge and checkpoint. What the file system adds (its journal, the rest of a page) isn't in it; the
kernel's counter of a process holds that, but also log files and pages that were never written because they were removed
before, so it can be wrong in both directions.

Upkeep runs to its end after each batch. That is the dearest order: an agent under load does less upkeep per row.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.storage.engines import TABLE
from benchmarks.storage.invoices import COLUMNS, Invoices
from benchmarks.storage.plan import Outcome
from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import Maintenance
from instance_agent.engine.segments import BUILDING, SEGMENTS
from instance_agent.schema.parse import parse_table
from instance_agent.storage.directory import Directory

GRACE_SECONDS = 3600.0


@dataclass
class Written:
    """Bytes so far."""

    segments: int = 0
    others: int = 0  # the commit log
    is_segment: dict[int, bool] = field(default_factory=dict)  # by descriptor


class CountingDirectory(Directory):
    """A directory that remembers how much was written to it, for one thread."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.written = Written()

    def create(self, name: str) -> int:
        return self._known(super().create(name), name)

    def open(self, name: str) -> int:
        return self._known(super().open(name), name)

    def write(self, descriptor: int, content: bytes | memoryview, offset: int) -> None:
        super().write(descriptor, content, offset)
        if self.written.is_segment[descriptor]:
            self.written.segments += len(content)
        else:
            self.written.others += len(content)

    def _known(self, descriptor: int, name: str) -> int:
        self.written.is_segment[descriptor] = name.partition("/")[0] in {BUILDING, SEGMENTS}
        return descriptor


def measure(folder: Path, rows: int, batch_rows: int) -> Outcome:
    """Write `rows` rows in batches into an empty database in `folder`, with upkeep after each."""
    directory = CountingDirectory(folder)
    database = Database.open(folder, directory)
    database.put_table(TABLE, parse_table(TABLE, {"type": "table", "columns": COLUMNS}))
    upkeep = Maintenance(database, GRACE_SECONDS)
    directory.written.segments = directory.written.others = 0
    invoices = Invoices()
    payload_bytes = 0
    for first in range(0, rows, batch_rows):
        batch = list(invoices.rows(first, min(batch_rows, rows - first)))
        payload_bytes += len(msgspec.json.encode(batch))
        database.insert_rows(TABLE, batch)
        while upkeep.run_once(time.time()):
            pass
    written = directory.written
    return Outcome(
        facts={
            "amplification": (written.segments + written.others) / payload_bytes,
            "amplification_of_segments": written.segments / payload_bytes,
            "amplification_of_log": written.others / payload_bytes,
            "amplification_rows": rows,
            "segments_at_the_end": len(list((folder / SEGMENTS).iterdir())),
        }
    )
