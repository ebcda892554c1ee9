"""One agent for all tests of the published client that only read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from aito.v1 import api
from aito.v1.client import AitoClient

from tests.agents import READ_WRITE_KEY, RunningAgent, running_agent
from tests.contract.aitoai_store import ROWS, SCHEMA


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAgent]:
    """An agent with the small shop in it."""
    with running_agent(tmp_path_factory.mktemp("shop") / "data") as started:
        client = AitoClient(started.url, READ_WRITE_KEY)
        api.create_database(client, SCHEMA)
        for table, rows in ROWS.items():
            api.upload_entries(client, table, rows, optimize_on_finished=False)
        yield started


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits 5 to 10 seconds between two looks at a job or an upload."""
    real_sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: real_sleep(min(seconds, 0.1)))


@pytest.fixture
def writer(shop: RunningAgent, quick_polls: None) -> Any:
    """The client with the read-write key; what it makes in the shop, it must delete."""
    return AitoClient(shop.url, READ_WRITE_KEY)
