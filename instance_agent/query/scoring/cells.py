"""Values of rows at a path, read for all rows of a page at once; no other row is touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from instance_agent.engine.tables import TableView
from instance_agent.errors import TableNotFound
from instance_agent.index.column import ColumnView
from instance_agent.index.growing import key_of
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue

Cells = Callable[[Sequence[int]], list[JsonValue]]
"""From rows' numbers to their values, None for absent ones."""


def cells_at(scope: Scope, table: TableView, path: tuple[str, ...], field: FieldName) -> Cells:
    """The function from rows to their values at the path; a list below an array of links.

    A link reads the first row that has the key; a dangling one leads to nothing. Raises `field 'x' not found`.
    """
    name = path[0]
    schema = table.schema.columns.get(name)
    if schema is None:
        raise field.not_found()
    if len(path) == 1:
        return lambda rows: table.cells(name, rows)
    link = schema.link
    if link is None:
        raise field.not_found()
    try:
        target = scope.view.table(link.table)
    except TableNotFound:
        raise field.not_found() from None
    key = link.column
    if key not in target.schema.columns:
        raise field.not_found()
    behind = cells_at(scope, target, path[1:], field)

    def read(rows: Sequence[int]) -> list[JsonValue]:
        values = table.cells(name, rows)
        follow = _follower(target.column(key), behind, values)
        return [
            [found for element in value if (found := follow(element)) is not None]
            if isinstance(value, list)
            else follow(value)
            for value in values
        ]

    return read


def _follower(key: ColumnView, behind: Cells, values: Sequence[JsonValue]) -> Callable[[JsonValue], JsonValue]:
    """The function from one of these keys to the value behind it."""
    wanted: dict[object, JsonValue] = {}
    for value in values:
        for one in value if isinstance(value, list) else (value,):
            if one is not None:
                wanted.setdefault(key_of(one), one)
    rows: dict[object, int] = {}
    for name, one in wanted.items():
        found = key.rows_equal(one)
        if len(found):
            rows[name] = int(found[0])
    read = behind(list(rows.values()))
    cells = dict(zip(rows, read, strict=True))
    return lambda value: None if value is None else cells.get(key_of(value))
