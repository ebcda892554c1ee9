"""The accuracy benchmark's measures are right, its sets are what they say, and it runs to its end without peers."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from benchmarks.accuracy import invoice_sets, python_sets, report, ruled_sets, run
from benchmarks.accuracy.data_set import DataSet, Half
from benchmarks.accuracy.measures import SMALLEST, calibration_error, measure, standard_error

MAKERS = (
    ruled_sets.balance_scale,
    ruled_sets.monks_1,
    ruled_sets.led,
    ruled_sets.agrawal_3,
    python_sets.category_of_character,
    invoice_sets.account_of_sample_invoice,
)


def test_log_loss_accuracy_and_calibration_by_hand() -> None:
    probabilities = np.array([[0.8, 0.2], [0.6, 0.4], [0.0, 1.0]])
    found = measure(probabilities, np.array([0, 1, 0]), 2.0)
    assert found.accuracy == pytest.approx(1 / 3)
    assert found.log_loss == pytest.approx(-(np.log(0.8) + np.log(0.4) + np.log(SMALLEST)) / 3)
    assert found.calibration_error == pytest.approx((0.2 + 0.6 + 1.0) / 3)
    assert found.milliseconds == 2.0


def test_probabilities_that_are_right_as_often_as_they_say_have_no_calibration_error() -> None:
    sure = np.array([0.75] * 8)
    assert calibration_error(sure, np.array([True] * 6 + [False] * 2)) == pytest.approx(0)
    assert calibration_error(sure, np.array([True] * 4 + [False] * 4)) == pytest.approx(0.25)


def test_the_standard_error_of_a_mean() -> None:
    assert standard_error([1.0]) == 0
    assert standard_error([1.0, 2.0, 3.0]) == pytest.approx(np.std([1, 2, 3], ddof=1) / np.sqrt(3))


@pytest.mark.parametrize("make", MAKERS)
def test_sets_have_every_target_and_the_columns_they_say(make: object) -> None:
    assert callable(make)
    found = make()
    assert isinstance(found, DataSet)
    assert all(found.target in row for row in found.rows)
    assert {name for row in found.rows for name in row} == {*found.types, found.target}
    assert len(found.classes) > 1
    assert make().rows == found.rows


def test_sets_of_rules_have_all_their_cases() -> None:
    assert len(ruled_sets.balance_scale().rows) == 625
    assert len(ruled_sets.monks_1().rows) == 432
    boards = ruled_sets.tic_tac_toe().rows
    assert (len(boards), sum(row["class"] == "won" for row in boards)) == (958, 626)


def test_ours_is_asked_in_the_query_language_and_shown() -> None:
    plan = run.Plan(splits=1, most_asked=15, few_rows=60, peers=())
    results = run.carry_out([ruled_sets.monks_1], plan, lambda _: None)
    assert [result.rows for result in results] == [417, 60]
    assert all(result.measured[run.OURS][0].log_loss < np.log(result.classes) for result in results)
    page = report.page(results, plan, {"Python": "3"}, date(2026, 1, 1))
    assert "| monks-1 |" in page
    assert Half.DEVELOPMENT.value.capitalize() in page
