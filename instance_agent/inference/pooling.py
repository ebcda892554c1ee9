"""The rate of success of each of many candidates, judged by its own trials and by those of candidates like it.

The order, for candidates with few trials or none as for those with many:

1. What is expected beforehand: log-odds per candidate.
2. What its properties say: of each feature the shrunk effect over all candidates that have it. A candidate itself is
   left out of its own features' effects, so what they are worth (one weight per column, fitted) is measured on what
   they are for: candidates nothing is known about.
3. What its own trials say, shrunk towards the above by as much as candidates have been found to agree with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.gate import STRENGTH
from instance_agent.inference.log_odds import Effects, Observed, log_odds, probabilities
from instance_agent.inference.properties import Numbers, Places, Properties

EFFECT_STRENGTH = 2 * STRENGTH
"""Pseudo-successes behind a feature's effect: log-odds effects vary by 1/√4 as a rule."""

USUAL_VARIANCE = 1 / STRENGTH
"""Of candidates' log-odds around what their properties say, before the data has been looked at."""

LEAST_VARIANCE, MOST_VARIANCE = 1e-3, 4 / STRENGTH
"""What data may say it is."""

USUAL_WEIGHT = 0.5
WEIGHT_PRECISION = 4.0
"""A column's weight is expected to be about so much, with a standard deviation of 1/√precision."""

MOST_FITTED = 1_000
"""Candidates that the weights are fitted to: those with the most successes expected, whatever came."""

LEAST_EXPECTED = 0.05
"""A candidate without a success, and with fewer expected, isn't left out of its features' effects: it hardly shows."""

INTERCEPT_PRECISION = 1.0
MOST_STEPS = 16
MOST_HALVINGS = 12
SAME_LIKELIHOOD = 1e-4
"""Logarithms of likelihoods are told apart by so much."""


@dataclass(frozen=True)
class Tried:
    """Trials and successes of C candidates: whole numbers, 0 <= successes <= trials."""

    trials: Numbers
    successes: Numbers


@dataclass(frozen=True)
class Pooled:
    """The log-odds of success of C candidates."""

    log_odds: Numbers  # all said and done, length C
    mean: Numbers  # what the prior and the properties let expect, length C
    of_features: Numbers | None  # what each feature adds for candidates that have it, length F; None: nothing


def pool(tried: Tried, prior: Numbers, properties: Properties, news: float | None = None) -> Pooled:
    """The log-odds of success per candidate.

    prior: log-odds expected, length C. news: the part of the trials that the prior doesn't know already, in (0, 1]:
    by so much less than usual may they differ from it. None: it knows none of them, and candidates as a whole may
    differ from it, too; each then counts by itself, not by its trials.
    """
    seen = np.flatnonzero(tried.trials)
    if not len(seen):
        return Pooled(prior, prior, None)
    mean, of_features = prior, None
    if properties.feature_count or news is None:
        mean, of_features = _by_properties(tried, seen, prior, properties, news)
    return Pooled(judged(tried, mean, 1.0 if news is None else news), mean, of_features)


def judged(tried: Tried, mean: Numbers, news: float = 1.0) -> Numbers:
    """The log-odds of each candidate, length C: `mean` where it was never tried, else moved by its own trials."""
    seen = np.flatnonzero(tried.trials)
    found = mean.copy()
    if len(seen):
        trials, successes = tried.trials[seen], tried.successes[seen]
        expected = probabilities(mean[seen])
        variance = log_odds_variance(trials, successes, expected) * news
        pseudo = 1.0 / (variance * expected * (1.0 - expected))
        found[seen] = log_odds((successes + pseudo * expected) / (trials + pseudo))
    return found


def log_odds_variance(trials: Numbers, successes: Numbers, expected: Numbers) -> float:
    """How much the log-odds of candidates vary around the expected rates: above chance, by the method of moments.

    trials: above 0. expected: rates in (0, 1). All of one length.
    A rate that varies makes the number of successes vary more than chance does, by the factor 1 + (n - 1)·r with
    r = variance·q·(1 - q) (Williams, "Extra-binomial variation in logistic linear models", 1982). Each candidate's
    estimate is weighted by its own precision; USUAL_VARIANCE counts as one more estimate, of that standard deviation.
    """
    chance = trials * expected * (1.0 - expected)
    excess = (successes - trials * expected) ** 2 / chance - 1.0
    per_variance = (trials - 1.0) * expected * (1.0 - expected)
    found = USUAL_VARIANCE
    for _ in range(3):  # the precision depends on the answer; a third round changes no digit that matters
        weight = per_variance / (2.0 * (1.0 + found * per_variance) ** 2 + 1.0 / chance)
        above = float(weight @ excess) + 1.0 / USUAL_VARIANCE
        found = above / (float(weight @ per_variance) + 1.0 / USUAL_VARIANCE**2)
        found = min(max(found, LEAST_VARIANCE), MOST_VARIANCE)
    return found


