"""How often candidates occur with pieces of evidence: what the inference about goals and linked rows is made of.

Counts come from posting lists and from what is kept with a target. Whatever is counted, it is counted exactly.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.ragged import gathered
from instance_agent.inference.goals import Piece
from instance_agent.inference.pooling import Tried
from instance_agent.inference.problem import Rows
from instance_agent.inference.properties import Numbers, Properties
from instance_agent.query.evidence import Evidence
from instance_agent.query.inferring import Prepared
from instance_agent.query.paths import PathColumn
from instance_agent.query.scope import Scope
from instance_agent.query.targets import Target

SAMPLE = 1_024
"""Rows of a piece that are looked at to see which other pieces they have, at even distances."""

MOST_PIECES = 48
"""Pieces of evidence that are weighed; of the words of a long text those that say most."""

MOST_NUMBERS = 16_000_000
"""Numbers about pieces, candidates and features that one answer holds: for many candidates fewer pieces are weighed."""

LEAST_NEWS = 0.01
"""Of a piece whose rows are all another's, too: what it says has been said."""

FEW_ROWS = 32
"""A number that fewer rows have is told by the rows with numbers near it."""

MOST_NUMBERS_KEPT = 4_000_000
"""Counts kept with one set of rows: for so many candidates, one after the other."""


@dataclass
class Kept:
    """What has been counted of one set of rows learned from, to be used again."""

    counts: dict[tuple[str, int], tuple[PathColumn, Numbers]] = field(default_factory=dict)
    samples: dict[tuple[str, int], tuple[PathColumn, Rows]] = field(default_factory=dict)


class Counter:
    """Counts over the rows that a target is learned from."""

    def __init__(self, scope: Scope, table: TableView, target: Target) -> None:
        self.target = target
        self._prepared = Prepared(scope, table, target)
        found = target.kept.get("counter")
        self._kept = found if isinstance(found, Kept) else Kept()
        target.kept["counter"] = self._kept

    @property
    def rows(self) -> float:
        """How many rows are learned from."""
        return float(len(self.target.learned_rows))

    @property
    def candidates(self) -> Numbers:
        """Per candidate, how many of them have it. Not to be written to."""
        counted: Numbers = self._prepared.learned.class_rows
        return counted

    def with_piece(self, piece: Evidence) -> Numbers:
        """Per candidate, how many of the rows that have the piece. Not to be written to."""
        column = piece.column
        if column is None or piece.code < 0:
            return self.target.count(piece.rows[self.target.learned[piece.rows]], None)
        key = (column.path, piece.code)
        known = self._kept.counts.get(key)
        if known is None or known[0] is not column:
            known = (column, self._prepared.learned.bound(column).class_counts(piece.code))
            if len(self._kept.counts) * len(known[1]) < MOST_NUMBERS_KEPT:
                self._kept.counts[key] = known
        return known[1]

    def rows_with(self, piece: Evidence, counted: Numbers) -> float:
        """How many of the rows learned from have the piece; counted: what `with_piece` told of it."""
        return float(counted.sum()) if self.target.partition else float(len(piece.rows))

    def sample_of(self, piece: Evidence) -> Rows:
        """Some of the rows learned from that have the piece, increasing: all of them where they are few."""
        column = piece.column
        if column is None or piece.code < 0:
            return _sampled(piece.rows)
        key = (column.path, piece.code)
        known = self._kept.samples.get(key)
        if known is None or known[0] is not column:
            known = (column, _sampled(piece.rows))
            if len(self._kept.samples) * SAMPLE < MOST_NUMBERS_KEPT:
                self._kept.samples[key] = known
        return known[1]

    def shared(self, piece: Evidence, others: Sequence[Evidence]) -> Numbers:
        """The part of the rows with the piece that have each of the others, too; of a sample where they are many."""
        rows = self.sample_of(piece)
        if not len(rows):
            return np.zeros(len(others))
        return np.array([np.count_nonzero(_having(other, rows)) / len(rows) for other in others])


