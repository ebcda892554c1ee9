"""Which rows a proposition holds for."""

from __future__ import annotations

from functools import reduce

import numpy as np

from instance_agent.engine.tables import TableView
from instance_agent.index.column import ColumnView
from instance_agent.query.propositions import (
    All,
    Any,
    Atomic,
    ComparePosition,
    Defined,
    Equals,
    FieldTest,
    IndexTest,
    Mod,
    Not,
    PositionTest,
    Proposition,
    Test,
)
from instance_agent.query.queries import Source, Table
from instance_agent.query.refusals import unsupported
from instance_agent.query.rowsets import RowSet, as_list, both, complement, either
from instance_agent.query.scope import FieldName, Scope, column_of, linked_table
from instance_agent.query.value_tests import ordered, rows_passing


def population(scope: Scope, source: Source) -> tuple[TableView, RowSet]:
    """The table a query is from, and its rows that take part."""
    if isinstance(source, Table):
        table = scope.table(source.name)
        return table, everything(table)
    table, rows = population(scope, source.source)
    rows = both(rows, rows_satisfying(scope, table, source.where))
    return table, rows if source.limit is None else as_list(rows)[: source.limit]


def rows_satisfying(scope: Scope, table: TableView, proposition: Proposition) -> RowSet:
    """The table's rows that the proposition holds for; a Boolean algebra, absence is False everywhere but in `null`.

    Raises 400 for fields, types and operators that don't fit, whatever the rows are, and `query_timeout`.
    """
    scope.deadline.check()
    match proposition:
        case FieldTest():
            return _field(scope, table, proposition)
        case IndexTest():
            return _index(table, proposition.test)
        case All():
            parts = (rows_satisfying(scope, table, part) for part in proposition.parts)
            return reduce(both, parts, everything(table))  # two sets in memory, however many parts
        case Any():
            return either((rows_satisfying(scope, table, part) for part in proposition.parts), table.row_count)
        case Not():
            return complement(rows_satisfying(scope, table, proposition.part), everything(table))
        case Atomic():
            return rows_satisfying(scope, table, proposition.part)
        case _:
            raise unsupported("this operator is not supported by this version", "where")


def _field(scope: Scope, table: TableView, condition: FieldTest) -> RowSet:
    said_by = condition.place if len(condition.path) == 1 and condition.place.count(".") == 1 else ""
    field = FieldName(condition.path, condition.place, said_by)
    return _at_path(scope, table, condition.path, condition.test, field)


def _at_path(scope: Scope, table: TableView, path: tuple[str, ...], test: Test, field: FieldName) -> RowSet:
    column = column_of(table, path[0], field)
    if len(path) == 1 and test == Defined(False):
        return complement(rows_passing(column, Defined(True), field), everything(table))
    if len(path) == 1:
        return rows_passing(column, test, field)
    target, link = linked_table(scope, column, field)
    if test == Defined(False):
        return complement(_at_path(scope, table, path, Defined(True), field), everything(table))
    linked = as_list(_at_path(scope, target, path[1:], test, field))
    return _pointing_to(scope, column, column_of(target, link.column, field), linked, table.row_count)


def _pointing_to(scope: Scope, column: ColumnView, key: ColumnView, linked: RowSet, size: int) -> RowSet:
    """Rows whose link (any element of an array of links) has the key of one of the linked rows."""
    codes = np.unique(key.codes[linked])
    find = column.rows_with if column.schema.type.is_array else column.rows_equal
    scope.deadline.check()
    return either((find(key.values[code]) for code in codes.tolist() if code >= 0), size)


def everything(table: TableView) -> RowSet:
    """All rows of a table that are there."""
    return np.ones(table.row_count, dtype=np.bool_) if table.live is None else table.live


def _index(table: TableView, test: PositionTest) -> RowSet:
    positions = table.positions
    match test:
        case Equals():
            passing = np.asarray(positions == test.value)
        case Mod():
            passing = np.asarray(positions % test.divisor == test.remainder)
        case ComparePosition():
            passing = ordered(test.order, positions, test.bound)
    return both(passing, everything(table))
