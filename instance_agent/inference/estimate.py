"""Estimates of a number: an additive model of the columns that the query speaks about, and the residuals of near rows.

Nothing is trained: for each query a sample of the rows is drawn, those that have what the query says first, and the
effects of the columns' values are fitted to it by backfitting (Hastie, Tibshirani, "Generalized Additive Models",
1990), each shrunk by the variance that its column explains. Two columns' values together get effects in the same way.
The cost is bounded by the sample, whatever the table holds.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.ragged import stable_order
from instance_agent.inference import estimate_solver as solver
from instance_agent.inference.estimate_problem import (
    Effect,
    Estimated,
    EstimateProblem,
    Known,
    Neighbor,
    Said,
    unit_of,
)
from instance_agent.inference.estimate_terms import Curve, Flag, Levels, Line, Term, components
from instance_agent.inference.problem import Numbers, Rows

BACKGROUND_ROWS = 4096
"""Rows of the whole table in the sample."""

FOREGROUND_ROWS = 8192
"""Rows in the sample that have what the query says: shared evenly among what it says."""

MOST_OF_ONE = 2048
"""Of these, that have any one thing it says."""

ROWS_OF_A_MEAN = 131_072
"""Rows that the mean of a single condition's rows is taken of."""

MOST_TERMS = 40
MOST_PAIRED = 4
"""Columns whose pairs of values may have effects of their own."""

LARGEST = 1e307
"""No estimate is larger, so that the sum of a few of them is still a double."""

LARGEST_LOG = math.log(LARGEST)
NEIGHBORS = 8
NEIGHBORS_SHRINKAGE = 4.0
"""Pseudo-neighbours with a residual of 0."""

NUMBER_WEIGHT = 2.0
BANDWIDTH = 0.5
"""Numbers are as near as e^(-distance / (BANDWIDTH standard deviations))."""


def estimate(problem: EstimateProblem, *, neighbors: bool) -> Estimated:
    """The model's parts for the query; with `neighbors` the near rows, too."""
    known = problem.known
    said = _strongest(problem)
    sample = _sample(problem, said)
    values = known.scaled(known.numbers[sample])
    model = _Model(problem, said, sample)
    residuals, effects = model.fitted(values - known.mean)
    reach = known.mean + sum(effect.value for effect in effects)
    limit = _limit(reach, values, known)
    near = _neighbors(problem, model, residuals, effects) if neighbors else ()
    near = tuple(replace(one, residual=_told(one.residual, reach + limit, known)) for one in near)
    return Estimated(known.mean, effects, limit, near)


