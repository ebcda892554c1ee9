"""How much each voice counts: weights of log-linear pooling, fitted to rows that were predicted without themselves.

ln P(class) = Σ_v w_v · voice_v(class) - ln Z, w >= 0: a multinomial logistic regression whose few inputs are what the
voices say, after Wolpert, "Stacked generalization" (1992). The weights calibrate, too: doubt shrinks them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.problem import Numbers

PENALTY = 2.0
"""Half of this times the squared distance of a weight from its usual value is added to the summed log-loss."""

MOST_STEPS = 25
ENOUGH = 1e-4
"""Steps end when none improves the summed log-loss by so much, in nats."""


def fitted(voices: Numbers, truth: NDArray[np.int64], usual: Numbers) -> Numbers:
    """The weights of lowest penalised log-loss, length v, each at least 0.

    voices: rows x v x C. truth: each row's class. usual: the weights that nothing speaks against, length v.
    Newton's method on the weights that aren't held at 0 (Bertsekas, 1982).
    """
    weights = np.maximum(usual, 0.0)
    loss, gradient, curvature = _loss(voices, truth, weights, usual)
    for _ in range(MOST_STEPS):
        free = (weights > 0) | (gradient < 0)
        step = np.zeros_like(weights)
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], gradient[free])
        length, improved = 1.0, False
        while length > 1e-3 and not improved:
            tried = np.maximum(weights - length * step, 0.0)
            found = _loss(voices, truth, tried, usual)
            improved = found[0] < loss
            length /= 2
        if not improved:
            break
        gain = loss - found[0]
        weights, (loss, gradient, curvature) = tried, found
        if gain < ENOUGH:
            break
    return np.asarray(np.round(weights, 6), dtype=np.float64)


def _loss(
    voices: Numbers, truth: NDArray[np.int64], weights: Numbers, usual: Numbers
) -> tuple[float, Numbers, Numbers]:
    """The penalised log-loss, its gradient (v) and its curvature (v x v)."""
    scores = np.matmul(weights, voices)
    scores -= scores.max(axis=1, keepdims=True)
    likely = np.exp(scores)
    totals = likely.sum(axis=1, keepdims=True)
    likely /= totals
    rows = np.arange(len(truth))
    away = weights - usual
    loss = float((np.log(totals[:, 0]) - scores[rows, truth]).sum()) + 0.5 * PENALTY * float(away @ away)
    expected = np.matmul(voices, likely[:, :, None])[:, :, 0]
    gradient = (expected - voices[rows, :, truth]).sum(axis=0) + PENALTY * away
    weighted = voices * np.sqrt(likely)[:, None, :]
    flat = weighted.transpose(1, 0, 2).reshape(len(weights), -1)
    curvature = flat @ flat.T - expected.T @ expected + PENALTY * np.eye(len(weights))
    return loss, gradient, curvature
