"""`python -m mission_control.store.migrate`: bring the schema `mission_control` to this version.

The files migrations/NNNN_name.sql are applied in order, each once, each in a transaction of its own. Safe to run
again, and by several at once.
"""

from __future__ import annotations

from importlib import resources

import psycopg
from psycopg import sql
from pydantic import SecretStr

from mission_control import log
from mission_control.settings import DatabaseSettings
from mission_control.store.database import SCHEMA, connect_directly

_LOCK_KEY = 0x56414B4B415F4D43  # any number nobody else uses: "VAKKA_MC"


def migrate(url: SecretStr) -> list[str]:
    """Apply what hasn't been applied yet; returns the names applied."""
    with connect_directly(url) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK_KEY])
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)))
        connection.execute(
            "create table if not exists migrations"
            " (name text primary key, applied_at timestamptz not null default now())"
        )
        done = {str(row["name"]) for row in connection.execute("select name from migrations")}
        applied = []
        for name, text in _files():
            if name in done:
                continue
            with connection.transaction():
                # The text is a file of this distribution, never input.
                connection.execute(text.encode())
                connection.execute("insert into migrations (name) values (%s)", [name])
            applied.append(name)
        return applied


def _files() -> list[tuple[str, str]]:
    folder = resources.files("mission_control.store").joinpath("migrations")
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [(entry.name, entry.read_text(encoding="utf-8")) for entry in sorted(files, key=lambda entry: entry.name)]


def main() -> None:
    """Migrate the database of the settings, and say what was done."""
    log.configure("INFO")
    logger = log.get_logger("migrate")
    try:
        applied = migrate(DatabaseSettings().database_url)
    except psycopg.OperationalError:
        logger.error("migration_failed", reason="the database can't be reached")
        raise SystemExit(1) from None
    logger.info("migrated", applied=applied)


if __name__ == "__main__":
    main()
