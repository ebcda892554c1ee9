"""What needs no key: is it alive, which version, which limits; and files that arrive at a signed URL."""

from __future__ import annotations

from importlib.metadata import version
from uuid import UUID

from flask import Blueprint, Response, request

from instance_agent.context import agent
from instance_agent.errors import AgentError
from instance_agent.http import json_answer
from instance_agent.uploads.own import OwnUploads

blueprint = Blueprint("service", __name__)


@blueprint.get("/health")
def health() -> Response:
    """200 when the database can be read."""
    agent().database.read_view()
    return json_answer({"status": "ok"})


@blueprint.get("/version")
def get_version() -> Response:
    """The version of the database program."""
    return json_answer({"version": version("vakka")})


@blueprint.get("/status/limits")
def limits() -> Response:
    """How many rows there may be (null: as many as the disk holds), and how many there are."""
    rows = sum(table.live_count for table in agent().database.read_view().tables.values())
    return json_answer(
        {"mode": "dedicated", "limits": {"rowsPerTable": None, "rowsTotal": None}, "usage": {"rowsTotal": rows}}
    )


@blueprint.put("/uploads/<uuid:upload_id>")
def receive_upload(upload_id: UUID) -> Response:
    """Take one file, streamed. The signature in the URL is the only permission needed."""
    gateway = agent().uploads.gateway
    if not isinstance(gateway, OwnUploads):
        raise AgentError("not_found")
    gateway.check_url(upload_id, request.args.get("expires", ""), request.args.get("signature", ""))
    expected = request.content_length
    if expected is not None and expected > gateway.max_bytes:
        raise AgentError("upload_too_large")
    request.max_content_length = gateway.max_bytes + 1  # one more, so that the gateway is who notices
    gateway.receive(upload_id, request.stream, expected)
    return Response(status=200)
