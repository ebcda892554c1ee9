"""A database as a plain dictionary, and random histories that a real one must agree with it on."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import Maintenance, optimize
from instance_agent.engine.tables import ReadView, TableView
from instance_agent.index.column import ColumnView
from instance_agent.schema.parse import parse_column, parse_table
from instance_agent.schema.types import ColumnType, JsonValue

WORDS = ("rye", "bread", "butter", "salt", "Leipä", "ja", "voi")
TYPES = ("Boolean", "Int", "Long", "Decimal", "String", "Text", "Json", "String[]", "Int[]", "Boolean[]", "Decimal[]")
TABLES = ("a", "b", "c")


@dataclass
class Table:
    """One table: its columns by name, and its rows in order."""

    columns: dict[str, str]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def definition(self) -> dict[str, Any]:
        return {"type": "table", "columns": {name: nullable(kind) for name, kind in self.columns.items()}}


Model = dict[str, Table]


def nullable(kind: str) -> dict[str, Any]:
    return {"type": kind, "nullable": True}


def value_of(kind: str, chance: random.Random) -> Any:  # noqa: PLR0911 - one line per type
    """A value out of few, so that they repeat; None now and then."""
    if chance.random() < 0.15:
        return None
    if kind.endswith("[]"):
        element = kind[:-2]
        return [one for _ in range(chance.randrange(4)) if (one := value_of(element, chance)) is not None]
    match kind:
        case "Boolean":
            return chance.random() < 0.5
        case "Int":
            return chance.randrange(-5, 6)
        case "Long":
            return chance.choice((2**60, -(2**60), 0, 7))
        case "Decimal":
            return float(chance.choice((0.0, 1.5, -2.25, 1e300, 3.0)))
        case "Json":
            return chance.choice(({"a": 1}, {"a": True}, [1, "x"], "text", 5))
        case "Text":
            return " ".join(chance.choice(WORDS) for _ in range(chance.randrange(5)))
    return chance.choice(WORDS)


def row_of(table: Table, chance: random.Random) -> dict[str, Any]:
    cells = {name: value_of(kind, chance) for name, kind in table.columns.items()}
    return {name: cell for name, cell in cells.items() if cell is not None}


class History:
    """Random operations on a database and on its model."""

    def __init__(self, database: Database, chance: random.Random) -> None:
        self.database = database
        self.model: Model = {}
        self.done: list[str] = []  # what was done, to read when a test fails
        self._chance = chance
        self._changes = (
            (self.insert, 10),
            (self.delete, 4),
            (self.update, 4),
            (self.put_table, 1),
            (self.put_column, 1),
            (self.delete_column, 1),
            (self.rename, 1),
            (self.copy, 1),
            (self.drop, 1),
            (self.several, 2),
        )
        self._upkeep = ((self.flush, 3), (self.optimize, 1), (self.purge, 1), (self.checkpoint, 1))

    def step(self) -> None:
        """One random operation."""
        if not self.model:
            self.put_table()
            return
        every = (*self._changes, *self._upkeep)
        operation = self._chance.choices([one for one, _ in every], [weight for _, weight in every])[0]
        operation()

    def after_next(self) -> Model:
        """What the model will be after an operation that is being tried."""
        return copy.deepcopy(self.model)

    def insert(self) -> None:
        name = self._any()
        rows = [row_of(self.model[name], self._chance) for _ in range(self._chance.choice((1, 1, 3, 30)))]
        self.database.insert_rows(name, copy.deepcopy(rows))
        self.model[name].rows.extend(rows)
        self.done.append(f"insert {len(rows)} into {name}")

    def delete(self) -> None:
        name = self._any()
        chosen = self._some_rows(name)
        view = self.database.read_view().table(name)
        self.database.transact(lambda t: t.delete(name, numbers(view, chosen)))
        gone = set(chosen)
        self.model[name].rows = [row for at, row in enumerate(self.model[name].rows) if at not in gone]
        self.done.append(f"delete {len(chosen)} of {name}")

    def update(self) -> None:
        name = self._any()
        table, chosen = self.model[name], self._some_rows(name)
        columns = self._chance.sample(sorted(table.columns), k=self._chance.randrange(1, len(table.columns) + 1))
        values = {column: value_of(table.columns[column], self._chance) for column in columns}
        view = self.database.read_view().table(name)
        self.database.transact(lambda t: t.update(name, numbers(view, chosen), copy.deepcopy(values)))
        for at in chosen:
            changed = {**table.rows[at], **values}
            table.rows[at] = {key: cell for key, cell in changed.items() if cell is not None}
        self.done.append(f"update {sorted(values)} of {len(chosen)} of {name}")

    def several(self) -> None:
        """Several operations in one transaction, each seeing what those before it did."""
        name = self._any()
        table = self.model[name]
        fresh = [row_of(table, self._chance) for _ in range(3)]
        column = self._chance.choice(sorted(table.columns))
        value = value_of(table.columns[column], self._chance)

        def work(transaction: Any) -> None:
            transaction.insert(name, copy.deepcopy(fresh))
            last = numbers(transaction.view.table(name), [len(table.rows) + 1])
            transaction.update(name, last, {column: copy.deepcopy(value)})
            transaction.delete(name, numbers(transaction.view.table(name), [len(table.rows)]))

        self.database.transact(work)
        changed = {key: cell for key, cell in {**fresh[1], column: value}.items() if cell is not None}
        table.rows.extend([changed, fresh[2]])
        self.done.append(f"insert, update and delete in {name} at once")

    def put_table(self) -> None:
        name = self._chance.choice(TABLES)
        kinds = self._chance.sample(TYPES, k=self._chance.randrange(1, 5))
        table = Table({f"c{at}": kind for at, kind in enumerate(kinds)})
        self.database.put_table(name, parse_table(name, table.definition()))
        self.model[name] = table
        self.done.append(f"put table {name} {table.columns}")

    def put_column(self) -> None:
        name, column_name = self._any(), f"c{self._chance.randrange(6)}"
        kind = self._chance.choice(TYPES)
        value = value_of(kind, self._chance)
        parsed = parse_column(name, column_name, nullable(kind))
        self.database.put_column(name, column_name, parsed, copy.deepcopy(value))
        table = self.model[name]
        table.columns[column_name] = kind
        for row in table.rows:
            row.pop(column_name, None)
            if value is not None:
                row[column_name] = copy.deepcopy(value)
        self.done.append(f"put column {name}.{column_name} {kind}")

    def delete_column(self) -> None:
        name = self._any()
        table = self.model[name]
        if len(table.columns) < 2:
            return
        column_name = self._chance.choice(sorted(table.columns))
        self.database.delete_column(name, column_name)
        del table.columns[column_name]
        for row in table.rows:
            row.pop(column_name, None)
        self.done.append(f"delete column {name}.{column_name}")

    def rename(self) -> None:
        name, new_name = self._any(), self._chance.choice(TABLES)
        if name != new_name:
            self.database.rename_table(name, new_name, replace=True)
            self.model[new_name] = self.model.pop(name)
            self.done.append(f"rename {name} to {new_name}")

    def copy(self) -> None:
        name, new_name = self._any(), self._chance.choice(TABLES)
        if name != new_name:
            self.database.copy_table(name, new_name, replace=True)
            self.model[new_name] = copy.deepcopy(self.model[name])
            self.done.append(f"copy {name} to {new_name}")

    def drop(self) -> None:
        name = self._any()
        self.database.delete_table(name)
        del self.model[name]
        self.done.append(f"drop {name}")

    def flush(self) -> None:
        """What maintenance does by itself, with thresholds that a test's few rows reach."""
        Maintenance(self.database, grace_seconds=3600).run_once(now=4e9)
        self.done.append("maintenance")

    def optimize(self) -> None:
        name = self._any()
        optimize(self.database, name)
        self.done.append(f"optimize {name}")

    def purge(self) -> None:
        Maintenance(self.database, grace_seconds=3600).purge_everything(now=4e9)
        self.done.append("purge")

    def checkpoint(self) -> None:
        self.database.checkpoint()
        self.done.append("checkpoint")

    def _any(self) -> str:
        return self._chance.choice(sorted(self.model))

    def _some_rows(self, name: str) -> list[int]:
        count = len(self.model[name].rows)
        return sorted(self._chance.sample(range(count), k=min(count, self._chance.choice((0, 1, 1, 2, 10)))))


