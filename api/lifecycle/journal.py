"""Who may work on an environment, and what has been done already.

The lease is a session advisory lock on a connection of its own: it ends with the process or the connection, however
they end. The journal is written over that same connection, so what a worker without lease does can't be recorded as
done, and what is recorded is never run again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.domain.models import Environment, Failure, Operation
from api.lifecycle.runbook import Step
from api.store import environments, events, operations
from api.store.database import Connection
from api.store.events import Event, EventKind


def take_lease(connection: Connection, environment_id: UUID) -> bool:
    """Be the only one to work on the environment until the connection closes; False when somebody else is."""
    row = connection.execute("select pg_try_advisory_lock(lease_key(%s)) as taken", [environment_id]).fetchone()
    return bool(row and row["taken"])


@dataclass(frozen=True)
class Journal:
    """The record of one operation, over the connection that holds the lease."""

    connection: Connection
    operation_id: UUID

    def read(self) -> tuple[Operation, Environment]:
        """How things stand now; reading proves that the lease still is ours."""
        operation = operations.get(self.connection, self.operation_id)
        return operation, environments.get(self.connection, operation.environment_id)

    def start(self, step: Step, at: datetime) -> None:
        """Show the step as begun, and start its clock."""
        operations.start_step(self.connection, self.operation_id, step.name, at)

    def complete(self, step: Step, at: datetime) -> None:
        """The step is done for good."""
        operations.complete_step(self.connection, self.operation_id, step.name, at)

    def count_failure(self) -> None:
        """The present step has failed once more."""
        operations.count_failure(self.connection, self.operation_id)

    def fail(self, step: Step, failure: Failure, environment: Environment, at: datetime) -> None:
        """Turn round: from now on the operation takes back what it made."""
        with self.connection.transaction():
            if operations.set_failing(self.connection, self.operation_id, step.name, failure):
                events.append(
                    self.connection,
                    Event(
                        kind=EventKind.CREATE_FAILED,
                        team_id=environment.team_id,
                        environment_id=environment.id,
                        operation_id=self.operation_id,
                        detail=failure.code,
                        at=at,
                    ),
                )

    def ask_for_attention(self, failure: Failure) -> bool:
        """Show that it is overdue; True the first time."""
        return operations.set_needs_attention(self.connection, self.operation_id, failure)
