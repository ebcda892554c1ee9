"""The probability of a goal for each of many candidates, given evidence that may matter to each of them differently.

Log-odds add up: the goal's base rate, what the candidate itself adds (`pooling`), and for every piece of evidence what
it adds to all candidates, to those with the same properties, and to this one. Pieces are taken from the most general to
the most specific, and each speaks only about what those before it left open. That a customer buys vegetables is no
news when all customers of that city do, and said twice it is said once: forward stagewise additive modelling, as in
Hastie, Tibshirani and Friedman, "The elements of statistical learning" (2009), 10.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.log_odds import FARTHEST, Observed, log_odds, probabilities, shrunk_effect
from instance_agent.inference.pooling import EFFECT_STRENGTH, FeatureEffects, Pooled, Tried, pool
from instance_agent.inference.properties import Numbers, Places, Properties

DECIMALS = 12
"""Log-odds are told apart by so many decimals: the same counts in another order of addition stay a tie."""


@dataclass(frozen=True)
class Piece:
    """One piece of evidence, counted in the rows that have it."""

    tried: Tried
    repeats: Numbers  # of each piece before it the part that it says again: 1 where all its rows have that one, too
    news: float  # the part of its rows that no single piece before it is about, in (0, 1]


@dataclass(frozen=True)
class PieceEffect:
    """What one piece adds to the log-odds."""

    everywhere: float  # to those of every candidate
    effects: FeatureEffects | None  # by the candidate's properties
    total: Numbers  # all it adds, per candidate, length C


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
    candidates: Pooled
    pieces: tuple[PieceEffect, ...]
    log_odds: Numbers  # length C

    @property
    def probabilities(self) -> Numbers:
        """Per candidate, each in (0, 1)."""
        return probabilities(self.log_odds)

    def parts(self, candidate: int) -> Parts:
        """What one candidate's log-odds are the sum of, within 1e-9."""
        place = np.array([candidate], dtype=np.int64)
        own_effects = _effects(self.candidates.effects, place)
        own = float(self.candidates.log_odds[candidate]) - self.base - float(own_effects.sum())
        told = [_effects(piece.effects, place) for piece in self.pieces]
        width = max((len(one) for one in (own_effects, *told)), default=0)
        table = np.zeros((len(told), width))
        for row, effects in enumerate(told):
            table[row, : len(effects)] = effects
        everywhere = np.array([piece.everywhere for piece in self.pieces])
        totals = np.array([float(piece.total[candidate]) for piece in self.pieces])
        padded = np.zeros(width)
        padded[: len(own_effects)] = own_effects
        return Parts(own, padded, everywhere, table, totals - everywhere - table.sum(axis=1))


def of_candidates(rows: float, goals: float, tried: Tried, properties: Properties) -> tuple[float, Pooled]:
    """The base rate's log-odds, (goals + 1) / (rows + 2), and those of each candidate without evidence.

    rows: those learned from; goals: those of them that reach the goal.
    """
    rate = (goals + 1.0) / (rows + 2.0)
    base = float(log_odds(np.array([rate]))[0])
    prior = np.full(len(tried.trials), base)
    return base, pool(tried, prior, properties)


def chances(base: float, candidates: Pooled, evidence: Iterable[Piece], properties: Properties) -> Chances:
    """The goal's probability for each candidate; `evidence` from the most general piece to the most specific."""
    pieces: list[PieceEffect] = []
    total = candidates.log_odds.copy()
    for piece in evidence:
        before = candidates.log_odds.copy()
        for earlier, part in zip(pieces, piece.repeats.tolist(), strict=True):
            if part:
                before += part * earlier.total
        found = _effect_of(piece, before, properties)
        pieces.append(found)
        total += found.total
    kept = np.asarray(np.round(np.clip(total, -FARTHEST, FARTHEST), DECIMALS), dtype=np.float64)
    return Chances(base, candidates, tuple(pieces), kept)


def _effect_of(piece: Piece, before: Numbers, properties: Properties) -> PieceEffect:
    tried = piece.tried
    expected = float(tried.trials @ probabilities(before))
    sums = np.array([[tried.trials.sum()], [tried.successes.sum()], [expected]])
    everywhere = float(shrunk_effect(Observed(sums[0], sums[1], sums[2]), EFFECT_STRENGTH / piece.news)[0])
    pooled = pool(tried, before + everywhere, properties, piece.news)
    return PieceEffect(everywhere, pooled.effects, pooled.log_odds - before)


def _effects(effects: FeatureEffects | None, candidate: Places) -> Numbers:
    return np.empty(0) if effects is None else effects.of_entries(candidate)[0]
