"""Which rows a proposition holds for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from instance_agent.engine.tables import TableView
from instance_agent.query.filtering.conditions import AllOf, AnyOf, Condition, Found, NoneOf
from instance_agent.query.filtering.joins import Linking, keys_of_links
from instance_agent.query.filtering.rowsets import Mask, RowSet, as_list, both
from instance_agent.query.filtering.value_tests import condition_on
from instance_agent.query.filtering.whole_numbers import on_position, on_row_hash
from instance_agent.query.language.propositions import (
    All,
    Any,
    Atomic,
    Context,
    Defined,
    Exists,
    FieldTest,
    IndexTest,
    Nearest,
    Not,
    On,
    Proposition,
    RowHashTest,
    Test,
)
from instance_agent.query.language.queries import Source, Table
from instance_agent.query.paths import FEATURE
from instance_agent.query.scope import FieldName, Scope, column_of, linked_table


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
    return condition_of(scope, table, proposition).rows()


def condition_of(scope: Scope, table: TableView, proposition: Proposition) -> Condition:  # noqa: PLR0911 - one per node
    """The proposition, checked against the schema, to be asked for rows. Raises 400, `query_timeout`."""
    match proposition:
        case FieldTest():
            return _field(scope, table, proposition.path, proposition.test, proposition.place)
        case IndexTest():
            return on_position(table, proposition.test)
        case RowHashTest():
            return on_row_hash(table, proposition.test)
        case Exists():
            every = [_field(scope, table, path, Defined(True), proposition.place) for path in proposition.paths]
            return AllOf(every, partial(everything, table), scope.deadline)
        case All():
            parts = [condition_of(scope, table, part) for part in proposition.parts]
            return AllOf(parts, partial(everything, table), scope.deadline)
        case On():
            parts = [condition_of(scope, table, part) for part in (proposition.part, proposition.condition)]
            return AllOf(parts, partial(everything, table), scope.deadline)
        case Any():
            parts = [condition_of(scope, table, part) for part in proposition.parts]
            return AnyOf(parts, table.row_count, scope.deadline)
        case Not():
            return NoneOf(condition_of(scope, table, proposition.part), partial(everything, table))
        case Atomic() | Context():
            return condition_of(scope, table, proposition.part)
        case Nearest():
            return _nearest(scope, table, proposition)


def _nearest(scope: Scope, table: TableView, proposition: Nearest) -> Condition:
    from instance_agent.query.filtering.likeness_features import features_in  # which is made of filters
    from instance_agent.query.filtering.similarity import nearest

    features_in(scope, table, proposition.near)  # which refuses what doesn't fit, also where nobody asks for the rows
    return Found(lambda: nearest(scope, table, proposition))


def _field(scope: Scope, table: TableView, path: tuple[str, ...], test: Test, place: str) -> Condition:
    said_by = place if len(path) == 1 and place.count(".") == 1 else ""
    field = FieldName(path, place, said_by)
    columns = path[:-1] if len(path) > 1 and path[-1] == FEATURE else path
    is_absence = test == Defined(False) and len(columns) > 1

    def at_the_end(holder: TableView, name: str) -> Condition:
        return condition_on(holder, name, Defined(True) if is_absence else test, field, scope.deadline)

    found = condition_at(scope, table, columns, at_the_end, field)
    return NoneOf(found, partial(everything, table)) if is_absence else found


def condition_at(
    scope: Scope,
    table: TableView,
    path: tuple[str, ...],
    at_the_end: Callable[[TableView, str], Condition],
    field: FieldName,
) -> Condition:
    """A condition on a column behind links: it holds for the rows whose links lead to one that it holds for.

    at_the_end: makes the condition on the rows of the table that has the path's last column, from that column's name.
    Raises `field 'x' not found`, `query_timeout`.
    """
    scope.deadline.check()
    if len(path) == 1:
        return at_the_end(table, path[0])
    link = column_of(table, path[0], field)
    target, to = linked_table(scope, link, field)
    key = column_of(target, to.column, field)
    linked = condition_at(scope, target, path[1:], at_the_end, field)
    return Linking(link, key, partial(keys_of_links, scope, table, path[0], field), linked)


def everything(table: TableView) -> Mask:
    """All rows of a table that are there."""
    return np.ones(table.row_count, dtype=np.bool_) if table.live is None else table.live
