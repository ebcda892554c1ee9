"""What a step has in its hands: the rows it works for, the ports, and the few notes it may make.

Notes are written over the connection that holds the lease. A worker that has lost its lease has lost this
connection too, so it can't write any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from api.domain.models import Environment, Operation
from api.ports import Ports, Tag
from api.store import environments, resources
from api.store.database import Connection
from api.store.resources import ResourceKind

FIRST_PAUSE_SECONDS = 0.3
LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Work:
    """One step's view of its operation."""

    environment: Environment
    operation: Operation
    ports: Ports
    connection: Connection

    def declare(self, kind: ResourceKind) -> Tag:
        """The tag of this operation's resource; its row is committed before this returns, so before the effect."""
        return self._tag(
            resources.declare(
                self.connection,
                kind,
                environment_id=self.environment.id,
                operation_id=self.operation.id,
                at=self.ports.clock.now(),
            )
        )

    def present(self, kind: ResourceKind) -> list[Tag]:
        """The tags of all that exists, or may exist, for the environment."""
        return [self._tag(found) for found in resources.present(self.connection, kind, self.environment.id)]

    def mark_removed(self, tag: Tag) -> None:
        """Note that nothing is left of the resource."""
        resources.mark_removed(self.connection, tag.resource_id, self.ports.clock.now())

    def remember_url(self, url: str) -> None:
        """Note where clients reach the environment."""
        environments.set_url(self.connection, self.environment.id, url)

    def pause(self) -> float:
        """Seconds until the world is worth another look: a tenth of the time the step has waited, within bounds."""
        if self.operation.step_started_at is None:
            return FIRST_PAUSE_SECONDS
        waited = (self.ports.clock.now() - self.operation.step_started_at).total_seconds()
        return min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, waited / 10))

    def _tag(self, resource_id: UUID) -> Tag:
        return Tag(resource_id, self.environment.id, self.environment.team_id)
