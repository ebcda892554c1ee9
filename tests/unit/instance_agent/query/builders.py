"""Small tables in memory, and a second opinion on what a proposition means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from instance_agent.engine.tables import ReadView
from instance_agent.query.answer import answer
from instance_agent.schema.parse import parse_database
from instance_agent.schema.types import JsonValue

SECONDS = 30.0

Columns = Mapping[str, Mapping[str, JsonValue]]


def make_view(tables: Mapping[str, tuple[Columns, Sequence[JsonValue]]]) -> ReadView:
    """A view of tables given as {name: (columns, rows)}."""
    schema: JsonValue = {
        "schema": {
            name: {"type": "table", "columns": {column: dict(one) for column, one in columns.items()}}
            for name, (columns, _) in tables.items()
        }
    }
    return ReadView.from_rows(parse_database(schema), {name: rows for name, (_, rows) in tables.items()})


def ask(view: ReadView, endpoint: str, **body: JsonValue) -> dict[str, JsonValue]:
    """The answer to a query; `from_` stands for `from`."""
    if "from_" in body:
        body["from"] = body.pop("from_")
    page = answer(view, endpoint, dict(body), SECONDS)
    assert isinstance(page, dict)
    return page


def hits_of(page: Mapping[str, JsonValue]) -> list[dict[str, JsonValue]]:
    """The page's hits, typed."""
    hits = page["hits"]
    assert isinstance(hits, list)
    found: list[dict[str, JsonValue]] = []
    for hit in hits:
        assert isinstance(hit, dict)
        found.append(hit)
    return found


def number(value: JsonValue) -> float:
    """A member that must be a number."""
    assert isinstance(value, int | float)
    assert not isinstance(value, bool)
    return float(value)


PRODUCTS: tuple[Columns, list[JsonValue]] = (
    {
        "id": {"type": "String"},
        "name": {"type": "Text", "analyzer": "english"},
        "price": {"type": "Decimal"},
        "stock": {"type": "Int", "nullable": True},
        "organic": {"type": "Boolean"},
        "tags": {"type": "String[]", "nullable": True},
        "views": {"type": "Long"},
        "extra": {"type": "Json", "nullable": True},
    },
    [
        {
            "id": "a",
            "name": "Red apples",
            "price": 1,
            "stock": 5,
            "organic": True,
            "tags": ["fruit", "red"],
            "views": 1,
        },
        {"id": "b", "name": "Green apple", "price": 1.5, "organic": False, "tags": ["fruit"], "views": 2**53 + 1},
        {"id": "c", "name": "Rye bread", "price": 2.5, "stock": 0, "organic": False, "tags": [], "views": 3},
        {"id": "d", "name": "White bread", "price": 2.5, "stock": -3, "organic": True, "views": 2**53},
        {"id": "e", "name": "", "price": 0.25, "stock": 12, "organic": True, "views": 0, "extra": {"a": [1, 2]}},
    ],
)
VISITS: tuple[Columns, list[JsonValue]] = (
    {
        "user": {"type": "String", "link": "users.id", "nullable": True},
        "bought": {"type": "String[]", "link": "products.id"},
    },
    [
        {"user": "ann", "bought": ["a", "c"]},
        {"user": "bob", "bought": []},
        {"user": "zoe", "bought": ["b", "nowhere"]},
        {"bought": ["d"]},
        {"user": "ann", "bought": ["e"]},
    ],
)
USERS: tuple[Columns, list[JsonValue]] = (
    {
        "id": {"type": "String"},
        "age": {"type": "Int", "nullable": True},
        "friend": {"type": "String", "link": "users.id", "nullable": True},
    },
    [{"id": "ann", "age": 30, "friend": "bob"}, {"id": "bob"}],
)


def shop() -> ReadView:
    """Five products, two users, five visits with links to both."""
    return make_view({"products": PRODUCTS, "users": USERS, "visits": VISITS})
