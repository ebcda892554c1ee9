"""From pieces of evidence to what the inference about candidates is told of each: counts, and what repeats what.

A piece that few rows have is counted in them. What a piece of many rows says by itself is worked out once, from the
first rows of the table, and kept while rows are only added: a link given as evidence brings along what its row has in
common with thousands of others, and that costs no more than the link's own key.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Hashable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import piece_effects
from instance_agent.inference.piece_effects import KnownPiece, Piece, PieceEffect
from instance_agent.inference.pooling import Tried
from instance_agent.inference.problem import Rows
from instance_agent.inference.properties import Numbers, Properties
from instance_agent.query.learning.evidence import Evidence
from instance_agent.query.learning.following import having, rows_with
from instance_agent.query.learning.inferring import Prepared
from instance_agent.query.learning.keeping import keep
from instance_agent.query.learning.learned import leading
from instance_agent.query.learning.near_numbers import around_number
from instance_agent.query.learning.targets import Target
from instance_agent.query.paths import PathColumn
from instance_agent.query.scope import Scope

MANY_ROWS = 1_024
"""A piece with so many rows is known by itself."""

SAMPLE = 1_024
"""Rows of a piece that are looked at to see which other pieces they have, at even distances."""

SAMPLE_OF_FEW = 256
"""The same of a piece of few rows, which are looked at each time."""

MOST_PIECES = 48
"""Pieces of evidence that are weighed; of the words of a long text those that say most."""

MOST_NUMBERS = 16_000_000
"""Numbers about pieces, candidates and features that one answer holds: for many candidates fewer pieces are weighed."""

MOST_NUMBERS_KEPT = 16_000_000
"""Numbers kept with one target about pieces of many rows; the oldest go first."""

MOST_PAIRS_KEPT = 100_000
MOST_FITS_KEPT = 16

LEAST_NEWS = 0.01
"""Of a piece whose rows are all another's, too: what it says has been said."""

Cache = MutableMapping[Hashable, object]
Kept = TypeVar("Kept")
Fit = TypeVar("Fit")


class Learning:
    """The rows that a target is learned from; and the first of them, to which is fitted what is kept."""

    def __init__(self, scope: Scope, table: TableView, target: Target) -> None:
        self.target = target
        self._learned = Prepared(scope, table, target).learned
        count = leading(len(target.learned_rows))
        self._caches: dict[tuple[int, ...], Cache] = {}
        self._end = int(target.learned_rows[count - 1]) + 1 if count else 0

    @property
    def rows(self) -> Rows:
        """Those learned from, increasing."""
        return self.target.learned_rows

    @property
    def counts(self) -> Numbers:
        """Per candidate, how many of them have it. Not to be written to."""
        counted: Numbers = self._learned.class_rows
        return counted

    def first_of(self, rows: Rows) -> Rows:
        """Those of some rows, increasing, that are among the first."""
        return rows[: int(np.searchsorted(rows, self._end))]

    def fitted(self, columns: Sequence[PathColumn], name: Hashable, linked: object, fit: Callable[[], Fit]) -> Fit:
        """What `fit` makes of the first rows; made once, and kept for the questions that were asked last.

        linked: what it depends on beside the rows and the columns.
        """
        kept = cast("dict[Hashable, tuple[object, Fit]]", self.cache(columns).setdefault(("candidates", "fits"), {}))
        found = kept.get(name)
        if found is None or found[0] is not linked:
            found = (linked, fit())
            keep(kept, name, found, MOST_FITS_KEPT)
        return found[1]

    def cache(self, columns: Sequence[PathColumn]) -> Cache:
        """What is kept about the first rows, as these columns and the target have them."""
        tables = tuple(sorted({id(table) for column in columns for table in column.tables}))
        if tables not in self._caches:
            self._caches[tables] = self._learned.cache(columns)
        return self._caches[tables]


@dataclass(frozen=True)
class Question:
    """What is asked of the candidates, by which pieces are judged."""

    name: Hashable  # what is kept for one question is no other's
    tried: Callable[[Rows], Tried]  # what rows say about it
    effect: Callable[[Tried], PieceEffect]  # what a piece of the first rows adds by itself
    says: Callable[[Tried], float]  # roughly how much a piece says
    columns: tuple[PathColumn, ...]  # what it looks at behind links
    properties: Properties
    linked: object  # what the properties are of


@dataclass(frozen=True)
class Many:
    """A piece of many rows, from the first rows learned from."""

    effect: PieceEffect
    share: float  # of these rows the part that has the piece
    sample: Rows
    says: float
    linked: object


@dataclass(frozen=True)
class Few:
    """A piece of few rows."""

    rows: Rows
    tried: Tried
    share: float
    says: float

    @property
    def sample(self) -> Rows:
        """Some of the rows with the piece, all of them where they are few enough."""
        return _sampled(self.rows, SAMPLE_OF_FEW)


@dataclass(frozen=True)
class Weighed:
    """A piece of evidence, and what is told of it."""

    evidence: Evidence
    told: Many | Few


