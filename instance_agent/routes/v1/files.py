"""File uploads: start -> PUT to the given URL -> trigger -> poll."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from flask import Blueprint, Response, request

from instance_agent.context import agent
from instance_agent.errors import AgentError
from instance_agent.http import json_answer
from instance_agent.routes.v1.data import existing_table
from instance_agent.schema.types import JsonValue
from instance_agent.uploads.bad_rows import KEPT_BYTES, KeptLine
from instance_agent.uploads.states import FINISHED, UploadState

blueprint = Blueprint("v1_files", __name__, url_prefix="/api/v1/data/<table>/file")

NO_FAILING_ROWS = "Last 0 failing rows"  # the published client takes any other text for an error


@blueprint.post("")
def start(table: str) -> Response:
    """A URL to PUT one gzip file of JSON lines to."""
    existing_table(table)
    if not request.host:
        raise AgentError("request_invalid", "The header Host isn't a valid host name, and the URL is made from it.")
    prepared = agent().uploads.prepare(table, request.host_url)
    expires = _iso(prepared.expires_at.timestamp())
    return json_answer({"id": str(prepared.id), "url": prepared.url, "method": "PUT", "expires": expires})


@blueprint.post("/<uuid:upload_id>")
def trigger(table: str, upload_id: UUID) -> Response:
    """Have the file read in; rows are added once however often this is called."""
    existing_table(table)
    return json_answer({"id": str(upload_id), "status": agent().uploads.trigger(table, upload_id)})


@blueprint.get("/<uuid:upload_id>")
def status(table: str, upload_id: UUID) -> Response:
    """How far it is; every key is always there."""
    return json_answer(render(agent().uploads.status(table, upload_id), time.time()))


@blueprint.get("/<uuid:upload_id>/errors")
def errors(table: str, upload_id: UUID) -> Response:
    """The lines that were no rows, as JSON lines; with ?format=lines as they were sent, to be mended and sent again.

    They are customer's data, so the key that may write is needed, as for everything about uploads.
    """
    existing_table(table)
    wanted = request.args.get("format", "json")
    if wanted not in FORMATS:
        raise AgentError("request_invalid", f"The format can be one of {', '.join(FORMATS)}.")
    found = agent().uploads.bad_lines(table, upload_id)
    content = FORMATS[wanted](found.lines)
    answer = Response(content, content_type="application/x-ndjson")
    answer.direct_passthrough = True  # or all of it would be collected in memory to be measured
    answer.headers["x-refused-lines"] = str(found.failed)
    answer.headers["x-kept-lines"] = str(found.kept)
    return answer


def _described(lines: Iterable[KeptLine]) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    for line in lines:
        reason = line.reason
        if line.is_cut:
            reason += f" Of the line, the first {KEPT_BYTES} bytes are kept."
        yield encode({"line": line.line, "reason": reason, "row": _document_or_text(line.text)}) + b"\n"


def _as_sent(lines: Iterable[KeptLine]) -> Iterator[bytes]:
    return (line.text + b"\n" for line in lines)


FORMATS = {"json": _described, "lines": _as_sent}


def _document_or_text(text: bytes) -> msgspec.Raw | str:
    """The JSON document that a line is, as it was sent, or its text when it is none."""
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return text.decode("utf-8", "replace")
    return msgspec.Raw(text.strip())


def render(state: UploadState, now: float) -> dict[str, JsonValue]:
    """The status in the published shape. now: unix seconds."""
    seconds = max(0.0, (state.finished_at or now) - state.started_at) if state.started_at else 0.0
    shown: list[JsonValue] = [{"line": row.line, "message": row.message} for row in state.failing]
    message = f"Last {len(shown)} failing rows" if state.failed else NO_FAILING_ROWS
    if state.failed > len(shown):
        message += f" of {state.failed}"
    if state.state == FINISHED and state.failed > state.kept > 0:
        message += f"; {state.kept} of them can be downloaded"
    if state.problem:
        message = state.problem
    whole_seconds = round(seconds)
    return {
        "status": {
            "finished": state.state == FINISHED,
            "completedCount": state.stored,
            "lastSuccessfulElement": state.last_row,
            "startedAt": _iso(state.started_at),
            "finishedAt": _iso(state.finished_at),
            "throughput": f"{state.stored / seconds if seconds else 0.0:.1f}/s",
            "totalDuration": f"{whole_seconds} second{'' if whole_seconds == 1 else 's'}",
            "totalDurationMs": round(seconds * 1000),
        },
        "errors": {"message": message, "rows": shown},
    }


def _iso(unix_seconds: float | None) -> str | None:
    if unix_seconds is None:
        return None
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
