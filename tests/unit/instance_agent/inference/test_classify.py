"""Probabilities are probabilities, and exactly the product of what explains them."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from instance_agent.inference import why
from instance_agent.inference.classify import Distribution, exclusive, independent

rates = st.floats(1e-6, 1 - 1e-6)
logs = st.floats(-12, 12)
cases = st.integers(1, 12).flatmap(
    lambda size: st.tuples(arrays(np.float64, size, elements=rates), arrays(np.float64, (3, size), elements=logs))
)


def products(found: Distribution) -> np.ndarray:
    return np.asarray(found.base * found.lifts.prod(axis=0) * found.normalizer.values)


@given(cases)
def test_exclusive_probabilities_sum_to_one_and_multiply_up(case: tuple[np.ndarray, np.ndarray]) -> None:
    found = exclusive(*case)
    assert math.isclose(found.probabilities.sum(), 1.0, abs_tol=1e-12)
    assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()
    assert np.allclose(products(found), found.probabilities, rtol=1e-12, atol=1e-12)
    assert len(set(found.normalizer.values.tolist())) == 1


@given(cases)
def test_independent_probabilities_lie_between_zero_and_one_and_multiply_up(
    case: tuple[np.ndarray, np.ndarray],
) -> None:
    base, lifts = case
    found = independent(base, lifts, -lifts)
    assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()
    assert np.allclose(products(found), found.probabilities, rtol=1e-12, atol=1e-12)


def test_without_evidence_each_candidate_keeps_its_base_rate() -> None:
    base = np.array([0.2, 0.9])
    assert np.allclose(independent(base, np.zeros((0, 2)), np.zeros((0, 2))).probabilities, base)
    assert np.allclose(exclusive(base, np.zeros((0, 2))).probabilities, base / base.sum())


def test_no_candidates_is_an_empty_answer() -> None:
    assert exclusive(np.zeros(0), np.zeros((2, 0))).probabilities.size == 0


def test_the_tree_has_the_published_shape_and_value() -> None:
    tree = why.Product(
        (
            why.BaseP(0.5, {"a": {"$has": 1}}),
            why.Product((why.Norm("exclusiveness", 0.8),)),
            why.Lift(1.5, {"b": {"$has": "x"}}),
        )
    )
    assert math.isclose(why.value_of(tree), 0.6)
    assert why.to_json(tree) == {
        "type": "product",
        "factors": [
            {"type": "baseP", "value": 0.5, "proposition": {"a": {"$has": 1}}},
            {"type": "product", "factors": [{"type": "normalizer", "name": "exclusiveness", "value": 0.8}]},
            {"type": "relatedPropositionLift", "proposition": {"b": {"$has": "x"}}, "value": 1.5},
        ],
    }