def weigh(scope: Scope, learning: Learning, question: Question, pieces: Sequence[Evidence]) -> list[Weighed]:
    """The pieces that some row learned from has, from the most general to the most specific."""
    numbers = question.properties.candidate_count + question.properties.feature_count
    most = min(MOST_PIECES, max(1, MOST_NUMBERS // max(1, numbers)))
    told = ((place, Weighed(piece, one)) for place, piece, one in _told(scope, learning, question, pieces))
    best = heapq.nlargest(most, told, key=lambda one: (not _is_word(one[1].evidence), one[1].told.says, -one[0]))
    best.sort(key=lambda one: (-one[1].told.share, one[0]))
    return [piece for _, piece in best]


def described(
    scope: Scope, learning: Learning, question: Question, weighed: Sequence[Weighed]
) -> Iterator[piece_effects.Evidence]:
    """Each piece, with what it shares with those before it."""
    for place, piece in enumerate(weighed):
        scope.deadline.check()
        told, earlier = piece.told, weighed[:place]
        shared = np.array([_shared(learning, question, piece, other) for other in earlier])
        usual = np.array([other.told.share for other in earlier])
        more = np.divide(shared - usual, 1.0 - usual, out=np.zeros(place), where=usual < 1.0)
        repeats = np.where(np.abs(more) > 1.0 / math.sqrt(max(1, len(told.sample))), more, 0.0)
        if isinstance(told, Many):
            yield KnownPiece(told.effect, repeats)
            continue
        both = shared * told.share
        alike = float(np.max(both / (usual + told.share - both), initial=0.0))
        yield Piece(told.tried, repeats, max(1.0 - alike, LEAST_NEWS))


def _told(
    scope: Scope, learning: Learning, question: Question, pieces: Sequence[Evidence]
) -> Iterator[tuple[int, Evidence, Many | Few]]:
    for place, one in enumerate(pieces):
        scope.deadline.check()
        piece = one
        kept: dict[Hashable, Many] = _kept(learning, question, "pieces", piece)
        name = _name(piece)
        told: Many | Few | None = kept.get((question.name, name))
        if isinstance(told, Many) and told.linked is question.linked:
            yield place, piece, told
            continue
        piece, rows = around_number(piece, _rows_of(piece))
        if not len(rows):
            continue
        told = _look_at(learning, question, rows)
        if isinstance(told, Many) and _name(piece) is not None:
            size = question.properties.candidate_count + question.properties.feature_count
            keep(kept, (question.name, name), told, max(1, MOST_NUMBERS_KEPT // max(1, size)))
        yield place, piece, told


def _look_at(learning: Learning, question: Question, rows: Rows) -> Many | Few:
    first = learning.first_of(rows)
    if len(first) < MANY_ROWS:
        tried = question.tried(rows)
        return Few(rows, tried, len(rows) / len(learning.rows), question.says(tried))
    tried = question.tried(first)
    share = len(first) / len(learning.first_of(learning.rows))
    effect = _compact(question.effect(tried))
    return Many(effect, share, _sampled(first, SAMPLE), question.says(tried), question.linked)


def _sampled(rows: Rows, most: int) -> Rows:
    """At most so many of the rows, at even distances."""
    return rows if len(rows) <= most else rows[:: -(-len(rows) // most)].copy()


def _compact(effect: PieceEffect) -> PieceEffect:
    """The same in half the memory, to seven digits."""

    def short(numbers: Numbers) -> Numbers:
        return cast(Numbers, numbers.astype(np.float32))

    of_features = None if effect.of_features is None else short(effect.of_features)
    return PieceEffect(effect.everywhere, of_features, short(effect.total))


def _rows_of(piece: Evidence) -> Rows:
    """The rows learned from that have the piece, increasing."""
    if piece.column is None or piece.code < 0:
        return piece.rows
    rows = rows_with(piece.column, piece.code)
    return rows[piece.learned[rows]]


def _name(piece: Evidence) -> tuple[str, int] | None:
    """What a piece is kept by; None for what isn't kept."""
    return None if piece.column is None or piece.code < 0 else (piece.column.path, piece.code)


def _kept(learning: Learning, question: Question, what: str, *pieces: Evidence) -> dict[Hashable, Kept]:
    """What is kept as long as everything that the pieces and the question look at stays as it is."""
    columns = [piece.column for piece in pieces if piece.column is not None]
    cache = learning.cache((*question.columns, *columns))
    return cast("dict[Hashable, Kept]", cache.setdefault(("candidates", what), {}))


def _shared(learning: Learning, question: Question, piece: Weighed, other: Weighed) -> float:
    """The part of the rows with the piece that have the other, too; of a sample where they are many."""
    names = _name(piece.evidence), _name(other.evidence)
    if not isinstance(piece.told, Many) or None in names:
        return _part_having(other.evidence, piece.told.sample)
    kept: dict[Hashable, float] = _kept(learning, question, "pairs", piece.evidence, other.evidence)
    found = kept.get(names)
    if found is None:
        found = _part_having(other.evidence, piece.told.sample)
        if len(kept) < MOST_PAIRS_KEPT:
            kept[names] = found
    return found


def _part_having(piece: Evidence, rows: Rows) -> float:
    return float(np.count_nonzero(_having(piece, rows))) / max(1, len(rows))


def _having(piece: Evidence, rows: Rows) -> NDArray[np.bool_]:
    """Which of the rows, all learned from, have the piece."""
    if piece.column is not None and piece.code >= 0:
        return having(piece.column, piece.code, rows)
    found = piece.rows
    at = np.minimum(np.searchsorted(found, rows), max(0, len(found) - 1))
    return np.asarray(found[at] == rows) if len(found) else np.zeros(len(rows), np.bool_)


def _is_word(piece: Evidence) -> bool:
    return piece.column is not None and piece.column.splits
