"""/v1/operations: how far a long operation is."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint

from api.context import console_requester, services
from api.errors import ApiError
from api.routes.documented import CONSOLE_CALL
from api.routes.schemas import OperationAnswer, OperationShown
from api.store import operations

blueprint = APIBlueprint("operations", __name__, url_prefix="/v1/operations", tag="Operations")


@blueprint.get("/<uuid:operation_id>")
@blueprint.output(OperationAnswer)
@blueprint.doc(summary="Look at an operation", responses=[401, 404, 503], **CONSOLE_CALL)
def get(operation_id: UUID) -> OperationAnswer:
    """One operation of the team, also when its environment is deleted."""
    requester = console_requester()
    with services().database.transaction() as connection:
        operation = operations.find_of_team(connection, requester.team_id, operation_id)
    if operation is None:
        raise ApiError("operation_not_found")
    return OperationAnswer(operation=OperationShown.of(operation))
