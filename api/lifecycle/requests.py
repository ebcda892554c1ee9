"""What callers may ask for: each is one transaction that writes rows, an event and a job, and nothing outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from api.domain.keys import Access
from api.domain.models import Environment, Failure, Operation
from api.domain.names import NameInvalid, clean_name
from api.domain.states import EnvironmentState, OperationKind, OperationState, serves_keys
from api.errors import ERRORS, ApiError
from api.ports import NoCapacity, Ports
from api.store import environments, events, jobs, operations
from api.store.database import Connection
from api.store.events import Event, EventKind

PORT_TRIES = 20


@dataclass(frozen=True)
class Requester:
    """On whose behalf something is asked: a team, and the account that acts for it."""

    team_id: UUID
    account_id: UUID


def create_environment(connection: Connection, ports: Ports, requester: Requester, name: str) -> UUID:
    """Ask for an environment; returns its id. Raises name_invalid, name_taken or no_port_free."""
    try:
        cleaned = clean_name(name)
    except NameInvalid as error:
        raise ApiError("name_invalid", str(error), param="name") from None
    environment = _insert_with_free_port(connection, ports, requester, cleaned)
    begin(connection, ports, requester, environment, OperationKind.CREATE, EventKind.CREATE_REQUESTED)
    return environment.id


def delete_environment(connection: Connection, ports: Ports, requester: Requester, environment_id: UUID) -> Operation:
    """Ask for its end; it wins over a running create. Asked again, it gives the same operation.

    Raises environment_not_found, also when it has been deleted.
    """
    environment = environments.lock_of_team(connection, requester.team_id, environment_id)
    if environment is None:
        raise ApiError("environment_not_found")
    live = operations.find_live(connection, environment_id)
    if live is not None and live.kind is OperationKind.DELETE:
        return live
    if live is not None:
        # The step in hand may still be at work; it holds the lease, and the delete begins only after it.
        failure = Failure("delete_requested", ERRORS["delete_requested"].message)
        operations.finish(connection, live.id, OperationState.REVERTED, ports.clock.now(), failure)
    environments.set_state(connection, environment_id, EnvironmentState.DELETING)
    return begin(connection, ports, requester, environment, OperationKind.DELETE, EventKind.DELETE_REQUESTED)


def require_running(environment: Environment) -> None:
    """Raise environment_not_running unless its keys and uploads are in use."""
    if not serves_keys(environment.state):
        raise ApiError("environment_not_running")


def record_key_revealed(
    connection: Connection, ports: Ports, requester: Requester, environment: Environment, access: Access
) -> None:
    """Note who has seen which key, in the transaction that shows it."""
    events.append(
        connection,
        Event(
            kind=EventKind.KEY_REVEALED,
            team_id=requester.team_id,
            environment_id=environment.id,
            account_id=requester.account_id,
            detail=access,
            at=ports.clock.now(),
        ),
    )


def _insert_with_free_port(connection: Connection, ports: Ports, requester: Requester, name: str) -> Environment:
    for _ in range(PORT_TRIES):
        try:
            port = ports.edge.choose_port(environments.ports_taken(connection))
        except NoCapacity:
            break
        environment = Environment(
            id=uuid4(),
            team_id=requester.team_id,
            name=name,
            state=EnvironmentState.CREATING,
            port=port,
            url=None,
            key_generation=1,
            created_at=ports.clock.now(),
            current_operation_id=None,
        )
        try:
            environments.insert(connection, environment)
        except environments.NameTaken:
            raise ApiError("name_taken", param="name") from None
        except environments.PortTaken:
            continue
        return environment
    raise ApiError("no_port_free")


def _new_operation(
    environment: Environment, kind: OperationKind, requester: Requester, started_at: datetime
) -> Operation:
    return Operation(
        id=uuid4(),
        environment_id=environment.id,
        kind=kind,
        state=OperationState.RUNNING,
        step=None,
        step_started_at=None,
        step_failures=0,
        failed_step=None,
        failure=None,
        requested_by=requester.account_id,
        started_at=started_at,
        finished_at=None,
        completed=(),
    )


def begin(
    connection: Connection,
    ports: Ports,
    requester: Requester,
    environment: Environment,
    kind: OperationKind,
    event: EventKind,
) -> Operation:
    """Begin an operation: its row, its event and its job. Raises operation_in_progress beside a live one."""
    now = ports.clock.now()
    operation = _new_operation(environment, kind, requester, now)
    try:
        operations.insert(connection, operation)
    except operations.AnotherAtWork:
        raise ApiError("operation_in_progress") from None
    events.append(
        connection,
        Event(
            kind=event,
            team_id=requester.team_id,
            environment_id=environment.id,
            account_id=requester.account_id,
            operation_id=operation.id,
            at=now,
        ),
    )
    jobs.defer_advance(connection, operation.id)
    return operation
