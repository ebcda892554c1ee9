"""One agent over the recorded database's tables, and the recorded examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from instance_agent.app import create_app
from instance_agent.settings import Settings
from tests.conformance.asking import Asker
from tests.conformance.examples import Example, read_examples
from tests.conformance.store import load


@pytest.fixture(scope="session")
def examples(shared_data: Path) -> dict[str, Example]:
    return read_examples(shared_data / "api-examples.json")


@pytest.fixture(scope="session")
def ask(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    folder = tmp_path_factory.mktemp("conformance")
    data, logs = folder / "data", folder / "logs"
    data.mkdir()
    logs.mkdir()
    load(shared_data / "grocery" / "aito-demo", data)
    yield Asker(create_app(Settings(data_dir=data, logs_dir=logs, disable_auth=True)).test_client())
