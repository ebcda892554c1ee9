"""`$decision`: scores drawn from their uncertainty, so that hits about which little is known get their turn.

A rate is drawn from the Beta distribution of its trials, a mean or a sum from the normal distribution with its
standard error; arithmetic is done with what was drawn. What isn't estimated from samples is certain. The draws follow
from the seed alone, one for each candidate of the target or row of the table: the same in every process.

A Beta variate is made of two Gamma variates, these of normal ones by the cube approximation of Wilson and Hilferty
(1931), whose error is far below the uncertainty drawn from. Unlike exact methods it takes a fixed number of random
numbers, so that a hit's draw doesn't depend on other hits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from instance_agent.query.propositions import EVERYTHING
from instance_agent.query.scores import (
    Arithmetic,
    Decision,
    Frequency,
    Normalize,
    OfHit,
    OverContext,
    Own,
    OwnScore,
    Probability,
    Score,
    SmoothedRate,
    Statistic,
)
from instance_agent.query.scoring.arithmetic import Scores, combined, finite, normalized
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.scoring.counts import groups_of
from instance_agent.query.scoring.fields import Hits
from instance_agent.query.scoring.rates import PRIOR_TRIALS, beliefs

Evaluate = Callable[[Hits, Score], Scores]


def drawn(hits: Hits, decision: Decision, evaluate: Evaluate) -> Scores:
    """The score of every hit, drawn."""
    return _Drawing(hits, decision.seed % 2**64, evaluate).draw(decision.score)


@dataclass
class _Drawing:
    hits: Hits
    seed: int
    evaluate: Evaluate
    streams: int = field(default=0)

    def draw(self, score: Score) -> Scores:  # noqa: PLR0911 - one line per score
        """The score of every hit, drawn."""
        match score:
            case Arithmetic():
                return combined(score.operation, [self.draw(part) for part in score.parts])
            case OfHit():
                return self.draw(score.score)
            case Normalize():
                return normalized(self.draw(score.score))
            case SmoothedRate():
                return self._beta(*beliefs(self.hits, score, self.evaluate))
            case OwnScore(Own.PROBABILITY) | Probability(relative=False) if isinstance(self.hits, CandidateHits):
                return self._rate(score)
            case OverContext(Statistic.MEAN | Statistic.SUM):
                return self._normal(score)
        return self.evaluate(self.hits, score)

    def _rate(self, score: OwnScore | Probability) -> Scores:
        """A probability that as many trials speak for as there are rows with the hit."""
        rate = self.evaluate(self.hits, score)
        trials = self.evaluate(self.hits, Frequency(EVERYTHING, score.place)) + PRIOR_TRIALS
        return self._beta(rate * trials, (1 - rate) * trials)

    def _normal(self, score: OverContext) -> Scores:
        groups = groups_of(self.hits, score.value, score.place, self.evaluate)
        with np.errstate(all="ignore"):
            error = np.sqrt(groups.variance / groups.samples)
        times = groups.samples if score.statistic is Statistic.SUM else np.ones(groups.count)
        return groups.statistic(score.statistic) + np.nan_to_num(error) * times * self._standard()

    def _beta(self, successes: Scores, failures: Scores) -> Scores:
        """A variate of the Beta distribution with these two parameters; missing where one of them is below 0."""
        first, second = _gamma(successes, self._standard()), _gamma(failures, self._standard())
        with np.errstate(all="ignore"):
            return finite(first / (first + second))

    def _standard(self) -> NDArray[np.float64]:
        """Standard normal variates, one for each hit; the next stream of the seed each time."""
        self.streams += 1
        made = np.random.Generator(np.random.PCG64((self.seed, self.streams)))
        if isinstance(self.hits, CandidateHits):
            return made.standard_normal(len(self.hits.target.candidates))[self.hits.candidates]
        return made.standard_normal(self.hits.table.row_count)[self.hits.table.positions[self.hits.rows]]


def _gamma(shape: Scores, normal: NDArray[np.float64]) -> Scores:
    with np.errstate(all="ignore"):
        root = 1 - 1 / (9 * shape) + normal / (3 * np.sqrt(shape))
        variates = shape * np.maximum(root, 0.0) ** 3
    return np.where(shape > 0, variates, np.where(shape == 0, 0.0, np.nan))
