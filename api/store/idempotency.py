"""Answers kept for 24 hours, so that a request sent again is answered again instead of done again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from api.store.database import Connection

KEPT_FOR = timedelta(hours=24)


class KeyReused(Exception):
    """The key was sent before with another request."""


@dataclass(frozen=True)
class KeptAnswer:
    """The answer to an earlier request with the same key, as JSON."""

    content: dict[str, Any]


def begin(connection: Connection, *, team_id: UUID, key: str, request_hash: str, at: datetime) -> KeptAnswer | None:
    """Claim the key in the caller's transaction, or give the answer it had.

    A second request with the key waits here until the first one's transaction has ended. Raises KeyReused.
    """
    connection.execute(
        "delete from idempotent_answers where team_id = %s and key = %s and created_at < %s",
        [team_id, key, at - KEPT_FOR],
    )
    claimed = connection.execute(
        "insert into idempotent_answers (team_id, key, request_hash, created_at) values (%s, %s, %s, %s)"
        " on conflict (team_id, key) do nothing",
        [team_id, key, request_hash, at],
    ).rowcount
    if claimed:
        return None
    row = connection.execute(
        "select request_hash, answer from idempotent_answers where team_id = %s and key = %s", [team_id, key]
    ).fetchone()
    if row is None or row["request_hash"] != request_hash:
        raise KeyReused
    return KeptAnswer(row["answer"])


def keep(connection: Connection, *, team_id: UUID, key: str, answer: dict[str, Any]) -> None:
    """Keep the answer under the claimed key."""
    connection.execute(
        "update idempotent_answers set answer = %s where team_id = %s and key = %s", [Jsonb(answer), team_id, key]
    )


def remove_expired(connection: Connection, at: datetime) -> int:
    """Forget what is older than 24 hours; returns how many."""
    return connection.execute("delete from idempotent_answers where created_at < %s", [at - KEPT_FOR]).rowcount
