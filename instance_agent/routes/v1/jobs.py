"""Job endpoints: start, look, fetch the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, Flask, Response, current_app

from instance_agent.auth import Access, reads
from instance_agent.context import AS_A_JOB, agent
from instance_agent.context import EXTENSION as AGENT
from instance_agent.errors import AgentError
from instance_agent.http import body, json_answer
from instance_agent.jobs.records import JobRecord, JobRecords
from instance_agent.jobs.runner import Answer, JobRunner
from instance_agent.query.answer import ENDPOINTS
from instance_agent.schema.types import JsonValue

EXTENSION: Final = "vakka_jobs"
FOLDER: Final = "jobs"

blueprint = Blueprint("v1_jobs", __name__, url_prefix="/api/v1/jobs")


@blueprint.post("/<endpoint>")
@reads
def start_query(endpoint: str) -> Response:
    """Answer a query in the background."""
    if endpoint not in ENDPOINTS:
        raise AgentError(
            "not_found", f"There are no jobs for this. Queries that can be jobs: {', '.join(sorted(ENDPOINTS))}."
        )
    return _started(endpoint, Access.READ_ONLY, repeatable=True)


@blueprint.post("/data/<table>/optimize")
def start_optimize(table: str) -> Response:
    """Optimize a table in the background."""
    return _started(f"data/{table}/optimize", Access.READ_WRITE, repeatable=True)


@blueprint.post("/data/<table>/batch")
def start_batch(table: str) -> Response:
    """Add rows in the background, all or none."""
    return _started(f"data/{table}/batch", Access.READ_WRITE, repeatable=False)


@blueprint.post("/data/_delete")
def start_delete() -> Response:
    """Delete rows in the background."""
    return _started("data/_delete", Access.READ_WRITE, repeatable=False)


@blueprint.post("/data/_modify")
def start_modify() -> Response:
    """Carry out operations in the background, all or none."""
    return _started("data/_modify", Access.READ_WRITE, repeatable=False)


@blueprint.get("/")
@reads
def all_jobs() -> Response:
    """All jobs, running and finished, until their results expire."""
    shown: list[JsonValue] = [_shown(record) for record in jobs_of(current_app).all()]
    return json_answer(shown)


@blueprint.get("/<uuid:job_id>")
@reads
def status(job_id: UUID) -> Response:
    """How one job is; it has finished when there is a finishedAt."""
    return json_answer(_shown(jobs_of(current_app).status(job_id)))


@blueprint.get("/<uuid:job_id>/result")
@reads
def result(job_id: UUID) -> Response:
    """What the endpoint itself would have answered, with its status."""
    status_code, content = jobs_of(current_app).result(job_id)
    return Response(content, status=status_code, content_type="application/json")


def install(app: Flask) -> None:
    """Give the application its runner of jobs, which goes on with those that a process before it left."""
    runner = JobRunner(JobRecords(app.extensions[AGENT].settings.data_dir / FOLDER), Dispatch(app))
    app.extensions[EXTENSION] = runner
    runner.upkeep()


def jobs_of(app: Flask) -> JobRunner:
    """The application's runner of jobs."""
    found = app.extensions[EXTENSION]
    if not isinstance(found, JobRunner):
        raise TypeError(f"extensions[{EXTENSION!r}] is not a JobRunner")
    return found


@dataclass(frozen=True)
class Dispatch:
    """Does a job as the request that it stands for, through everything that every request goes through."""

    app: Flask

    def answer(self, path: str, access: Access, body: bytes) -> Answer:
        """The answer of POST /api/v1/{path} to somebody with this access."""
        context = self.app.test_request_context(
            f"/api/v1/{quote(path)}",
            method="POST",
            data=body,
            content_type="application/json",
            environ_overrides={AS_A_JOB: access},
        )
        with context:
            answered = self.app.full_dispatch_request()
            return Answer(answered.status_code, answered.get_data())

    def last_commit(self) -> int:
        """The number of the database's last commit."""
        with self.app.app_context():
            return agent().database.state().commit_number


def _started(path: str, access: Access, *, repeatable: bool) -> Response:
    """Start the job with no more access than its endpoint needs; the caller's key was found to have that."""
    return json_answer(_shown(jobs_of(current_app).submit(path, access, body(), repeatable=repeatable)))


def _shown(record: JobRecord) -> dict[str, JsonValue]:
    return record.to_json()
