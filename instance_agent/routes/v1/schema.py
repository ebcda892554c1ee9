"""Schema endpoints: the tables and columns that there are."""

from __future__ import annotations

from flask import Blueprint, Response

from instance_agent.auth import reads
from instance_agent.context import agent
from instance_agent.errors import AgentError
from instance_agent.http import json_answer, json_body
from instance_agent.schema.parse import parse_database, parse_table
from instance_agent.schema.render import echo_database, echo_table, render_column, render_database, render_table
from instance_agent.schema.types import JsonValue

blueprint = Blueprint("v1_schema", __name__, url_prefix="/api/v1/schema")


@blueprint.get("")
@reads
def get_database() -> Response:
    """All tables."""
    return json_answer(render_database(agent().database.read_view().schema), sort_keys=True)


@blueprint.put("")
def put_database() -> Response:
    """Have these tables and no others; all rows are gone."""
    sent = json_body()
    schema = parse_database(sent)
    agent().database.replace_schema(schema)
    return json_answer(echo_database(schema, sent), sort_keys=True)


@blueprint.delete("")
def delete_database() -> Response:
    """Delete all tables with their rows."""
    deleted: list[JsonValue] = [*agent().database.delete_tables()]
    return json_answer({"deleted": deleted})


@blueprint.get("/<table>")
@reads
def get_table(table: str) -> Response:
    """One table."""
    return json_answer(render_table(agent().database.read_view().table(table).schema), sort_keys=True)


@blueprint.put("/<table>")
def put_table(table: str) -> Response:
    """Have this table, empty, in place of any of that name."""
    sent = json_body()
    schema = parse_table(table, sent)
    agent().database.put_table(table, schema)
    return json_answer(echo_table(schema, sent), sort_keys=True)


@blueprint.delete("/<table>")
def delete_table(table: str) -> Response:
    """Delete one table with its rows."""
    agent().database.delete_table(table)
    return json_answer({"deleted": [table]})


@blueprint.get("/<table>/<column>")
@reads
def get_column(table: str, column: str) -> Response:
    """One column."""
    found = agent().database.read_view().table(table).schema.columns.get(column)
    if found is None:
        raise AgentError("column_not_found", f"No such column: {table}.{column}")
    return json_answer(render_column(found), sort_keys=True)
