"""How like rows are to a proposition: the measure of `_similarity`, `$similarity`, `$sameness`, `$knn` and `$nn`.

A proposition stands for features, as evidence does: each distinct token of a Text, each element of an array, a whole
value otherwise (a number is shared when it is equal, a link when it is the same key; what lies behind a link counts
where a path says so). Any other part of it, such as a comparison or an `$or`, is one feature: that it holds. Absent
values are no features.

    likeness(row) = product, over the features that the row shares, of idf ** tf
    idf = 1 + ln((N + 1) / (df + 1))    N: rows of the table, df: how many of them have the feature
    tf  = how often both have it: for a token of a Text the smaller of its numbers in the two texts, else 1

The idf is scikit-learn's smoothed one (`TfidfTransformer`, smooth_idf): above 1, and exactly 1 for a feature that every
row has, which tells rows apart no more than one that is not shared. So likeness is 1 where nothing is shared. It is
worked out in logarithms and cut at e ** 709, near the largest double.

    sameness(row) = sum of idf over shared features / sum of idf over features that either side has

Features of the row are those of the fields that the proposition has features of. In an idf the 1 counts that a feature
is there, the logarithm how rare it is. Sameness is 0 where nothing is shared, and 1 where both have the same features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.ragged import gathered
from instance_agent.inference import why
from instance_agent.query.filtering.filters import everything
from instance_agent.query.filtering.likeness_features import Feature, features_in
from instance_agent.query.filtering.rowsets import NO_ROWS, Rows, RowSet, as_list, as_places, contained, size_of
from instance_agent.query.language.propositions import Nearest, Proposition
from instance_agent.query.paths import PathColumn, path_column
from instance_agent.query.scope import FieldName, Scope

Numbers = NDArray[np.float64]
LARGEST_LOG = 709.0
ROWS_AT_ONCE = 65_536
BLOCK = 1_024
FEW_ROWS = 4_096
"""So few rows are looked up in the posting lists; for more the lists are added up."""
SPARSE = 64
"""Rows that share something are collected without an array of the whole table while they are fewer than one in so
many of its rows."""


@dataclass(frozen=True)
class Alike:
    """The rows of a table that share something with a proposition."""

    rows: Rows  # increasing
    logs: Numbers  # per row the natural logarithm of its likeness, above 0

    def of(self, rows: Rows) -> Numbers:
        """The logarithms of any rows, in any order; 0 for those that share nothing."""
        if not len(self.rows):
            return np.zeros(len(rows))
        places = np.searchsorted(self.rows, rows)
        places[places == len(self.rows)] = 0
        return np.where(self.rows[places] == rows, self.logs[places], 0.0)


def likeness(
    scope: Scope, table: TableView, rows: Rows, near: Proposition, *, sameness: bool = False
) -> NDArray[np.float64]:
    """Per row, in whatever order they come, its likeness; or its sameness. Raises 400, `query_timeout`."""
    if not sameness and len(rows) > FEW_ROWS:
        return as_score(alike(scope, table, near).of(rows))
    distinct, places = np.unique(rows, return_inverse=True)
    asked = distinct.astype(np.uint32)
    found = _sameness(scope, table, asked, near) if sameness else as_score(_logs(scope, table, asked, near))
    return found[places]


def as_score(logs: Numbers) -> Numbers:
    """Likeness from its logarithm."""
    return np.exp(np.minimum(logs, LARGEST_LOG))


def alike(scope: Scope, table: TableView, near: Proposition) -> Alike:
    """The rows that share something, found by posting lists. Raises 400, `query_timeout`."""
    found = _Sums(table.row_count)
    for feature in features_in(scope, table, near):
        scope.deadline.check()
        rows = feature.shared.rows()
        weight = math.log(idf(table, size_of(rows)))
        if weight > 0:
            for shared in (rows, *_repetitions(scope, feature)):
                found.add(shared, weight)
    return found.made()


def _logs(scope: Scope, table: TableView, rows: Rows, near: Proposition) -> Numbers:
    """The logarithms of these rows' likeness, added up in the same order as `alike` does. rows: increasing."""
    logs = np.zeros(len(rows))
    for feature in features_in(scope, table, near):
        scope.deadline.check()
        having = feature.shared.rows()
        weight = math.log(idf(table, size_of(having)))
        if weight > 0:
            for shared in (having, *_repetitions(scope, feature)):
                logs[contained(shared, rows)] += weight
    return logs


