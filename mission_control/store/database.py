"""Connections to PostgreSQL: a pool, in the schema `mission_control`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout
from pydantic import SecretStr

from mission_control.errors import ConsoleError

SCHEMA = "mission_control"
POOL_TIMEOUT_SECONDS = 3.0
POOL_SIZE = 10  # one per request thread of a process, and two to spare

CONNECTION_OPTIONS: dict[str, Any] = {
    "options": f"-csearch_path={SCHEMA}",
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "application_name": "vakka-console",
}

Connection: TypeAlias = psycopg.Connection[DictRow]


class Database:
    """Transactions on the console's schema. Safe to share between threads."""

    def __init__(self, url: SecretStr) -> None:
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url.get_secret_value(),
            connection_class=psycopg.Connection[DictRow],
            kwargs={**CONNECTION_OPTIONS, "row_factory": dict_row},
            min_size=0,
            max_size=POOL_SIZE,
            timeout=POOL_TIMEOUT_SECONDS,
            check=ConnectionPool.check_connection,
            open=False,
        )

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction, committed at the end, rolled back by any exception.

        Raises ConsoleError `database_unavailable` when the database can't be reached or goes away.
        """
        self._pool.open()  # nothing happens when it is open already; here, so that it opens after gunicorn's fork
        try:
            with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError) as error:
            raise ConsoleError("database_unavailable") from error

    def close(self) -> None:
        """Give all connections back."""
        self._pool.close()


def connect_directly(url: SecretStr) -> Connection:
    """One connection outside the pool, every statement its own transaction."""
    return psycopg.connect(url.get_secret_value(), autocommit=True, row_factory=dict_row, **CONNECTION_OPTIONS)
