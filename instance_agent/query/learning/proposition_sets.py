"""Sets of propositions (`relate`, `basedOn`, `$exists`, `of`): the individual features and conditions they stand for.

A field stands for all its features; a link for its keys, and for the features of the linked row's columns. A
proposition stands for its conjuncts: a literal on a Text for each token of it, on an array for each element, on a link
for its key and every feature of the row it leads to. `$or`, `$not`, `$atomic` and comparisons are one each; `$on` is
as many as the part that it considers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.canonical import canonical_text
from instance_agent.index.column import ColumnView
from instance_agent.query.filtering import literals
from instance_agent.query.filtering.value_tests import tokens_of
from instance_agent.query.language.propositions import (
    All,
    Any,
    Atomic,
    Context,
    Equals,
    Exists,
    FeaturesOf,
    FieldTest,
    Has,
    Is,
    JsonIs,
    Match,
    Not,
    Numeric,
    On,
    Proposition,
    PropositionSet,
    to_json,
)
from instance_agent.query.learning.domains import Domain, domain_of
from instance_agent.query.paths import FEATURE, Hop, PathColumn, hop_of, path_column
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import ColumnType, JsonValue

Shown = dict[str, JsonValue]


@dataclass(frozen=True)
class Given:
    """`$on`: what is said is considered among the rows that satisfy this."""

    part: Proposition  # as a filter reads it
    said: Shown


@dataclass(frozen=True)
class ColumnFeatures:
    """Features of one field, each once: all that rows of the table have, or those that were named."""

    column: PathColumn
    codes: NDArray[np.int64]  # -1 for features that no row has ever had; these come last
    unknown: tuple[JsonValue, ...]  # what these are
    domain: Domain | None  # where the features begin with all of it
    given: Given | None

    def __len__(self) -> int:
        return len(self.codes)

    def shown(self, place: int) -> Shown:
        """The feature as a proposition."""
        code = int(self.codes[place])
        known = len(self.codes) - len(self.unknown)
        feature = self.column.features[code] if code >= 0 else self.unknown[place - known]
        return _on(has(self.column.path, feature), self.given)


@dataclass(frozen=True)
class Condition:
    """A proposition that is more than a feature."""

    part: Proposition  # as a filter reads it
    said: Shown
    given: Given | None

    def __len__(self) -> int:
        return 1

    def shown(self, place: int) -> Shown:  # noqa: ARG002 - the only one
        """The condition as a proposition."""
        return _on(self.said, self.given)


Member = ColumnFeatures | Condition
FeatureSets = tuple[Member, ...]


def features_of(scope: Scope, table: TableView, propositions: PropositionSet) -> FeatureSets:
    """What the set stands for, in the order it was said; each field once for each `given`.

    Raises 400 for what doesn't fit the schema.
    """
    collected = _Collected(scope, table)
    for element in propositions:
        if isinstance(element, FeaturesOf):
            collected.add_field(FieldName(element.path, element.place, element.place), None)
        else:
            collected.add(element, None)
    return collected.members()


def every_feature(scope: Scope, table: TableView) -> FeatureSets:
    """All features of all columns of the table, and of the rows its links lead to."""
    names = table.schema.columns
    return features_of(scope, table, tuple(FeaturesOf((name,), "from") for name in names))


def has(path: str, feature: JsonValue) -> Shown:
    """A feature as answers show it."""
    if isinstance(feature, list | dict):
        return to_json(FieldTest((path,), Has(feature), ""))
    return {path: {"$has": feature}}


def as_filter(  # noqa: PLR0911 - one line per node
    scope: Scope, table: TableView, proposition: Proposition
) -> Proposition:
    """The proposition so that a filter reads it as evidence is read: a literal on a Text is about its tokens."""
    match proposition:
        case FieldTest():
            return _field_as_filter(scope, table, proposition)
        case All():
            return All(tuple(as_filter(scope, table, part) for part in proposition.parts))
        case Any():
            return Any(tuple(as_filter(scope, table, part) for part in proposition.parts))
        case Not():
            return Not(as_filter(scope, table, proposition.part))
        case Atomic() | Context():
            return as_filter(scope, table, proposition.part)
        case On():
            return All((as_filter(scope, table, proposition.part), as_filter(scope, table, proposition.condition)))
    return proposition


def said(  # noqa: PLR0911 - one line per node
    scope: Scope, table: TableView, proposition: Proposition
) -> Shown:
    """The proposition as answers show it: features with `$has`, conjunctions as `$and`."""
    match proposition:
        case FieldTest():
            column = path_column(scope, table, _name(proposition))
            parts: list[JsonValue] = [
                has(column.path, feature) for feature in features_said(scope, table, proposition) or ()
            ]
            return parts[0] if len(parts) == 1 and isinstance(parts[0], dict) else _all_of(parts, proposition)
        case All(parts=(only,)) | Atomic(part=only) | Context(part=only):
            return said(scope, table, only)
        case All():
            return {"$and": [said(scope, table, part) for part in proposition.parts]}
        case Any():
            return {"$or": [said(scope, table, part) for part in proposition.parts]}
        case Not():
            return {"$not": said(scope, table, proposition.part)}
        case On():
            return {"$on": [said(scope, table, proposition.part), said(scope, table, proposition.condition)]}
    return to_json(proposition)


def features_said(scope: Scope, table: TableView, part: FieldTest) -> list[JsonValue] | None:
    """The features of its field that a test stands for, all of them together; None for a test of something else."""
    name = _name(part)
    column = path_column(scope, table, name)
    test, column_type = part.test, column.schema.type
    match test:
        case Equals(value) | Match(value) if column_type is ColumnType.TEXT:
            return list(tokens_of(column.column, value, name))
        case Equals(list() as elements) if column_type.is_array:
            return [literals.element(column_type, element, name) for element in elements]
        case Is() if column.column.splits:
            return None
        case JsonIs(value) if column_type is ColumnType.JSON:
            return [value]
        case Equals(value) | Is(value) | Match(value) | Has(value) | Numeric(value):
            return [literals.element(column_type, value, name)]
    return None


@dataclass
class _Field:
    """The features of one field, as they are collected."""

    column: PathColumn
    given: Given | None
    domain: Domain | None = None
    codes: dict[int, None] = field(default_factory=dict)
    unknown: dict[bytes, JsonValue] = field(default_factory=dict)

    def add(self, feature: JsonValue) -> None:
        code = self.column.code_of(feature)
        if code >= 0:
            self.codes[code] = None
        else:
            self.unknown[canonical_text(feature)] = feature

    def finished(self) -> ColumnFeatures:
        codes = np.empty(0, np.int64) if self.domain is None else self.domain.codes
        named = [code for code in self.codes if self.domain is None or self.domain.places[code] == len(codes)]
        if named or self.unknown:
            codes = np.concatenate((codes, np.array(named, np.int64), np.full(len(self.unknown), -1, np.int64)))
        return ColumnFeatures(self.column, codes, tuple(self.unknown.values()), self.domain, self.given)


class _Collected:
    """A union: what was said twice is there once."""

    def __init__(self, scope: Scope, table: TableView) -> None:
        self._scope = scope
        self._table = table
        self._members: dict[str, _Field | Condition] = {}

    def members(self) -> FeatureSets:
        """Without fields that have no feature."""
        finished = (one.finished() if isinstance(one, _Field) else one for one in self._members.values())
        return tuple(member for member in finished if len(member))

    def add(self, proposition: Proposition, given: Given | None) -> None:
        """A proposition's individual conjuncts."""
        self._scope.deadline.check()
        match proposition:
            case All():
                for part in proposition.parts:
                    self.add(part, given)
            case Context():
                self.add(proposition.part, given)
            case On():
                self.add(proposition.part, self._narrowed(given, proposition.condition))
            case Exists():
                for path in proposition.paths:
                    self.add_field(FieldName(path, proposition.place, proposition.place), given)
            case FieldTest():
                self._add_test(proposition, given)
            case _:
                self._add_condition(proposition, given)

    def add_field(self, name: FieldName, given: Given | None) -> None:
        """All features of a field, of the linked row's columns for a link."""
        for one in (name, *self._below(name)):
            column = path_column(self._scope, self._table, one)
            self._field(column, given).domain = domain_of(self._scope, self._table, column)

    def _add_test(self, test: FieldTest, given: Given | None) -> None:
        features = features_said(self._scope, self._table, test)
        if features is None:
            self._add_condition(test, given)
            return
        name = _name(test)
        found = self._field(path_column(self._scope, self._table, name), given)
        for feature in features:
            found.add(feature)
            if isinstance(test.test, Equals):
                self._add_linked_row(name, feature, given)

    def _add_linked_row(self, name: FieldName, key: JsonValue, given: Given | None) -> None:
        """Every feature of the first row that has the key, as fields below the link."""
        below = self._below(name)
        if not below:
            return
        rows = self._last_hop(name).key.rows_equal(key)
        for one in below if len(rows) else ():
            found = self._field(path_column(self._scope, self._table, one), given)
            found.codes.update(dict.fromkeys(_codes_of_row(found.column.column, int(rows[0]))))

    def _add_condition(self, proposition: Proposition, given: Given | None) -> None:
        shown = said(self._scope, self._table, proposition)
        part = as_filter(self._scope, self._table, proposition)
        self._members.setdefault(_key(shown, given), Condition(part, shown, given))

    def _field(self, column: PathColumn, given: Given | None) -> _Field:
        found = self._members.setdefault(_key(column.path, given), _Field(column, given))
        if not isinstance(found, _Field):
            raise TypeError("the keys of fields and conditions differ")
        return found

    def _narrowed(self, given: Given | None, condition: Proposition) -> Given:
        part = as_filter(self._scope, self._table, condition)
        shown = said(self._scope, self._table, condition)
        return Given(part, shown) if given is None else Given(All((given.part, part)), {"$and": [given.said, shown]})

    def _below(self, name: FieldName) -> list[FieldName]:
        """The columns that a link leads to, as fields; none when it is no link, or leads nowhere any more."""
        link = path_column(self._scope, self._table, name).schema.link
        target = None if link is None or name.path[-1] == FEATURE else self._scope.view.tables.get(link.table)
        if link is None or target is None or link.column not in target.schema.columns:
            return []
        return [FieldName((*name.path, column), name.place, name.said_by) for column in target.schema.columns]

    def _last_hop(self, name: FieldName) -> Hop:
        holder = self._table
        for segment in name.path[:-1]:
            holder = hop_of(self._scope, holder, segment, name).target
        return hop_of(self._scope, holder, name.path[-1], name)


