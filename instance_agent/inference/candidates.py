"""The probability of each of many candidates, exactly one of which is true, when the candidates have properties.

As in `goals`, but what succeeds or fails is "it is this candidate": a candidate's share of all rows, and of the rows
with each piece of evidence, is judged by its own rows and by those of candidates like it. So evidence moves a candidate
that no row has had yet as it moves those like it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.goals import DECIMALS, Piece
from instance_agent.inference.log_odds import log_odds, probabilities
from instance_agent.inference.pooling import FeatureEffects, Tried, pool
from instance_agent.inference.properties import Numbers, Properties


@dataclass(frozen=True)
class Shares:
    """What share of some rows each candidate has, and why."""

    logs: Numbers  # ln of the share, length C
    effects: FeatureEffects | None  # by the candidates' properties


@dataclass(frozen=True)
class Likely:
    """The probabilities of C candidates, which sum to 1 over those allowed."""

    base: Shares  # without evidence
    pieces: tuple[Shares, ...]  # what each adds to the logarithm
    probabilities: Numbers  # of the allowed ones, in their order
    priors: Numbers  # the same without evidence


def base_shares(rows: float, counts: Numbers, properties: Properties) -> Shares:
    """The candidates' shares of all rows: (n_c + C·m_c) / (rows + C), m_c the share its properties let expect.

    rows: those learned from. counts: n_c, those of them that have each candidate, length C. One row more for each
    candidate is Laplace's rule of succession; candidates with popular properties get more of these.
    """
    count = len(counts)
    if not count:
        return Shares(counts, None)
    alike = log_odds(np.full(count, 1.0 / (count + 1.0)))
    pooled = pool(Tried(np.full(count, rows), counts), alike, properties)
    expected = probabilities(pooled.mean)
    shares = (counts + count * expected / expected.sum()) / (rows + count)
    return Shares(np.log(shares), pooled.effects)


def likely(base: Shares, evidence: Iterable[Piece], properties: Properties, allowed: NDArray[np.bool_]) -> Likely:
    """The probabilities of the allowed candidates, given pieces of evidence from the most general to the most specific.

    evidence: trials are the rows that have the piece, the same for all candidates; successes those that have each.
    """
    pieces: list[Shares] = []
    total = base.logs.copy()
    for piece in evidence:
        before = base.logs.copy()
        for earlier, part in zip(pieces, piece.repeats.tolist(), strict=True):
            if part:
                before += part * earlier.logs
        expected = np.clip(_normalized(before), 1e-13, 1.0 - 1e-13)
        pooled = pool(piece.tried, log_odds(expected), properties, piece.news)
        found = Shares(np.log(probabilities(pooled.log_odds)) - np.log(expected), pooled.effects)
        pieces.append(found)
        total += found.logs
    places = np.flatnonzero(allowed)
    told, prior = (_normalized(np.round(logs[places], DECIMALS)) for logs in (total, base.logs))
    return Likely(base, tuple(pieces), told, prior)


def _normalized(logs: Numbers) -> Numbers:
    if not len(logs):
        return logs
    shares = np.exp(logs - logs.max())
    return np.asarray(shares / shares.sum(), dtype=np.float64)
