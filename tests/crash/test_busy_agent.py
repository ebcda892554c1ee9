"""An agent whose workers are all busy with long queries: others are answered, and the long ones end with 504."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from instance_agent.app import create_app
from instance_agent.settings import Settings
from tests.agents import READ_ONLY_KEY, READ_WRITE_KEY, RunningAgent, running_agent
from tests.processes import free_port

TABLE = {"type": "table", "columns": {"n": {"type": "Int"}, "word": {"type": "Text"}}}
ROWS = [{"n": n, "word": " ".join(f"w{n * 7 % size}" for size in range(50, 90))} for n in range(4000)]
LONG: dict[str, Any] = {
    "from": "t",
    "where": {"$or": [{"word": {"$startsWith": f"w{number}"}} for number in range(800)]},
    "limit": 0,
}
SHORT: dict[str, Any] = {"from": "t", "where": {"n": 7}}
AT_A_TIME = 4


def test_others_are_answered_while_every_worker_has_long_queries(tmp_path: Path) -> None:
    with running_agent(tmp_path / "data") as agent, ThreadPoolExecutor(AT_A_TIME) as pool:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        assert agent.call("POST", "/api/v1/data/t/batch", ROWS).status_code == 200
        running = [pool.submit(agent.call, "POST", "/api/v1/_search", LONG) for _ in range(AT_A_TIME)]
        answered = 0
        while not any(one.done() for one in running):
            assert agent.call("POST", "/api/v1/_search", SHORT).json()["total"] == 1
            answered += 1
        assert answered >= 5
        assert [one.result().json()["total"] for one in running] == [len(ROWS)] * AT_A_TIME


@contextmanager
def served(folder: Path) -> Iterator[RunningAgent]:
    """An agent in this process, on a port, so that a test can change how long it gives a query."""
    data, logs = folder / "data", folder / "logs"
    data.mkdir()
    logs.mkdir()
    app = create_app(Settings(data_dir=data, logs_dir=logs, read_write_key=READ_WRITE_KEY, read_only_key=READ_ONLY_KEY))
    port = free_port()
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield RunningAgent(None, f"http://127.0.0.1:{port}", logs)  # type: ignore[arg-type]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_long_query_ends_with_504_and_the_agent_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instance_agent.routes.v1.queries.QUERY_SECONDS", 0.05)
    with served(tmp_path) as agent, ThreadPoolExecutor(AT_A_TIME) as pool:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        assert agent.call("POST", "/api/v1/data/t/batch", ROWS).status_code == 200

        def ask() -> requests.Response:
            return agent.call("POST", "/api/v1/_search", LONG)

        refused = [one.result() for one in [pool.submit(ask) for _ in range(AT_A_TIME)]]
        assert {answer.status_code for answer in refused} == {504}
        assert {answer.json()["error"] for answer in refused} == {"query_timeout"}
        assert "x-aitoai-response-time" in refused[0].headers
        monkeypatch.setattr("instance_agent.routes.v1.queries.QUERY_SECONDS", 29.0)
        assert agent.call("POST", "/api/v1/_search", SHORT).json()["total"] == 1
