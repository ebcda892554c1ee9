"""What the rows that a link leads to have in common, as the inference wants it: candidates and their features.

A feature that one candidate alone has says nothing about others, and one that all have says nothing at all: both are
left out. Numbers with many values are told by ranges that hold about as many candidates each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.canonical import canonical_text
from instance_agent.inference.properties import Properties, no_properties
from instance_agent.query.filtering.filters import rows_satisfying
from instance_agent.query.filtering.rowsets import as_list
from instance_agent.query.language.propositions import PropositionSet
from instance_agent.query.learning.proposition_sets import ColumnFeatures, FeatureSets, features_of, has
from instance_agent.query.learning.targets import LinkedRows, Target
from instance_agent.query.paths import PathColumn, path_column
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import ColumnType, JsonValue

MOST_ENTRIES = 20_000_000
"""Features of all candidates together; the columns with the most are left out beyond that."""

MOST_COLUMNS = 64
"""Columns that count: those with the fewest features, each of which most candidates have."""

RANGES = 8
"""A number that has more than twice as many values is told by its range."""

MOST_KEPT = 16
"""Sets of properties kept with one table, for different `basedOn`."""

Shown = dict[str, JsonValue]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Values:
    """Features of a column by their codes."""

    column: PathColumn
    codes: Codes

    def at(self, place: int) -> Shown:
        """The feature as a proposition about the linked row."""
        return has(self.column.path, self.column.features[int(self.codes[place])])

    def picked(self, places: Codes) -> tuple[Values, Codes]:
        """These features in an order that no segment decides, and their places in it."""
        codes = self.codes[places].tolist()
        texts = [canonical_text(self.column.features[code]) for code in codes]
        order = np.array(sorted(range(len(codes)), key=texts.__getitem__), np.int64)
        return Values(self.column, self.codes[places][order]), places[order]


@dataclass(frozen=True)
class Conditions:
    """Features that are propositions by themselves."""

    shown: tuple[Shown, ...]

    def at(self, place: int) -> Shown:
        """The condition, about the linked row."""
        return self.shown[place]

    def picked(self, places: Codes) -> tuple[Conditions, Codes]:
        """These, in their own order."""
        return Conditions(tuple(self.shown[place] for place in places.tolist())), places


Names = Values | Conditions


@dataclass(frozen=True)
class LinkedProperties:
    """The features of a target's candidates, and how each is shown."""

    properties: Properties
    names: tuple[Names, ...]  # per column
    starts: Codes  # per column its first feature
    tables: tuple[TableView, ...]  # what it was read from

    def shown(self, feature: int, link: str) -> Shown:
        """The feature as a proposition about a row that has the link."""
        column = int(self.properties.columns[feature])
        return _behind(link, self.names[column].at(feature - int(self.starts[column])))


@dataclass(frozen=True)
class _Entries:
    """Which candidates have which features of one column: each pair once."""

    column: str
    candidates: Codes
    features: Codes  # places in `names`
    count: int
    names: Names


def linked_properties(scope: Scope, target: Target, based_on: PropositionSet | None) -> LinkedProperties:
    """The properties of the target's candidates; none for those that aren't linked rows.

    based_on: the fields and propositions of the linked table that count; None: all its columns but the key.
    Kept with the linked table's view. Raises 400 for what doesn't fit the linked table's schema.
    """
    linked = target.linked
    if linked is None or based_on == ():
        nothing = target.kept.get("no properties")
        if not isinstance(nothing, LinkedProperties):
            nothing = target.kept["no properties"] = _nothing(len(target.candidates))
        return nothing
    kept = linked.table.derived
    key = ("properties", linked.key, None if based_on is None else repr(based_on))
    found = kept.get(key)
    if isinstance(found, LinkedProperties) and all(scope.view.tables.get(one.name) is one for one in found.tables):
        return found
    made = _made(scope, linked, based_on)
    if key in kept or sum(isinstance(one, LinkedProperties) for one in list(kept.values())) < MOST_KEPT:
        kept[key] = made
    return made


def _behind(link: str, shown: Shown) -> Shown:
    """A proposition about the linked row, said of the row that has the link."""
    found: Shown = {}
    for name, value in shown.items():
        if not name.startswith("$"):
            found[f"{link}.{name}"] = value
        elif isinstance(value, list):
            found[name] = [_behind(link, part) if isinstance(part, dict) else part for part in value]
        else:
            found[name] = _behind(link, value) if isinstance(value, dict) else value
    return found


def _nothing(candidate_count: int) -> LinkedProperties:
    return LinkedProperties(no_properties(candidate_count), (), np.empty(0, np.int64), ())


def _made(scope: Scope, linked: LinkedRows, based_on: PropositionSet | None) -> LinkedProperties:
    tables = {linked.table.name: linked.table}
    if based_on is None:
        columns = list(_of_all_columns(scope, linked))
    else:
        said = features_of(scope, linked.table, based_on)
        for member in said:
            if isinstance(member, ColumnFeatures):
                tables.update({hop.target.name: hop.target for hop in member.column.hops})
        columns = list(_of_set(scope, linked, said))
    columns.sort(key=lambda one: (one.count, len(one.features), one.column))
    chosen: list[_Entries] = []
    room = MOST_ENTRIES
    for one in columns[:MOST_COLUMNS]:
        room -= len(one.features)
        if room >= 0:
            chosen.append(one)
    scope.deadline.check()
    return _joined(sorted(chosen, key=lambda one: one.column), len(linked.first_rows), tuple(tables.values()))


