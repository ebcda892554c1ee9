"""/health and the API's own description."""

from __future__ import annotations

from typing import Any, cast

from apiflask import APIBlueprint, APIFlask
from flask import Response, current_app, jsonify

from api.context import services
from api.routes.schemas import HealthAnswer

blueprint = APIBlueprint("health", __name__, tag="Service")


@blueprint.get("/health")
@blueprint.output(HealthAnswer)
@blueprint.doc(summary="Is it well?", responses=[503])
def health() -> HealthAnswer:
    """Ok only when the database answers too."""
    with services().database.transaction() as connection:
        connection.execute("select 1")
    return HealthAnswer()


@blueprint.get("/v1/openapi.json")
@blueprint.doc(summary="This document")
def openapi() -> Response:
    """The OpenAPI 3.1 description of this API."""
    return jsonify(cast(dict[str, Any], cast(APIFlask, current_app).spec))
