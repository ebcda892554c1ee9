"""Schema endpoints: the tables and columns that there are."""

from __future__ import annotations

from flask import Blueprint, Response

from instance_agent.auth import reads
from instance_agent.context import agent
from instance_agent.errors import AgentError
from instance_agent.http import json_answer, json_body
from instance_agent.schema.parse import parse_column, parse_database, parse_table
from instance_agent.schema.render import (
    echo_column,
    echo_database,
    echo_table,
    render_column,
    render_database,
    render_table,
)
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


@blueprint.post("/_rename")
def rename_table() -> Response:
    """Give a table another name."""
    old, new, replace = _two_names("rename")
    agent().database.rename_table(old, new, replace=replace)
    return json_answer({})


@blueprint.post("/_copy")
def copy_table() -> Response:
    """Make a second table with the same columns and rows."""
    old, new, replace = _two_names("copy")
    agent().database.copy_table(old, new, replace=replace)
    return json_answer({})


@blueprint.get("/<table>/<column>")
@reads
def get_column(table: str, column: str) -> Response:
    """One column."""
    found = agent().database.read_view().table(table).schema.columns.get(column)
    if found is None:
        raise AgentError("column_not_found", f"No such column: {table}.{column}")
    return json_answer(render_column(found), sort_keys=True)


@blueprint.put("/<table>/<column>")
def put_column(table: str, column: str) -> Response:
    """Add or replace a column; "value" is what the rows there are have in it."""
    sent = json_body()
    definition = {key: part for key, part in sent.items() if key != "value"} if isinstance(sent, dict) else sent
    parsed = parse_column(table, column, definition)
    value = sent.get("value") if isinstance(sent, dict) else None
    agent().database.put_column(table, column, parsed, value)
    return json_answer(echo_column(parsed, definition), sort_keys=True)


@blueprint.delete("/<table>/<column>")
def delete_column(table: str, column: str) -> Response:
    """Delete a column with its values."""
    agent().database.delete_column(table, column)
    return json_answer({"deleted": [column]})


def _two_names(new_key: str) -> tuple[str, str, bool]:
    """The old name, the new name, and whether a table of the new name may be replaced. Raises AgentError."""
    sent = json_body()
    known = {"from", new_key, "replace"}
    if not isinstance(sent, dict) or not sent.keys() <= known:
        raise AgentError(
            "request_invalid", f'The body has the form {{"from": "a", "{new_key}": "b", "replace": false}}.'
        )
    old, new, replace = sent.get("from"), sent.get(new_key), sent.get("replace")
    if not isinstance(old, str) or not isinstance(new, str) or not isinstance(replace, bool | None):
        raise AgentError("request_invalid", f'"from" and "{new_key}" are names of tables, "replace" is true or false.')
    return old, new, bool(replace)
