"""Sums of groups are those of `math.fsum`, whatever the order."""

from __future__ import annotations

import math
import statistics

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from instance_agent.query.language.scores import Statistic
from instance_agent.query.scoring.statistics import Groups, sums

numbers = st.floats(-1e200, 1e200) | st.floats(-10, 10) | st.integers(-(2**53), 2**53).map(float)
samples = st.lists(st.tuples(st.integers(0, 2), numbers), max_size=40)


@given(samples)
@example([(0, 1e16), (0, 1.0), (0, -1e16), (0, 5e-324)])
def test_sums_are_exact_and_rounded_once(pairs: list[tuple[int, float]]) -> None:
    groups = np.array([group for group, _ in pairs], np.int64)
    values = np.array([value for _, value in pairs], np.float64)
    found = sums(groups, values, 4)
    backwards = sums(groups[::-1], values[::-1], 4)
    for group in range(4):
        own = [value for one, value in pairs if one == group]
        left_over = max(map(abs, own), default=0.0) * 2**-90
        assert abs(found[group] - math.fsum(own)) <= abs(math.fsum(own)) * 2**-52 + left_over
        assert abs(found[group] - backwards[group]) <= left_over


def test_statistics_of_groups() -> None:
    groups = np.array([0, 0, 2, 0, 2])
    found = Groups.of(3, groups, np.array([0.1, 0.2, 1.0, 0.3, math.nan]))
    assert found.samples.tolist() == [3, 0, 1]
    assert found.statistic(Statistic.SUM).tolist() == [math.fsum((0.1, 0.2, 0.3)), 0, 1]
    assert found.statistic(Statistic.MIN).tolist()[::2] == [0.1, 1.0]
    assert found.statistic(Statistic.MAX).tolist()[::2] == [0.3, 1.0]
    assert math.isclose(found.variance[0], statistics.pvariance([0.1, 0.2, 0.3]), rel_tol=1e-12)
    assert found.variance[2] == 0
    for which in (Statistic.MEAN, Statistic.MIN, Statistic.MAX):
        assert math.isnan(found.statistic(which)[1])
    assert math.isnan(found.variance[1])


def test_values_near_the_largest_double_are_added_up_as_they_are() -> None:
    assert sums(np.zeros(2, np.int64), np.array([1.7e308, -1.7e308]), 1).tolist() == [0.0]
