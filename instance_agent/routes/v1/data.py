"""Data endpoints: rows into tables."""

from __future__ import annotations

from flask import Blueprint, Response

from instance_agent.context import agent
from instance_agent.engine.tables import TableView
from instance_agent.errors import AgentError, TableNotFound
from instance_agent.http import body, json_answer, json_body, parse_json
from instance_agent.limits import LARGEST_BATCH_ROWS
from instance_agent.schema.rows import check_row
from instance_agent.schema.types import JsonValue, type_name

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
    """Nothing to do: indexes are kept up to date by themselves."""
    existing_table(table)
    content = body()
    if content:
        parse_json(content)
    return json_answer({})


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
