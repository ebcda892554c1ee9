"""`_aggregate`: counts, sums, means and extremes over the rows that a query selects."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference.samples import RealSamples, Samples, WholeSamples
from instance_agent.query.filtering.filters import condition_of, everything, rows_satisfying
from instance_agent.query.filtering.rowsets import RowSet, as_list, both, size_of
from instance_agent.query.filtering.sources import rows_of
from instance_agent.query.language.propositions import EVERYTHING, Proposition
from instance_agent.query.language.queries import Aggregate, Aggregation
from instance_agent.query.language.scores import FieldValue, OfHit, Score, Statistic
from instance_agent.query.paths import PathColumn, path_column
from instance_agent.query.refusals import field_not_found, invalid
from instance_agent.query.scope import FieldName, Scope
from instance_agent.query.scoring.evaluation import evaluated
from instance_agent.query.scoring.rows import RowHits
from instance_agent.schema.types import ColumnType, JsonValue

T = TypeVar("T")
Member = tuple[str, JsonValue]
Extremes = tuple[str | None, str | None]
INDEX = ("$index",)
EXACT_IN_DOUBLES = 2.0**53
FEW_AMONG = 8
"""Rows are asked one by one whether a condition holds where the table has so many times as many."""
VALUES_AT_ONCE = 16_384
"""Strings that are compared between two looks at the clock."""
STRINGS = (ColumnType.STRING, ColumnType.TEXT)


@dataclass
class Selected:
    """The rows that are counted, and the samples that were made of them."""

    scope: Scope
    table: TableView
    population: RowSet | None  # of `from`; None: all rows of the table
    rows: RowSet | None  # those of them that satisfy `where`; None: all rows of the table
    where: Proposition
    samples: dict[tuple[str, ...], Samples] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many rows."""
        return self.table.live_count if self.rows is None else size_of(self.rows)


@dataclass(frozen=True)
class Kept(Generic[T]):
    """What is known of all rows of a table at a path; kept with the table's view."""

    column: PathColumn
    known: T


def aggregate(scope: Scope, query: Aggregate) -> dict[str, JsonValue]:
    """The numbers asked for, by their keys; families in alphabetical order, or what `select` names in its order.

    They depend on the rows alone, to the last digit. Raises 400 for what doesn't fit the schema.
    """
    selected = _selected(scope, query)
    answer: dict[str, JsonValue] = {}
    for aggregation in sorted(query.aggregations, key=lambda one: one.key):
        scope.deadline.check()
        for key, value in _members(selected, aggregation):
            if key in answer:
                raise invalid(f"two results are called '{key}'; give one an alias", aggregation.place)
            answer[key] = value
    if query.select is None:
        return answer
    for name in query.select:
        if name not in answer:
            raise field_not_found(name, "select", said_by="select", known=tuple(answer))
    return {name: answer[name] for name in query.select}


def _selected(scope: Scope, query: Aggregate) -> Selected:
    table, rows = rows_of(scope, query.source)
    if query.where == EVERYTHING:
        return Selected(scope, table, rows, rows, query.where)
    satisfying = rows_satisfying(scope, table, query.where)
    return Selected(scope, table, rows, satisfying if rows is None else both(rows, satisfying), query.where)


def _members(selected: Selected, aggregation: Aggregation) -> list[Member]:
    """The results of one form: its family."""
    key, of = aggregation.key, aggregation.of
    if isinstance(of, Proposition):
        return [(key, _count(selected, of))]
    if aggregation.statistic is None:
        raise TypeError("what is counted are the rows of a proposition")
    while isinstance(of, OfHit):
        of = of.score
    try:
        return _of_score(selected, key, aggregation.statistic, of)
    except OverflowError:
        raise invalid(f"'{key}' is beyond what a number can hold", aggregation.place) from None


def _count(selected: Selected, of: Proposition) -> int:
    if of == EVERYTHING:
        return selected.count
    condition = condition_of(selected.scope, selected.table, of)
    if selected.rows is None:
        return size_of(condition.rows())
    if selected.count * FEW_AMONG < selected.table.row_count:
        return int(np.count_nonzero(condition.among(as_list(selected.rows))))
    return size_of(both(selected.rows, condition.rows()))


def _of_score(selected: Selected, key: str, statistic: Statistic, score: Score) -> list[Member]:
    if isinstance(score, FieldValue) and statistic in (Statistic.MIN, Statistic.MAX):
        column = _column(selected, score)
        if column is not None and column.schema.type in STRINGS:
            return [(key, _extremes(selected, column)[statistic is Statistic.MAX])]
    samples = _samples(selected, score)
    match statistic:
        case Statistic.SUM:
            return [(key, samples.total), (f"{key}.samples", samples.count)]
        case Statistic.MIN:
            return [(key, samples.least)]
        case Statistic.MAX:
            return [(key, samples.most)]
        case Statistic.MEAN:
            return _mean(key, samples)


