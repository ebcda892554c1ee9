"""The probability of each of many candidates, exactly one of which is true, when the candidates have properties.

As in `goals`, but what succeeds or fails is "it is this candidate": a candidate's share of all rows, and of the rows
with each piece of evidence, is judged by its own rows and by those of candidates like it. So evidence moves a candidate
that no row has had yet as it moves those like it. What adds up are logarithms of shares.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.goals import DECIMALS
from instance_agent.inference.log_odds import log_odds, probabilities
from instance_agent.inference.piece_effects import (
    Evidence,
    KnownPiece,
    Piece,
    PieceEffect,
    expected_before,
    news_of,
)
from instance_agent.inference.pooling import Tried, pool
from instance_agent.inference.properties import Numbers, Properties

LEAST_SHARE = 1e-13


@dataclass(frozen=True)
class ShareFit:
    """What some rows say about the candidates' shares without evidence."""

    expected: Numbers  # by the candidates' properties, length C, their sum is 1
    logs: Numbers  # ln of each share, all said and done, length C


@dataclass(frozen=True)
class Likely:
    """The probabilities of C candidates, which sum to 1 over those allowed."""

    usual: Numbers  # ln of the shares without evidence, length C
    pieces: tuple[PieceEffect, ...]  # what each adds to the logarithms
    probabilities: Numbers  # of the allowed ones, in their order
    priors: Numbers  # the same without evidence


def fit_shares(rows: float, counts: Numbers, properties: Properties) -> ShareFit:
    """What rows say. counts: how many of the rows have each candidate, length C, above 0."""
    count = len(counts)
    alike = log_odds(np.full(count, 1.0 / (count + 1.0)))
    expected = probabilities(pool(Tried(np.full(count, rows), counts), alike, properties).mean)
    expected = np.asarray(expected / expected.sum(), dtype=np.float64)
    return ShareFit(expected, usual_logs(rows, counts, expected))


def usual_logs(rows: float, counts: Numbers, expected: Numbers) -> Numbers:
    """ln of (n_c + C·m_c) / (rows + C), m_c the share that the candidate's properties let expect.

    One row more for each candidate is Laplace's rule of succession; those with popular properties get more of these.
    """
    return np.asarray(np.log((counts + len(counts) * expected) / (rows + len(counts))), dtype=np.float64)


def effect_by_itself(tried: Tried, fit: ShareFit, properties: Properties) -> PieceEffect:
    """What a piece adds where nothing else is said; counted in the rows of the fit."""
    return _effect_of(Piece(tried, np.empty(0), 1.0), fit.logs, properties)


def likely(usual: Numbers, evidence: Iterable[Evidence], properties: Properties, allowed: NDArray[np.bool_]) -> Likely:
    """The probabilities of the allowed candidates, given pieces of evidence from the most general to the most specific.

    evidence: trials are the rows that have the piece, the same for all candidates; successes those that have each.
    """
    pieces: list[PieceEffect] = []
    total = usual.copy()
    for piece in evidence:
        if isinstance(piece, KnownPiece):
            found = news_of(piece, pieces)
        else:
            found = _effect_of(piece, expected_before(usual, piece.repeats, pieces), properties)
        pieces.append(found)
        total += found.total
    told, prior = (_normalized(np.round(logs[allowed], DECIMALS)) for logs in (total, usual))
    return Likely(usual, tuple(pieces), told, prior)


def _effect_of(piece: Piece, before: Numbers, properties: Properties) -> PieceEffect:
    expected = np.clip(_normalized(before), LEAST_SHARE, 1.0 - LEAST_SHARE)
    pooled = pool(piece.tried, log_odds(expected), properties, piece.news)
    return PieceEffect(0.0, pooled.of_features, np.log(probabilities(pooled.log_odds)) - np.log(expected))


def _normalized(logs: Numbers) -> Numbers:
    if not len(logs):
        return logs
    shares = np.exp(logs - logs.max())
    return np.asarray(shares / shares.sum(), dtype=np.float64)