def nearest(scope: Scope, table: TableView, nearest: Nearest) -> RowSet:
    """The rows that `$knn` or `$nn` stands for. Raises 400, `query_timeout`.

    `$knn`: the most alike, ties in table order; rows that share nothing aren't alike, also where there are fewer than
    k others. `$nn`: likeness of at least the threshold; without one, anything above that of sharing nothing.
    """
    found = alike(scope, table, nearest.near)
    if nearest.count is not None:
        return np.sort(found.rows[best(found.logs, nearest.count)])
    if nearest.threshold is None:
        return found.rows
    if nearest.threshold <= 1:
        return everything(table)
    return found.rows[as_score(found.logs) >= nearest.threshold]


def best(logs: Numbers, wanted: int) -> NDArray[np.intp]:
    """The places of the largest, so many of them, in descending order, equal ones in theirs."""
    wanted = min(wanted, len(logs))
    if not wanted:
        return np.empty(0, np.intp)
    least = _reached(logs, wanted)
    near = np.flatnonzero(logs > least)
    if len(near) > wanted:
        least = float(np.partition(logs[near], len(near) - wanted)[len(near) - wanted])
        near = near[logs[near] > least]
    near = near[np.argsort(-logs[near], kind="stable")]
    if len(near) == wanted:
        return near
    return np.concatenate((near, np.flatnonzero(logs == least)[: wanted - len(near)]))


