"""From base rates and lifts to probabilities, in the factors that explain them.

Every probability is exactly the product of its factors: base rate · lifts · normalisers. That is what a reader of
`$why` multiplies up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Normalizer:
    """A factor that makes the candidates' products probabilities."""

    name: str
    values: NDArray[np.float64]  # per candidate, length C


@dataclass(frozen=True)
class Distribution:
    """Probabilities of C candidates and the factors each is the product of."""

    probabilities: NDArray[np.float64]  # length C, each in [0, 1]
    base: NDArray[np.float64]  # base rates, length C
    lifts: NDArray[np.float64]  # k x C, one row per piece of evidence
    normalizer: Normalizer


def exclusive(base: NDArray[np.float64], log_lifts: NDArray[np.float64]) -> Distribution:
    """Exactly one candidate is true: probabilities sum to 1.

    base: base rates, length C, all above 0. log_lifts: k x C, already weighted.
    """
    if base.size == 0:
        return Distribution(base, base, np.exp(log_lifts), Normalizer("exclusiveness", base))
    scores = np.log(base) + log_lifts.sum(axis=0)
    top = float(scores.max())
    distinct, places = _distinct(scores - top)
    relative = np.exp(distinct)[places]
    total = float(relative.sum())
    normalizer = np.full(base.size, np.exp(-top) / total)
    return Distribution(relative / total, base, np.exp(log_lifts), Normalizer("exclusiveness", normalizer))


def independent(
    base: NDArray[np.float64], log_lifts: NDArray[np.float64], log_lifts_of_not: NDArray[np.float64]
) -> Distribution:
    """Each candidate is true or not by itself: a / (a + b), a = base·Π lifts, b = (1 - base)·Π lifts of "not it".

    base: length C, all strictly between 0 and 1. Both lift arrays: k x C, already weighted.
    """
    for_it = np.log(base) + log_lifts.sum(axis=0)
    against = np.log1p(-base) + log_lifts_of_not.sum(axis=0)
    log_total = np.logaddexp(for_it, against)
    distinct, places = _distinct(for_it - log_total)
    return Distribution(
        probabilities=np.minimum(np.exp(distinct), 1.0)[places],
        base=base,
        lifts=np.exp(log_lifts),
        normalizer=Normalizer("trueFalseExclusiveness", np.exp(-log_total)),
    )


def _distinct(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The different scores to 13 decimals, and each candidate's place among them.

    Vectorised logarithms give equal inputs results that differ in the last bit, by their position in the array. What is
    tied must stay tied, for the order of the hits.
    """
    distinct, places = np.unique(np.round(scores, 13), return_inverse=True)
    return distinct, places
