"""Job endpoints: start, look, fetch the result."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, Flask, Response, current_app, request

from instance_agent.auth import reads
from instance_agent.context import agent
from instance_agent.errors import AgentError
from instance_agent.http import body, json_answer
from instance_agent.jobs.records import JobRecord, JobRecords
from instance_agent.jobs.runner import Answer, JobRunner
from instance_agent.schema.types import JsonValue

AS_A_JOB: Final = "vakka.as_a_job"
"""Key of the WSGI environment that marks a request run by a job; clients can't set it."""

EXTENSION: Final = "vakka_jobs"
QUERIES: Final = frozenset({"_search", "_query", "_predict"})
FOLDER: Final = "jobs"

blueprint = Blueprint("v1_jobs", __name__, url_prefix="/api/v1/jobs")


@blueprint.post("/<endpoint>")
@reads
def start_query(endpoint: str) -> Response:
    """Answer a query in the background."""
    if endpoint not in QUERIES:
        raise AgentError(
            "not_found", f"There are no jobs for this. Queries that can be jobs: {', '.join(sorted(QUERIES))}."
        )
    return _started(endpoint)


@blueprint.post("/data/<table>/optimize")
def start_optimize(table: str) -> Response:
    """Optimize a table in the background."""
    return _started(f"data/{table}/optimize")


@blueprint.post("/data/<table>/batch")
def start_batch(table: str) -> Response:
    """Add rows in the background, all or none."""
    return _started(f"data/{table}/batch")


@blueprint.post("/data/_delete")
def start_delete() -> Response:
    """Delete rows in the background."""
    return _started("data/_delete")


@blueprint.post("/data/_modify")
def start_modify() -> Response:
    """Carry out operations in the background, all or none."""
    return _started("data/_modify")


@blueprint.get("/")
@reads
def all_jobs() -> Response:
    """All jobs, running and finished, until their results expire."""
    shown: list[JsonValue] = [_shown(record) for record in _jobs().records.all()]
    return json_answer(shown)


@blueprint.get("/<uuid:job_id>")
@reads
def status(job_id: UUID) -> Response:
    """How one job is; it has finished when there is a finishedAt."""
    return json_answer(_shown(_jobs().records.read(job_id)))


@blueprint.get("/<uuid:job_id>/result")
@reads
def result(job_id: UUID) -> Response:
    """What the endpoint itself would have answered, with its status."""
    status_code, content = _jobs().records.result(job_id)
    return Response(content, status=status_code, content_type="application/json")


def _started(path: str) -> Response:
    application, content, key = _application(), body(), request.headers.get("x-api-key")

    def work() -> Answer:
        return _run(application, path, content, key)

    return json_answer(_shown(_jobs().submit(path, work)))


def _run(application: Flask, path: str, content: bytes, key: str | None) -> Answer:
    """The answer of POST /api/v1/{path}, through everything that every request goes through, the key check included."""
    context = application.test_request_context(
        f"/api/v1/{quote(path)}",
        method="POST",
        data=content,
        content_type="application/json",
        headers={} if key is None else {"x-api-key": key},
        environ_overrides={AS_A_JOB: True},
    )
    with context:
        answered = application.full_dispatch_request()
        return Answer(answered.status_code, answered.get_data())


def _jobs() -> JobRunner:
    """The runner of this process, made when the first job is asked for."""
    made = JobRunner(JobRecords(agent().settings.data_dir / FOLDER))
    found = current_app.extensions.setdefault(EXTENSION, made)
    if not isinstance(found, JobRunner):
        raise TypeError(f"extensions[{EXTENSION!r}] is not a JobRunner")
    return found


def _application() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined, no-any-return]


def _shown(record: JobRecord) -> dict[str, JsonValue]:
    return record.to_json()