def _of_all_columns(scope: Scope, linked: LinkedRows) -> Iterator[_Entries]:
    for name, schema in linked.table.schema.columns.items():
        scope.deadline.check()
        if name != linked.key and schema.type is not ColumnType.JSON:
            column = path_column(scope, linked.table, FieldName((name,), "basedOn", "basedOn"))
            yield from _telling(_of_column(linked, column), linked)


def _of_set(scope: Scope, linked: LinkedRows, members: FeatureSets) -> Iterator[_Entries]:
    for place, member in enumerate(members):
        scope.deadline.check()
        if not isinstance(member, ColumnFeatures):
            having = np.unique(linked.codes[as_list(rows_satisfying(scope, linked.table, member.part))])
            having = having[having >= 0]
            names = Conditions((member.shown(0),))
            yield from _telling(_Entries(f"${place}", having, np.zeros_like(having), 1, names), linked)
        elif member.column.column is not linked.table.column(linked.key):
            only = None if member.domain is not None else member.codes[member.codes >= 0]
            yield from _telling(_of_column(linked, member.column, only), linked)


def _of_column(linked: LinkedRows, column: PathColumn, only: Codes | None = None) -> _Entries:
    """The features of one column; only: those that count."""
    numbers = column.numbers
    if only is None and numbers is not None:
        own = numbers[linked.first_rows]
        if len(np.unique(own[~np.isnan(own)])) > 2 * RANGES:
            return _ranges(column, own)
    if column.splits:
        rows = np.repeat(np.arange(column.row_count), np.diff(column.offsets))
        codes = column.feature_codes.astype(np.int64)
    else:
        rows = np.flatnonzero(column.codes >= 0)
        codes = column.codes[rows].astype(np.int64)
    candidates = linked.codes[rows]
    inside = candidates >= 0
    if only is not None:
        inside &= np.isin(codes, only)
    size = max(1, column.feature_count)
    pairs = np.unique(candidates[inside] * size + codes[inside])
    return _Entries(column.path, pairs // size, pairs % size, size, Values(column, np.arange(size)))


def _ranges(column: PathColumn, own: NDArray[np.float64]) -> _Entries:
    """Ranges of a number as features. own: each candidate's number, NaN for none."""
    candidates = np.flatnonzero(~np.isnan(own))
    ordered = np.sort(own[candidates])
    bounds = np.unique(ordered[[len(ordered) * part // RANGES for part in range(1, RANGES)]])
    features = np.searchsorted(bounds, own[candidates], side="right").astype(np.int64)
    is_decimal = column.schema.type is ColumnType.DECIMAL
    edges: list[JsonValue] = [bound if is_decimal else int(bound) for bound in bounds.tolist()]
    below: list[Shown] = [*({"$lt": edge} for edge in edges), {}]
    above: list[Shown] = [{}, *({"$gte": edge} for edge in edges)]
    shown: list[Shown] = [{column.path: {**low, **high}} for low, high in zip(above, below, strict=True)]
    return _Entries(column.path, candidates, features, len(shown), Conditions(tuple(shown)))


def _telling(entries: _Entries, linked: LinkedRows) -> Iterator[_Entries]:
    """The features that several candidates have, and not all of them; nothing where there is none."""
    having = np.bincount(entries.features, minlength=entries.count)
    told = np.flatnonzero((having > 1) & (having < len(linked.first_rows)))
    if not len(told):
        return
    names, order = entries.names.picked(told)
    places = np.full(entries.count, -1, np.int64)
    places[order] = np.arange(len(order))
    features = places[entries.features]
    inside = features >= 0
    yield _Entries(entries.column, entries.candidates[inside], features[inside], len(order), names)


def _joined(columns: list[_Entries], candidate_count: int, tables: tuple[TableView, ...]) -> LinkedProperties:
    if not columns:
        return LinkedProperties(no_properties(candidate_count), (), np.empty(0, np.int64), tables)
    counts = np.array([one.count for one in columns], np.int64)
    starts = np.cumsum(counts) - counts
    candidates = np.concatenate([one.candidates for one in columns])
    features = np.concatenate([one.features + start for one, start in zip(columns, starts.tolist(), strict=True)])
    order = np.argsort(candidates * int(counts.sum()) + features, kind="stable")
    offsets: Codes = np.zeros(candidate_count + 1, np.int64)
    np.cumsum(np.bincount(candidates, minlength=candidate_count), out=offsets[1:])
    of_feature = np.repeat(np.arange(len(columns)), counts)
    properties = Properties(offsets, features[order], of_feature, len(columns))
    return LinkedProperties(properties, tuple(one.names for one in columns), starts, tables)
