"""The probability of a goal for each of many candidates, given evidence that may matter to each of them differently.

Log-odds add up: the goal's base rate, what the candidate itself adds (`pooling`), and for every piece of evidence what
it adds to all candidates, to those with the same properties, and to this one (`piece_effects`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.log_odds import FARTHEST, Effects, Observed, log_odds, probabilities
from instance_agent.inference.piece_effects import (
    Evidence,
    KnownPiece,
    Piece,
    PieceEffect,
    expected_before,
    news_of,
    of_entries,
)
from instance_agent.inference.pooling import EFFECT_STRENGTH, Tried, judged, pool
from instance_agent.inference.properties import Numbers, Properties

DECIMALS = 12
"""Log-odds are told apart by so many decimals: the same counts in another order of addition stay a tie."""


@dataclass(frozen=True)
class GoalCounts:
    """How often a goal is reached."""

    rows: float
    goals: float  # of the rows, those that reach it
    tried: Tried  # the same per candidate: rows that have it, and those of them that reach the goal

    @property
    def base(self) -> float:
        """The log-odds of (goals + 1) / (rows + 2)."""
        return float(log_odds(np.array([(self.goals + 1.0) / (self.rows + 2.0)]))[0])


@dataclass(frozen=True)
class GoalFit:
    """What some rows say about a goal without evidence."""

    by_properties: Numbers  # what the properties add to the base rate's log-odds, length C
    of_features: Numbers | None  # what each feature adds, length F
    log_odds: Numbers  # of each candidate, all said and done, length C


@dataclass(frozen=True)
class Parts:
    """What the log-odds of one candidate are made of: the base rate's, and these."""

    own: float  # the candidate by itself
    of_features: Numbers  # each of its features, in the order of its entries
    everywhere: Numbers  # each piece, for every candidate; length k
    piece_features: NDArray[np.float64]  # each piece by each of its features, k x features
    piece_own: Numbers  # each piece for this candidate in particular, length k


@dataclass(frozen=True)
class Chances:
    """The goal's probability for C candidates."""

    base: float  # the goal's rate, log-odds
    usual: Numbers  # the candidates' log-odds without evidence, length C
    fit: GoalFit
    pieces: tuple[PieceEffect, ...]
    log_odds: Numbers  # length C

    @property
    def probabilities(self) -> Numbers:
        """Per candidate, each in (0, 1)."""
        return probabilities(self.log_odds)

    def parts(self, candidate: int, properties: Properties) -> Parts:
        """What one candidate's log-odds are the sum of, within 1e-9."""
        own_features = of_entries(self.fit.of_features, candidate, properties)
        own = float(self.usual[candidate]) - self.base - float(own_features.sum())
        told = np.zeros((len(self.pieces), len(own_features)))
        for row, piece in enumerate(self.pieces):
            told[row] = of_entries(piece.of_features, candidate, properties)
        everywhere = np.array([piece.everywhere for piece in self.pieces])
        totals = np.array([float(piece.total[candidate]) for piece in self.pieces])
        return Parts(own, own_features, everywhere, told, totals - everywhere - told.sum(axis=1))


def fit_goal(counts: GoalCounts, properties: Properties) -> GoalFit:
    """What some rows say of the goal."""
    pooled = pool(counts.tried, np.full(len(counts.tried.trials), counts.base), properties)
    return GoalFit(pooled.mean - counts.base, pooled.of_features, pooled.log_odds)


def effect_by_itself(tried: Tried, fit: GoalFit, properties: Properties) -> PieceEffect:
    """What a piece adds where nothing else is said; counted in the rows of the fit."""
    return _effect_of(Piece(tried, np.empty(0), 1.0), fit.log_odds, properties)


def chances(counts: GoalCounts, fit: GoalFit, evidence: Iterable[Evidence], properties: Properties) -> Chances:
    """The goal's probability for each candidate; `evidence` from the most general piece to the most specific.

    counts: of all rows learned from; the fit has seen most of them.
    """
    usual = judged(counts.tried, counts.base + fit.by_properties)
    pieces: list[PieceEffect] = []
    total = usual.copy()
    for piece in evidence:
        if isinstance(piece, KnownPiece):
            found = news_of(piece, pieces)
        else:
            found = _effect_of(piece, expected_before(usual, piece.repeats, pieces), properties)
        pieces.append(found)
        total += found.total
    kept = np.asarray(np.round(np.clip(total, -FARTHEST, FARTHEST), DECIMALS), dtype=np.float64)
    return Chances(counts.base, usual, fit, tuple(pieces), kept)


def _effect_of(piece: Piece, before: Numbers, properties: Properties) -> PieceEffect:
    tried = piece.tried
    expected = float(tried.trials @ probabilities(before))
    sums = np.array([[tried.trials.sum()], [tried.successes.sum()], [expected]])
    effects = Effects.of(Observed(sums[0], sums[1], sums[2]), EFFECT_STRENGTH / piece.news)
    everywhere = float(effects.values[0])
    pooled = pool(tried, before + everywhere, properties, piece.news)
    return PieceEffect(everywhere, pooled.of_features, pooled.log_odds - before)
