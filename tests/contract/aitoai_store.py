"""A small shop for the published client: its tables, and one query of every kind."""

from __future__ import annotations

from typing import Any

SCHEMA: dict[str, Any] = {
    "schema": {
        "users": {"type": "table", "columns": {"id": {"type": "String"}, "tags": {"type": "String[]"}}},
        "products": {
            "type": "table",
            "columns": {
                "id": {"type": "String"},
                "name": {"type": "Text", "analyzer": "english"},
                "category": {"type": "String"},
                "price": {"type": "Decimal"},
                "tags": {"type": "String[]"},
            },
        },
        "impressions": {
            "type": "table",
            "columns": {
                "user": {"type": "String", "link": "users.id"},
                "product": {"type": "String", "link": "products.id"},
                "week": {"type": "Int"},
                "purchase": {"type": "Boolean"},
            },
        },
    }
}
USERS = [{"id": f"u{n}", "tags": ["young" if n % 2 else "old", "member"][: 1 + n % 3]} for n in range(6)]
KINDS = [
    ("rye bread", "bread", 2.5),
    ("oat bread", "bread", 1.5),
    ("whole milk", "dairy", 0.75),
    ("butter", "dairy", 3),
]
PRODUCTS = [
    {
        "id": f"p{n}",
        "name": f"{KINDS[n % 4][0]} {n}",
        "category": KINDS[n % 4][1],
        "price": KINDS[n % 4][2] + n / 100,
        "tags": [KINDS[n % 4][1], f"shelf{n % 3}"],
    }
    for n in range(12)
]
IMPRESSIONS = [
    {"user": f"u{n % 6}", "product": f"p{n * 5 % 12}", "week": n % 4, "purchase": (n * 5 % 12 % 4 < 2) == bool(n % 2)}
    for n in range(240)
]
ROWS: dict[str, list[dict[str, Any]]] = {"users": USERS, "products": PRODUCTS, "impressions": IMPRESSIONS}

EVALUATE = {
    "test": {"$index": {"$mod": [4, 0]}},
    "evaluate": {
        "from": "products",
        "where": {"name": {"$get": "name"}, "tags": {"$get": "tags"}},
        "predict": "category",
    },
    "select": ["n", "testSamples", "trainSamples", "accuracy", "baseAccuracy", "accuracyGain", "meanRank"],
}
QUERIES: dict[str, dict[str, Any]] = {
    "search": {"from": "products", "where": {"name": {"$match": "bread"}}, "orderBy": "price", "limit": 3},
    "generic_query": {
        "from": "impressions",
        "where": {"user": "u1"},
        "get": "product",
        "orderBy": "$p",
        "select": ["$p", "name"],
    },
    "predict": {"from": "impressions", "where": {"user": "u1", "product": "p1"}, "predict": "purchase"},
    "recommend": {"from": "impressions", "where": {"user": "u1"}, "recommend": "product", "goal": {"purchase": True}},
    "match": {"from": "impressions", "where": {"purchase": True, "user.tags": "young"}, "match": "product"},
    "relate": {"from": "impressions", "where": {"product.category": "bread"}, "relate": ["purchase"]},
    "similarity": {"from": "products", "similarity": {"name": "rye bread", "tags": ["bread"]}},
    "estimate": {"from": "products", "where": {"category": "dairy"}, "estimate": "price"},
    "aggregate": {"from": "impressions", "where": {"product.category": "bread"}, "aggregate": ["purchase.$mean", "$f"]},
    "evaluate": EVALUATE,
}
"""By the name of the client's function that sends it; the commands have the same names with hyphens."""
