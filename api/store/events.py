"""The record of every change: who, what, which environment, when. Ids only."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    kind: EventKind
    team_id: UUID
    environment_id: UUID
    at: datetime
    account_id: UUID | None = None  # who did it; None: the system itself
    operation_id: UUID | None = None
    detail: str | None = None  # which key, or which error code


def append(connection: Connection, event: Event) -> None:
    """Add the event in the caller's transaction."""
    connection.execute(
        "insert into events (kind, actor_kind, actor_id, team_id, environment_id, operation_id, detail, at)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            event.kind,
            "system" if event.account_id is None else "account",
            event.account_id,
            event.team_id,
            event.environment_id,
            event.operation_id,
            event.detail,
            event.at,
        ],
    )
