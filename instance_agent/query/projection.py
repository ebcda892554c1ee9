"""`select` over rows: which members a hit has."""

from __future__ import annotations

from collections.abc import Callable

from instance_agent.engine.tables import TableView
from instance_agent.query.page import Hit
from instance_agent.query.refusals import unsupported
from instance_agent.query.scope import FieldName, Scope, column_of, linked_table
from instance_agent.query.scores import Name, Projection, Why
from instance_agent.schema.types import JsonValue

Projector = Callable[[int], Hit]

LATER = frozenset(
    {"$p", "$lift", "$f", "$similarity", "$score", "$sort", "$rank", "$value", "$why", "$highlight", "$matches"}
)
"""Names of scores that rows may have in the published language, and don't have yet."""


def row_projector(scope: Scope, table: TableView, select: tuple[Projection, ...] | None) -> Projector:
    """The function from a row's number to its hit; every name is checked before any row is. Raises 400."""
    if select is None:
        return table.row
    readers = [(one.key, _reader(scope, table, one)) for one in select]

    def project(row: int) -> Hit:
        members = ((key, read(row)) for key, read in readers)
        return {key: value for key, value in members if value is not None}

    return project


def _reader(scope: Scope, table: TableView, projection: Projection) -> Callable[[int], JsonValue]:
    if name_of(projection) == "$index":
        return lambda row: int(table.positions[row])
    if name_of(projection) in LATER:
        raise unsupported(f"{name_of(projection)} of a row can't be selected in this version", projection.place)
    path = tuple(name_of(projection).split("."))
    said_by = projection.place if projection.place.startswith("select") else ""
    return value_reader(scope, table, path, FieldName(path, projection.place, said_by))


def value_reader(scope: Scope, table: TableView, path: tuple[str, ...], field: FieldName) -> Callable[[int], JsonValue]:
    """The function from a row's number to its value at the path, None when absent; a list below an array of links.

    A link reads the first row that has the key. Raises `field 'x' not found`.
    """
    column = column_of(table, path[0], field)

    def read(row: int) -> JsonValue:
        code = int(column.codes[row])
        return column.values[code] if code >= 0 else None

    if len(path) == 1:
        return read
    target, link = linked_table(scope, column, field)
    key = column_of(target, link.column, field)
    read_linked = value_reader(scope, target, path[1:], field)

    def follow(value: JsonValue) -> JsonValue:
        found = key.rows_equal(value)
        return read_linked(int(found[0])) if len(found) else None

    def read_through(row: int) -> JsonValue:
        value = read(row)
        if isinstance(value, list):
            return [linked for linked in map(follow, value) if linked is not None]
        return None if value is None else follow(value)

    return read_through


def name_of(projection: Projection) -> str:
    """The name it shows. Raises 400 for what isn't shown by name."""
    if projection.shows == Why(None, False):
        return "$why"
    if not isinstance(projection.shows, Name):
        raise unsupported("this version selects by name only", projection.place)
    return projection.shows.name
