"""This project's database, called in its own process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.storage import vakka_questions as ask
from benchmarks.storage.engines import OURS_HTTP, TABLE, Engine, Unsupported, folder_bytes
from benchmarks.storage.invoices import Row
from benchmarks.storage.process_memory import mapped_bytes
from instance_agent.engine.database import Database
from instance_agent.query.answer import answer
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.modify import carry_out
from instance_agent.query.endpoints.modify_grammar import parse_delete
from instance_agent.schema.types import JsonValue

DATA = "data"
UPLOADS = "uploads"  # where an agent that stands alone keeps the files it was sent for a week
QUERY_SECONDS = 600.0


class Vakka(Engine):
    """A copy of the data directory that an agent made of an upload."""

    def load(self, file: Path) -> None:  # noqa: ARG002 - the agent has loaded it
        shutil.copytree(
            self.folder.parent / OURS_HTTP / DATA, self.folder / DATA, ignore=shutil.ignore_patterns(UPLOADS)
        )

    def open(self) -> None:
        self._database = Database.open(self.folder / DATA)

    def close(self) -> None:
        """Nothing is held but what ends with the process."""

    def row_count(self) -> int:
        return self._database.read_view().table(TABLE).live_count

    def count(self, vendor: str) -> int:
        return self._asked(ask.count(vendor))

    def find(self, vendor: str) -> int:
        return self._asked(ask.find(vendor))

    def search(self, word: str) -> int:
        return self._asked(ask.search(word))

    def rank(self, word: str) -> int:  # noqa: ARG002 - no word can be ranked by
        raise Unsupported(ask.NO_RANKING)

    def order(self, gl_code: str) -> int:
        return self._asked(ask.order(gl_code))

    def insert(self, rows: Sequence[Row]) -> None:
        self._database.insert_rows(TABLE, list(rows))

    def delete(self, vendor: str) -> None:
        carry_out(self._database, parse_delete(ask.delete(vendor)), Deadline.after(QUERY_SECONDS))

    def disk_bytes(self) -> int:
        return data_bytes(self.folder / DATA)

    def mapped_bytes(self) -> int:
        """Of the data directory's files, in this process."""
        return mapped_bytes(os.getpid(), self.folder / DATA)

    def _asked(self, body: JsonValue) -> int:
        return ask.total_of(answer(self._database.read_view(), "_search", body, QUERY_SECONDS))


def data_bytes(data_dir: Path) -> int:
    """What a data directory takes, without the files that were uploaded."""
    uploads = data_dir / UPLOADS
    return folder_bytes(data_dir) - (folder_bytes(uploads) if uploads.is_dir() else 0)
