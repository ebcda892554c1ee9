"""Which evidence passes, and how much each piece says."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from instance_agent.inference.gate import STRENGTH, log_bayes_factor, log_bayes_factors, smoothed_shares
from instance_agent.inference.naive_bayes import base_rates, log_lifts

HALF = np.array([0.5, 0.5])
counts = st.lists(st.integers(0, 10_000), min_size=2, max_size=8).map(lambda values: np.array(values, dtype=np.float64))


def test_a_feature_spread_like_the_classes_is_dropped() -> None:
    assert log_bayes_factor(np.array([50.0, 50.0]), HALF) < 0
    assert log_bayes_factor(np.array([1.0, 0.0]), HALF) < 1e-12


def test_a_feature_of_one_class_passes_and_more_rows_say_more() -> None:
    scores = [log_bayes_factor(np.array([float(rows), 0.0]), HALF) for rows in (2, 5, 50, 500)]
    assert scores[1] > 0
    assert scores == sorted(scores)


def test_the_score_is_the_ratio_of_two_probabilities_of_the_same_rows() -> None:
    """Three rows of class 0 under a Dirichlet prior: 1/2 · 2/3 · 3/4, against (1/2)³ without dependence."""
    s, p = STRENGTH, 0.5
    dependent = (s * p / s) * ((s * p + 1) / (s + 1)) * ((s * p + 2) / (s + 2))
    assert math.isclose(log_bayes_factor(np.array([3.0, 0.0]), HALF), math.log(dependent / p**3), abs_tol=1e-12)


@given(counts, st.randoms(use_true_random=False))
def test_the_order_of_the_classes_does_not_matter(values: np.ndarray, random: object) -> None:
    shares = smoothed_shares(values[::-1].copy())
    place = list(range(len(values)))
    random.shuffle(place)  # type: ignore[attr-defined]
    assert math.isclose(
        log_bayes_factor(values, shares), log_bayes_factor(values[place], shares[place]), rel_tol=1e-9, abs_tol=1e-6
    )


@given(counts)
def test_shares_are_a_distribution_without_zeros(values: np.ndarray) -> None:
    shares = smoothed_shares(values)
    assert math.isclose(shares.sum(), 1.0, abs_tol=1e-12)
    assert (shares > 0).all()


@given(counts, counts)
def test_lifts_are_the_posterior_over_the_share_for_any_counts(values: np.ndarray, exposure: np.ndarray) -> None:
    size = min(len(values), len(exposure))
    shares = smoothed_shares(exposure[:size])
    posterior = np.exp(log_lifts(values[:size], float(values[:size].sum()), shares)) * shares
    assert np.isfinite(posterior).all()
    assert (posterior > 0).all()
    assert math.isclose(posterior.sum(), 1.0, abs_tol=1e-9)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(1e-9, 1 - 1e-9))
def test_many_candidates_at_once_score_as_each_by_itself(having: int, others: int, share: float) -> None:
    one = log_bayes_factor(np.array([having, others], dtype=np.float64), np.array([share, 1 - share]))
    many = log_bayes_factors(np.array([having] * 2, dtype=np.float64), float(having + others), np.array([share] * 2))
    assert np.allclose(many, one, rtol=1e-9, atol=1e-6)


def test_never_seen_pairs_stay_possible_and_few_rows_move_little() -> None:
    few = np.exp(log_lifts(np.array([0.0, 3.0]), 3.0, HALF))
    many = np.exp(log_lifts(np.array([0.0, 300.0]), 300.0, HALF))
    assert math.isclose(few[0], 0.4)
    assert 0 < many[0] < few[0]


def test_base_rates_follow_the_rule_of_succession() -> None:
    rates = base_rates(np.array([50.0, 20.0]), 70.0)
    assert math.isclose(rates[0] / rates[1], 51 / 21)
