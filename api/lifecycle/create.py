"""Creating an environment, in the order things happen.

Nobody can use it before the last step, so whatever fails on the way is answered by taking everything back: the
environment is then `failed`, the operation `reverted`, with the reason. A delete wins at the next step.
"""

from __future__ import annotations

from api.domain.models import Failure
from api.domain.states import EnvironmentState, OperationKind, OperationState
from api.errors import ERRORS
from api.lifecycle.delete import REMOVAL
from api.lifecycle.outcomes import Abort, Hop, Nap, StepOutcome
from api.lifecycle.runbook import Runbook, Step
from api.lifecycle.work import Work
from api.ports import InstanceState, InstanceWanted
from api.store import environments, events, operations
from api.store.events import Event, EventKind
from api.store.resources import ResourceKind


def create_volume(work: Work) -> StepOutcome:
    """Have an empty volume of the environment's own."""
    volume = work.ports.volumes.ensure_volume(work.declare(ResourceKind.VOLUME))
    return Hop() if volume.ready else Nap(work.pause())


def prepare_uploads(work: Work) -> StepOutcome:
    """Have a place for uploads that only this environment's instance may read."""
    work.ports.object_store.ensure_prefix(work.environment.id)
    return Hop()


def start_instance(work: Work) -> StepOutcome:
    """Have an instance started on the volume."""
    wanted = InstanceWanted(
        tag=work.declare(ResourceKind.INSTANCE),
        volume=work.declare(ResourceKind.VOLUME),
        port=work.environment.port,
    )
    work.ports.compute.ensure_instance(wanted)
    return Hop()


def wait_until_healthy(work: Work) -> StepOutcome:
    """See the database answer for itself."""
    instance = work.ports.compute.find_instance(work.declare(ResourceKind.INSTANCE))
    if instance.state is InstanceState.CRASHING:
        return Abort(Failure("database_did_not_start", ERRORS["database_did_not_start"].message))
    if instance.address is None or work.ports.agent.health(instance.address) is None:
        return Nap(work.pause())
    return Hop()


def issue_keys(work: Work) -> StepOutcome:
    """Have a read-only and a read-write key in the key store."""
    work.ports.keys.ensure_keys(work.environment.id, work.environment.key_generation)
    return Hop()


def open_route(work: Work) -> StepOutcome:
    """Have clients led to the instance, and know by which URL."""
    work.remember_url(work.ports.edge.ensure_route(work.environment.id, work.environment.port))
    return Hop()


def finish(work: Work) -> None:
    """It runs: say so."""
    _end(work, OperationState.DONE, EnvironmentState.RUNNING, EventKind.CREATED)


def finish_undo(work: Work) -> None:
    """It could not be made, and nothing of it is left."""
    _end(work, OperationState.REVERTED, EnvironmentState.FAILED, EventKind.CREATE_REVERTED)


def _end(work: Work, operation_state: OperationState, state: EnvironmentState, kind: EventKind) -> None:
    now = work.ports.clock.now()
    with work.connection.transaction():
        # The environment's row first, as a delete does: two transactions that lock in one order can't deadlock.
        environments.lock(work.connection, work.environment.id)
        if not operations.finish(work.connection, work.operation.id, operation_state, now):
            return
        if state is EnvironmentState.FAILED:
            environments.set_gone(work.connection, work.environment.id, state, now)
        else:
            environments.set_state(work.connection, work.environment.id, state)
        events.append(
            work.connection,
            Event(
                kind=kind,
                team_id=work.environment.team_id,
                environment_id=work.environment.id,
                operation_id=work.operation.id,
                detail=work.operation.failure.code if work.operation.failure else None,
                at=now,
            ),
        )


CREATE = Runbook(
    kind=OperationKind.CREATE,
    steps=(
        Step(create_volume, "Preparing the disk", deadline_seconds=60),
        Step(prepare_uploads, "Preparing the place for uploads", deadline_seconds=60),
        Step(start_instance, "Starting the database", deadline_seconds=60),
        Step(wait_until_healthy, "Waiting for its first answer", deadline_seconds=90),
        Step(issue_keys, "Making the keys", deadline_seconds=60),
        Step(open_route, "Opening the address", deadline_seconds=60),
    ),
    undo=REMOVAL,
    finish=finish,
    finish_undo=finish_undo,
)
