"""Propositions about hits: said of the rows that hits are, or lead to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from instance_agent.engine.tables import TableView
from instance_agent.errors import TableNotFound
from instance_agent.query.language.propositions import (
    All,
    Any,
    Atomic,
    Context,
    Equals,
    FieldTest,
    Has,
    Is,
    Match,
    Nearest,
    Not,
    On,
    Proposition,
)
from instance_agent.query.scope import Scope
from instance_agent.schema.types import ColumnType

Path = tuple[str, ...]


def with_paths(  # noqa: PLR0911 - one line per node
    proposition: Proposition, change: Callable[[Path, str], Path]
) -> Proposition:
    """The proposition with every path of its tests changed; `change` is given the path and its place."""
    match proposition:
        case FieldTest():
            return replace(proposition, path=change(proposition.path, proposition.place))
        case All():
            return All(tuple(with_paths(part, change) for part in proposition.parts))
        case Any():
            return Any(tuple(with_paths(part, change) for part in proposition.parts))
        case Not():
            return Not(with_paths(proposition.part, change))
        case Atomic():
            return Atomic(with_paths(proposition.part, change))
        case Context():
            return with_paths(proposition.part, change)
        case On():
            return On(with_paths(proposition.part, change), with_paths(proposition.condition, change))
        case Nearest():
            return replace(proposition, near=with_paths(proposition.near, change))
    return proposition


def tests_of(parts: Sequence[Proposition]) -> Iterator[FieldTest]:
    """The tests of fields that a row may satisfy these propositions by; none that is denied."""
    for part in parts:
        match part:
            case FieldTest():
                yield part
            case All() | Any():
                yield from tests_of(part.parts)
            case Atomic() | Context():
                yield from tests_of((part.part,))
            case On():
                yield from tests_of((part.part, part.condition))


def texts_in(scope: Scope, table: TableView, parts: Sequence[Proposition]) -> list[FieldTest]:
    """The text conditions among them: tests of Text fields for words."""
    words = (Equals, Is, Match, Has)
    return [
        test
        for test in tests_of(parts)
        if isinstance(test.test, words) and type_at(scope, table, test.path) is ColumnType.TEXT
    ]


def type_at(scope: Scope, table: TableView, path: Path) -> ColumnType | None:
    """The type of the column at the path, links followed; None where there is none."""
    for segment in path[:-1]:
        column = table.schema.columns.get(segment)
        if column is None or column.link is None:
            return None
        try:
            table = scope.view.table(column.link.table)
        except TableNotFound:
            return None
    last = table.schema.columns.get(path[-1])
    return None if last is None else last.type