def _by_properties(
    tried: Tried, seen: Places, prior: Numbers, properties: Properties, news: float | None
) -> tuple[Numbers, Numbers]:
    """The log-odds per candidate that the properties let expect, length C, and the effect of each feature."""
    before = prior[seen]
    own = _deflated(tried.trials[seen], tried.successes[seen], probabilities(before))
    sums = Observed(
        properties.summed_by_feature(seen, own.trials),
        properties.summed_by_feature(seen, own.successes),
        properties.summed_by_feature(seen, own.expected),
    )
    effects = Effects.of(sums, EFFECT_STRENGTH / (1.0 if news is None else news))
    fitted = _most_expected(own.expected)
    apart = (own.successes > 0) | (own.expected >= LEAST_EXPECTED)
    apart[fitted] = True
    told = np.flatnonzero(apart)
    entries, places = properties.entries_of(seen[told])
    scores = effects.without(properties.features[entries], own, told[places]) * properties.shares[entries]
    cells = places * properties.column_count + properties.entry_columns[entries]
    summed = np.bincount(cells, scores, len(told) * properties.column_count).astype(np.float64)
    summed = summed.reshape(len(told), properties.column_count)
    chosen = np.searchsorted(told, fitted)
    shift, weights = _fit(summed[chosen], own.at(fitted), before[fitted], news is None)
    of_features = effects.values * weights[properties.columns]
    mean = prior + shift
    mean += properties.summed(of_features)
    mean[seen[told]] = before[told] + shift + (summed * weights).sum(axis=1)
    return mean, of_features


def _deflated(trials: Numbers, successes: Numbers, expected: Numbers) -> Observed:
    """As many trials as a candidate's are worth when it is about others.

    A thousand trials of one candidate say much about that one, and what one candidate can about others like it: they
    are divided by Kish's design effect, 1 + (n - 1)·r.
    """
    variance = log_odds_variance(trials, successes, expected)
    worth = 1.0 / (1.0 + (trials - 1.0) * variance * expected * (1.0 - expected))
    return Observed(worth * trials, worth * successes, worth * trials * expected)


def _most_expected(expected: Numbers) -> Places:
    """The places of the MOST_FITTED candidates with the most successes expected, ties by place; increasing."""
    if len(expected) <= MOST_FITTED:
        return np.arange(len(expected))
    least = np.partition(expected, len(expected) - MOST_FITTED)[len(expected) - MOST_FITTED]
    more = np.flatnonzero(expected > least)
    return np.sort(np.concatenate([more, np.flatnonzero(expected == least)[: MOST_FITTED - len(more)]]))


def _fit(scores: NDArray[np.float64], own: Observed, prior: Numbers, intercept: bool) -> tuple[float, Numbers]:
    """The intercept, and the weight of each column's score, none below 0: logistic regression by Newton's method.

    scores: T x D. own, prior: length T. A normal prior around USUAL_WEIGHT (around 0 for the intercept) keeps few
    trials from saying much. Without `intercept` it is 0.
    """
    inputs = np.column_stack([np.ones(len(scores)), scores])
    usual = np.full(inputs.shape[1], USUAL_WEIGHT)
    usual[0] = 0.0
    precision = np.full(inputs.shape[1], WEIGHT_PRECISION)
    precision[0] = INTERCEPT_PRECISION

    def likelihood(weights: Numbers) -> float:
        rates = probabilities(prior + inputs @ weights)
        happened = own.successes @ np.log(rates) + (own.trials - own.successes) @ np.log1p(-rates)
        return float(happened - precision @ (weights - usual) ** 2 / 2.0)

    found, best = usual, likelihood(usual)
    for _ in range(MOST_STEPS):
        rates = probabilities(prior + inputs @ found)
        slope = inputs.T @ (own.successes - own.trials * rates) - precision * (found - usual)
        free = (found > 0) | (slope > 0)
        free[0] = intercept
        bend = (inputs * (own.trials * rates * (1.0 - rates))[:, None]).T @ inputs + np.diag(precision)
        step = np.zeros(len(found))
        step[free] = np.linalg.solve(bend[np.ix_(free, free)], slope[free])
        if slope @ step < 2.0 * SAME_LIKELIHOOD:  # half of it is what the step promises
            break
        better, found, best = _along(step, found, best, likelihood)
        if not better:
            break
    return float(found[0]), found[1:]


def _along(
    step: Numbers, start: Numbers, best: float, likelihood: Callable[[Numbers], float]
) -> tuple[bool, Numbers, float]:
    """The step, halved until it makes things more likely: Newton's may go much too far. Or no step."""
    for _ in range(MOST_HALVINGS):
        there = start + step
        there[1:] = np.maximum(there[1:], 0.0)
        found = likelihood(there)
        if found > best:
            return True, there, found
        step = step / 2.0
    return False, start, best