def _mean(key: str, samples: Samples) -> list[Member]:
    variance = samples.variance
    deviation = None if variance is None else math.sqrt(variance)
    return [
        (key, samples.mean),
        (f"{key}.samples", samples.count),
        (f"{key}.variance", variance),
        (f"{key}.standardDeviation", deviation),
        (f"{key}.standardError", None if deviation is None else deviation / math.sqrt(samples.count)),
    ]


def _samples(selected: Selected, score: Score) -> Samples:
    if isinstance(score, FieldValue):
        found = selected.samples.get(score.path)
        if found is None:
            found = selected.samples[score.path] = _of_field(selected, score)
        return found
    rows = as_list(_or_all(selected, selected.rows))
    everyone = _or_all(selected, selected.population)
    values = evaluated(RowHits(selected.scope, selected.table, everyone, rows, selected.where), score)
    return RealSamples(values[np.isfinite(values)])


def _of_field(selected: Selected, score: FieldValue) -> Samples:
    column = _column(selected, score)
    if column is None:
        return WholeSamples(selected.table.positions[as_list(_or_all(selected, selected.rows))])
    if selected.rows is not None:
        return _of_column(column, as_list(selected.rows), score)
    return _kept(selected.table, "samples", column, lambda: _of_column(column, None, score))


def _kept(table: TableView, name: str, column: PathColumn, make: Callable[[], T]) -> T:
    found = table.derived.get((name, column.path))
    if not isinstance(found, Kept) or found.column is not column:
        found = table.derived[name, column.path] = Kept(column, make())
    return cast(T, found.known)


def _column(selected: Selected, score: FieldValue) -> PathColumn | None:
    """The column at the path; None for `$index`."""
    if score.path == INDEX:
        return None
    column = path_column(selected.scope, selected.table, FieldName(score.path, score.place, score.place))
    if any(hop.link.splits for hop in column.hops):
        raise invalid(f"'{'.'.join(score.path)}' has several values in a row", score.place)
    return column


def _of_column(column: PathColumn, rows: NDArray[np.uint32] | None, score: FieldValue) -> Samples:
    """rows: None for all."""
    kind = column.schema.type
    if kind is ColumnType.BOOLEAN:
        truth = np.array([value is True for value in column.column.values], np.int64)
        codes = column.codes if rows is None else column.codes[rows]
        return WholeSamples(truth[codes[codes >= 0]])
    if column.numbers is None:
        raise invalid(f"'{column.path}' of type {kind.value} is no number to compute with", score.place)
    numbers = column.numbers if rows is None else column.numbers[rows]
    numbers = numbers[~np.isnan(numbers)]
    if kind is ColumnType.DECIMAL:
        return RealSamples(numbers)
    if kind is ColumnType.LONG and len(numbers) and np.abs(numbers).max() >= EXACT_IN_DOUBLES:
        return WholeSamples(_longs(column, column.codes if rows is None else column.codes[rows]))
    return WholeSamples(numbers.astype(np.int64))


def _longs(column: PathColumn, codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """The whole numbers of these codes, also those that doubles don't hold exactly."""
    distinct, places = np.unique(codes[codes >= 0], return_inverse=True)
    values = [column.column.values[code] for code in distinct.tolist()]
    return np.array([value if isinstance(value, int) else 0 for value in values], np.int64)[places]


def _extremes(selected: Selected, column: PathColumn) -> Extremes:
    """The first and the last string by code point."""
    if selected.rows is None:
        return _kept(selected.table, "extremes", column, lambda: _extremes_of(selected.scope, column, column.codes))
    return _extremes_of(selected.scope, column, column.codes[as_list(selected.rows)])


def _extremes_of(scope: Scope, column: PathColumn, codes: NDArray[np.int32]) -> Extremes:
    """Of the values in order two are read; the others are all compared."""
    there = np.unique(codes[codes >= 0])
    ordered = int(np.searchsorted(there, column.column.sorted_count))
    chosen = [*there[: min(ordered, 1)].tolist(), *there[max(ordered - 1, 0) :].tolist()]
    best: list[str] = []
    for start in range(0, len(chosen), VALUES_AT_ONCE):
        scope.deadline.check()
        values = [column.column.values[code] for code in chosen[start : start + VALUES_AT_ONCE]]
        best += [value for value in values if isinstance(value, str)]
        best = [min(best), max(best)]
    return (best[0], best[-1]) if best else (None, None)


def _or_all(selected: Selected, rows: RowSet | None) -> RowSet:
    return everything(selected.table) if rows is None else rows