def numbers(view: TableView, places: list[int]) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """The row numbers of the rows at these places among those that are there."""
    there = np.arange(view.row_count) if view.live is None else np.flatnonzero(view.live)
    return there[places].astype(np.uint32)


def rows_in(view: TableView) -> list[dict[str, JsonValue]]:
    """The rows that are there, in order."""
    there = range(view.row_count) if view.live is None else np.flatnonzero(view.live).tolist()
    return [view.row(number) for number in there]


def assert_same(view: ReadView, model: Model) -> None:
    """The tables, their columns, and their rows in order are those of the model."""
    assert sorted(view.tables) == sorted(view.schema.tables) == sorted(model)
    for name, table in model.items():
        found = view.table(name)
        assert {key: one.type.value for key, one in found.schema.columns.items()} == table.columns
        assert rows_in(found) == table.rows, name
        assert found.live_count == len(table.rows)


def assert_indexes_right(view: ReadView) -> None:
    """Every index of every column says what the rows say."""
    for table in view.tables.values():
        for name in table.schema.columns:
            _check_column(table, name)


def _check_column(table: TableView, name: str) -> None:
    found = table.column(name)
    cells = [table.row(number).get(name) for number in range(table.row_count)]
    assert len(found.codes) == len(cells)
    assert found.present.tolist() == [cell is not None for cell in cells]
    for code, cell in zip(found.codes.tolist(), cells, strict=True):
        assert (code == -1) if cell is None else same(found.values[code], cell)
    if found.schema.type.is_numeric:
        expected = [np.nan if cell is None else float(str(cell)) for cell in cells]
        np.testing.assert_array_equal(found.numbers, expected)
    for value in found.values:
        rows = [at for at, cell in enumerate(cells) if cell is not None and same(cell, value)]
        assert found.rows_equal(value).tolist() == rows
    lists = [[] if cell is None else _distinct(features_of(found, cell)) for cell in cells]
    for feature in found.features:
        rows = [at for at, own in enumerate(lists) if any(same(feature, one) for one in own)]
        assert found.rows_with(feature).tolist() == rows
    offsets, codes = found.feature_offsets, found.feature_codes
    assert len(offsets) == len(cells) + 1
    for at, own in enumerate(lists):
        listed = [found.features[int(code)] for code in codes[offsets[at] : offsets[at + 1]]]
        assert len(listed) == len(own)
        assert all(map(same, listed, own))


def features_of(column: ColumnView, value: JsonValue) -> list[JsonValue]:
    if column.schema.type is ColumnType.TEXT:
        return [*column.analyze(str(value))]
    return value if isinstance(value, list) and column.schema.type.is_array else [value]


def _distinct(values: list[JsonValue]) -> list[JsonValue]:
    kept: list[JsonValue] = []
    for value in values:
        if not any(same(value, one) for one in kept):
            kept.append(value)
    return kept


def same(left: JsonValue, right: JsonValue) -> bool:
    """Equality of JSON: numbers by value, booleans apart from numbers, all the way down."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right
