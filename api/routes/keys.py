"""/v1/environments/{id}/keys: that they exist, what they are, whether one is right."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, jsonify

from api.context import console_requester, require_agent_of, services
from api.domain.keys import PREFIXES, Access
from api.domain.states import serves_keys
from api.errors import ApiError
from api.lifecycle.requests import record_key_revealed, require_running
from api.routes.documented import AGENT_CALL, CONSOLE_CALL
from api.routes.schemas import (
    CheckedAnswer,
    KeyPresented,
    KeysAnswer,
    KeyShown,
    KeyWanted,
    RevealedAnswer,
)
from api.store import environments

blueprint = APIBlueprint("keys", __name__, url_prefix="/v1/environments/<uuid:environment_id>/keys", tag="Keys")


@blueprint.get("")
@blueprint.output(KeysAnswer)
@blueprint.doc(summary="List an environment's keys", responses=[401, 404, 409, 503], **CONSOLE_CALL)
def list_keys(environment_id: UUID) -> KeysAnswer:
    """Which keys there are; not the keys themselves."""
    requester = console_requester()
    with services().database.transaction() as connection:
        environment = environments.find_of_team(connection, requester.team_id, environment_id)
    if environment is None:
        raise ApiError("environment_not_found")
    require_running(environment)
    return KeysAnswer(
        keys=[KeyShown(access=access, prefix=PREFIXES[access], created_at=environment.created_at) for access in Access]
    )


@blueprint.post("/reveal")
@blueprint.input(KeyWanted, arg_name="wanted")
@blueprint.output(RevealedAnswer)
@blueprint.doc(summary="Reveal a key", responses=[401, 404, 409, 422, 503], **CONSOLE_CALL)
def reveal(environment_id: UUID, wanted: KeyWanted) -> Response:
    """One key in full; who has seen it is recorded. The answer must not be cached."""
    requester = console_requester()
    access = Access(wanted.access)
    ports = services().ports
    with services().database.transaction() as connection:
        environment = environments.find_of_team(connection, requester.team_id, environment_id)
        if environment is None:
            raise ApiError("environment_not_found")
        require_running(environment)
        key = ports.keys.reveal_key(environment.id, environment.key_generation, access)
        record_key_revealed(connection, ports, requester, environment, access)
    response = jsonify({"access": access, "key": key.get_secret_value()})
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/check")
@blueprint.input(KeyPresented, arg_name="presented")
@blueprint.output(CheckedAnswer)
@blueprint.doc(summary="Check a key", responses=[401, 403, 404, 422, 503], **AGENT_CALL)
def check(environment_id: UUID, presented: KeyPresented) -> CheckedAnswer:
    """What a key that a client sent to the environment may do."""
    require_agent_of(environment_id)
    with services().database.transaction() as connection:
        environment = environments.find_live(connection, environment_id)
    if environment is None or not serves_keys(environment.state):
        raise ApiError("key_unknown")
    access = services().ports.keys.check_key(environment.id, environment.key_generation, presented.key)
    if access is None:
        raise ApiError("key_unknown")
    return CheckedAnswer(access=access)
