"""Single changes as methods of the database, each a transaction of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from instance_agent.engine.tables import ReadView
from instance_agent.engine.transaction import Transaction
from instance_agent.schema.rows import to_batch
from instance_agent.schema.types import ColumnSchema, DatabaseSchema, JsonValue, TableSchema

Result = TypeVar("Result")


class Shorthand(ABC):
    """What raises, and what is guaranteed: see the methods of `Transaction` with these names."""

    @abstractmethod
    def transact(self, work: Callable[[Transaction], Result]) -> Result: ...

    @abstractmethod
    def read_view(self) -> ReadView: ...

    def replace_schema(self, schema: DatabaseSchema) -> None:
        self.transact(lambda transaction: transaction.replace_schema(schema))

    def put_table(self, name: str, table: TableSchema) -> None:
        self.transact(lambda transaction: transaction.put_table(name, table))

    def delete_tables(self) -> list[str]:
        return self.transact(lambda transaction: transaction.delete_tables())

    def delete_table(self, name: str) -> None:
        self.transact(lambda transaction: transaction.delete_table(name))

    def put_column(self, table: str, name: str, column: ColumnSchema, value: JsonValue) -> None:
        self.transact(lambda transaction: transaction.put_column(table, name, column, value))

    def delete_column(self, table: str, name: str) -> None:
        self.transact(lambda transaction: transaction.delete_column(table, name))

    def rename_table(self, table: str, new_name: str, *, replace: bool) -> None:
        self.transact(lambda transaction: transaction.rename_table(table, new_name, replace=replace))

    def copy_table(self, table: str, new_name: str, *, replace: bool) -> None:
        self.transact(lambda transaction: transaction.copy_table(table, new_name, replace=replace))

    def insert_rows(self, table: str, rows: Sequence[JsonValue]) -> int:
        """The rows are checked before the writers' turn, so that a big batch holds nobody up."""
        schema = self.read_view().table(table).schema
        batch = to_batch(schema, rows)

        def insert(transaction: Transaction) -> int:
            if transaction.table(table).schema == schema:
                transaction.insert_batch(table, batch)
                return batch.count
            return transaction.insert(table, rows)

        return self.transact(insert)
