"""A shop in which customers see products and buy some: made of a seed, with what is in it known."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from instance_agent.engine.tables import ReadView
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.match import match_
from instance_agent.query.endpoints.recommend import recommend
from instance_agent.query.language.grammar import parse_match, parse_recommend
from instance_agent.query.scope import Scope
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import SECONDS, Columns, make_view

Row = dict[str, JsonValue]
Tables = Mapping[str, tuple[Columns, Sequence[Row]]]

PRODUCT_COLUMNS: Columns = {
    "id": {"type": "String"},
    "name": {"type": "Text", "nullable": True},
    "kind": {"type": "String", "nullable": True},
    "tags": {"type": "String[]", "nullable": True},
    "price": {"type": "Decimal", "nullable": True},
    "maker": {"type": "String", "link": "makers.id", "nullable": True},
    "like": {"type": "String", "link": "products.id", "nullable": True},
}
CUSTOMER_COLUMNS: Columns = {
    "id": {"type": "String"},
    "tags": {"type": "String[]", "nullable": True},
    "age": {"type": "Int", "nullable": True},
}
VIEW_COLUMNS: Columns = {
    "customer": {"type": "String", "link": "customers.id", "nullable": True},
    "product": {"type": "String", "link": "products.id", "nullable": True},
    "basket": {"type": "String[]", "link": "products.id", "nullable": True},
    "bought": {"type": "Boolean", "nullable": True},
    "rating": {"type": "Int", "nullable": True},
    "note": {"type": "Text", "nullable": True},
}
MAKER_COLUMNS: Columns = {"id": {"type": "String"}, "country": {"type": "String"}}
KINDS = ("bread", "fruit", "milk")


def shop_tables(seed: int, views: int = 600, products: int = 24, customers: int = 8) -> Tables:
    """Customers buy what is of the kind they like; the last three products have never been seen.

    Customer c likes the kind c mod 3. There are nulls, links that lead nowhere, and a product listed twice.
    """
    draw = random.Random(seed)  # noqa: S311
    of_products: list[Row] = [
        {
            "id": f"p{number}",
            "name": f"{KINDS[number % 3]} no {number}",
            "kind": KINDS[number % 3],
            "tags": [KINDS[number % 3], f"shelf{number % 4}"],
            "price": round(1 + number * 0.37, 2),
            "maker": f"m{number % 5}",
            "like": f"p{number // 2}",
        }
        for number in range(products)
    ]
    of_products.append({"id": "p0", "kind": "copy"})
    of_products[4] = {"id": "p4"}
    rows: list[Row] = []
    for _ in range(views):
        customer, product = draw.randrange(customers), draw.randrange(products - 3)
        likes = customer % 3 == product % 3
        row: Row = {
            "customer": f"c{customer}",
            "product": f"p{product}",
            "basket": [f"p{draw.randrange(products)}" for _ in range(draw.randrange(3))],
            "bought": draw.random() < (0.6 if likes else 0.1),
            "rating": draw.randrange(1, 6),
            "note": draw.choice(["great stuff", "Never again", "", "a great product"]),
        }
        for name in row:
            if draw.random() < 0.03:
                row[name] = None
        if draw.random() < 0.02:
            row["product"] = "gone"
        rows.append({name: value for name, value in row.items() if value is not None})
    return {
        "makers": (MAKER_COLUMNS, [{"id": f"m{number}", "country": ["fi", "se"][number % 2]} for number in range(4)]),
        "products": (PRODUCT_COLUMNS, of_products),
        "customers": (
            CUSTOMER_COLUMNS,
            [{"id": f"c{number}", "tags": [f"likes {number % 3}"], "age": 20 + number} for number in range(customers)],
        ),
        "views": (VIEW_COLUMNS, rows),
    }


def view_of(tables: Tables) -> ReadView:
    """These rows in memory."""
    return make_view({name: (columns, [*rows]) for name, (columns, rows) in tables.items()})


def recommended(view: ReadView, **body: JsonValue) -> dict[str, JsonValue]:
    """The answer of `_recommend`; from views, and a purchase of a product, unless said otherwise."""
    asked: dict[str, JsonValue] = {"from": "views", "recommend": "product", "goal": {"bought": True}, "limit": 1000}
    return recommend(Scope(view, Deadline.after(SECONDS)), parse_recommend(asked | body)).to_json()


def matched(view: ReadView, **body: JsonValue) -> dict[str, JsonValue]:
    """The answer of `_match`; from views, of a product, unless said otherwise."""
    asked: dict[str, JsonValue] = {"from": "views", "match": "product", "limit": 1000}
    return match_(Scope(view, Deadline.after(SECONDS)), parse_match(asked | body)).to_json()


def product_of_leaves(node: JsonValue) -> float:
    """What the leaves of an explanation multiply up to."""
    assert isinstance(node, dict)
    factors = node.get("factors")
    if not isinstance(factors, list):
        value = node["value"]
        assert isinstance(value, int | float)
        return float(value)
    result = 1.0
    for factor in factors:
        result *= product_of_leaves(factor)
    return result


def names_of_leaves(node: JsonValue) -> set[str]:
    """The types of node in an explanation."""
    assert isinstance(node, dict)
    factors = node.get("factors")
    inner = [names_of_leaves(factor) for factor in factors] if isinstance(factors, list) else []
    return {str(node["type"])}.union(*inner)
