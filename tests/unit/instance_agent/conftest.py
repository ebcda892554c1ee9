"""An agent's application in this process, over an empty data directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from instance_agent.app import create_app
from instance_agent.settings import Settings

READ_WRITE_KEY = "read-write-key-of-a-test"
READ_ONLY_KEY = "read-only-key-of-a-test"


@dataclass(frozen=True)
class Caller:
    """Calls an application with the read-write key."""

    app: Flask
    data_dir: Path
    logs_dir: Path

    def __call__(
        self, method: str, path: str, body: object = None, *, key: str | None = READ_WRITE_KEY
    ) -> TestResponse:
        headers = {"x-api-key": key} if key else {}
        options: dict[str, Any] = {} if body is None else {"json": body}
        return self.app.test_client().open(path, method=method, headers=headers, **options)

    def send(self, method: str, path: str, data: bytes) -> TestResponse:
        """Send these very bytes."""
        return self.app.test_client().open(path, method=method, headers={"x-api-key": READ_WRITE_KEY}, data=data)


def make_settings(folder: Path, **changes: object) -> Settings:
    """Settings of an agent below `folder`."""
    for name in ("data", "logs"):
        (folder / name).mkdir(exist_ok=True)
    keys: dict[str, Any] = {"read_write_key": READ_WRITE_KEY, "read_only_key": READ_ONLY_KEY}
    return Settings(**{"data_dir": folder / "data", "logs_dir": folder / "logs", **keys, **changes})


@pytest.fixture
def call(tmp_path: Path) -> Caller:
    settings = make_settings(tmp_path)
    return Caller(create_app(settings), settings.data_dir, settings.logs_dir)
