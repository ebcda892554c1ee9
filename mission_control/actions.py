"""What a person does through the control plane, each with its event: used by the pages and by one-off commands."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from mission_control.accounts.gate import signed_in
from mission_control.accounts.models import Person
from mission_control.audit.events import Event, EventKind
from mission_control.audit.recording import recorded
from mission_control.control_plane import Accepted, Access, ControlPlane
from mission_control.parts import parts
from mission_control.store.database import Database


@dataclass(frozen=True)
class Actions:
    """The actions of one person."""

    database: Database
    control_plane: ControlPlane
    person: Person

    def create_environment(self, *, name: str, request_id: UUID) -> Accepted:
        """Begin to make an environment; the same `request_id` again makes no second one. Raises NameRefused."""
        return recorded(
            self.database,
            lambda: self.control_plane.create_environment(self.person, name=name, request_id=request_id),
            event=lambda accepted: self._about(EventKind.ENVIRONMENT_CREATE_REQUESTED, accepted),
        )

    def delete_environment(self, environment_id: UUID) -> Accepted:
        """Begin to delete an environment; once more while that runs answers the same operation."""
        return recorded(
            self.database,
            lambda: self.control_plane.delete_environment(self.person, environment_id),
            event=lambda accepted: self._about(EventKind.ENVIRONMENT_DELETE_REQUESTED, accepted, environment_id),
        )

    def reveal_key(self, environment_id: UUID, access: Access) -> SecretStr:
        """One of an environment's keys."""
        return recorded(
            self.database,
            lambda: self.control_plane.reveal_key(self.person, environment_id, access),
            event=lambda _: Event(
                EventKind.KEY_REVEALED,
                actor_id=self.person.account_id,
                team_id=self.person.team_id,
                environment_id=environment_id,
                detail=access.value,
            ),
        )

    def _about(self, kind: EventKind, accepted: Accepted | None, environment_id: UUID | None = None) -> Event:
        return Event(
            kind,
            actor_id=self.person.account_id,
            team_id=self.person.team_id,
            environment_id=accepted.environment.id if accepted else environment_id,
            operation_id=accepted.operation.id if accepted else None,
        )


def actions() -> Actions:
    """The actions of whoever makes this request. Raises ConsoleError `signed_out`."""
    return Actions(parts().database, parts().control_plane, signed_in())
