"""The values of tested rows at field paths, links followed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from instance_agent.engine.tables import TableView
from instance_agent.inference.problem import Rows
from instance_agent.query.paths import FEATURE, PathColumn, hop_of, path_column
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import ColumnType, JsonValue


@dataclass(frozen=True)
class PathValues:
    """The values at one path of some rows. Behind an array of links a row has a list of the linked rows' values."""

    column: PathColumn
    values: dict[int, JsonValue]  # per row, None for absent

    def key_of(self, row: int) -> str | None:
        """The same for equal values of the column; None for absent ones."""
        value = self.values[row]
        return None if value is None else json.dumps(value, sort_keys=True)

    def features_of(self, row: int) -> list[JsonValue]:
        """The value's features: tokens, elements, or the value itself, each once; none for an absent value."""
        value = self.values[row]
        several = value if isinstance(value, list) and self.column.schema.type is not ColumnType.JSON else [value]
        features: dict[str, JsonValue] = {}
        for one in several:
            tokens: list[JsonValue] = [one]
            if self.column.is_text and isinstance(one, str):
                tokens = [*self.column.column.analyze(one)]
            features |= {json.dumps(token, sort_keys=True): token for token in tokens if token is not None}
        return list(features.values())


@dataclass(frozen=True)
class RowValues:
    """The values of some rows, read path by path when first asked for."""

    scope: Scope
    table: TableView
    rows: Rows
    _known: dict[tuple[str, ...], PathValues] = field(default_factory=dict)

    def of(self, name: FieldName) -> PathValues:
        """The values at the path; a last `$feature` means the column before it. Raises `field 'x' not found`."""
        path = name.path[:-1] if len(name.path) > 1 and name.path[-1] == FEATURE else name.path
        known = self._known.get(path)
        if known is None:
            column = path_column(self.scope, self.table, name)
            rows = self.rows.tolist()
            values = self._read(self.table, FieldName(path, name.place, name.said_by), rows)
            known = self._known[path] = PathValues(column, dict(zip(rows, values, strict=True)))
        return known

    def _read(self, table: TableView, name: FieldName, rows: list[int]) -> list[JsonValue]:
        cells = table.cells(name.path[0], rows)
        if len(name.path) == 1:
            return cells
        hop = hop_of(self.scope, table, name.path[0], name)
        below = FieldName(name.path[1:], name.place, name.said_by)
        keys = [cell if isinstance(cell, list) else [cell] for cell in cells]
        firsts = [[int(found[0]) for key in some for found in [hop.key.rows_equal(key)] if len(found)] for some in keys]
        linked = sorted({row for some in firsts for row in some})
        values = dict(zip(linked, self._read(hop.target, below, linked), strict=True))
        self.scope.deadline.check()
        return [
            _joined([values[row] for row in some], isinstance(cell, list))
            for cell, some in zip(cells, firsts, strict=True)
        ]


def _joined(values: list[JsonValue], several: bool) -> JsonValue:
    if not several:
        return values[0] if values else None
    found: list[JsonValue] = []
    for value in values:
        found += value if isinstance(value, list) else [] if value is None else [value]
    return found or None
