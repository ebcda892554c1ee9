"""The record of what people did.

A row is appended on the connection of the change it tells of, so that there is never one without the other. What
happens in the control plane is recorded around the call: see `actions.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from mission_control.store.database import Connection


class EventKind(StrEnum):
    """What was done."""

    ACCOUNT_CREATED = "account:created"
    SIGNED_IN = "account:signed_in"
    SIGNED_OUT = "account:signed_out"
    ENVIRONMENT_CREATE_REQUESTED = "environment:create_requested"
    ENVIRONMENT_DELETE_REQUESTED = "environment:delete_requested"
    KEY_REVEALED = "environment:key_revealed"


@dataclass(frozen=True)
class Event:
    """Ids only; no name, address or key belongs here."""

    kind: EventKind
    actor_id: UUID
    team_id: UUID
    environment_id: UUID | None = None  # None also when the control plane's answer was lost
    operation_id: UUID | None = None
    detail: str | None = None  # which key: read_only or read_write


def append(connection: Connection, event: Event) -> None:
    """Write one row; it is there when the caller's transaction commits."""
    connection.execute(
        "insert into event (kind, actor_id, team_id, environment_id, operation_id, detail)"
        " values (%s, %s, %s, %s, %s, %s)",
        [event.kind, event.actor_id, event.team_id, event.environment_id, event.operation_id, event.detail],
    )
