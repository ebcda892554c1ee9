"""What a link costs as evidence: recommendations where the evidence is a link, and where it is its key alone."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from benchmarks.storage.invoices import SEED
from instance_agent.engine.database import Database
from instance_agent.query.answer import answer
from instance_agent.schema.parse import parse_database
from instance_agent.schema.types import JsonValue

PRODUCTS, USERS = 2_000, 1_000
BATCH_ROWS = 20_000
QUERY_SECONDS = 600.0
SCHEMA: JsonValue = {
    "schema": {
        "users": {
            "type": "table",
            "columns": {"id": {"type": "String"}, "city": {"type": "String"}, "tags": {"type": "String[]"}},
        },
        "products": {
            "type": "table",
            "columns": {
                "id": {"type": "String"},
                "name": {"type": "Text"},
                "category": {"type": "String"},
                "price": {"type": "Decimal"},
            },
        },
        "impressions": {
            "type": "table",
            "columns": {
                "user": {"type": "String", "link": "users.id"},
                "product": {"type": "String", "link": "products.id"},
                "purchase": {"type": "Boolean"},
            },
        },
    }
}


def measure(folder: Path, rows: int, count: int) -> dict[str, list[float]]:
    """The seconds of each recommendation, by the kind of evidence."""
    folder.mkdir(parents=True, exist_ok=True)
    database = Database.open(folder)
    if "impressions" not in database.read_view().tables:
        _fill(database, rows)
    kinds = {
        "recommend, link as evidence": "user",
        "recommend, key as evidence": "user.id",
    }
    random = np.random.default_rng([SEED, rows, 6])
    users = [f"u{number}" for number in random.integers(0, USERS, count).tolist()]
    taken: dict[str, list[float]] = {}
    for name, path in kinds.items():
        for at, user in enumerate([users[0], *users]):
            body: dict[str, JsonValue] = {
                "from": "impressions",
                "where": {path: user},
                "recommend": "product",
                "goal": {"purchase": True},
            }
            started = time.perf_counter()
            answer(database.read_view(), "_recommend", body, QUERY_SECONDS)
            if at:  # the first one brings into memory what is asked for
                taken.setdefault(name, []).append(time.perf_counter() - started)
    return taken


def _fill(database: Database, rows: int) -> None:
    random = np.random.default_rng([SEED, rows, 5])
    database.replace_schema(parse_database(SCHEMA))
    database.insert_rows(
        "users",
        [{"id": f"u{at}", "city": f"city {at % 20}", "tags": [f"t{at % 7}", f"t{at % 5}"]} for at in range(USERS)],
    )
    database.insert_rows(
        "products",
        [
            {"id": f"p{at}", "name": f"word{at % 50} word{at % 41}", "category": f"c{at % 30}", "price": at % 90 / 10}
            for at in range(PRODUCTS)
        ],
    )
    for first in range(0, rows, BATCH_ROWS):
        size = min(BATCH_ROWS, rows - first)
        users = random.integers(0, USERS, size)
        products = (random.random(size) ** 2 * PRODUCTS).astype(int)
        bought = random.random(size) < np.where(users % 20 == products % 30 % 20, 0.4, 0.05)
        columns = zip(users.tolist(), products.tolist(), bought.tolist(), strict=True)
        database.insert_rows(
            "impressions", [{"user": f"u{u}", "product": f"p{p}", "purchase": b} for u, p, b in columns]
        )
