"""From schemas to the JSON of the wire: keys in alphabetical order, nothing that the published client refuses."""

from __future__ import annotations

from instance_agent.schema.types import ColumnSchema, DatabaseSchema, JsonValue, TableSchema

Sent = JsonValue  # the JSON that a client sent, to tell what it left out


def render_column(column: ColumnSchema) -> dict[str, JsonValue]:
    """One column as GET answers it: `nullable` always, `link` and `analyzer` only where set."""
    rendered: dict[str, JsonValue] = {}
    if column.analyzer is not None:
        rendered["analyzer"] = column.analyzer
    if column.link is not None:
        rendered["link"] = column.link.text
    rendered["nullable"] = column.nullable
    rendered["type"] = column.type.value
    return rendered


def render_table(table: TableSchema) -> dict[str, JsonValue]:
    """One table as GET answers it."""
    return {"columns": {name: render_column(column) for name, column in table.columns.items()}, "type": "table"}


def render_database(schema: DatabaseSchema) -> dict[str, JsonValue]:
    """All tables as GET answers them."""
    return {"schema": {name: render_table(table) for name, table in schema.tables.items()}}


def echo_column(column: ColumnSchema, sent: Sent) -> dict[str, JsonValue]:
    """One column as PUT answers it: as sent, so without `nullable` when the client left it out."""
    rendered = render_column(column)
    if not isinstance(sent, dict) or sent.get("nullable") is None:
        del rendered["nullable"]
    return rendered


def echo_table(table: TableSchema, sent: Sent) -> dict[str, JsonValue]:
    """One table as PUT answers it."""
    columns = _part(sent, "columns")
    return {
        "columns": {name: echo_column(column, _part(columns, name)) for name, column in table.columns.items()},
        "type": "table",
    }


def echo_database(schema: DatabaseSchema, sent: Sent) -> dict[str, JsonValue]:
    """All tables as PUT answers them."""
    tables = _part(sent, "schema")
    return {"schema": {name: echo_table(table, _part(tables, name)) for name, table in schema.tables.items()}}


def _part(sent: Sent, key: str) -> JsonValue:
    return sent.get(key) if isinstance(sent, dict) else None