@dataclass(frozen=True)
class CountedPiece:
    """A piece of evidence that some rows learned from have."""

    evidence: Evidence
    rows: float  # so many
    tried: Tried


def most_telling(pieces: Iterable[tuple[CountedPiece, float]], properties: Properties) -> list[CountedPiece]:
    """The pieces that are weighed, from the most general to the most specific.

    pieces: each with how much it seems to say. Values come before words, which may be many.
    """
    numbers = properties.candidate_count + 3 * properties.feature_count
    most = min(MOST_PIECES, max(1, MOST_NUMBERS // max(1, numbers)))
    ranked = ((not _is_word(piece), says, -place, piece) for place, (piece, says) in enumerate(pieces))
    best = heapq.nlargest(most, ranked, key=lambda one: one[:3])
    best.sort(key=lambda one: (-one[3].rows, -one[2]))
    return [piece for *_, piece in best]


def described(scope: Scope, counter: Counter, pieces: Sequence[CountedPiece]) -> Iterator[Piece]:
    """Each piece with what it shares with those before it."""
    for place, piece in enumerate(pieces):
        scope.deadline.check()
        sizes = np.array([other.rows for other in pieces[:place]])
        shared = counter.shared(piece.evidence, [other.evidence for other in pieces[:place]])
        usual = sizes / counter.rows
        more = np.divide(shared - usual, 1.0 - usual, out=np.zeros(place), where=usual < 1.0)
        by_chance = 1.0 / math.sqrt(min(piece.rows, SAMPLE))
        both = shared * piece.rows
        alike = float(np.max(both / (sizes + piece.rows - both), initial=0.0))
        yield Piece(piece.tried, np.where(np.abs(more) > by_chance, more, 0.0), max(1.0 - alike, LEAST_NEWS))


def _is_word(piece: CountedPiece) -> bool:
    return piece.evidence.column is not None and piece.evidence.column.splits


def _sampled(rows: Rows) -> Rows:
    return rows[:: max(1, -(-len(rows) // SAMPLE))]


def _having(piece: Evidence, rows: Rows) -> NDArray[np.bool_]:
    """Which of the rows, increasing, have the piece."""
    column = piece.column
    if column is None or piece.code < 0:
        having = piece.rows
        if not len(having):
            return np.zeros(len(rows), np.bool_)
        at = np.minimum(np.searchsorted(having, rows), len(having) - 1)
        return np.asarray(having[at] == rows)
    if not column.splits:
        return np.asarray(column.codes[rows] == piece.code)
    offsets, codes = gathered(column.offsets, column.feature_codes, rows)
    ends = offsets.astype(np.int64)
    owners = np.repeat(np.arange(len(rows)), ends[1:] - ends[:-1])
    return np.bincount(owners[codes == piece.code], minlength=len(rows)) > 0


def around_numbers(pieces: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The pieces, with a number that hardly any row has as the rows that have numbers near it."""
    return tuple(_around(piece) if piece.number is not None else piece for piece in pieces)


def _around(piece: Evidence) -> Evidence:
    """About 6·√n rows, n the rows learned from that have a number: those at the least distance, ties in or out."""
    column = piece.column
    if column is None or piece.number is None or len(piece.rows) >= FEW_ROWS:
        return piece
    numbers = column.numbers
    if numbers is None:
        return piece
    rows = np.flatnonzero(piece.learned & ~np.isnan(numbers)).astype(np.uint32)
    wanted = int(6 * np.sqrt(len(rows)))
    if not wanted:
        return piece
    distances = np.abs(numbers[rows] - piece.number)
    farthest = np.partition(distances, min(wanted, len(rows)) - 1)[min(wanted, len(rows)) - 1]
    near = distances <= farthest
    if np.count_nonzero(near) > 2 * wanted:
        near = distances < farthest
    return Evidence(piece.proposition, None, 1, None, rows[near], piece.learned)