def _name(test: FieldTest) -> FieldName:
    """said_by: the place, where it is no more than the name below `where` or `relate`."""
    short = test.place.endswith(f".{test.field}") and test.place.count(".") == len(test.path)
    return FieldName(test.path, test.place, test.place if short else "")


def _field_as_filter(scope: Scope, table: TableView, part: FieldTest) -> Proposition:
    """A literal on a Text is about its tokens, a list of an array's elements about each."""
    column = path_column(scope, table, _name(part))
    match part.test:
        case Equals(value) if column.schema.type is ColumnType.TEXT:
            return FieldTest(part.path, Match(value), part.place)
        case Equals(list()) if column.schema.type.is_array:
            features = features_said(scope, table, part) or ()
            return All(tuple(FieldTest(part.path, Has(feature), part.place) for feature in features))
    return part


def _all_of(parts: list[JsonValue], proposition: Proposition) -> Shown:
    return {"$and": parts} if parts else to_json(proposition)


def _on(shown: Shown, given: Given | None) -> Shown:
    return shown if given is None else {"$on": [shown, given.said]}


def _key(shown: Shown | str, given: Given | None) -> str:
    return json.dumps([shown, None if given is None else given.said], sort_keys=True)


def _codes_of_row(column: ColumnView, row: int) -> list[int]:
    if not column.splits:
        code = int(column.codes[row])
        return [code] if code >= 0 else []
    start, end = int(column.feature_offsets[row]), int(column.feature_offsets[row + 1])
    codes: list[int] = column.feature_codes[start:end].tolist()
    return codes
