"""Recording what is done through the control plane, where the change itself is another service's transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mission_control.audit.events import Event, append
from mission_control.errors import ConsoleError
from mission_control.store.database import Database

T = TypeVar("T")


def recorded(database: Database, call: Callable[[], T], *, event: Callable[[T | None], Event]) -> T:
    """What `call` returns, after its event was committed.

    Nothing is called while the database is away, and nothing is handed on whose event couldn't be written. A call that
    was refused leaves no event; one whose outcome is unknown leaves one (`event` is given None), because it may have
    worked. The control plane writes an event of its own beside the change.
    """
    unknown: ConsoleError | None = None
    result: T | None = None
    with database.transaction() as connection:
        connection.execute("select 1")
        try:
            result = call()
        except ConsoleError as error:
            if error.code != "outcome_unknown":
                raise
            unknown = error
        append(connection, event(result))
    if unknown is not None or result is None:
        raise unknown or ConsoleError("internal")
    return result
