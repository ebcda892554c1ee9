"""The rows that a query is from, where all of a table's cost nothing to say."""

from __future__ import annotations

from instance_agent.engine.tables import TableView
from instance_agent.query.filtering.filters import population
from instance_agent.query.filtering.rowsets import RowSet
from instance_agent.query.language.queries import Source, Table
from instance_agent.query.scope import Scope


def rows_of(scope: Scope, source: Source) -> tuple[TableView, RowSet | None]:
    """The table and its rows that take part; None for all of them. Raises 400 for what doesn't fit the schema."""
    return (scope.table(source.name), None) if isinstance(source, Table) else population(scope, source)
