"""Rows of what exists outside: declared before the outside is asked, marked removed after it is gone."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from api.store.database import Connection


class ResourceKind(StrEnum):
    """What may exist outside for an environment."""

    VOLUME = "volume"
    INSTANCE = "instance"


def declare(
    connection: Connection, kind: ResourceKind, *, environment_id: UUID, operation_id: UUID, at: datetime
) -> UUID:
    """The id of the operation's resource of this kind; the row is made the first time and committed by the caller."""
    connection.execute(
        "insert into resources (id, kind, environment_id, operation_id, declared_at) values (%s, %s, %s, %s, %s)"
        " on conflict (operation_id, kind) do nothing",
        [uuid4(), kind, environment_id, operation_id, at],
    )
    row = connection.execute(
        "select id from resources where operation_id = %s and kind = %s", [operation_id, kind]
    ).fetchone()
    if row is None:
        raise LookupError(f"the {kind} of operation {operation_id} vanished")
    return UUID(str(row["id"]))


def present(connection: Connection, kind: ResourceKind, environment_id: UUID) -> list[UUID]:
    """The ids of what exists, or may exist, outside for the environment."""
    rows = connection.execute(
        "select id from resources where environment_id = %s and kind = %s and removed_at is null order by declared_at",
        [environment_id, kind],
    )
    return [row["id"] for row in rows]


def mark_removed(connection: Connection, resource_id: UUID, at: datetime) -> None:
    """The outside has been seen to have nothing left of it."""
    connection.execute("update resources set removed_at = %s where id = %s and removed_at is null", [at, resource_id])
