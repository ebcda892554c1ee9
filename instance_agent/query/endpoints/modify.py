"""Operations of `_delete` and `_modify` over the database: looked up without holding up other writers, then committed.

What a request needs to know (the rows that a `where` holds for, whether new rows fit) is found out before the writer's
turn. In the turn it is used where the tables that it was found in are still the same; where they aren't, it is found
out again, so every operation acts on the newest commit and on what the operations before it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import optimize
from instance_agent.engine.tables import ReadView, TableView
from instance_agent.engine.transaction import Transaction
from instance_agent.errors import AgentError, TableNotFound
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.modify_grammar import (
    Copy,
    Delete,
    Insert,
    Modifications,
    Operation,
    Optimize,
    Rename,
    Update,
    refusals_about,
)
from instance_agent.query.filtering.filters import everything, rows_satisfying
from instance_agent.query.filtering.literals import whole_value
from instance_agent.query.filtering.rowsets import as_list, both
from instance_agent.query.language.propositions import (
    All,
    Atomic,
    Equals,
    FieldTest,
    Is,
    JsonIs,
    Proposition,
    fields_of,
)
from instance_agent.query.refusals import invalid
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.parse import LONGEST_NAME
from instance_agent.schema.rows import RowBatch, to_batch
from instance_agent.schema.types import JsonValue, TableSchema

MOST_ROWS_HELD = 10_000_000
"""Row numbers that are kept from before the turn, over all operations of a request."""

Found = TypeVar("Found")
LONGEST_TURN_SECONDS = 20.0
"""Other writers wait while operations are carried out."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Selection:
    """The rows that a proposition holds for, and every table that this depends on."""

    rows: NDArray[np.uint32]  # increasing
    tables: Mapping[str, TableView]

    def holds_in(self, view: ReadView) -> bool:
        """Are these the rows in this view, too?"""
        return all(view.tables.get(name) is table for name, table in self.tables.items())


@dataclass(frozen=True)
class FittingRows:
    """New rows, and the schema that they were checked against."""

    batch: RowBatch
    schema: TableSchema


Prepared = Selection | FittingRows | None


@dataclass
class Outcome:
    """What a request's operations did."""

    deleted: int = 0
    inserted: int = 0
    modified: int = 0
    to_optimize: list[str] = field(default_factory=list)  # tables by their last name

    @property
    def changed_rows(self) -> bool:
        return bool(self.deleted or self.inserted or self.modified)


def carry_out(database: Database, modifications: Modifications, deadline: Deadline) -> Outcome:
    """All operations in order and in one commit, durable on return; or none, and the refusal says which is to blame.

    Raises AgentError: 400 for what doesn't fit the schema, `table_not_found`, `query_timeout`, and what
    `Database.transact` raises; OSError where nothing but to optimize was asked for.
    """
    prepared = _prepare(database.read_view(), modifications, deadline)

    def work(transaction: Transaction) -> Outcome:
        outcome, end_of_turn = Outcome(), _end_of_turn(deadline)
        for number, operation in enumerate(modifications.operations):
            with refusals_about(modifications.about(number)):
                end_of_turn.check()
                _Step(transaction, outcome, end_of_turn, prepared[number]).do(operation)
        return outcome

    outcome = database.transact(work)
    _optimize(database, outcome, only=all(isinstance(one, Optimize) for one in modifications.operations))
    return outcome


def _end_of_turn(deadline: Deadline) -> Deadline:
    end = Deadline.after(LONGEST_TURN_SECONDS, "other writers wait meanwhile, so send fewer operations at a time.")
    return deadline if deadline.at <= end.at else end


def _optimize(database: Database, outcome: Outcome, *, only: bool) -> None:
    """only: was nothing else asked for? Otherwise a failure mustn't hide that the rest is done."""
    for table in outcome.to_optimize:
        try:
            optimize(database, table)
        except TableNotFound:
            continue  # deleted meanwhile
        except (AgentError, OSError) as error:
            if only:
                raise
            log.warning("not_optimized", error=type(error).__name__)


def _prepare(view: ReadView, modifications: Modifications, deadline: Deadline) -> list[Prepared]:
    """What can be known of each operation from this commit, None where those before it decide.

    Raises what the first operation is to be refused for: it would have been refused at this commit.
    """
    found: list[Prepared] = []
    changed: set[str] = set()  # names of tables that earlier operations change
    room = MOST_ROWS_HELD
    for number, operation in enumerate(modifications.operations):
        one: Prepared = None
        if operation.table not in changed and room > 0:
            with refusals_about(modifications.about(number)):
                try:
                    one = _prepared(view, operation, deadline)
                except AgentError as error:
                    if not changed or error.code == "query_timeout":
                        raise
        found.append(one)
        room -= len(one.rows) if isinstance(one, Selection) else 0
        changed |= _changes(operation)
    return found


