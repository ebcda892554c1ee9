"""A small store with links, an array of links, dangling ones, texts and nulls; and a way to ask it."""

from __future__ import annotations

import math

from instance_agent.engine.tables import ReadView
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns, ask, hits_of, make_view
from tests.unit.instance_agent.query.layouts import Row

MAKERS: Columns = {"id": {"type": "String"}, "town": {"type": "String", "nullable": True}}
PRODUCTS: Columns = {
    "id": {"type": "String"},
    "name": {"type": "Text", "analyzer": "english"},
    "price": {"type": "Decimal", "nullable": True},
    "stock": {"type": "Int", "nullable": True},
    "tags": {"type": "String[]", "nullable": True},
    "maker": {"type": "String", "nullable": True, "link": "makers.id"},
    "organic": {"type": "Boolean", "nullable": True},
}
VIEWS: Columns = {
    "product": {"type": "String", "link": "products.id", "nullable": True},
    "basket": {"type": "String[]", "link": "products.id", "nullable": True},
    "week": {"type": "Int", "nullable": True},
    "bought": {"type": "Boolean", "nullable": True},
    "paid": {"type": "Decimal", "nullable": True},
    "query": {"type": "Text", "nullable": True, "analyzer": "english"},
    "user": {"type": "String"},
}
MAKER_ROWS: list[Row] = [{"id": "m", "town": "Turku"}, {"id": "n", "town": "Oulu"}, {"id": "o"}]
PRODUCT_ROWS: list[Row] = [
    {
        "id": "a",
        "name": "Red apples",
        "price": 1.5,
        "stock": 0,
        "tags": ["fruit", "red"],
        "maker": "m",
        "organic": True,
    },
    {"id": "b", "name": "green apple", "price": 2.0, "stock": 3, "tags": ["fruit"], "maker": "n", "organic": False},
    {"id": "c", "name": "Rye bread", "maker": "gone", "tags": []},
    {"id": "d", "name": "Rye crisps & rye", "price": 0.5, "stock": -2, "maker": "o"},
]
VIEW_ROWS: list[Row] = [
    {"product": "a", "basket": ["a", "b"], "week": 1, "bought": True, "paid": 1.5, "query": "apples", "user": "x"},
    {"product": "a", "basket": ["b"], "week": 1, "bought": False, "query": "red", "user": "y"},
    {"product": "b", "basket": [], "week": 2, "bought": True, "paid": 2.5, "query": "apple pie", "user": "x"},
    {"product": "b", "week": 2, "bought": True, "paid": 1.5, "user": "x"},
    {"product": "c", "basket": ["c", "nowhere", "c"], "week": 3, "bought": False, "query": "bread", "user": "y"},
    {"week": 1, "bought": True, "user": "y"},
    {"product": "nowhere", "basket": ["a"], "paid": -1.0, "user": "x"},
]


def store() -> ReadView:
    """Three makers, four products, seven views."""
    return make_view(
        {
            "makers": (MAKERS, list(MAKER_ROWS)),
            "products": (PRODUCTS, list(PRODUCT_ROWS)),
            "views": (VIEWS, list(VIEW_ROWS)),
        }
    )


STORE = store()


def query(table: str = "views", **body: JsonValue) -> list[dict[str, JsonValue]]:
    """The hits of a `_query`."""
    return hits_of(ask(STORE, "_query", from_=table, **body))


def by_value(score: JsonValue, get: str = "product", **body: JsonValue) -> dict[str, JsonValue]:
    """The score of each value at a path that has one."""
    asked: dict[str, JsonValue] = {"get": get, "select": ["$value", {"it": score}], "limit": 100, **body}
    hits = query("views", **asked)
    return {str(hit["$value"]): hit.get("it") for hit in hits}


def by_id(score: JsonValue, table: str = "products", **body: JsonValue) -> dict[str, JsonValue]:
    """The score of each row, by its id."""
    asked: dict[str, JsonValue] = {"select": ["id", {"it": score}], "limit": 100, **body}
    hits = query(table, **asked)
    return {str(hit["id"]): hit.get("it") for hit in hits}


def close(found: JsonValue, wanted: float) -> bool:
    """Are they the same number?"""
    assert isinstance(found, int | float)
    return math.isclose(found, wanted, rel_tol=1e-12, abs_tol=1e-12)
