"""The candidates of one case as a query ranks them, beside how common each is in the rows learned from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.ragged import gathered
from instance_agent.inference.problem import Rows
from instance_agent.query.learning.targets import OneValue, Target
from instance_agent.schema.types import JsonValue

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """What a query says about A candidates."""

    order: Numbers  # larger ones first
    shown: Numbers  # as `$p`
    shares: Numbers  # the probabilities that it gives: that exactly one is true, or each by itself


@dataclass(frozen=True)
class Base:
    """How common A candidates are in the rows learned from."""

    counts: Numbers  # rows that have each
    trials: float  # what the counts are shares of
    outcomes: int  # how many outcomes a trial has

    @classmethod
    def of(cls, counts: Numbers, rows: int, *, exclusive: bool) -> Base:
        """exclusive: exactly one candidate is true, and their shares sum to 1; else each is in a share of the rows."""
        return cls(counts, float(counts.sum()), len(counts)) if exclusive else cls(counts, float(rows), 2)

    @cached_property
    def shares(self) -> Numbers:
        """Laplace's rule of succession: (f + 1) / (n + outcomes)."""
        return np.asarray((self.counts + 1.0) / (self.trials + self.outcomes), dtype=np.float64)

    @property
    def unseen(self) -> float:
        """The share of one more candidate, without a row."""
        return 1.0 / (self.trials + self.outcomes + 1.0)


@dataclass(frozen=True)
class Ranking:
    """A candidates, each by its place from 0 below A."""

    target: Target
    candidates: Places  # the number of each among the target's
    scored: Scored
    base: Base
    first: Places  # decides ties: where each appears first in the rows learned from, or a link's rows' order

    def feature(self, place: int) -> JsonValue:
        """The candidate itself."""
        return self.target.candidates[int(self.candidates[place])]

    def best(self, scores: Numbers) -> int | None:
        """The place with the highest score, of equal ones that which appears first; None without candidates."""
        if not len(scores):
            return None
        tied = np.flatnonzero(scores == scores.max())
        return int(tied[np.argmin(self.first[tied])])

    def rank(self, scores: Numbers, place: int) -> int:
        """How many candidates come before this one."""
        before = scores > scores[place]
        tied = (scores == scores[place]) & (self.first < self.first[place])
        return int(np.count_nonzero(before)) + int(np.count_nonzero(tied))

    def place_of(self, feature: JsonValue) -> int | None:
        """The place of a value, feature or key; None when it is no candidate."""
        code = code_in(self.target, feature)
        numbers = np.flatnonzero(self.target.candidates.codes == code)
        if code < 0 or not len(numbers):
            return None
        found = np.flatnonzero(self.candidates == numbers[0])
        return int(found[0]) if len(found) else None


def code_in(target: Target, feature: JsonValue) -> int:
    """The code of a value in the column that the target's candidates are of, -1 for none."""
    if target.linked is not None:
        return target.linked.table.column(target.linked.key).code_of(feature)
    return target.column.code_of(feature)


class Appearances:
    """Where each candidate of a target appears first among the rows learned from, with or without a few of them."""

    def __init__(self, table: TableView, target: Target) -> None:
        self._table = table
        self._target = target

    @cached_property
    def all(self) -> Places:
        """Per candidate; beyond all places for one without a row."""
        rows = self._target.learned_rows
        firsts = np.full(len(self._target.candidates), np.iinfo(np.int64).max)
        places, candidates = self._entries(rows)
        firsts[candidates[::-1]] = places[::-1]
        return firsts

    def without(self, left_out: Rows) -> Places:
        """The same as though these rows weren't there."""
        gone = left_out[self._target.learned[left_out]]
        if not len(gone):
            return self.all
        places, candidates = self._entries(gone)
        firsts = self.all.copy()
        for candidate in np.unique(candidates[places == self.all[candidates]]).tolist():
            rows = self._rows_of(candidate)
            others = rows[~np.isin(rows, left_out)][:1]
            where, which = self._entries(others)
            found = where[which == candidate]
            firsts[candidate] = found[0] if len(found) else np.iinfo(np.int64).max
        return firsts

    def _entries(self, rows: Rows) -> tuple[Places, Places]:
        """For each candidate of the rows, in order: its place among all rows' candidates, and which it is."""
        if isinstance(self._target, OneValue):
            codes = self._target.codes[rows].astype(np.int64)
            return rows[codes >= 0].astype(np.int64), codes[codes >= 0]
        offsets = self._target.offsets
        own, found = gathered(offsets, self._target.entry_codes, rows)
        ends, codes = own.astype(np.int64), found.astype(np.int64)
        places = np.repeat(offsets[:-1][rows] - ends[:-1], ends[1:] - ends[:-1]) + np.arange(len(codes))
        return places[codes >= 0], codes[codes >= 0]

    def _rows_of(self, candidate: int) -> Rows:
        """The rows learned from that have the candidate, increasing."""
        target = self._target
        if target.linked is None:
            rows = target.column.rows_with(int(target.candidates.codes[candidate]))
        else:
            code = target.column.code_of(target.candidates[candidate])
            rows = target.column.rows_with(code) if code >= 0 else np.empty(0, np.uint32)
        return rows[target.learned[rows]]
