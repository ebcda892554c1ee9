"""What one query is answered in: a commit of the database, and the time it may take."""

from __future__ import annotations

from dataclasses import dataclass

from instance_agent.engine.tables import ReadView, TableView
from instance_agent.errors import AgentError, FieldNotFound, TableNotFound
from instance_agent.index.column import ColumnView
from instance_agent.query.deadline import Deadline
from instance_agent.query.refusals import field_not_found
from instance_agent.schema.types import Link


@dataclass(frozen=True)
class Scope:
    """Everything of one query sees the same commit and the same deadline."""

    view: ReadView
    deadline: Deadline

    def table(self, name: str) -> TableView:
        """The table a query names. Raises 400 (on query paths the published status for it), naming the table."""
        try:
            return self.view.table(name)
        except TableNotFound as missing:
            raise AgentError("query_invalid", missing.message) from None


@dataclass(frozen=True)
class FieldName:
    """A field as a request names it, for refusals that say so."""

    path: tuple[str, ...]
    place: str  # where in the request it stands
    said_by: str  # the place that the published error text already tells by naming the field

    @property
    def text(self) -> str:
        """The path as it is written in a request."""
        return ".".join(self.path)

    def not_found(self) -> AgentError:
        """400 `field 'x' not found`."""
        return field_not_found(self.text, self.place, said_by=self.said_by)


def column_of(table: TableView, name: str, field: FieldName) -> ColumnView:
    """The column. Raises `field 'x' not found` with the whole path."""
    try:
        return table.column(name)
    except FieldNotFound:
        raise field.not_found() from None


def linked_table(scope: Scope, column: ColumnView, field: FieldName) -> tuple[TableView, Link]:
    """The table a link column points to. Raises `field 'x' not found` when the column is no link to a live table."""
    link = column.schema.link
    if link is None:
        raise field.not_found()
    try:
        return scope.view.table(link.table), link
    except TableNotFound:
        raise field.not_found() from None


def last_column(scope: Scope, table: TableView, field: FieldName) -> ColumnView:
    """The column at the end of the path, links followed. Raises `field 'x' not found`."""
    for segment in field.path[:-1]:
        table, _ = linked_table(scope, column_of(table, segment, field), field)
    return column_of(table, field.path[-1], field)
