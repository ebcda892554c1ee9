"""Random histories of a small shop's database: inserts, deletes, updates and merges, with what should be there."""

from __future__ import annotations

import random
from pathlib import Path

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import optimize
from instance_agent.engine.tables import ReadView
from instance_agent.engine.transaction import Transaction
from instance_agent.query.deadline import Deadline
from instance_agent.query.filtering.filters import rows_satisfying
from instance_agent.query.filtering.rowsets import as_list
from instance_agent.query.language.grammar import parse_search
from instance_agent.query.scope import Scope
from instance_agent.schema.parse import parse_database
from instance_agent.schema.types import DatabaseSchema, JsonValue, Row

SCHEMA: JsonValue = {
    "schema": {
        "shops": {
            "type": "table",
            "columns": {
                "id": {"type": "String"},
                "region": {"type": "String", "nullable": True},
                "size": {"type": "Int", "nullable": True},
                "motto": {"type": "Text", "analyzer": "english", "nullable": True},
            },
        },
        "items": {
            "type": "table",
            "columns": {
                "id": {"type": "String"},
                "name": {"type": "Text"},
                "tags": {"type": "String[]"},
                "price": {"type": "Decimal", "nullable": True},
                "maker": {"type": "String", "link": "shops.id", "nullable": True},
            },
        },
        "orders": {
            "type": "table",
            "columns": {
                "shop": {"type": "String", "link": "shops.id"},
                "item": {"type": "String", "link": "items.id", "nullable": True},
                "basket": {"type": "String[]", "link": "items.id"},
                "note": {"type": "Text", "nullable": True},
                "amount": {"type": "Decimal", "nullable": True},
                "paid": {"type": "Boolean"},
                "kind": {"type": "String", "nullable": True},
            },
        },
    }
}
WORDS = ("green", "black", "tea", "cup", "late", "gift", "small")


def shop(numbers: random.Random, number: int) -> JsonValue:
    row: dict[str, JsonValue] = {"id": f"s{number}"}
    if numbers.random() < 0.8:
        row["region"] = numbers.choice(["north", "south", "east"])
    if numbers.random() < 0.8:
        row["size"] = numbers.randrange(5)
    if numbers.random() < 0.5:
        row["motto"] = " ".join(numbers.sample(WORDS, 2))
    return row


def item(numbers: random.Random, number: int) -> JsonValue:
    row: dict[str, JsonValue] = {
        "id": f"i{number}",
        "name": " ".join(numbers.sample(WORDS, numbers.randint(1, 3))),
        "tags": list(numbers.sample(["red", "new", "hot"], numbers.randrange(3))),
    }
    if numbers.random() < 0.8:
        row["price"] = numbers.randrange(1, 9) / 2
    if numbers.random() < 0.8:
        row["maker"] = f"s{numbers.randrange(6)}"
    return row


def order(numbers: random.Random) -> JsonValue:
    kind = numbers.choice(["gift", "stock", "return", None])
    row: dict[str, JsonValue] = {
        "shop": f"s{numbers.randrange(6)}",
        "basket": [f"i{at}" for at in numbers.sample(range(10), numbers.randrange(3))],
        "paid": numbers.random() < (0.8 if kind == "gift" else 0.3),
    }
    if kind is not None:
        row["kind"] = kind
    if numbers.random() < 0.9:
        row["item"] = f"i{numbers.randrange(10)}"
    if numbers.random() < 0.8:
        row["note"] = " ".join(numbers.sample(WORDS, numbers.randint(1, 3)))
    if numbers.random() < 0.8:
        row["amount"] = numbers.randrange(1, 20) / 2 + (3 if kind == "stock" else 0)
    return row


class History:
    """A database, and the same rows in lists."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.numbers = random.Random(seed)  # noqa: S311
        self.schema: DatabaseSchema = parse_database(SCHEMA)
        self.database = Database.open(folder)
        self.database.replace_schema(self.schema)
        self.made = {"shops": 0, "items": 0}
        self.insert("shops", 4)
        self.insert("items", 7)
        self.insert("orders", 40)

    def step(self) -> None:
        """One thing happens to the database."""
        table = self.numbers.choice(["orders", "orders", "orders", "items", "shops"])
        match self.numbers.choice(["insert", "insert", "delete", "update", "optimize"]):
            case "insert":
                self.insert(table, self.numbers.choice([1, 1, 5]))
            case "delete":
                self.delete(table)
            case "update":
                self._update(table)
            case _:
                optimize(self.database, table)

    def rows(self, table: str) -> list[Row]:
        """The rows that are there, in table order."""
        view = self.database.read_view().table(table)
        return [row for row in view.rows(range(view.row_count)) if row]

    def rebuilt(self) -> ReadView:
        """A view of the same rows, made at once."""
        return ReadView.from_rows(self.schema, {name: list(self.rows(name)) for name in self.schema.tables})

    def insert(self, table: str, count: int) -> None:
        """Add made-up rows."""
        rows = [self._row(table) for _ in range(count)]
        self.database.insert_rows(table, rows)

    def _row(self, table: str) -> JsonValue:
        if table == "orders":
            return order(self.numbers)
        self.made[table] += 1
        return (shop if table == "shops" else item)(self.numbers, self.made[table] - 1)

    def delete(self, table: str) -> None:
        """Delete an eleventh of the rows."""
        parsed = parse_search({"from": table, "where": {"$index": {"$mod": [11, self.numbers.randrange(11)]}}})

        def work(transaction: Transaction) -> None:
            view = transaction.view
            scope = Scope(view, Deadline.after(30))
            transaction.delete(table, as_list(rows_satisfying(scope, view.table(table), parsed.where)))

        self.database.transact(work)

    def _update(self, table: str) -> None:
        values: dict[str, dict[str, list[JsonValue]]] = {
            "orders": {"kind": ["gift", "new", None], "note": ["tea tea", None], "basket": [["i1", "i2"], []]},
            "items": {"name": ["green cup"], "tags": [["red"], ["new", "red"]], "price": [1.5, None]},
            "shops": {"region": ["north", "west"], "motto": ["small tea"]},
        }
        name = self.numbers.choice(sorted(values[table]))
        value = self.numbers.choice(values[table][name])
        parsed = parse_search({"from": table, "where": {"$index": {"$mod": [7, self.numbers.randrange(7)]}}})

        def work(transaction: Transaction) -> None:
            view = transaction.view
            scope = Scope(view, Deadline.after(30))
            rows = as_list(rows_satisfying(scope, view.table(table), parsed.where))
            transaction.update(table, rows, {name: value})

        self.database.transact(work)
