"""Data endpoints: rows into tables, changed, and out of them."""

from __future__ import annotations

from flask import Blueprint, Response, request

from instance_agent.context import AS_A_JOB, agent
from instance_agent.engine import maintenance
from instance_agent.engine.tables import TableView
from instance_agent.errors import AgentError, TableNotFound
from instance_agent.http import body, json_answer, json_body, parse_json
from instance_agent.limits import LARGEST_BATCH_ROWS
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.modify import Outcome, carry_out
from instance_agent.query.endpoints.modify_grammar import Modifications, parse_delete, parse_modify
from instance_agent.routes.v1.queries import JOB_SECONDS, QUERY_SECONDS
from instance_agent.schema.rows import check_row
from instance_agent.schema.types import JsonValue, type_name
from instance_agent.storage.files import refusal

blueprint = Blueprint("v1_data", __name__, url_prefix="/api/v1/data")


@blueprint.post("/<table>")
def insert_row(table: str) -> Response:
    """Add one row; the answer is the row as stored."""
    found = existing_table(table)
    row = json_body()
    stored = check_row(found.schema, row)
    insert(table, [stored])
    return json_answer({**stored})


@blueprint.post("/<table>/batch")
def insert_batch(table: str) -> Response:
    """Add rows, all or none."""
    existing_table(table)
    rows = json_body()
    if not isinstance(rows, list):
        raise AgentError("request_invalid", f"A batch is an array of rows, and this is {type_name(rows)}.")
    if len(rows) > LARGEST_BATCH_ROWS:
        raise AgentError("request_invalid", f"A batch has at most {LARGEST_BATCH_ROWS} rows, and this has {len(rows)}.")
    return json_answer({"entries": insert(table, rows), "status": "ok"})


@blueprint.post("/<table>/optimize")
def optimize(table: str) -> Response:
    """Have the table stored in its best form at once; upkeep does it by itself, too."""
    existing_table(table)
    content = body()
    if content:
        parse_json(content)
    try:
        maintenance.optimize(agent().database, table)
    except TableNotFound:
        raise unknown_table(table) from None
    except OSError as error:
        raise refusal(error) from error
    return json_answer({})


@blueprint.post("/_delete")
def delete_rows() -> Response:
    """Delete the rows that a condition holds for."""
    return json_answer({"total": _carried_out(parse_delete(json_body())).deleted})


@blueprint.post("/_modify")
def modify() -> Response:
    """Carry out one operation, or several in order, all or none."""
    modifications = parse_modify(json_body())
    outcome = _carried_out(modifications)
    operations: list[JsonValue] = [
        {"operation": operation.kind, "index": number} for number, operation in enumerate(modifications.operations)
    ]
    return json_answer(
        {
            "deletedCount": outcome.deleted,
            "insertedCount": outcome.inserted,
            "modifiedCount": outcome.modified,
            "operations": operations,
        }
    )


def _carried_out(modifications: Modifications) -> Outcome:
    seconds = JOB_SECONDS if request.environ.get(AS_A_JOB) else QUERY_SECONDS
    deadline = Deadline.after(seconds, "narrow its 'where', or run it as a job.")
    try:
        return carry_out(agent().database, modifications, deadline)
    except OSError as error:
        raise refusal(error) from error


def insert(table: str, rows: list[JsonValue]) -> int:
    """Add rows in one commit; how many. Raises TableNotFound with the words of the data endpoints."""
    try:
        return agent().database.insert_rows(table, rows)
    except TableNotFound:
        raise unknown_table(table) from None


def existing_table(table: str) -> TableView:
    """Raises TableNotFound with the words of the data endpoints."""
    found = agent().database.read_view().tables.get(table)
    if found is None:
        raise unknown_table(table)
    return found


def unknown_table(table: str) -> TableNotFound:
    return TableNotFound(table, f"The requested table {table} does not exist")
