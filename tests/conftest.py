"""Fixtures that every kind of test may use."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg import sql

from tests.processes import postgres_server

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Each service sets up its process's logs; here they share one process, so a test gives back what it changed."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL for the whole run: VAKKA_TEST_DATABASE_URL, or the embedded binaries."""
    given = os.environ.get("VAKKA_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with postgres_server() as server:
        yield server.url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A database of its own for one test, empty, dropped afterwards."""
    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield postgres_url.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real tables and documented answers; the test is skipped where it isn't there."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder shared/data is not beside the project: tests on real tables are skipped")
    return SHARED_DATA
