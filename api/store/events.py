"""The record of every change: who, what, which environment, when. Ids only."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from api.store.database import Connection


class EventKind(StrEnum):
    """What may happen to an environment."""

    CREATE_REQUESTED = "environment.create_requested"
    CREATED = "environment.created"
    CREATE_FAILED = "environment.create_failed"
    CREATE_REVERTED = "environment.create_reverted"
    DELETE_REQUESTED = "environment.delete_requested"
    DELETED = "environment.deleted"
    KEY_REVEALED = "environment.key_revealed"


def append(
    connection: Connection,
    kind: EventKind,
    *,
    team_id: UUID,
    environment_id: UUID,
    at: datetime,
    account_id: UUID | None = None,
    operation_id: UUID | None = None,
    detail: str | None = None,
) -> None:
    """Add the event in the caller's transaction. Without an account the actor is the system itself."""
    connection.execute(
        "insert into events (kind, actor_kind, actor_id, team_id, environment_id, operation_id, detail, at)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            kind,
            "system" if account_id is None else "account",
            account_id,
            team_id,
            environment_id,
            operation_id,
            detail,
            at,
        ],
    )
