"""From the JSON of a schema to its values, refusing what isn't understood by name."""

from __future__ import annotations

import unicodedata

from instance_agent.errors import SchemaInvalid
from instance_agent.schema.analyzers import make_analyzer
from instance_agent.schema.types import ColumnSchema, ColumnType, DatabaseSchema, JsonValue, Link, TableSchema

LONGEST_NAME = 255
COLUMN_KEYS = ("analyzer", "link", "nullable", "type")
TYPES_BY_LOWER_NAME = {member.value.lower(): member for member in ColumnType}


def parse_database(body: JsonValue) -> DatabaseSchema:
    """The schema of a whole database. Raises SchemaInvalid."""
    tables = body.get("schema") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(tables, dict):
        raise SchemaInvalid(
            'A database schema has the form {"schema": {"<table>": {"type": "table", "columns": {...}}}}.'
        )
    _refuse_unknown_keys("the database schema", body, ("schema",))
    return DatabaseSchema({name: parse_table(name, table) for name, table in tables.items()})


def parse_table(name: str, body: JsonValue) -> TableSchema:
    """The schema of the table `name`. Raises SchemaInvalid."""
    check_name("table", name)
    where = f"table '{name}'"
    columns = body.get("columns") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(columns, dict):
        raise SchemaInvalid(f'{where}: a table has the form {{"type": "table", "columns": {{"<column>": {{...}}}}}}.')
    _refuse_unknown_keys(where, body, ("columns", "type"))
    if body.get("type", "table") != "table":
        raise SchemaInvalid(f'{where}: its "type" must be "table".')
    return TableSchema({column: parse_column(name, column, definition) for column, definition in columns.items()})


def parse_column(table: str, name: str, body: JsonValue) -> ColumnSchema:
    """The schema of one column of `table`. Raises SchemaInvalid."""
    check_name("column", name)
    where = f"column '{table}.{name}'"
    if not isinstance(body, dict):
        raise SchemaInvalid(
            f'{where}: a column has the form {{"type": "String"}}, with nullable, link, analyzer as wished.'
        )
    _refuse_unknown_keys(where, body, COLUMN_KEYS)
    column_type = _parse_type(where, body.get("type"))
    nullable = body.get("nullable")
    if nullable is not None and not isinstance(nullable, bool):
        raise SchemaInvalid(f'{where}: "nullable" must be true or false.')
    analyzer = body.get("analyzer")
    if analyzer is not None:
        if column_type is not ColumnType.TEXT:
            raise SchemaInvalid(f"{where}: only a Text column has an analyzer, and this one is {column_type.value}.")
        make_analyzer(analyzer, where)
    link = _parse_link(where, table, body.get("link"))
    return ColumnSchema(type=column_type, nullable=bool(nullable), link=link, analyzer=analyzer)


def check_name(kind: str, name: str) -> None:
    """Refuse a table's or column's name that paths and links couldn't carry. Raises SchemaInvalid."""
    bad = next((c for c in name if c in '/".$' or c.isspace() or unicodedata.category(c) in ("Cc", "Cs")), None)
    if not name or len(name) > LONGEST_NAME or bad is not None:
        shown = name if bad is None and len(name) <= LONGEST_NAME else repr(name[:40])[1:-1]
        raise SchemaInvalid(
            f"'{shown}' can't be the name of a {kind}: a name has 1 to {LONGEST_NAME} characters, "
            'and none of / " . $, white space or control characters.'
        )


def check_links(schema: DatabaseSchema, tables: list[str]) -> None:
    """Refuse a link of one of `tables` whose target doesn't exist in `schema`, or can't equal any of its values.

    Values join by being equal: texts to texts, numbers to numbers of any type; Json may be anything. A link from an
    array joins by its elements, but nothing joins to a whole array. Raises SchemaInvalid.
    """
    for table in tables:
        for name, column in schema.tables[table].columns.items():
            link = column.link
            if link is None:
                continue
            target = schema.tables.get(link.table)
            if target is None:
                raise SchemaInvalid(
                    f"column '{table}.{name}': its link '{link.text}' points to the table '{link.table}', "
                    "which does not exist. Create that table first, or send both in one PUT /schema."
                )
            if link.column not in target.columns:
                raise SchemaInvalid(
                    f"column '{table}.{name}': its link '{link.text}' points to a column that "
                    f"the table '{link.table}' does not have."
                )
            _check_comparable(f"column '{table}.{name}'", column, link, target.columns[link.column].type)


def _check_comparable(where: str, column: ColumnSchema, link: Link, target: ColumnType) -> None:
    own = column.type.element
    if ColumnType.JSON in (own, target):
        return
    if target.is_array:
        raise SchemaInvalid(
            f"{where}: its link '{link.text}' points to a column of type {target.value}, and nothing joins to a whole "
            "array. Put the link on the array instead, pointing here."
        )
    if _kind(own) != _kind(target):
        raise SchemaInvalid(
            f"{where}: it is of type {column.type.value}, and its link '{link.text}' points to a column of type "
            f"{target.value}. These are never equal, so nothing would join. Give both the same type."
        )


def _kind(column_type: ColumnType) -> str:
    """What values of the type can be equal to."""
    if column_type.is_numeric:
        return "number"
    return "text" if column_type in (ColumnType.STRING, ColumnType.TEXT) else column_type.value


def _parse_type(where: str, name: JsonValue) -> ColumnType:
    if name is None:
        raise SchemaInvalid(f'{where}: "type" is missing.')
    found = TYPES_BY_LOWER_NAME.get(name.lower()) if isinstance(name, str) else None
    if found is None:
        known = ", ".join(member.value for member in ColumnType)
        shown = f"'{name[:40]}' " if isinstance(name, str) else "this "
        raise SchemaInvalid(f"{where}: {shown}isn't a type here. The types are {known}.")
    return found


def _parse_link(where: str, table: str, text: JsonValue) -> Link | None:
    if text is None:
        return None
    parts = text.split(".") if isinstance(text, str) else []
    if not isinstance(text, str) or len(parts) != 2 or not all(parts):
        raise SchemaInvalid(f'{where}: "link" has the form "table.column", or "this.column" for the same table.')
    return Link(table=table if parts[0] == "this" else parts[0], column=parts[1], text=text)


def _refuse_unknown_keys(where: str, body: dict[str, JsonValue], known: tuple[str, ...]) -> None:
    for key in body:
        if key not in known:
            raise SchemaInvalid(f"{where}: the key {key[:40]!r} isn't known here. The keys are {', '.join(known)}.")
