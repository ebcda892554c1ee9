"""What pieces of evidence add to the log-odds (or logarithms of shares) of many candidates, one piece after the other.

Pieces are taken from the most general to the most specific, and each speaks only about what those before it left open.
That a customer buys vegetables is no news when all customers of that city do, and said twice it is said once: this is
forward stagewise additive modelling (Hastie, Tibshirani and Friedman, "The elements of statistical learning", 10.3).

What a piece of few rows says is judged by what those before it let expect in these rows. What a piece of many rows says
has been worked out by itself, to be used again and again; of that the part is taken off that was said before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from instance_agent.inference.pooling import Tried
from instance_agent.inference.properties import Numbers, Properties


@dataclass(frozen=True)
class Piece:
    """One piece of evidence, counted in the rows that have it."""

    tried: Tried
    repeats: Numbers  # of each piece before it the part that it says again: 1 where all its rows have that one, too
    news: float  # the part of its rows that no single piece before it is about, in (0, 1]


@dataclass(frozen=True)
class PieceEffect:
    """What one piece adds."""

    everywhere: float  # for every candidate
    of_features: Numbers | None  # for candidates with each feature, length F; None: nothing
    total: Numbers  # all it adds, per candidate, length C


@dataclass(frozen=True)
class KnownPiece:
    """One piece of evidence whose effect by itself is known."""

    effect: PieceEffect
    repeats: Numbers


Evidence = Piece | KnownPiece


def expected_before(usual: Numbers, repeats: Numbers, earlier: Sequence[PieceEffect]) -> Numbers:
    """What is expected in the rows of a piece, per candidate: the usual, and what it repeats of earlier pieces."""
    found = usual.copy()
    for effect, part in zip(earlier, repeats.tolist(), strict=True):
        if part:
            found += part * effect.total
    return found


def news_of(known: KnownPiece, earlier: Sequence[PieceEffect]) -> PieceEffect:
    """What a known piece adds to those before it."""
    everywhere, total = known.effect.everywhere, known.effect.total
    of_features = known.effect.of_features
    for effect, part in zip(earlier, known.repeats.tolist(), strict=True):
        if part:
            everywhere -= part * effect.everywhere
            total = total - part * effect.total
            if effect.of_features is not None:
                of_features = (0.0 if of_features is None else of_features) - part * effect.of_features
    return PieceEffect(everywhere, of_features, total)


def of_entries(of_features: Numbers | None, candidate: int, properties: Properties) -> Numbers:
    """What each feature of one candidate adds, in the order of its entries."""
    start, end = properties.offsets[candidate : candidate + 2].tolist()
    if of_features is None:
        return np.zeros(end - start)
    return of_features[properties.features[start:end]] * properties.shares[start:end]
