"""This project's database as its clients meet it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.storage import vakka_questions as ask
from benchmarks.storage.agent import Agent, running_agent
from benchmarks.storage.engines import TABLE, Engine, Unsupported
from benchmarks.storage.invoices import COLUMNS, Row
from benchmarks.storage.vakka import DATA, data_bytes
from instance_agent.schema.types import JsonValue

POLL_SECONDS = 0.02
LOGS = "logs"


class VakkaOverHttp(Engine):
    """One agent over one data directory."""

    opening = "start"

    def load(self, file: Path) -> float:
        """Send the file and have it read in. The stop at the end leaves the data directory purged and merged."""
        with running_agent(self.folder / DATA, self.folder / LOGS) as agent:
            agent.put(f"/api/v1/schema/{TABLE}", {"type": "table", "columns": COLUMNS})
            started = time.perf_counter()
            _upload(agent, file)
            return time.perf_counter() - started

    def open(self) -> None:
        self.agent = Agent(self.folder / DATA, self.folder / LOGS)

    def close(self) -> None:
        self.agent.stop()

    def row_count(self) -> int:
        return self._asked({"from": TABLE, "limit": 0})

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
        if len(rows) == 1:
            self.agent.post(f"/api/v1/data/{TABLE}", rows[0])
        else:
            self.agent.post(f"/api/v1/data/{TABLE}/batch", list(rows))

    def delete(self, vendor: str) -> None:
        self.agent.post("/api/v1/data/_delete", ask.delete(vendor))

    def disk_bytes(self) -> int:
        return data_bytes(self.folder / DATA)

    def _asked(self, body: JsonValue) -> int:
        return ask.total_of(self.agent.post("/api/v1/_search", body))


def _upload(agent: Agent, file: Path) -> None:
    """Return when every row of the file can be asked for. Raises RuntimeError when one was refused."""
    path = f"/api/v1/data/{TABLE}/file"
    prepared = agent.post(path)
    if not isinstance(prepared, dict):
        raise TypeError("an upload is an object")
    with file.open("rb") as content:
        agent.put_file(str(prepared["url"]), content)
    agent.post(f"{path}/{prepared['id']}")
    while not _is_finished(agent.get(f"{path}/{prepared['id']}")):
        time.sleep(POLL_SECONDS)


def _is_finished(status: JsonValue) -> bool:
    match status:
        case {"status": {"finished": False}}:
            return False
        case {"status": {"finished": True}, "errors": {"message": "Last 0 failing rows"}}:
            return True
    raise RuntimeError(f"the upload went wrong: {str(status)[:500]}")
