"""Fixtures shared by the unit, contract and fault tests of the control plane."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from api.store.migrate import migrate
from tests.unit.api.world import World, make_world


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> Iterator[str]:
    """The name of a migrated database to copy from: copying is ten times quicker than migrating."""
    name = f"template_{secrets.token_hex(8)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    migrate(SecretStr(postgres_url.rsplit("/", 1)[0] + f"/{name}"))
    yield name
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def api_database_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """A migrated database of its own for one test."""
    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(migrated_template))
        )
    yield postgres_url.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def world(api_database_url: str, tmp_path: Path) -> Iterator[World]:
    """A control plane with an empty database and an empty data folder."""
    with make_world(api_database_url, tmp_path) as made:
        yield made
