"""`$freqP`: a rate that few trials don't carry away."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from instance_agent.query.language.scores import Score, SmoothedRate
from instance_agent.query.scoring.arithmetic import Scores, finite
from instance_agent.query.scoring.fields import Hits

PRIOR_TRIALS = 2.0
"""So many trials a rate begins with."""

PRIOR_RATE = 0.5

Evaluate = Callable[[Hits, Score], Scores]


def smoothed(hits: Hits, score: SmoothedRate, evaluate: Evaluate) -> Scores:
    """(f + p·k) / (n + k)."""
    successes, failures = beliefs(hits, score, evaluate)
    with np.errstate(all="ignore"):
        return finite(successes / (successes + failures))


def beliefs(hits: Hits, score: SmoothedRate, evaluate: Evaluate) -> tuple[Scores, Scores]:
    """What speaks for and against: f + p·k and n - f + (1 - p)·k."""
    positives, trials = evaluate(hits, score.positives), evaluate(hits, score.trials)
    prior = np.full(len(hits), PRIOR_RATE) if score.prior is None else evaluate(hits, score.prior)
    return positives + prior * PRIOR_TRIALS, trials - positives + (1 - prior) * PRIOR_TRIALS
