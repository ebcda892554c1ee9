"""Two tables with every kind of field and of link, in every layout."""

from __future__ import annotations

import random
from collections import UserDict
from pathlib import Path

from instance_agent.engine.maintenance import optimize
from instance_agent.engine.tables import ReadView
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns
from tests.unit.instance_agent.query.layouts import Row, Tables, laid_out

ITEMS: Columns = {
    "id": {"type": "String"},
    "parent": {"type": "String", "nullable": True, "link": "this.id"},
    "likes": {"type": "String[]", "nullable": True, "link": "this.id"},
    "owner": {"type": "Int", "nullable": True, "link": "people.key"},
    "s": {"type": "String", "nullable": True},
    "n": {"type": "Int", "nullable": True},
    "big": {"type": "Long", "nullable": True},
    "d": {"type": "Decimal", "nullable": True},
    "b": {"type": "Boolean", "nullable": True},
    "t": {"type": "Text", "nullable": True, "analyzer": "english"},
    "tags": {"type": "String[]", "nullable": True},
    "nums": {"type": "Int[]", "nullable": True},
    "j": {"type": "Json", "nullable": True},
}
PEOPLE: Columns = {
    "key": {"type": "Int", "nullable": True},
    "name": {"type": "Text", "nullable": True},
    "boss": {"type": "Int", "nullable": True, "link": "people.key"},
    "pets": {"type": "String[]", "nullable": True, "link": "items.id"},
}
STRINGS: list[JsonValue] = ["", "a", "ab", "abc", "b", "é", "\U0001f600"]
TEXTS: list[JsonValue] = [
    "",
    "red apples",
    "Red apple",
    "apples",
    "running dogs run",
    "the dog",
    "run runs ran running",
]
NUMBERS: list[JsonValue] = [-7, -1, 0, 1, 2, 5]
LONGS: list[JsonValue] = [0, 2**53, 2**53 + 1, -(2**63), 2**63 - 1, 4]
DECIMALS: list[JsonValue] = [-1.5, 0, 0.5, 1, 1e300, 2**53]
JSONS: list[JsonValue] = [1, 1.0, True, "a", [], [1, 2], {"a": 1, "b": [None]}, {"b": [None], "a": 1.0}]
IDS: list[JsonValue] = [f"i{number}" for number in range(6)]


def some_rows(random_: random.Random) -> Tables:
    """Tables with every kind of field: duplicate and absent keys, dangling links, links in circles."""

    def maybe(values: list[JsonValue]) -> JsonValue:
        return None if random_.random() < 0.25 else random_.choice(values)

    def many(values: list[JsonValue]) -> JsonValue:
        return None if random_.random() < 0.2 else random_.choices(values, k=random_.randrange(4))

    ids = [*IDS, "nowhere"]
    items: list[Row] = [
        {
            "id": random_.choice(IDS),
            "parent": maybe(ids),
            "likes": many(ids),
            "owner": maybe([1, 2, 3, 4]),
            "s": maybe(STRINGS),
            "n": maybe(NUMBERS),
            "big": maybe(LONGS),
            "d": maybe(DECIMALS),
            "b": maybe([True, False]),
            "t": maybe(TEXTS),
            "tags": many(STRINGS),
            "nums": many(NUMBERS),
            "j": maybe(JSONS),
        }
        for _ in range(40)
    ]
    people: list[Row] = [
        {"key": maybe([1, 2, 3]), "name": maybe(TEXTS), "boss": maybe([1, 2, 3, 4]), "pets": many(ids)}
        for _ in range(7)
    ]
    tables = {"items": (ITEMS, items), "people": (PEOPLE, people)}
    return {
        name: (columns, [{key: value for key, value in row.items() if value is not None} for row in rows])
        for name, (columns, rows) in tables.items()
    }


SEEDS = (1, 2, 3)
KINDS = ("memory", "one segment", "disorder", "disorder, optimized")


class Layouts(UserDict[tuple[int, str], ReadView]):
    """Views by seed and kind."""

    def __repr__(self) -> str:
        return "the layouts"


TABLES = {seed: some_rows(random.Random(seed)) for seed in SEEDS}  # noqa: S311


def layouts_in(folder: Path) -> Layouts:
    """The tables of every seed in every kind of layout."""
    made = Layouts()
    for seed in SEEDS:
        one = laid_out(folder / f"{seed} one", TABLES[seed], None)
        disorder = laid_out(folder / f"{seed} disorder", TABLES[seed], seed)
        optimized = laid_out(folder / f"{seed} optimized", TABLES[seed], seed)
        for name in TABLES[seed]:
            optimize(optimized, name)
        made[seed, "one segment"] = one.read_view()
        made[seed, "disorder"] = disorder.read_view()
        made[seed, "disorder, optimized"] = optimized.read_view()
        made[seed, "memory"] = ReadView.from_rows(
            one.read_view().schema, {name: list(rows) for name, (_, rows) in TABLES[seed].items()}
        )
    return made