def evenly(rows: Rows, most: int) -> Rows:
    """At most so many of the rows, at even distances, the first one among them."""
    if len(rows) <= most:
        return rows
    return rows[np.arange(most, dtype=np.int64) * len(rows) // most]


def _background(known: Known) -> Rows:
    """A sample of all rows learned from, that of a table without the rows left out."""
    if not len(known.left_out):
        return evenly(known.rows, BACKGROUND_ROWS)
    most = min(known.count, BACKGROUND_ROWS)
    places = np.arange(most, dtype=np.int64) * known.count // most
    gone = np.searchsorted(known.rows, known.left_out) - np.arange(len(known.left_out))
    return np.asarray(known.rows[places + np.searchsorted(gone, places, side="right")])


def _sample(problem: EstimateProblem, said: list[int]) -> Rows:
    """Rows of the table, increasing: some of all learned from, and more of those that have what is said."""
    most = min(MOST_OF_ONE, FOREGROUND_ROWS // max(1, len(said)))
    chosen = [evenly(problem.said[place].rows, most) for place in said]
    together = np.sort(np.concatenate([_background(problem.known), *chosen]))
    different = np.ones(len(together), np.bool_)
    different[1:] = together[1:] != together[:-1]
    return together[different]


def _strongest(problem: EstimateProblem) -> list[int]:
    """The places of what tells most by itself, in the order it is said; at most MOST_TERMS of them.

    The measure is n·(mean - overall mean)²; numbers always tell.
    """
    known = problem.known
    scores: list[tuple[float, int]] = []
    for place, one in enumerate(problem.said):
        if one.numbers is not None:
            scores.append((-math.inf, place))
        elif len(one.rows):
            rows = evenly(one.rows, MOST_OF_ONE) if len(problem.said) > 1 else one.rows[:1]
            difference = float(known.scaled(known.numbers[rows]).mean()) - known.mean
            scores.append((-one.count * difference * difference, place))
    return sorted(place for _, place in sorted(scores)[:MOST_TERMS])


class _Model:
    """The terms of one query over its sample."""

    def __init__(self, problem: EstimateProblem, said: list[int], sample: Rows) -> None:
        self.problem = problem
        self.said = said
        self.sample = sample
        self.holds = {place: self._members(problem.said[place]) for place in said}
        self.levels: list[tuple[int, Levels]] = []
        self.terms: list[tuple[int, Term]] = []
        for place in said:
            for term in self._terms_of(place):
                self.terms.append((place, term))
                if isinstance(term, Levels):
                    self.levels.append((place, term))

    def fitted(self, values: Numbers) -> tuple[Numbers, tuple[Effect, ...]]:
        """What the model leaves over of the values (less their overall mean), and its effects on the query."""
        terms = [term for _, term in self.terms]
        residuals, coefficients = solver.fitted(terms, values)
        sums: dict[tuple[int, ...], float] = {}
        for (place, term), own in zip(self.terms, coefficients, strict=True):
            others = residuals + solver.contribution(term, own) if isinstance(term, Curve) else residuals
            sums[(place,)] = sums.get((place,), 0.0) + term.at_query(own, others)
        if len(self.said) == 1:
            self._use_all_rows(self.said[0], sums)
        for pair, effect in self._pairs(residuals):
            sums[pair] = effect
        return residuals, tuple(Effect(said, value) for said, value in sums.items() if value)

    def _use_all_rows(self, place: int, sums: dict[tuple[int, ...], float]) -> None:
        """A single condition's effect is that of its rows, not of the sample: their mean, shrunk by their number."""
        one, known = self.problem.said[place], self.problem.known
        if one.numbers is not None or not len(one.rows):
            return
        rows = evenly(one.rows, ROWS_OF_A_MEAN)
        difference = float(known.scaled(known.numbers[rows]).mean()) - known.mean
        count, term = one.count, self.terms[0][1]
        if isinstance(term, Levels):
            share = count / (count + term.penalty) if math.isfinite(term.penalty) else 0.0
        else:
            share = float(sums[(place,)] != 0)
        sums[(place,)] = share * difference

    def _pairs(self, residuals: Numbers) -> list[tuple[tuple[int, int], float]]:
        """Effects of two columns' values together; `residuals` becomes what they leave over."""
        found = []
        for (left, one), (right, other) in combinations(self.levels[:MOST_PAIRED], 2):
            if 2 * max(one.size, other.size) > len(residuals):
                continue  # hardly a pair of values occurs twice
            both = np.flatnonzero((one.codes >= 0) & (other.codes >= 0))
            pairs = one.codes[both].astype(np.uint32) * np.uint32(other.size) + other.codes[both].astype(np.uint32)
            codes, firsts = _numbered(pairs)
            parts = components(codes, residuals[both], len(firsts))
            if not math.isfinite(parts.shrinkage):
                continue
            effects = parts.effects
            residuals[both] -= effects[codes]
            if min(one.code, other.code) >= 0:
                own = np.flatnonzero(pairs[firsts] == one.code * other.size + other.code)
                found += [((left, right), float(effect)) for effect in effects[own]]
        return found

    def _terms_of(self, place: int) -> list[Term]:
        one = self.problem.said[place]
        if one.numbers is not None:
            numbers, number = _in_reach(one.numbers[self.sample], one.number)
            return [Line(numbers, number), Curve(numbers, number)] if np.isfinite(numbers).any() else []
        if one.codes is not None:
            return [Levels.in_order(one.codes[self.sample], one.code_count, one.code)]
        return [Flag(self.holds[place], one.count / self.problem.known.count)]

    def _members(self, one: Said) -> NDArray[np.bool_]:
        """In which rows of the sample it holds."""
        if one.codes is not None:
            return np.asarray(one.codes[self.sample] == one.code)
        if one.numbers is not None:
            return np.asarray(one.numbers[self.sample] == one.number)
        if not len(one.rows):
            return np.zeros(len(self.sample), np.bool_)
        places = np.searchsorted(one.rows, self.sample)
        places[places == len(one.rows)] = 0
        return np.asarray(one.rows[places] == self.sample)


def _numbered(pairs: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Per element the number of its value, the smallest first; and per value a place where it is."""
    order = stable_order(pairs)
    ordered = pairs[order]
    different = np.ones(len(pairs), np.bool_)
    different[1:] = ordered[1:] != ordered[:-1]
    codes = np.empty(len(pairs), np.intp)
    codes[order] = np.cumsum(different) - 1
    return codes, order[different]


def _in_reach(numbers: Numbers, number: float) -> tuple[Numbers, float]:
    """The numbers and the query's in a unit that no square overflows; the query's no further out than the others."""
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return numbers, number
    unit = unit_of(float(np.abs(known).max()))
    return numbers / unit, min(max(number, float(known.min())), float(known.max())) / unit


def _largest(known: Known) -> float:
    """The largest estimate on the scale that is a double."""
    return LARGEST_LOG if known.is_log else LARGEST / known.unit


def _limit(reach: float, values: Numbers, known: Known) -> float:
    """What is to be added so that an estimate lies no further out than the numbers spread: sums of effects can."""
    low, high = float(values.min()), float(values.max())
    low, high = low - (high - low), min(high + (high - low), _largest(known))
    return min(max(reach, low, -_largest(known)), high) - reach


def _told(residual: float, middle: float, known: Known) -> float:
    """The residual, or as much of it as keeps the neighbour's adjusted number a double."""
    largest = _largest(known)
    return min(max(residual, -largest - middle), largest - middle)


def _neighbors(
    problem: EstimateProblem, model: _Model, residuals: Numbers, effects: tuple[Effect, ...]
) -> tuple[Neighbor, ...]:
    """The nearest rows of the sample, nearest first, equally near ones in table order.

    Two rows are as near as the information of what they have in common: ln(N / n) for a feature of n rows. What the
    residuals of near rows tell beyond the model is what their numbers and texts have in common: rows that only share
    categories are as near as all others that do, and the model has their mean.
    """
    strength = {effect.said[0]: abs(effect.value) for effect in effects if len(effect.said) == 1}
    nearness = np.zeros(len(model.sample))
    closeness = np.zeros(len(model.sample))
    most = 0.0
    for place in model.said:
        one = problem.said[place]
        shared, weight = _shared(one, model, place, problem.known.count)
        nearness += weight * shared
        closeness += strength.get(place, 0.0) * shared
        most += weight
    nearest = _largest_first(nearness, NEIGHBORS)
    nearest = nearest[nearness[nearest] > 0]
    if not len(nearest):
        return ()
    weights = np.exp(nearness[nearest] - nearness[nearest[0]])
    graded = any(problem.said[place].numbers is not None or problem.said[place].is_text for place in model.said)
    told = float(weights.sum()) ** 2 / float((weights * weights).sum())
    share = told / (told + NEIGHBORS_SHRINKAGE) if graded else 0.0
    columns = (model.sample[nearest], weights, closeness[nearest], share * residuals[nearest])
    return tuple(Neighbor(*one) for one in zip(*(column.tolist() for column in columns), strict=True))


def _largest_first(numbers: Numbers, most: int) -> NDArray[np.intp]:
    """The places of the largest numbers, equal ones in their order."""
    if len(numbers) > most:
        least = np.partition(numbers, len(numbers) - most)[len(numbers) - most]
        above, tied = np.flatnonzero(numbers > least), np.flatnonzero(numbers == least)
        places = np.concatenate([above, tied[: most - len(above)]])
    else:
        places = np.arange(len(numbers))
    return np.asarray(places[np.lexsort((places, -numbers[places]))])


def _shared(one: Said, model: _Model, place: int, count: int) -> tuple[Numbers, float]:
    """How much of one thing said each row of the sample has, 0..1, and how much that weighs."""
    if one.numbers is None:
        return model.holds[place].astype(np.float64), max(0.0, math.log(count / max(1.0, one.count))) + 1e-3
    numbers, number = _in_reach(one.numbers[model.sample], one.number)
    known = np.isfinite(numbers)
    spread = float(numbers[known].std()) if known.any() else 0.0
    distances = np.where(known, np.abs(numbers - number), np.inf)
    if spread <= 0:
        return (distances == 0).astype(np.float64), NUMBER_WEIGHT
    return np.asarray(np.exp(-distances / (BANDWIDTH * spread))), NUMBER_WEIGHT
