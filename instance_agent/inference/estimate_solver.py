"""The coefficients of an additive model: penalties by backfitting, then all coefficients together.

Backfitting finds out how much each term explains, but creeps where terms say nearly the same (a vendor that sells one
product). The penalised least squares for the penalties found are solved by conjugate gradients, which don't.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.estimate_terms import Numbers, Term

ROUNDS = 3
STEPS = 24
TOLERANCE = 1e-4
"""Of the residual's norm: smaller than any estimate's own error."""


def fitted(terms: Sequence[Term], values: Numbers) -> tuple[Numbers, list[Numbers]]:
    """What the terms together leave over of the values, and each one's coefficients."""
    residuals = values.copy()
    added = [np.zeros(len(values)) for _ in terms]
    coefficients = [np.zeros(term.size) for term in terms]
    for _ in range(ROUNDS if len(terms) > 1 else 1):
        for at, term in enumerate(terms):
            residuals += added[at]
            coefficients[at] = term.fit(residuals)
            added[at] = contribution(term, coefficients[at])
            residuals -= added[at]
    telling = [at for at, term in enumerate(terms) if math.isfinite(term.penalty)]
    if len(telling) > 1:
        system = _System([terms[at] for at in telling], len(values))
        solved = system.solved(residuals, np.concatenate([coefficients[at] for at in telling]))
        for at, part in zip(telling, system.split(solved), strict=True):
            coefficients[at] = part
        residuals = values - system.applied(solved)
    return residuals, coefficients


def contribution(term: Term, coefficients: Numbers) -> Numbers:
    """What a term adds in each row of the sample."""
    if term.codes is None:
        return np.asarray(coefficients[0] * term.values)
    return np.append(coefficients, 0.0)[term.codes]


class _System:
    """Minimise |values - Σ Z·a|² + Σ penalty·a²."""

    def __init__(self, terms: Sequence[Term], rows: int) -> None:
        self._terms = terms
        self._rows = rows
        self._starts = np.cumsum([0, *(term.size for term in terms)]).tolist()
        self._penalties = np.repeat([term.penalty for term in terms], [term.size for term in terms])
        counts = [self._squares(term) for term in terms]
        self._scale = 1.0 / np.maximum(np.concatenate(counts) + self._penalties, 1e-300)

    def split(self, coefficients: Numbers) -> list[Numbers]:
        """The coefficients of each term."""
        return [coefficients[start:end] for start, end in zip(self._starts, self._starts[1:], strict=False)]

    def applied(self, coefficients: Numbers) -> Numbers:
        """What all terms add in each row."""
        total = np.zeros(self._rows)
        for term, part in zip(self._terms, self.split(coefficients), strict=True):
            total += contribution(term, part)
        return total

    def solved(self, residuals: Numbers, start: Numbers) -> Numbers:
        """By preconditioned conjugate gradients from `start`, which leaves the residuals over."""
        found = start.copy()
        gradient = self._gathered(residuals) - self._penalties * found
        scaled = self._scale * gradient
        direction, square = scaled, float((gradient * scaled).sum())
        enough = TOLERANCE * TOLERANCE * square
        for _ in range(STEPS):
            if not square > enough:
                break
            image = self._gathered(self.applied(direction)) + self._penalties * direction
            step = square / float((direction * image).sum())
            found = found + step * direction
            gradient = gradient - step * image
            scaled = self._scale * gradient
            before, square = square, float((gradient * scaled).sum())
            direction = scaled + (square / before) * direction
        return found

    def _gathered(self, rows: Numbers) -> Numbers:
        """For each coefficient the sum over its rows."""
        return np.concatenate([_sums(term, rows) for term in self._terms])

    def _squares(self, term: Term) -> Numbers:
        if term.codes is None:
            return np.array([float((term.values * term.values).sum()) if term.values is not None else 0.0])
        return _sums(term, np.ones(self._rows))


def _sums(term: Term, rows: Numbers) -> Numbers:
    if term.codes is None:
        return np.array([float((term.values * rows).sum()) if term.values is not None else 0.0])
    places: NDArray[np.int64] = term.codes.astype(np.int64) + 1
    return np.asarray(np.bincount(places, rows, term.size + 1)[1:], dtype=np.float64)
