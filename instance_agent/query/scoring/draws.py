"""`$decision`: scores drawn from their uncertainty, so that hits about which little is known get their turn.

A rate is drawn from the Beta distribution of its trials, a mean or a sum from the normal distribution with its
standard error; arithmetic is done with what was drawn. What isn't estimated from samples is certain. The draws follow
from the seed alone, one for each candidate of the target or row of the table: the same in every process.

A Beta variate is made of two Gamma variates X(a), X(b) as X(a) / (X(a) + X(b)). A Gamma variate of shape a is one of
shape a + 1 times U ** (1 / a), U uniform; that one is made of a normal variate by the cube approximation of Wilson and
Hilferty (1931), which is good for shapes above 1. Unlike exact methods this takes a fixed number of random numbers, so
that a hit's draw doesn't depend on other hits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from instance_agent.query.language.propositions import EVERYTHING
from instance_agent.query.language.scores import (
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
        first, second = self._gamma(successes), self._gamma(failures)
        with np.errstate(all="ignore"):
            certain = successes / (successes + failures)
            return finite(np.where(first + second > 0, first / (first + second), certain))

    def _gamma(self, shape: Scores) -> Scores:
        normal, uniform = self._standard(), self._random(np.random.Generator.random)
        with np.errstate(all="ignore"):
            above = shape + 1
            root = 1 - 1 / (9 * above) + normal / (3 * np.sqrt(above))
            variates = above * np.maximum(root, 0.0) ** 3 * (1 - uniform) ** (1 / shape)
        return np.where(shape > 0, variates, np.where(shape == 0, 0.0, np.nan))

    def _standard(self) -> Scores:
        return self._random(np.random.Generator.standard_normal)

    def _random(self, kind: Callable[[np.random.Generator, int], Scores]) -> Scores:
        """Random numbers, one for each hit; the next stream of the seed each time."""
        self.streams += 1
        made = np.random.Generator(np.random.PCG64((self.seed, self.streams)))
        if isinstance(self.hits, CandidateHits):
            return kind(made, len(self.hits.target.candidates))[self.hits.candidates]
        return kind(made, self.hits.table.row_count)[self.hits.table.positions[self.hits.rows]]