def _reached(logs: Numbers, wanted: int) -> float:
    """A number that at least so many reach, and seldom many more: the largest of each block give it."""
    blocks = logs[: len(logs) // BLOCK * BLOCK].reshape(-1, BLOCK)
    if len(blocks) < wanted:
        return -math.inf
    return float(np.partition(blocks.max(axis=1), len(blocks) - wanted)[len(blocks) - wanted])


def explain_likeness(
    scope: Scope, table: TableView, row: int, near: Proposition, *, sameness: bool = False
) -> why.Node:
    """The product that the row's likeness is, idf ** tf for each feature it shares; or the quotient of its sameness.

    Raises 400, `query_timeout`.
    """
    asked = np.array([row], np.uint32)
    factors: list[why.Node] = []
    for feature in features_in(scope, table, near):
        scope.deadline.check()
        rows = feature.shared.rows()
        if contained(rows, asked)[0]:
            times = 1 + sum(1 for again in _repetitions(scope, feature) if contained(again, asked)[0])
            rarity = why.Number(why.Plain.INVERSE_DOCUMENT_FREQUENCY, idf(table, size_of(rows)))
            factors.append(
                rarity if sameness else why.Exponent(rarity, why.Number(why.Plain.TERM_FREQUENCY, float(times)))
            )
    if not sameness:
        return why.Product(tuple(factors))
    either = _weights(scope, table, asked, near)[1]
    return why.Division(why.Sum(tuple(factors)), why.Number(why.Plain.CONSTANT, float(either[0]) or 1.0))


def idf(table: TableView, row_count: int) -> float:
    """The rarity of a feature that so many rows have."""
    return 1 + math.log((table.live_count + 1) / (row_count + 1))


class _Sums:
    """Adds up numbers of rows, in an array of the whole table where many rows have one."""

    def __init__(self, row_count: int) -> None:
        self._row_count = row_count
        self._lists: list[Rows] = []
        self._amounts: list[float] = []
        self._held = 0
        self._all: Numbers | None = None

    def add(self, rows: RowSet, amount: float) -> None:
        """Add the amount, above 0, for each of these distinct rows."""
        if self._all is not None:
            self._add_to(self._all, rows, amount)
            return
        if rows.dtype != np.bool_ and (self._held + len(rows)) * SPARSE <= self._row_count:
            self._lists.append(as_list(rows))
            self._amounts.append(amount)
            self._held += len(rows)
            return
        self._all = np.zeros(self._row_count)
        for earlier, its_amount in zip(self._lists, self._amounts, strict=True):
            self._add_to(self._all, earlier, its_amount)
        self._add_to(self._all, rows, amount)

    @staticmethod
    def _add_to(every: Numbers, rows: RowSet, amount: float) -> None:
        if rows.dtype == np.bool_:
            every += rows * amount
        else:
            every[as_places(rows)] += amount

    def made(self) -> Alike:
        """The rows that have a number; each is the sum of its amounts in the order in which they came."""
        if self._all is not None:
            places = np.flatnonzero(self._all > 0)
            return Alike(places.astype(np.uint32), self._all[places])
        if not self._held:
            return Alike(NO_ROWS, np.empty(0))
        distinct, places = np.unique(np.concatenate(self._lists), return_inverse=True)
        amounts = np.repeat(self._amounts, [len(rows) for rows in self._lists])
        return Alike(distinct.astype(np.uint32), np.bincount(places, amounts).astype(np.float64))


def _repetitions(scope: Scope, feature: Feature) -> Iterator[RowSet]:
    """The rows that share the feature a second time, a third, and so on."""
    for again in feature.repeated:
        scope.deadline.check()
        rows = again.rows()
        if not size_of(rows):
            return
        yield rows


def _sameness(scope: Scope, table: TableView, rows: Rows, near: Proposition) -> Numbers:
    shared, either = _weights(scope, table, rows, near)
    return np.minimum(np.divide(shared, either, out=np.zeros(len(rows)), where=shared > 0), 1.0)


def _weights(scope: Scope, table: TableView, rows: Rows, near: Proposition) -> tuple[Numbers, Numbers]:
    """Per row (increasing) the sums of idf of the features it shares, and of those that it or the proposition has."""
    shared, of_fields, asked = np.zeros(len(rows)), np.zeros(len(rows)), 0.0
    fields: dict[tuple[str, ...], None] = {}
    for feature in features_in(scope, table, near):
        scope.deadline.check()
        having = feature.shared.rows()
        weight = idf(table, size_of(having))
        sharing = contained(having, rows)
        asked += weight
        shared[sharing] += weight
        if feature.field is not None:
            fields[feature.field] = None
            of_fields[sharing] += weight
    own = np.zeros(len(rows))
    alike = np.flatnonzero(shared)
    for field in fields:
        own[alike] += _own_weights(scope, table, rows[alike], FieldName(field, "", ""))
    return shared, asked + np.maximum(own - of_fields, 0.0)


def _own_weights(scope: Scope, table: TableView, rows: Rows, field: FieldName) -> Numbers:
    """Per row the sum of idf of all its features of one field."""
    column = path_column(scope, table, field)
    weights = _rarities(table, column)
    if not column.splits:
        return np.append(weights, 0.0)[column.codes[rows]]
    sums = np.empty(len(rows))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        scope.deadline.check()
        some = rows[start : start + ROWS_AT_ONCE]
        offsets, codes = gathered(column.offsets, column.feature_codes, some)
        places = np.repeat(np.arange(len(some)), np.diff(offsets))
        sums[start : start + len(some)] = np.bincount(places, weights[codes], len(some))
    return sums


def _rarities(table: TableView, column: PathColumn) -> Numbers:
    """The idf of each of the column's features; kept with the table's view."""
    key = ("rarities", column.path)
    kept = table.derived.get(key)
    if isinstance(kept, _Rarities) and kept.column is column:
        return kept.idf
    codes = column.feature_codes if column.splits else column.codes[column.codes >= 0]
    counts = np.bincount(codes, minlength=column.feature_count)
    made = _Rarities(column, 1 + np.log((table.live_count + 1) / (counts + 1)))
    table.derived[key] = made
    return made.idf


@dataclass(frozen=True)
class _Rarities:
    column: PathColumn
    idf: Numbers
