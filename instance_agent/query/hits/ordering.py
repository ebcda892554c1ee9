"""`orderBy`: numbers by value, strings by code point, absent values last, ties in table order.

A bare expression sorts descending. The key of a field shows the field's value, that of another score its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from instance_agent.query.language.scores import FieldValue, OfHit, Own, OwnScore, Score, SortKey
from instance_agent.query.scoring.evaluation import evaluated, evaluated_at
from instance_agent.query.scoring.fields import HitField, Hits, RowField, field_of
from instance_agent.query.scoring.shown import shown_score
from instance_agent.schema.types import JsonValue, Row

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Ordering:
    """An order of hits by some keys, the first one deciding first."""

    hits: Hits
    keys: tuple[SortKey, ...]
    fields: dict[int, HitField] = field(init=False, default_factory=dict)  # of the keys that are fields

    def __post_init__(self) -> None:
        """Raises 400 for a field that the hits don't have."""
        for at, key in enumerate(self.keys):
            score = _plain(key.score)
            if isinstance(score, FieldValue) or (isinstance(score, OwnScore) and score.which is Own.VALUE):
                self.fields[at] = field_of(self.hits, score)

    def first(self, wanted: int) -> Places:
        """At least the first `wanted` places, in order. Raises 400 for a key that has no order."""
        columns = [self._ascending(at) for at in range(len(self.keys))]
        self.hits.scope.deadline.check()
        return first_places(columns, len(self.hits), wanted)

    def values(self, places: Places) -> list[JsonValue]:
        """What the hits were ordered by: a value, a list of them for several keys; None for a missing one."""
        columns = [self.key_values(at, places) for at in range(len(self.keys))]
        if len(columns) == 1:
            return columns[0]
        return [list(values) for values in zip(*columns, strict=True)]

    def values_in(self, rows: Sequence[Row], places: Places) -> list[JsonValue]:
        """The same where the hits are these rows, which have been read already."""
        named = self.fields.get(0)
        if len(self.keys) == 1 and isinstance(named, RowField) and len(named.name.path) == 1:
            (name,) = named.name.path
            if name in named.table.schema.columns:
                return [row.get(name) for row in rows]
        return self.values(places)

    def key_values(self, at: int, places: Places) -> list[JsonValue]:
        """The same of one key."""
        named = self.fields.get(at)
        if named is not None:
            return named.cells(places)
        score = self.keys[at].score
        return shown_score(score, evaluated_at(self.hits, score, places))

    def _ascending(self, at: int) -> NDArray[np.float64]:
        """Numbers that increase in the key's order, infinite for missing values."""
        key, named = self.keys[at], self.fields.get(at)
        values = evaluated(self.hits, key.score) if named is None else named.comparable()
        return np.where(np.isnan(values), np.inf, -values if key.descending else values)


def first_places(columns: list[NDArray[np.float64]], count: int, wanted: int) -> Places:
    """At least the first `wanted` of `count` places by these columns, ascending, ties in their own order."""
    if not columns:
        return np.arange(count, dtype=np.int64)
    if not 0 < wanted < count:
        return np.lexsort(columns[::-1])
    first = columns[0]
    last = np.partition(first, wanted - 1)[wanted - 1]
    if len(columns) == 1:
        before = np.flatnonzero(first < last)
        ties = np.flatnonzero(first == last)[: wanted - len(before)]
        return np.concatenate((before[np.argsort(first[before], kind="stable")], ties))
    near = np.flatnonzero(first <= last)
    return near[np.lexsort([column[near] for column in columns[::-1]])]


def _plain(score: Score) -> Score:
    while isinstance(score, OfHit):
        score = score.score
    return score
