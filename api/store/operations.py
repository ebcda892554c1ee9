"""Rows of operations, with the journal of their completed steps."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from api.domain.models import CompletedStep, Failure, Operation
from api.domain.states import OperationKind, OperationState
from api.store.database import Connection


class AnotherAtWork(Exception):
    """The environment has a live operation already."""


def insert(connection: Connection, operation: Operation) -> None:
    """Add an operation that has just been asked for. Raises AnotherAtWork."""
    added = connection.execute(
        "insert into operations (id, environment_id, kind, state, requested_by, started_at)"
        " values (%s, %s, %s, %s, %s, %s) on conflict (environment_id) where finished_at is null do nothing",
        [
            operation.id,
            operation.environment_id,
            operation.kind,
            operation.state,
            operation.requested_by,
            operation.started_at,
        ],
    ).rowcount
    if not added:
        raise AnotherAtWork


def get(connection: Connection, operation_id: UUID) -> Operation:
    """The operation, for the workflows. Raises LookupError."""
    row = connection.execute("select * from operations where id = %s", [operation_id]).fetchone()
    if row is None:
        raise LookupError(f"no operation {operation_id}")
    return _with_journals(connection, [row])[0]


def find_of_team(connection: Connection, team_id: UUID, operation_id: UUID) -> Operation | None:
    """The operation when it is of an environment of the team, deleted or not."""
    row = connection.execute(
        "select o.* from operations o join environments e on e.id = o.environment_id"
        " where o.id = %s and e.team_id = %s",
        [operation_id, team_id],
    ).fetchone()
    return _with_journals(connection, [row])[0] if row else None


def list_of_environment(connection: Connection, team_id: UUID, environment_id: UUID) -> list[Operation]:
    """The operations of the team's environment, newest first."""
    rows = connection.execute(
        "select o.* from operations o join environments e on e.id = o.environment_id"
        " where e.id = %s and e.team_id = %s order by o.started_at desc, o.id",
        [environment_id, team_id],
    ).fetchall()
    return _with_journals(connection, rows)


def find_live(connection: Connection, environment_id: UUID) -> Operation | None:
    """The operation at work on the environment."""
    row = connection.execute(
        "select * from operations where environment_id = %s and finished_at is null", [environment_id]
    ).fetchone()
    return _with_journals(connection, [row])[0] if row else None


def start_step(connection: Connection, operation_id: UUID, step: str, at: datetime) -> None:
    """The operation is now at this step, which has not failed yet. Does nothing when it has been ended."""
    connection.execute(
        "update operations set step = %s, step_started_at = %s, step_failures = 0, state = 'running'"
        " where id = %s and finished_at is null",
        [step, at, operation_id],
    )


def complete_step(connection: Connection, operation_id: UUID, step: str, at: datetime) -> None:
    """Write the step into the journal; from now on it is never run again."""
    connection.execute(
        "insert into journal (operation_id, step, started_at, finished_at)"
        " select id, %s, coalesce(step_started_at, %s), %s from operations where id = %s",
        [step, at, at, operation_id],
    )


def count_failure(connection: Connection, operation_id: UUID) -> None:
    """The present step has failed once more."""
    connection.execute("update operations set step_failures = step_failures + 1 where id = %s", [operation_id])


def set_failing(connection: Connection, operation_id: UUID, step: str, failure: Failure) -> bool:
    """From now on the operation takes back what it made. False when it has been ended meanwhile."""
    return (
        connection.execute(
            "update operations set failed_step = %s, error_code = %s, error_message = %s,"
            " step = null, step_started_at = null, step_failures = 0"
            " where id = %s and finished_at is null and failed_step is null",
            [step, failure.code, failure.message, operation_id],
        ).rowcount
        == 1
    )


def set_needs_attention(connection: Connection, operation_id: UUID, failure: Failure) -> bool:
    """Show that it is overdue, while it is tried on. True the first time. An earlier failure stays told."""
    return (
        connection.execute(
            "update operations set state = 'needs_attention',"
            " error_message = case when error_code is null then %s else error_message end,"
            " error_code = coalesce(error_code, %s)"
            " where id = %s and state = 'running'",
            [failure.message, failure.code, operation_id],
        ).rowcount
        == 1
    )


def finish(
    connection: Connection,
    operation_id: UUID,
    state: OperationState,
    at: datetime,
    failure: Failure | None = None,
) -> bool:
    """End the operation. False when it has been ended already, which nothing changes any more.

    Without `failure` a done operation tells none, and a reverted one keeps what it told.
    """
    return (
        connection.execute(
            "update operations set state = %(state)s, finished_at = %(at)s,"
            " step = null, step_started_at = null, step_failures = 0,"
            " error_message = case when %(done)s then null when error_code is null then %(message)s"
            " else error_message end,"
            " error_code = case when %(done)s then null else coalesce(error_code, %(code)s) end"
            " where id = %(id)s and finished_at is null",
            {
                "state": state,
                "done": state is OperationState.DONE,
                "at": at,
                "id": operation_id,
                "code": failure.code if failure else None,
                "message": failure.message if failure else None,
            },
        ).rowcount
        == 1
    )


def _with_journals(connection: Connection, rows: Iterable[DictRow]) -> list[Operation]:
    rows = list(rows)
    journals: dict[UUID, list[CompletedStep]] = {row["id"]: [] for row in rows}
    for entry in connection.execute(
        "select * from journal where operation_id = any(%s) order by position", [list(journals)]
    ):
        journals[entry["operation_id"]].append(
            CompletedStep(name=entry["step"], started_at=entry["started_at"], finished_at=entry["finished_at"])
        )
    return [_from_row(row, tuple(journals[row["id"]])) for row in rows]


def _from_row(row: DictRow, completed: tuple[CompletedStep, ...]) -> Operation:
    return Operation(
        id=row["id"],
        environment_id=row["environment_id"],
        kind=OperationKind(row["kind"]),
        state=OperationState(row["state"]),
        step=row["step"],
        step_started_at=row["step_started_at"],
        step_failures=row["step_failures"],
        failed_step=row["failed_step"],
        failure=Failure(row["error_code"], row["error_message"]) if row["error_code"] else None,
        requested_by=row["requested_by"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        completed=completed,
    )
