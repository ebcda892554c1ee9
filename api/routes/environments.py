"""/v1/environments: create, list, look at, delete."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import request

from api.context import console_requester, services
from api.errors import ApiError
from api.lifecycle.requests import Requester, create_environment, delete_environment
from api.routes.documented import CONSOLE_CALL, IDEMPOTENCY_HEADER
from api.routes.schemas import (
    AcceptedAnswer,
    EnvironmentAnswer,
    EnvironmentsAnswer,
    EnvironmentShown,
    EnvironmentWanted,
    OperationsAnswer,
    OperationShown,
)
from api.store import environments, idempotency, operations
from api.store.database import Connection

blueprint = APIBlueprint("environments", __name__, url_prefix="/v1/environments", tag="Environments")


@blueprint.post("")
@blueprint.input(EnvironmentWanted, arg_name="wanted")
@blueprint.output(AcceptedAnswer, status_code=202)
@blueprint.doc(summary="Create an environment", responses=[401, 409, 422, 503], **CONSOLE_CALL)
def create(wanted: EnvironmentWanted) -> dict[str, Any]:
    """Begin to create an environment; its operation tells how far it is. Takes an Idempotency-Key header."""
    requester = console_requester()
    key = _idempotency_key()
    with services().database.transaction() as connection:
        if key is None:
            return _create(connection, requester, wanted.name)
        return _create_once(connection, requester, wanted, key)


@blueprint.get("")
@blueprint.output(EnvironmentsAnswer)
@blueprint.doc(summary="List environments", responses=[401, 503], **CONSOLE_CALL)
def list_all() -> EnvironmentsAnswer:
    """The team's environments, newest first, without deleted ones."""
    requester = console_requester()
    with services().database.transaction() as connection:
        found = environments.list_of_team(connection, requester.team_id)
    return EnvironmentsAnswer(environments=[EnvironmentShown.of(environment) for environment in found])


@blueprint.get("/<uuid:environment_id>")
@blueprint.output(EnvironmentAnswer)
@blueprint.doc(summary="Look at an environment", responses=[401, 404, 503], **CONSOLE_CALL)
def get(environment_id: UUID) -> EnvironmentAnswer:
    """One environment of the team."""
    requester = console_requester()
    with services().database.transaction() as connection:
        environment = environments.find_of_team(connection, requester.team_id, environment_id)
    if environment is None:
        raise ApiError("environment_not_found")
    return EnvironmentAnswer(environment=EnvironmentShown.of(environment))


@blueprint.delete("/<uuid:environment_id>")
@blueprint.output(AcceptedAnswer, status_code=202)
@blueprint.doc(summary="Delete an environment", responses=[401, 404, 503], **CONSOLE_CALL)
def delete(environment_id: UUID) -> dict[str, Any]:
    """Begin to delete an environment: its keys are dead at once. Asked again, it answers the same operation."""
    requester = console_requester()
    with services().database.transaction() as connection:
        operation = delete_environment(connection, services().ports, requester, environment_id)
        return _accepted(connection, requester, environment_id, operation.id)


@blueprint.get("/<uuid:environment_id>/operations")
@blueprint.output(OperationsAnswer)
@blueprint.doc(summary="List an environment's operations", responses=[401, 404, 503], **CONSOLE_CALL)
def list_operations(environment_id: UUID) -> OperationsAnswer:
    """What has been done to the environment, newest first."""
    requester = console_requester()
    with services().database.transaction() as connection:
        if environments.find_of_team(connection, requester.team_id, environment_id) is None:
            raise ApiError("environment_not_found")
        found = operations.list_of_environment(connection, requester.team_id, environment_id)
    return OperationsAnswer(operations=[OperationShown.of(operation) for operation in found])


def _create(connection: Connection, requester: Requester, name: str) -> dict[str, Any]:
    environment_id = create_environment(connection, services().ports, requester, name)
    operation = operations.find_live(connection, environment_id)
    if operation is None:
        raise LookupError("an operation that was just begun isn't there")
    return _accepted(connection, requester, environment_id, operation.id)


def _create_once(connection: Connection, requester: Requester, wanted: EnvironmentWanted, key: str) -> dict[str, Any]:
    request_hash = hashlib.sha256(json.dumps(wanted.model_dump(), sort_keys=True).encode()).hexdigest()
    now = services().ports.clock.now()
    try:
        kept = idempotency.begin(connection, team_id=requester.team_id, key=key, request_hash=request_hash, at=now)
    except idempotency.KeyReused:
        raise ApiError("idempotency_key_reused") from None
    if kept is not None:
        return kept.content
    answer = _create(connection, requester, wanted.name)
    idempotency.keep(connection, team_id=requester.team_id, key=key, answer=answer)
    return answer


def _accepted(connection: Connection, requester: Requester, environment_id: UUID, operation_id: UUID) -> dict[str, Any]:
    environment = environments.find_of_team(connection, requester.team_id, environment_id)
    if environment is None:
        raise ApiError("environment_not_found")
    answer = AcceptedAnswer(
        environment=EnvironmentShown.of(environment),
        operation=OperationShown.of(operations.get(connection, operation_id)),
    )
    return answer.model_dump(mode="json")


def _idempotency_key() -> str | None:
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= 255 or not (key.isascii() and key.isprintable()):
        raise ApiError("idempotency_key_invalid", param=IDEMPOTENCY_HEADER)
    return key
