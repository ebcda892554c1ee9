"""Deleting an environment, in the order things happen.

Its keys died when the delete was asked for: the environment's state says so. From there only forward: every step is
tried for ever, and may be run again, also on what never was. A create that broke off takes back what it made by these
same steps.
"""

from __future__ import annotations

from api.domain.states import EnvironmentState, OperationKind, OperationState
from api.lifecycle.outcomes import Hop, Nap, StepOutcome
from api.lifecycle.runbook import Runbook, Step
from api.lifecycle.work import Work
from api.ports import Presence
from api.store import environments, events, operations
from api.store.events import Event, EventKind
from api.store.resources import ResourceKind


def revoke_keys(work: Work) -> StepOutcome:
    """Have no key left in the key store."""
    return _when_gone(work, work.ports.keys.ensure_keys_absent(work.environment.id))


def close_route(work: Work) -> StepOutcome:
    """Have no client led to the environment."""
    return _when_gone(work, work.ports.edge.ensure_route_absent(work.environment.id))


def stop_instance(work: Work) -> StepOutcome:
    """Have no process or machine of the environment left."""
    for tag in work.present(ResourceKind.INSTANCE):
        if work.ports.compute.ensure_instance_absent(tag) is Presence.GOING:
            return Nap(work.pause())
        work.mark_removed(tag)
    return Hop()


def delete_volume(work: Work) -> StepOutcome:
    """Have no byte of the environment's data left. Only after the instance, which would write it again."""
    for tag in work.present(ResourceKind.VOLUME):
        if work.ports.volumes.ensure_volume_absent(tag) is Presence.GOING:
            return Nap(work.pause())
        work.mark_removed(tag)
    return Hop()


def delete_uploads(work: Work) -> StepOutcome:
    """Have no uploaded file of the environment left, and no place to put one."""
    return _when_gone(work, work.ports.object_store.ensure_prefix_absent(work.environment.id))


def _when_gone(work: Work, presence: Presence) -> StepOutcome:
    return Hop() if presence is Presence.GONE else Nap(work.pause())


def finish(work: Work) -> None:
    """Nothing of it is left: say so, and free its name and its address."""
    now = work.ports.clock.now()
    with work.connection.transaction():
        if not operations.finish(work.connection, work.operation.id, OperationState.DONE, now):
            return
        environments.set_gone(work.connection, work.environment.id, EnvironmentState.DELETED, now)
        events.append(
            work.connection,
            Event(
                kind=EventKind.DELETED,
                team_id=work.environment.team_id,
                environment_id=work.environment.id,
                operation_id=work.operation.id,
                at=now,
            ),
        )


REMOVAL = (
    Step(revoke_keys, "Revoking the keys", deadline_seconds=60),
    Step(close_route, "Closing the address", deadline_seconds=60),
    Step(stop_instance, "Stopping the database", deadline_seconds=120),
    Step(delete_volume, "Removing the disk", deadline_seconds=600),
    Step(delete_uploads, "Removing the uploads", deadline_seconds=600),
)

DELETE = Runbook(kind=OperationKind.DELETE, steps=REMOVAL, undo=(), finish=finish, finish_undo=finish)
