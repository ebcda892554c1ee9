"""No change without its event, no event without its change."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr

from mission_control.audit.events import Event, EventKind, append
from mission_control.audit.recording import recorded
from mission_control.errors import ConsoleError
from mission_control.parts import Parts
from mission_control.store.database import Database


def event(_: object) -> Event:
    return Event(EventKind.KEY_REVEALED, actor_id=uuid4(), team_id=uuid4(), environment_id=uuid4(), detail="read_only")


def count(parts: Parts) -> int:
    with parts.database.transaction() as connection:
        row = connection.execute("select count(*) as n from event").fetchone()
    assert row is not None
    return int(row["n"])


def test_event_goes_with_its_transaction(parts: Parts) -> None:
    with pytest.raises(ZeroDivisionError), parts.database.transaction() as connection:
        append(connection, event(None))
        raise ZeroDivisionError
    assert count(parts) == 0


def test_call_that_works_is_recorded(parts: Parts) -> None:
    assert recorded(parts.database, lambda: "key", event=event) == "key"
    assert count(parts) == 1


def test_call_that_is_refused_is_not(parts: Parts) -> None:
    def refuse() -> str:
        raise ConsoleError("environment_not_found")

    with pytest.raises(ConsoleError):
        recorded(parts.database, refuse, event=event)
    assert count(parts) == 0


def test_call_whose_outcome_is_unknown_is_recorded_and_still_fails(parts: Parts) -> None:
    def lose() -> str:
        raise ConsoleError("outcome_unknown")

    with pytest.raises(ConsoleError, match="outcome_unknown"):
        recorded(parts.database, lose, event=event)
    assert count(parts) == 1


def test_nothing_is_handed_on_whose_event_cannot_be_written(parts: Parts) -> None:
    with parts.database.transaction() as connection:
        connection.execute("alter table event rename to gone")
    with pytest.raises(psycopg.errors.UndefinedTable):
        recorded(parts.database, lambda: "key", event=event)


def test_nothing_is_called_while_the_database_is_away() -> None:
    called: list[int] = []
    database = Database(SecretStr("postgresql://127.0.0.1:1/none"))
    with pytest.raises(ConsoleError, match="database_unavailable"):
        recorded(database, lambda: called.append(1), event=event)
    assert called == []
    database.close()
