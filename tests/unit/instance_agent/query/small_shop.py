"""A small database to ask anything of.

It has links, also to the same table, through arrays and dangling; texts, arrays, numbers and Json; nulls everywhere,
and an empty table.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import optimize
from instance_agent.engine.tables import ReadView
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.modify import carry_out
from instance_agent.query.endpoints.modify_grammar import parse_modify
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns, make_view

DECOYS: Mapping[str, JsonValue] = {
    "Boolean": True,
    "Int": 7777,
    "Long": 7777,
    "Decimal": 7777.5,
    "String": "decoy",
    "Text": "a decoy of bread",
    "String[]": ["decoy", "red"],
    "Int[]": [7777, 1],
    "Json": {"decoy": [1]},
}
"""The values of rows that are deleted again."""

BOUGHT: list[JsonValue] = [[1, 2], [3], [], None, [1, 1, 98]]
VISITS: list[JsonValue] = [
    {
        "user": ["ann", "bob", "zoe", None][number % 4],
        "product": [1, 2, 3, 4, 99, None][number % 6],
        "bought": BOUGHT[number % 5],
        "purchase": [True, False, None][number * 7 % 3],
        "spent": [0.5, 2, 10, None][number * 5 % 4],
        "day": ["2026-01-01", "2026-01-02", None][number % 3],
        "note": ["rye bread please", "Bread and apples", "", "an apple a day", None][number * 3 % 5],
    }
    for number in range(23)
]
TABLES: Mapping[str, tuple[Columns, list[JsonValue]]] = {
    "makers": (
        {
            "id": {"type": "String"},
            "country": {"type": "String", "nullable": True},
            "founded": {"type": "Int", "nullable": True},
            "parent": {"type": "String", "link": "makers.id", "nullable": True},
        },
        [
            {"id": "m1", "country": "fi", "founded": 1900},
            {"id": "m2", "country": "se", "parent": "m1"},
            {"id": "m3", "founded": 1900, "parent": "m3"},
            {"id": "m1", "country": "no", "founded": 2000, "parent": "gone"},
        ],
    ),
    "products": (
        {
            "id": {"type": "Int"},
            "name": {"type": "Text", "analyzer": "english", "nullable": True},
            "price": {"type": "Decimal", "nullable": True},
            "views": {"type": "Long", "nullable": True},
            "organic": {"type": "Boolean", "nullable": True},
            "tags": {"type": "String[]", "nullable": True},
            "sizes": {"type": "Int[]", "nullable": True},
            "extra": {"type": "Json", "nullable": True},
            "maker": {"type": "String", "link": "makers.id", "nullable": True},
        },
        [
            {
                "id": 1,
                "name": "Red apples",
                "price": 1.5,
                "views": 3,
                "organic": True,
                "tags": ["fruit", "red"],
                "sizes": [1, 2],
                "extra": {"a": [1]},
                "maker": "m1",
            },
            {"id": 2, "name": "green apple pie", "price": 3, "organic": False, "tags": ["fruit"], "maker": "m2"},
            {"id": 3, "name": "Rye bread", "price": 2.5, "views": 2**53 + 1, "tags": [], "sizes": [], "extra": 1},
            {"id": 4, "price": -1, "views": 0, "organic": True, "tags": ["bread"], "maker": "gone", "extra": [1, {}]},
            {"id": 5, "name": "", "price": 1e300, "views": -5, "tags": ["red", "red"], "sizes": [2], "maker": "m3"},
            {"id": 6},
        ],
    ),
    "users": (
        {
            "id": {"type": "String"},
            "age": {"type": "Int", "nullable": True},
            "likes": {"type": "Int[]", "link": "products.id", "nullable": True},
            "friend": {"type": "String", "link": "users.id", "nullable": True},
        },
        [
            {"id": "ann", "age": 30, "likes": [1, 2], "friend": "bob"},
            {"id": "bob", "likes": [], "friend": "ann"},
            {"id": "cid", "age": 4, "likes": [2, 99]},
        ],
    ),
    "visits": (
        {
            "user": {"type": "String", "link": "users.id", "nullable": True},
            "product": {"type": "Int", "link": "products.id", "nullable": True},
            "bought": {"type": "Int[]", "link": "products.id", "nullable": True},
            "purchase": {"type": "Boolean", "nullable": True},
            "spent": {"type": "Decimal", "nullable": True},
            "day": {"type": "String", "nullable": True},
            "note": {"type": "Text", "nullable": True},
        },
        VISITS,
    ),
    "empty": (
        {
            "word": {"type": "String", "nullable": True},
            "text": {"type": "Text", "nullable": True},
            "number": {"type": "Decimal", "nullable": True},
            "likes": {"type": "Int[]", "link": "products.id", "nullable": True},
            "friend": {"type": "String", "link": "users.id", "nullable": True},
        },
        [],
    ),
}


def paths_of(table: str, hops: int = 2) -> Iterator[tuple[str, str]]:
    """Each field that can be named from a table, links followed so often, and its type."""
    for name, column in TABLES[table][0].items():
        yield name, str(column["type"])
        if hops and (link := link_of(table, name)):
            for path, kind in paths_of(link, hops - 1):
                yield f"{name}.{path}", kind


def link_of(table: str, column: str) -> str | None:
    """The table that a column points to."""
    link = TABLES[table][0][column].get("link")
    return link.partition(".")[0] if isinstance(link, str) else None


def linked_by(table: str, path: str) -> str | None:
    """The table whose rows a path points to; None when it leads to a plain value."""
    if path.endswith(".$feature"):
        return None
    *hops, last = path.split(".")
    for hop in hops:
        table = link_of(table, hop) or table
    return link_of(table, last)


def small_shop() -> ReadView:
    """The shop in memory, all rows together."""
    return make_view(TABLES)


def larger_shop() -> ReadView:
    """More of everything, for what is done in another way above some size: most values are there a few times."""
    some = random.Random(7)  # noqa: S311 - the same rows every time
    words = [f"word{number}" for number in range(900)] + ["rye", "bread", "apple"] * 100

    def text(count: int) -> JsonValue:
        return " ".join(some.choices(words, k=count))

    def maybe(value: JsonValue) -> JsonValue:
        return value if some.random() < 0.9 else None

    products: list[JsonValue] = [
        {
            "id": number,
            "name": maybe(text(4)),
            "price": maybe(some.choice([1, 2.5, number / 7])),
            "views": number % 50,
            "organic": some.random() < 0.5,
            "tags": some.sample(words, 3),
            "sizes": maybe([number % 10, 2]),
            "extra": {"a": [number % 20]},
            "maker": f"m{number % 5}",
        }
        for number in range(300)
    ]
    visits: list[JsonValue] = [
        {
            "user": some.choice(["ann", "bob", "cid", "zoe"]),
            "product": some.randrange(320),
            "bought": some.choices(range(320), k=3),
            "purchase": maybe(some.random() < 0.2),
            "spent": maybe(some.choice([0.5, 2, number / 3])),
            "day": f"2026-01-{1 + number % 28:02}",
            "note": maybe(text(6)),
        }
        for number in range(400)
    ]
    return make_view(
        {**TABLES, **{"products": (TABLES["products"][0], products), "visits": (TABLES["visits"][0], visits)}}
    )


def stored_shop(data_dir: Path) -> Database:
    """The same rows in a folder: in several segments and a tail, with dead rows between them and replaced values."""
    database = Database.open(data_dir)
    database.replace_schema(make_view(TABLES).schema)
    for name, (columns, rows) in TABLES.items():
        decoy: JsonValue = {key: DECOYS[str(column["type"])] for key, column in columns.items()}
        for number, row in enumerate(rows):
            database.insert_rows(name, [decoy, row] if number % 3 else [row, decoy, decoy])
            if number in (len(rows) // 3, len(rows) // 2):
                optimize(database, name)
        first = next(iter(columns))
        modify(database, {"from": name, "delete": {first: DECOYS[str(columns[first]["type"])]}})
    modify(database, {"update": "visits", "set": {"day": "then"}, "where": {"day": "2026-01-02"}})
    optimize(database, "products")
    modify(database, {"update": "visits", "set": {"day": "2026-01-02"}, "where": {"day": "then"}})
    return database


def modify(database: Database, operation: JsonValue) -> None:
    carry_out(database, parse_modify(operation), Deadline.after(60))
