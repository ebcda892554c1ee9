"""Whether a query's answer to one case is right, and how right that of "the most common" would have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from instance_agent.query.endpoints.evaluate.metrics import Judged
from instance_agent.query.endpoints.evaluate.rankings import Numbers, Ranking
from instance_agent.schema.types import JsonValue

Shown = dict[str, JsonValue]


@dataclass(frozen=True)
class Verdict:
    """One case, judged."""

    told: Judged
    base: Judged
    top_score: float
    top: Shown | None  # the first candidate as a hit; None without candidates
    correct: Shown  # the best of the correct values as a hit


def judged(ranking: Ranking, correct: Sequence[JsonValue]) -> Verdict:
    """Several values may be correct: the first candidate has to be one of them, the rank is that of the best."""
    scored, base = ranking.scored, ranking.base
    places = [place for place in map(ranking.place_of, correct) if place is not None]
    best = min(places, key=lambda place: ranking.rank(scored.order, place), default=None)
    top = ranking.best(scored.order)
    return Verdict(
        told=_judged(ranking, scored.order, scored.shares, places),
        base=_judged(ranking, base.counts, base.shares, places),
        top_score=0.0 if top is None else float(scored.shown[top]),
        top=None if top is None else _shown(ranking, float(scored.shown[top]), ranking.feature(top)),
        correct=_shown(ranking, 0.0, correct[0])
        if best is None
        else _shown(ranking, float(scored.shown[best]), ranking.feature(best)),
    )


def _judged(ranking: Ranking, order: Numbers, shares: Numbers, places: list[int]) -> Judged:
    if not places:
        return Judged(False, len(order), ranking.base.unseen)
    ranked = min((ranking.rank(order, place), place) for place in places)
    return Judged(ranked[0] == 0, ranked[0], max(float(shares[place]) for place in places))


def _shown(ranking: Ranking, score: float, feature: JsonValue) -> Shown:
    return {"$p": score, "field": ".".join(ranking.target.path), "feature": feature}
