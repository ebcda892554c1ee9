"""/v1/environments/{id}/uploads: leave to put a file."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint

from api.context import services, team_or_agent_of
from api.errors import ApiError
from api.lifecycle.requests import require_running
from api.routes.documented import EITHER_CALL
from api.routes.schemas import UploadAnswer, UploadShown
from api.store import environments

_PREFIX = "/v1/environments/<uuid:environment_id>/uploads"

blueprint = APIBlueprint("uploads", __name__, url_prefix=_PREFIX, tag="Uploads")


@blueprint.post("")
@blueprint.output(UploadAnswer, status_code=201)
@blueprint.doc(summary="Presign an upload", responses=[401, 404, 409, 503], **EITHER_CALL)
def presign(environment_id: UUID) -> UploadAnswer:
    """A URL that takes one file by PUT within 20 minutes, and shows nothing."""
    team_id = team_or_agent_of(environment_id)
    with services().database.transaction() as connection:
        environment = (
            environments.find_live(connection, environment_id)
            if team_id is None
            else environments.find_of_team(connection, team_id, environment_id)
        )
    if environment is None:
        raise ApiError("environment_not_found")
    require_running(environment)
    return UploadAnswer(upload=UploadShown.of(services().ports.object_store.presign_upload(environment_id)))