def _prepared(view: ReadView, operation: Operation, deadline: Deadline) -> Prepared:
    match operation:
        case Insert(table=table, rows=rows):
            schema = _existing(view.tables, table).schema
            return FittingRows(to_batch(schema, rows), schema)
        case Update(table=table, where=where) | Delete(table=table, where=where):
            return select(view, table, where, deadline)
    return None


def _changes(operation: Operation) -> set[str]:
    """The names under which an operation leaves another table than there was."""
    match operation:
        case Optimize():
            return set()
        case Rename() | Copy():
            return {operation.table, operation.new_name}
    return {operation.table}


def select(view: ReadView, table: str, where: Proposition, deadline: Deadline) -> Selection:
    """The table's rows that the proposition holds for. Raises AgentError as `rows_satisfying`, and TableNotFound."""
    found = _existing(view.tables, table)
    rows = as_list(both(rows_satisfying(Scope(view, deadline), found, where), everything(found)))
    tables = {table: found}
    for path in fields_of(where):
        at = found
        for segment in path[:-1]:
            link = at.schema.columns[segment].link
            if link is not None:  # it is one, or there would be no rows
                at = tables[link.table] = view.table(link.table)
    return Selection(rows, tables)


@dataclass(frozen=True)
class _Step:
    """One operation of a transaction."""

    transaction: Transaction
    outcome: Outcome
    deadline: Deadline
    prepared: Prepared

    def do(self, operation: Operation) -> None:
        _existing(self.transaction.state.tables, operation.table)
        match operation:
            case Insert():
                self._insert(operation)
            case Update():
                self._update(operation)
            case Delete():
                self.outcome.deleted += self.transaction.delete(operation.table, self._rows(operation))
            case Optimize():
                self.outcome.to_optimize.append(operation.table)
            case Rename():
                self.transaction.rename_table(operation.table, operation.new_name, replace=operation.replace)
                self._follow(operation)
            case Copy():
                self.transaction.copy_table(operation.table, operation.new_name, replace=operation.replace)

    def _insert(self, operation: Insert) -> None:
        known = self.prepared
        schema = self.transaction.table(operation.table).schema
        if isinstance(known, FittingRows) and known.schema == schema:
            self.transaction.insert_batch(operation.table, known.batch)
            self.outcome.inserted += known.batch.count
        else:
            self.outcome.inserted += self.transaction.insert(operation.table, operation.rows)

    def _update(self, operation: Update) -> None:
        rows = self._rows(operation)
        if operation.upsert and not len(rows):
            schema = self.transaction.table(operation.table).schema
            row = {**_equalities(schema, operation.where), **operation.values}
            self.outcome.inserted += self.transaction.insert(operation.table, [row])
        else:
            self.outcome.modified += self.transaction.update(operation.table, rows, operation.values)

    def _rows(self, operation: Update | Delete) -> NDArray[np.uint32]:
        view = self.transaction.view
        if isinstance(self.prepared, Selection) and self.prepared.holds_in(view):
            return self.prepared.rows
        return select(view, operation.table, operation.where, self.deadline).rows

    def _follow(self, rename: Rename) -> None:
        names = [name for name in self.outcome.to_optimize if name != rename.new_name]
        self.outcome.to_optimize[:] = [rename.new_name if name == rename.table else name for name in names]


def _equalities(schema: TableSchema, where: Proposition) -> dict[str, JsonValue]:
    """The values that a proposition says whole columns of the table itself have, as they are stored.

    Other conditions say nothing. Raises 400 for two different values of one column.
    """
    values: dict[str, JsonValue] = {}
    for part in _conjuncts(where):
        match part:
            case FieldTest(path=(name,), test=Equals(value) | Is(value) | JsonIs(value)):
                column_type = schema.columns[name].type
                if column_type.is_array and not isinstance(value, list):
                    continue  # one element of it, not the whole
                stored = whole_value(column_type, value, FieldName((name,), part.place, part.place))
                if name in values and values[name] != stored:
                    raise invalid(f"no new row has two values of '{name}'; an upsert's where says one", part.place)
                values[name] = stored
    return values


def _conjuncts(proposition: Proposition) -> list[Proposition]:
    match proposition:
        case All(parts=parts):
            return [one for part in parts for one in _conjuncts(part)]
        case Atomic(part=part):
            return _conjuncts(part)
    return [proposition]


def _existing(tables: Mapping[str, Found], name: str) -> Found:
    """Raises TableNotFound with the words of the data endpoints."""
    found = tables.get(name)
    if found is None:
        raise TableNotFound(name, f"The requested table {name[:LONGEST_NAME]} does not exist")
    return found
