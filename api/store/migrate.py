"""`python -m api.store.migrate`: bring the schema `api` to this version. Safe to run again, and by several at once.

Ours are the files migrations/NNNN_name.sql, in order. The job queue's tables come from procrastinate: whole at the
first time, afterwards by the migrations its new versions bring.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import sql
from pydantic import SecretStr

from api import log
from api.settings import DatabaseSettings
from api.store.database import SCHEMA, Connection, connect_directly

OWN = "api.store.migrations"
QUEUE = "procrastinate.sql.migrations"
_LOCK_KEY = 0x56414B4B415F4150  # any number nobody else uses: "VAKKA_AP"


class NewerDatabase(Exception):
    """The database was migrated by a newer version than this one."""


def migrate(url: SecretStr) -> list[str]:
    """Apply what hasn't been applied yet, each file in a transaction of its own; returns the names applied.

    Raises NewerDatabase, having changed nothing, when something has been applied that this version doesn't know.
    """
    with connect_directly(url) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK_KEY])
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)))
        connection.execute(
            "create table if not exists migrations"
            " (name text primary key, applied_at timestamptz not null default now())"
        )
        done = {str(row["name"]) for row in connection.execute("select name from migrations")}
        _require_known(done)
        return [*_migrate_queue(connection, done), *_migrate_own(connection, done)]


def _require_known(done: set[str]) -> None:
    known = {entry.name for entry in _files(OWN)} | {f"procrastinate/{entry.name}" for entry in _files(QUEUE)}
    if done - known:
        raise NewerDatabase(", ".join(sorted(done - known)))


def _files(package: str) -> list[Traversable]:
    """The package's SQL files in the order of their names."""
    entries = [entry for entry in resources.files(package).iterdir() if entry.name.endswith(".sql")]
    return sorted(entries, key=lambda entry: entry.name)


def _migrate_queue(connection: Connection, done: set[str]) -> list[str]:
    files = _files(QUEUE)
    names = [f"procrastinate/{entry.name}" for entry in files]
    if not any(name.startswith("procrastinate/") for name in done):
        with connection.transaction():
            connection.execute(SchemaManager.get_schema())
            _record(connection, *names)
        return ["procrastinate"]
    return [
        _apply(connection, name, entry.read_text(encoding="utf-8"))
        for name, entry in zip(names, files, strict=True)
        if name not in done
    ]


def _migrate_own(connection: Connection, done: set[str]) -> list[str]:
    return [
        _apply(connection, entry.name, entry.read_text(encoding="utf-8"))
        for entry in _files(OWN)
        if entry.name not in done
    ]


def _apply(connection: Connection, name: str, text: str) -> str:
    with connection.transaction():
        # The text is a file of this distribution or of procrastinate's, never input.
        connection.execute(text.encode())
        _record(connection, name)
    return name


def _record(connection: Connection, *names: str) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("insert into migrations (name) values (%s)", [(name,) for name in names])


def main() -> None:
    """Migrate the database of the settings, and say what was done."""
    log.configure("INFO")
    logger = log.get_logger("migrate")
    try:
        applied = migrate(DatabaseSettings().database_url)
    except psycopg.OperationalError:
        logger.error("migration_failed", reason="the database can't be reached")
        raise SystemExit(1) from None
    except NewerDatabase as newer:
        logger.error(
            "migration_failed",
            reason="the database was written by a newer version of Vakka: start that version",
            unknown=str(newer),
        )
        raise SystemExit(1) from None
    logger.info("migrated", applied=applied)


if __name__ == "__main__":
    main()
