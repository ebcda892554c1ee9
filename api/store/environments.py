"""Rows of environments. Every look-up for a caller names the team in the SQL itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from api.domain.models import Environment
from api.domain.states import EnvironmentState
from api.store.database import Connection

_SELECT = """
    select e.*, (select o.id from operations o where o.environment_id = e.id and o.finished_at is null)
           as current_operation_id
    from environments e
"""


class NameTaken(Exception):
    """The team has a live environment of this name."""


class PortTaken(Exception):
    """Another environment got the port first."""


def insert(connection: Connection, environment: Environment) -> None:
    """Add an environment. Raises NameTaken or PortTaken, after which the transaction goes on."""
    try:
        with connection.transaction():
            connection.execute(
                "insert into environments (id, team_id, name, state, port, key_generation, created_at)"
                " values (%s, %s, %s, %s, %s, %s, %s)",
                [
                    environment.id,
                    environment.team_id,
                    environment.name,
                    environment.state,
                    environment.port,
                    environment.key_generation,
                    environment.created_at,
                ],
            )
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name == "environments_name":
            raise NameTaken from None
        if error.diag.constraint_name == "environments_port":
            raise PortTaken from None
        raise


def list_of_team(connection: Connection, team_id: UUID) -> list[Environment]:
    """The team's environments, newest first, without deleted ones."""
    rows = connection.execute(
        _SELECT + " where e.team_id = %s and e.state <> 'deleted' order by e.created_at desc, e.id", [team_id]
    )
    return [_from_row(row) for row in rows]


def find_of_team(connection: Connection, team_id: UUID, environment_id: UUID) -> Environment | None:
    """The team's environment unless it is deleted."""
    row = connection.execute(
        _SELECT + " where e.id = %s and e.team_id = %s and e.state <> 'deleted'", [environment_id, team_id]
    ).fetchone()
    return _from_row(row) if row else None


def lock_of_team(connection: Connection, team_id: UUID, environment_id: UUID) -> Environment | None:
    """Like find_of_team, and nobody else changes the row until the transaction ends.

    Rows that refer to it, such as events, may still be added: a worker that adds one while it holds its operation's
    row would otherwise wait for us, and we for it.
    """
    connection.execute(
        "select 1 from environments where id = %s and team_id = %s for no key update", [environment_id, team_id]
    )
    return find_of_team(connection, team_id, environment_id)


def lock(connection: Connection, environment_id: UUID) -> None:
    """Nobody else changes the row until the transaction ends."""
    connection.execute("select 1 from environments where id = %s for no key update", [environment_id])


def find_live(connection: Connection, environment_id: UUID) -> Environment | None:
    """An environment that isn't deleted, for a caller that is that environment itself."""
    row = connection.execute(_SELECT + " where e.id = %s and e.state <> 'deleted'", [environment_id]).fetchone()
    return _from_row(row) if row else None


def get(connection: Connection, environment_id: UUID) -> Environment:
    """The environment in any state, for the workflows."""
    row = connection.execute(_SELECT + " where e.id = %s", [environment_id]).fetchone()
    if row is None:
        raise LookupError(f"no environment {environment_id}")
    return _from_row(row)


def ports_taken(connection: Connection) -> set[int]:
    """The ports that environments hold."""
    rows: Iterable[DictRow] = connection.execute(
        "select port from environments where port is not null and released_at is null"
    )
    return {int(row["port"]) for row in rows}


def set_state(connection: Connection, environment_id: UUID, state: EnvironmentState) -> None:
    """Move the environment to another state."""
    connection.execute("update environments set state = %s where id = %s", [state, environment_id])


def set_url(connection: Connection, environment_id: UUID, url: str) -> None:
    """Tell where clients reach it."""
    connection.execute("update environments set url = %s where id = %s", [url, environment_id])


def set_gone(connection: Connection, environment_id: UUID, state: EnvironmentState, at: datetime) -> None:
    """Nothing of it is left but the row: its name and its address are nobody's any more."""
    connection.execute(
        "update environments set state = %s, url = null, released_at = coalesce(released_at, %s) where id = %s",
        [state, at, environment_id],
    )


def _from_row(row: DictRow) -> Environment:
    return Environment(
        id=row["id"],
        team_id=row["team_id"],
        name=row["name"],
        state=EnvironmentState(row["state"]),
        port=row["port"],
        url=row["url"],
        key_generation=row["key_generation"],
        created_at=row["created_at"],
        current_operation_id=row["current_operation_id"],
    )
