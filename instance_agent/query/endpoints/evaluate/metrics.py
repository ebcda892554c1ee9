"""What the cases of an evaluation say together. The definitions are those of the wire reference, 8.11 and 12.3."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Protocol

import numpy as np

from instance_agent.schema.types import JsonValue

LEAST_SHARE = 2.0**-64
"""A correct value that was given no chance at all counts with this, 64 bits: a mean with an infinite case says nothing.

A value that no row learned from has, and that is no candidate therefore, counts with its base rate for the query and
for the base distribution alike (`rankings.Base.unseen`).
"""


@dataclass(frozen=True)
class Judged:
    """One way of ranking the candidates of a case, and how it did."""

    accurate: bool  # the first candidate is correct
    rank: int  # of the best correct candidate, from 0; after all candidates where none is correct
    share: float  # the probability of the best correct value

    @property
    def bits(self) -> float:
        """The surprise at the correct value: -log2 of its share."""
        return -math.log2(min(1.0, max(self.share, LEAST_SHARE)))


class Outcome(Protocol):
    """What became of one case."""

    @property
    def told(self) -> Judged:
        """The query's ranking."""

    @property
    def base(self) -> Judged:
        """The candidates by how common they are."""

    @property
    def top_score(self) -> float:
        """The `$p` shown of the first candidate, 0 without one."""


def ranking_metrics(outcomes: Sequence[Outcome]) -> dict[str, JsonValue]:
    """The numbers of an evaluation of ranked candidates; null where there is no case to take a mean of."""
    accuracy = _mean([one.told.accurate for one in outcomes])
    base_accuracy = _mean([one.base.accurate for one in outcomes])
    rank, base_rank = (_mean([by.rank for by in some]) for some in _both(outcomes))
    bits, base_bits = (_mean([by.bits for by in some]) for some in _both(outcomes))
    return {
        "error": None if accuracy is None else 1.0 - accuracy,
        "baseError": None if base_accuracy is None else 1.0 - base_accuracy,
        "accuracy": accuracy,
        "baseAccuracy": base_accuracy,
        "accuracyGain": _difference(accuracy, base_accuracy),
        "meanRank": rank,
        "baseMeanRank": base_rank,
        "rankGain": _difference(base_rank, rank),
        "informationGain": _difference(base_bits, bits),
        "mxe": bits,
        "h": base_bits,
        "geomMeanP": None if bits is None else 2.0**-bits,
        "baseGmp": None if base_bits is None else 2.0**-base_bits,
        "geomMeanLift": None if bits is None or base_bits is None else 2.0 ** (base_bits - bits),
    }


def estimate_metrics(estimates: Sequence[float], correct: Sequence[float]) -> dict[str, JsonValue]:
    """Root mean square error, mean absolute error, and R² = 1 - SS of errors / SS around the mean of the tests."""
    if not estimates:
        return {"rmse": None, "mae": None, "r2": None}
    unit = max(map(abs, (*estimates, *correct))) or 1.0
    values = np.array(correct) / unit
    errors = np.array(estimates) / unit - values
    squares = float((errors * errors).sum())
    around = float(((values - values.mean()) ** 2).sum())
    return {
        "rmse": math.sqrt(squares / len(errors)) * unit,
        "mae": float(np.abs(errors).mean()) * unit,
        "r2": 1.0 - squares / around if around > 0 else None,
    }


def times(nanoseconds: Sequence[int]) -> dict[str, JsonValue]:
    """What each case took, in three units."""
    found: dict[str, JsonValue] = {}
    units = {"Ns": 1, "Us": 1_000, "Ms": 1_000_000}
    for name, statistic in (("mean", fmean), ("median", median)):
        found |= {name + unit: statistic(nanoseconds) / size if nanoseconds else None for unit, size in units.items()}
    found["allNs"] = [*nanoseconds]
    found |= {"all" + unit: [one / size for one in nanoseconds] for unit, size in units.items() if size > 1}
    return found


def bins_by_top_score(outcomes: Sequence[Outcome]) -> list[JsonValue]:
    """Cases by the `$p` of their first candidate, lowest first, in bins of ⌈√n⌉; the last one may be smaller."""
    order = sorted(range(len(outcomes)), key=lambda place: (outcomes[place].top_score, place))
    size = math.isqrt(len(order) - 1) + 1 if order else 1
    return [_bin(outcomes, order[start : start + size]) for start in range(0, len(order), size)]


def _bin(outcomes: Sequence[Outcome], places: list[int]) -> dict[str, JsonValue]:
    scores = [outcomes[place].top_score for place in places]
    accurate: list[JsonValue] = [place for place in places if outcomes[place].told.accurate]
    errors: list[JsonValue] = [place for place in places if not outcomes[place].told.accurate]
    return {
        "meanScore": fmean(scores),
        "maxScore": max(scores),
        "minScore": min(scores),
        "accuracy": len(accurate) / len(places),
        "n": len(places),
        "accurateOffsets": accurate,
        "errorOffsets": errors,
    }


def _both(outcomes: Sequence[Outcome]) -> tuple[list[Judged], list[Judged]]:
    return [one.told for one in outcomes], [one.base for one in outcomes]


def _mean(numbers: Sequence[float]) -> float | None:
    return fmean(numbers) if numbers else None


def _difference(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right
