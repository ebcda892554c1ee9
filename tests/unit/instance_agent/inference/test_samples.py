"""Statistics of samples, against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instance_agent.inference import samples
from instance_agent.inference.samples import RealSamples, WholeSamples, exact_sum

REALS = st.floats(allow_nan=False, allow_infinity=False)
SMALL_REALS = st.floats(-1e6, 1e6)


def total_of(values: list[float]) -> Fraction:
    return sum((Fraction(value) for value in values), Fraction(0))


@given(st.lists(REALS, max_size=30))
def test_a_sum_is_exact_and_rounded_once(values: list[float]) -> None:
    total = total_of(values)
    for few in (samples.FEW, -1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(samples, "FEW", few)
            try:
                expected = float(total)
            except OverflowError:
                with pytest.raises(OverflowError):
                    exact_sum(np.array(values))
            else:
                assert exact_sum(np.array(values)) == expected


def test_many_numbers_are_added_up_exactly_in_any_order() -> None:
    random = np.random.default_rng(7)
    values = random.standard_normal(5_000) * 10.0 ** random.integers(-300, 300, 5_000)
    values = np.concatenate([values, -values[:4_000], [5e-324, 1e308, -1e308, 1e308, -1e308]])
    total = float(total_of(values.tolist()))
    for _ in range(3):
        assert exact_sum(random.permutation(values)) == total
    assert total == math.fsum(values[np.argsort(np.abs(values))].tolist())


def test_a_sum_beyond_a_double_overflows_and_one_that_comes_back_does_not() -> None:
    assert exact_sum(np.array([1e308, 1e308, -1e308, -1e308, 1.0])) == 1.0
    for count in (2, 3_000):
        with pytest.raises(OverflowError):
            exact_sum(np.full(count, 1.7e308))


def test_by_hand() -> None:
    whole = WholeSamples(np.array([1, 2, 3, 6]))
    assert (whole.count, whole.total, whole.mean, whole.variance) == (4, 12, 3.0, 3.5)
    assert (whole.least, whole.most) == (1, 6)
    real = RealSamples(np.array([0.5, 1.5, 4.0]))
    assert (real.count, real.total, real.mean) == (3, 6.0, 2.0)
    assert real.variance == pytest.approx((2.25 + 0.25 + 4) / 3)
    assert (real.least, real.most) == (0.5, 4.0)


def test_without_samples_there_is_a_sum_and_nothing_else() -> None:
    for none in (WholeSamples(np.array([], np.int64)), RealSamples(np.array([]))):
        assert (none.count, none.total) == (0, 0)
        assert (none.mean, none.variance, none.least, none.most) == (None, None, None, None)


@given(st.lists(SMALL_REALS, min_size=1, max_size=30))
def test_the_variance_is_that_of_exact_arithmetic(values: list[float]) -> None:
    exact = [Fraction(value) for value in values]
    mean = sum(exact, Fraction(0)) / len(exact)
    variance = float(sum(((value - mean) ** 2 for value in exact), Fraction(0)) / len(exact))
    found = RealSamples(np.array(values)).variance
    assert found is not None
    assert found >= 0
    assert found == pytest.approx(variance, rel=1e-9, abs=1e-18 * float(mean) ** 2 + 1e-300)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30))
def test_whole_numbers_are_exact_however_large(values: list[int]) -> None:
    found = WholeSamples(np.array(values, np.int64))
    assert found.total == sum(values)
    assert found.mean == sum(values) / len(values)
    assert (found.least, found.most) == (min(values), max(values))
    mean = Fraction(sum(values), len(values))
    variance = float(sum(((value - mean) ** 2 for value in values), Fraction(0)) / len(values))
    exact = max(map(abs, values)) <= 2**31
    assert found.variance == pytest.approx(variance, rel=1e-12 if exact else 1e-6, abs=0 if exact else 1e25)


def test_equal_numbers_have_no_variance_though_their_mean_is_rounded() -> None:
    for value, count in ((1.651592972722763, 862), (1.7431466604224979, 2_958), (1.6471561653193025, 693)):
        equal = RealSamples(np.full(count, value))
        assert equal.mean != value
        assert equal.variance == pytest.approx(0, abs=1e-36)


def test_numbers_of_one_size_are_added_up_exactly() -> None:
    """Positive ones, and negative ones that take nearly everything away again."""
    random = np.random.default_rng(3)
    positive = random.uniform(1, 2, 20_000)
    values = np.concatenate([positive, -np.nextafter(random.permutation(positive), 0)])
    assert 0 < exact_sum(values) == math.fsum(values.tolist()) < 1e-10


def test_whole_numbers_whose_squares_are_beyond_64_bits() -> None:
    values = np.array([2**39, -(2**39), 2**39 - 6, 2**33], np.int64)
    mean = Fraction(sum(values.tolist()), 4)
    variance = sum(((value - mean) ** 2 for value in values.tolist()), Fraction(0)) / 4
    assert WholeSamples(values).variance == pytest.approx(float(variance), rel=1e-12)


def test_squares_beyond_a_double_overflow() -> None:
    with pytest.raises(OverflowError):
        _ = RealSamples(np.array([1e200, -1e200])).variance


@given(st.permutations([0.1, 0.2, 0.3, 1e16, -1e16, 7.0, 1e-9]))
def test_the_order_changes_no_digit(values: list[float]) -> None:
    first = RealSamples(np.array([0.1, 0.2, 0.3, 1e16, -1e16, 7.0, 1e-9]))
    again = RealSamples(np.array(values))
    assert (again.total, again.mean, again.variance) == (first.total, first.mean, first.variance)
