"""Scores as answers show them."""

from __future__ import annotations

import math

from instance_agent.query.language.scores import Frequency, Impact, OfHit, OverContext, Own, OwnScore, Score
from instance_agent.query.scoring.arithmetic import Scores
from instance_agent.schema.types import JsonValue

LARGEST_WHOLE = 2.0**53
"""Whole numbers up to it are exact in a double."""


def shown_score(score: Score, values: Scores) -> list[JsonValue]:
    """The numbers, None for missing ones; of counts and sums those that are whole without a fraction."""
    while isinstance(score, OfHit):
        score = score.score
    counts = isinstance(score, Frequency | OverContext | Impact)
    if counts or (isinstance(score, OwnScore) and score.which is Own.FREQUENCY):
        return [whole(value) for value in values.tolist()]
    return [value if math.isfinite(value) else None for value in values.tolist()]


def whole(value: float) -> JsonValue:
    """The number, as an int where it is one; None for a missing one."""
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) <= LARGEST_WHOLE else value
