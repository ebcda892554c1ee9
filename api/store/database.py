"""Connections to PostgreSQL: a pool for requests, direct ones for leases, all in the schema `api`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout
from pydantic import SecretStr

SCHEMA = "api"
POOL_TIMEOUT_SECONDS = 2.0

# A peer that vanished is noticed in about 11 s, idle or not; an unreachable one in 3 s.
CONNECTION_OPTIONS: dict[str, Any] = {
    "options": f"-csearch_path={SCHEMA} -ctimezone=UTC",
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 11_000,
    "application_name": "vakka-api",
}

Connection: TypeAlias = psycopg.Connection[DictRow]


class DatabaseUnavailable(Exception):
    """PostgreSQL can't be reached or went away; nothing of the transaction was kept, as far as we know."""


def connect_directly(url: SecretStr) -> Connection:
    """A connection of its own, committing each statement by itself; for leases, which belong to a session."""
    return psycopg.connect(url.get_secret_value(), autocommit=True, row_factory=dict_row, **CONNECTION_OPTIONS)


class Database:
    """A pool of connections that mends itself when the server comes back."""

    def __init__(self, url: SecretStr, *, pool_size: int) -> None:
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url.get_secret_value(),
            connection_class=psycopg.Connection[DictRow],
            kwargs={"row_factory": dict_row, **CONNECTION_OPTIONS},
            min_size=1,
            max_size=pool_size,
            timeout=POOL_TIMEOUT_SECONDS,
            # The pool doubles its pauses between tries; given up after this, the next request tries afresh.
            reconnect_timeout=3.0,
            check=ConnectionPool.check_connection,
            name="api",
            open=False,
        )
        self._pool.open(wait=False)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        Raises DatabaseUnavailable when the server can't be reached or is lost on the way.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise DatabaseUnavailable from error

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()
