"""Each voice against a plain computation of what it should say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from instance_agent.inference import blend, kernel, likeness, neighbours, one_dependence
from instance_agent.inference import testimony as witness
from instance_agent.inference.pieces import Counting
from instance_agent.inference.problem import Given
from instance_agent.inference.sample import SAMPLE_ROWS, Listed, Numeric, part_of, sample_of, spread
from instance_agent.inference.testimony import NO_PLACES, Asked, rows_like
from instance_agent.inference.windows import window
from tests.unit.instance_agent.inference.array_columns import Table
from tests.unit.instance_agent.inference.test_prediction import shop


def numeric(values: Sequence[float | None]) -> Numeric:
    table = Table({"x": values}, ["a"] * len(values))
    problem = table.problem({})
    found = part_of(problem, sample_of(problem, ()), problem.columns[0])
    assert isinstance(found, Numeric)
    return found


@pytest.mark.parametrize("count", [0, 1, 7, 4095, 4096, 4097, 100_000])
def test_places_are_spread_evenly_and_always_the_same(count: int) -> None:
    places = spread(count, SAMPLE_ROWS)
    assert len(places) == min(count, SAMPLE_ROWS)
    assert (np.diff(places) > 0).all()
    assert ((places >= 0) & (places < max(count, 1))).all()
    starts = np.arange(len(places)) * count // max(len(places), 1)
    assert ((places >= starts) & (places < np.append(starts[1:], count))).all()
    assert (places == spread(count, SAMPLE_ROWS)).all()


def test_a_sample_is_blind_to_patterns_that_repeat() -> None:
    places = spread(16 * SAMPLE_ROWS, SAMPLE_ROWS)
    shares = np.bincount(places % 16, minlength=16) / len(places)
    assert shares.max() < 2 / 16
    assert shares.min() > 0.5 / 16


def test_a_window_holds_the_nearest_numbers_by_rank_and_equal_ones_together() -> None:
    part = numeric([float(number) for number in range(400)])
    assert window(part, 200.0) == slice(140, 260)
    assert window(part, -5.0) == slice(0, 120)
    assert window(part, 1e9) == slice(280, 400)
    rounded = numeric([float(number // 50) for number in range(400)])
    assert window(rounded, 3.0) == slice(100, 250)


def test_no_window_crosses_a_value_that_a_quarter_has() -> None:
    part = numeric([0.0] * 100 + [float(number) for number in range(1, 101)] + [50.5] * 100)
    assert part.heavy == [0.0, 50.5]
    assert window(part, 0.0) == slice(0, 100)
    assert window(part, 1.0) == slice(100, 150)
    assert window(part, 99.0) == slice(250, 300)
    assert window(part, 0.5) == slice(100, 150)
    binary = numeric([0.0] * 50 + [1.0] * 50)
    assert window(binary, 7.0).start == window(binary, 7.0).stop


def test_numbers_of_any_size_are_scaled() -> None:
    for values in ([1e308, -1e308, 0.0], [5e-324, 0.0, 1.0], [7.0, 7.0, 7.0], [None, None, 3.0], [1e-300, 2e-300, 0.0]):
        part = numeric(list(values))
        assert np.isfinite(part.scaled).all()
        assert math.isfinite(part.scale(1e308))
        assert math.isfinite(part.scale(0.0))


def test_lifts_are_the_posterior_over_the_share_counted_by_hand() -> None:
    table = Table({"c": ["x"] * 9 + ["x"] + ["y"] * 10}, ["t"] * 9 + ["f"] + ["f"] * 10)
    problem = table.problem({"c": "x"})
    sample = sample_of(problem, ())
    asked = [Asked(0, problem.columns[0], part_of(problem, sample, problem.columns[0]), (0,), (Given(0, 0),))]
    told = witness.testimony(Counting(problem), sample, asked, NO_PLACES)
    share = [10 / 22, 12 / 22]
    expected = [math.log((9 + 2 * share[0]) / 12 / share[0]), math.log((1 + 2 * share[1]) / 12 / share[1])]
    assert told.log_lifts[0] == pytest.approx(expected, abs=1e-12)
    assert told.matters.tolist() == [True]


def test_rows_left_out_are_out_of_every_count() -> None:
    table, row = shop(200), 17
    kept = [place for place in range(200) if place != row]
    smaller = Table(
        {name: [cells[place] for place in kept] for name, cells in table.columns.items()},
        [table.target[place] for place in kept],
        table.texts,
    )
    said = table.row(row)
    with_it, without = Counting(table.problem(said, [row])), Counting(smaller.problem(said))
    order = [table.classes.index(name) for name in smaller.classes]
    assert with_it.target.class_rows[order] == pytest.approx(without.target.class_rows)
    for mine, theirs in zip(table.array_columns, smaller.array_columns, strict=True):
        for value, code in mine.places.items():
            found = with_it.feature(mine, code)
            if value not in theirs.places:
                assert found.total == 0
                continue
            expected = without.feature(theirs, theirs.places[value])
            assert found.counts[order] == pytest.approx(expected.counts)
            assert found.exposure[order] == pytest.approx(expected.exposure)
            assert (found.total, found.all_exposure) == (expected.total, expected.all_exposure)


def test_a_list_knows_its_rows_and_its_likeness_is_the_cosine_of_the_weights() -> None:
    table = shop(120)
    problem = table.problem({})
    sample = sample_of(problem, problem.columns)
    column = table.array_columns[1]
    part = part_of(problem, sample, column)
    assert isinstance(part, Listed)
    for code in range(column.feature_count):
        rows = sample.rows[rows_like(part, Given(0, code), NO_PLACES)]
        assert rows.tolist() == [row for row in column.rows_with(code).tolist() if row in set(sample.rows.tolist())]
    apart = likeness.between_rows(part, np.arange(sample.size))
    weight = dict(zip(part.features.tolist(), part.weights.tolist(), strict=True))
    spans = [column.offsets[row : row + 2].tolist() for row in sample.rows.tolist()]
    lists = [set(column.feature_codes[start:end].tolist()) for start, end in spans]
    for left, right in product(range(0, sample.size, 9), repeat=2):
        shared = sum(weight[code] for code in lists[left] & lists[right])
        norms = math.sqrt(sum(map(weight.__getitem__, lists[left])) * sum(map(weight.__getitem__, lists[right])))
        assert apart[left, right] == pytest.approx(2 - 2 * shared / norms, abs=1e-4)
        assert likeness.from_features(part, sorted(lists[left]))[right] == pytest.approx(apart[left, right], abs=1e-4)


def test_the_regression_without_some_rows_is_the_one_fitted_without_them() -> None:
    table = shop(90)
    problem = table.problem({})
    sample = sample_of(problem, problem.columns)
    parts = [part_of(problem, sample, column) for column in problem.columns]
    fitted = kernel.fit(sample, parts)
    distances = np.random.default_rng(1).random(sample.size)
    out = np.array([3, 20, 21])
    keep = np.setdiff1d(np.arange(len(fitted.anchors)), np.flatnonzero(np.isin(fitted.anchors, out)))
    covariance = np.linalg.inv(fitted.inverse.astype(np.float64))
    shares = np.eye(sample.class_count)[sample.classes[fitted.anchors]] - fitted.means
    weights = np.linalg.solve(covariance[np.ix_(keep, keep)], shares[keep])
    expected = fitted.means + np.exp(-distances[fitted.anchors][keep]) @ weights
    assert fitted.expected(distances, out) == pytest.approx(expected, abs=1e-3)
    whole = fitted.means + np.exp(-distances[fitted.anchors]) @ np.linalg.solve(covariance, shares)
    assert fitted.expected(distances, NO_PLACES) == pytest.approx(whole, abs=1e-3)


def test_the_relevances_find_the_columns_that_matter() -> None:
    random = np.random.default_rng(3)
    columns: dict[str, Sequence[object]] = {
        name: [f"v{value}" for value in random.integers(0, 3, 300).tolist()] for name in "abcd"
    }
    table = Table(columns, [str(left == right) for left, right in zip(columns["a"], columns["b"], strict=True)])
    problem = table.problem({})
    sample = sample_of(problem, ())
    fitted = kernel.fit(sample, [part_of(problem, sample, column) for column in problem.columns])
    assert min(fitted.relevances[:2]) > 3 * max(fitted.relevances[2:])


def test_the_slope_of_the_posterior_is_that_of_its_value() -> None:
    random = np.random.default_rng(2)
    values = random.random((3, 30))
    distances = np.square(values[:, :, None] - values[:, None, :]).astype(np.float32)
    shares = np.eye(3)[random.integers(0, 3, 30)] - 1 / 3
    first = np.zeros(5)
    state = random.normal(0, 0.3, 5)
    _, gradient = kernel._posterior(distances, shares, 2, state, first)
    for place in range(5):
        step = np.zeros(5)
        step[place] = 1e-3
        up, down = (kernel._posterior(distances, shares, 2, state + sign * step, first)[0] for sign in (1, -1))
        assert gradient[place] == pytest.approx((up - down) / 2e-3, rel=2e-2, abs=2e-2)


def test_one_dependence_estimators_count_all_pairs() -> None:
    random = np.random.default_rng(5)
    matches = random.random((4, 200)) < 0.4
    classes = random.integers(-1, 3, 200).astype(np.int32)
    matches[:, classes < 0] = False
    base = np.array([0.2, 0.3, 0.5])
    found = one_dependence.log_probabilities([np.flatnonzero(match) for match in matches], classes, base)
    assert found is not None
    rows, likely = float((classes >= 0).sum()), []
    for at, parent in enumerate(matches):
        scores = np.zeros(3)
        for c in range(3):
            of_class = classes == c
            parents = float((parent & of_class).sum())
            scores[c] = math.log((parents + 2 * base[c]) / (parent.sum() + 2))
            for other, child in enumerate(matches):
                if other != at:
                    expected = ((child & of_class).sum() + (child.sum() + 0.5) / (rows + 1)) / (of_class.sum() + 1)
                    scores[c] += math.log(((parent & child & of_class).sum() + expected) / (parents + 1))
        likely.append(np.exp(scores) / np.exp(scores).sum())
    assert found == pytest.approx(np.log(np.mean(likely, axis=0) + 1e-12), abs=1e-9)


def test_one_dependence_estimators_see_what_two_columns_say_only_together() -> None:
    random = np.random.default_rng(4)
    left, right = random.random(400) < 0.5, random.random(400) < 0.5
    classes = (left == right).astype(np.int32)
    found = one_dependence.log_probabilities([np.flatnonzero(left), np.flatnonzero(right)], classes, np.full(2, 0.5))
    assert found is not None
    assert found[1] - found[0] > 3
    nothing: list[np.ndarray] = [np.empty(0, np.int64)] * 2
    assert one_dependence.log_probabilities(nothing, classes, np.full(2, 0.5)) is None


def test_the_nearest_rows_have_most_of_the_votes() -> None:
    table = Table({"x": [float(number) for number in range(100)]}, ["low"] * 50 + ["high"] * 50)
    sample = sample_of(table.problem({}), ())
    otherwise = np.array([0.5, 0.5])
    few, many = neighbours.votes(sample, np.arange(100.0), otherwise)
    assert few[0] > many[0] > many[1] > few[1]
    assert np.exp(few).sum() == pytest.approx(1)
    alone = neighbours.votes(sample, np.full(100, np.inf), otherwise)
    assert [vote.tolist() for vote in alone] == [np.log(otherwise).tolist()] * 2


def test_the_blend_trusts_the_voice_that_is_right_and_ignores_the_one_that_is_not() -> None:
    random = np.random.default_rng(6)
    truth = random.integers(0, 3, 200)
    right = np.log(0.1 + 0.7 * np.eye(3)[truth])
    voices = np.stack([right, random.normal(size=(200, 3)), -right], axis=1)
    weights = blend.fitted(voices, truth, np.zeros(3))
    assert weights[0] > 1
    assert weights[1] < 0.5
    assert weights[2] == 0


def test_the_blend_is_the_best_of_all_weights_that_are_not_negative() -> None:
    random = np.random.default_rng(7)
    truth, voices, usual = random.integers(0, 4, 60), random.normal(size=(60, 5, 4)), np.full(5, 0.2)
    weights = blend.fitted(voices, truth, usual)
    best = blend._loss(voices, truth, weights, usual)[0]
    assert (weights >= 0).all()
    for place, step in product(range(5), (-0.02, 0.02)):
        moved = weights.copy()
        moved[place] = max(moved[place] + step, 0.0)
        assert blend._loss(voices, truth, moved, usual)[0] >= best - 1e-4
