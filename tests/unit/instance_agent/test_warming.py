"""A database that was opened indexes itself, so that the first query doesn't have to."""

from __future__ import annotations

from pathlib import Path

from instance_agent.engine.database import Database
from instance_agent.engine.parts import MemoryPart
from instance_agent.schema.parse import parse_database
from instance_agent.schema.types import JsonValue


def opened(data_dir: Path) -> Database:
    columns: JsonValue = {
        "name": {"type": "Text"},
        "tags": {"type": "String[]"},
        "n": {"type": "Int", "nullable": True},
    }
    made = Database.open(data_dir)
    made.replace_schema(parse_database({"schema": {"t": {"type": "table", "columns": columns}}}))
    made.insert_rows("t", [{"name": "rye bread", "tags": ["food"], "n": 1}, {"name": "rye", "tags": []}])
    return Database.open(data_dir)


def indexed(database: Database) -> dict[str, int]:
    """Rows known to each column's feature index so far."""
    part = database.read_view().table("t").state.parts[-1]
    assert isinstance(part, MemoryPart)
    indexes = part.rows.indexes
    return {
        name: len(index._parts._offsets) - 1 if index._parts else len(index._whole._codes)
        for name, index in indexes.items()
    }


def test_warming_indexes_every_column_before_anybody_asks(tmp_path: Path) -> None:
    database = opened(tmp_path)
    assert set(indexed(database).values()) == {0}
    database.warm(lambda: False)
    assert indexed(database) == {"name": 2, "tags": 2, "n": 2}


def test_warming_stops_when_told_to(tmp_path: Path) -> None:
    database = opened(tmp_path)
    database.warm(lambda: True)
    assert set(indexed(database).values()) == {0}
