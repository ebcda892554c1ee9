"""The same rows laid out in different ways: tail, one segment, several, with deleted and replaced rows over them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import optimize
from instance_agent.engine.maintenance.merge_policy import Span
from instance_agent.engine.maintenance.rewrite import rewrite
from instance_agent.schema.parse import parse_database
from instance_agent.schema.types import DatabaseSchema, JsonValue
from tests.unit.instance_agent.column_model import same
from tests.unit.instance_agent.query.builders import Columns

Row = dict[str, JsonValue]
Tables = Mapping[str, tuple[Columns, Sequence[Row]]]


def laid_out(folder: Path, tables: Tables, seed: int | None) -> Database:
    """A database with exactly these rows.

    seed: of the layout, in which the rows came in several commits and segments, among rows that were deleted since,
    and with other values in places that were replaced since. None: one segment for each table.
    """
    folder.mkdir()
    database = Database.open(folder)
    database.replace_schema(schema_of(tables))
    for name, (columns, rows) in tables.items():
        if seed is None:
            database.insert_rows(name, [*rows])
            optimize(database, name)
        else:
            _insert_in_disorder(database, name, columns, rows, random.Random(f"{seed} {name}"))  # noqa: S311
    return database


def schema_of(tables: Tables) -> DatabaseSchema:
    """The schema of these tables."""
    schema: JsonValue = {
        "schema": {
            name: {"type": "table", "columns": {column: dict(one) for column, one in columns.items()}}
            for name, (columns, _) in tables.items()
        }
    }
    return parse_database(schema)


def _insert_in_disorder(
    database: Database, name: str, columns: Columns, rows: Sequence[Row], random_: random.Random
) -> None:
    written: list[Row] = []
    unwanted: list[int] = []
    for row in rows:
        while random_.random() < 0.2:
            unwanted.append(len(written))
            written.append(random_.choice(rows))
        written.append(_with_other_values(row, rows, columns, random_))
    wanted = [at for at in range(len(written)) if at not in set(unwanted)]
    start = 0
    while start < len(written):
        end = start + random_.randrange(1, max(2, len(written) // 3))
        database.insert_rows(name, written[start:end])
        if random_.random() < 0.7:
            parts = database.state().tables[name].parts
            rewrite(database, database.state().tables[name], Span(len(parts) - 1, len(parts)))
        start = end
    for place, row in zip(wanted, rows, strict=True):
        changed = {key: row.get(key) for key in columns if not same(row.get(key), written[place].get(key))}
        for key, value in changed.items():
            _update(database, name, place, key, value)
    if unwanted:
        database.transact(lambda transaction: transaction.delete(name, np.array(unwanted, np.uint32)))


def _update(database: Database, name: str, place: int, key: str, value: JsonValue) -> None:
    database.transact(lambda transaction: transaction.update(name, np.array([place], np.uint32), {key: value}))


def _with_other_values(row: Row, rows: Sequence[Row], columns: Columns, random_: random.Random) -> Row:
    if random_.random() < 0.7:
        return row
    other = random_.choice(rows)
    changed = dict(row)
    for key in random_.sample(sorted(columns), min(2, len(columns))):
        if columns[key].get("nullable") or key in other:
            changed.pop(key, None)
            if key in other:
                changed[key] = other[key]
    return changed
