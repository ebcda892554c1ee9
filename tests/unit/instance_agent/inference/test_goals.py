"""The goal's probability per candidate: by hand, in the limits, and against rates that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from instance_agent.inference.goals import Chances, GoalCounts, chances, effect_by_itself, fit_goal
from instance_agent.inference.log_odds import Effects, Observed, probabilities
from instance_agent.inference.piece_effects import Evidence, KnownPiece, Piece
from instance_agent.inference.pooling import USUAL_VARIANCE, Tried, log_odds_variance
from instance_agent.inference.properties import Properties, no_properties
from tests.unit.instance_agent.inference.simulated_shop import Shop, make_shop, properties_of

Numbers = NDArray[np.float64]
SHOP = make_shop(7)


def numbers(*values: float) -> Numbers:
    return np.array(values, dtype=np.float64)


def counted(tried: Tried) -> GoalCounts:
    return GoalCounts(float(tried.trials.sum()), float(tried.successes.sum()), tried)


def told(tried: Tried, properties: Properties, *evidence: Evidence) -> Chances:
    return chances(counted(tried), fit_goal(counted(tried), properties), evidence, properties)


def effect(trials: float, successes: float, expected: float) -> float:
    return float(Effects.of(Observed(numbers(trials), numbers(successes), numbers(expected)), 4.0).values[0])


def log_loss(rates: Numbers, happened: NDArray[np.bool_]) -> float:
    return float(-np.mean(np.log(np.where(happened, rates, 1 - rates))))


def test_an_effect_by_hand() -> None:
    # q = 0.2, strength 4: 4/0.8 = 5 pseudo-successes, 4/0.2 = 20 pseudo-failures
    assert effect(10, 4, 2) == pytest.approx(math.log((9 / 26) / (7 / 28)), abs=1e-12)


def test_an_effect_without_a_part_is_that_of_the_rest() -> None:
    whole = Observed(numbers(10, 30), numbers(4, 6), numbers(2, 12))
    part = Observed(numbers(4), numbers(1), numbers(0.8))
    rest = Effects.of(whole, 4.0).without(np.array([0, 1]), part, np.array([0, 0]))
    assert rest[0] == pytest.approx(effect(6, 3, 1.2), abs=1e-12)
    assert rest[1] == pytest.approx(math.log((11.6667 * 24.8) / (17.8667 * 31)), abs=1e-3)


@pytest.mark.parametrize("observed", [(0, 0, 0), (5, 0, 0), (5, 5, 5), (5, 1, 1)])
def test_what_can_not_be_told_has_no_effect(observed: tuple[float, float, float]) -> None:
    assert effect(*observed) == pytest.approx(0, abs=1e-9)


def test_rare_successes_are_judged_by_how_many_were_expected() -> None:
    """10 where 1 was expected: about (10 + 4) / (1 + 4) times, however many trials it took."""
    assert [effect(1e4, 10, 1), effect(1e7, 10, 1)] == pytest.approx([math.log(14 / 5)] * 2, rel=1e-3)


def test_candidates_that_agree_vary_little_and_candidates_that_differ_vary_much() -> None:
    same = log_odds_variance(np.full(50, 100.0), np.full(50, 20.0), np.full(50, 0.2))
    differ = log_odds_variance(np.full(50, 100.0), np.tile([5.0, 35.0], 25), np.full(50, 0.2))
    unknown = log_odds_variance(numbers(1), numbers(1), numbers(0.2))
    assert same < 0.02
    assert differ > 0.5
    assert unknown == pytest.approx(USUAL_VARIANCE)


@pytest.mark.parametrize("variance", [0.1, 0.5, 1.0])
def test_the_variance_of_candidates_is_found(variance: float) -> None:
    random = np.random.default_rng(3)
    rates = probabilities(-2 + random.normal(0, math.sqrt(variance), 3_000))
    trials = random.integers(1, 200, 3_000).astype(np.float64)
    found = log_odds_variance(
        trials, random.binomial(trials.astype(int), rates).astype(float), np.full(3_000, rates.mean())
    )
    assert found == pytest.approx(variance, rel=0.35)


def test_one_candidate_by_hand() -> None:
    """Base (3 + 1) / (10 + 2). The intercept is where its slope is nothing; around that the candidate's own trials."""
    tried = Tried(numbers(10, 0), numbers(3, 0))
    found = told(tried, no_properties(2))
    assert found.base == pytest.approx(math.log(4 / 8), abs=1e-12)
    worth = 1 / (1 + 9 * log_odds_variance(numbers(10), numbers(3), numbers(1 / 3)) * 2 / 9)
    intercept = float(found.fit.by_properties[1])
    expected = 1 / (1 + math.exp(-found.base - intercept))
    assert worth * (3 - 10 * expected) == pytest.approx(intercept, abs=0.005)
    pseudo = 1 / (log_odds_variance(numbers(10), numbers(3), numbers(expected)) * expected * (1 - expected))
    assert found.probabilities == pytest.approx([(3 + pseudo * expected) / (10 + pseudo), expected], abs=1e-12)


@pytest.mark.parametrize("known", [True, False])
def test_evidence_by_hand(known: bool) -> None:
    """Two candidates alike but for one piece: 12 of 40 rows with it reach the goal, where the usual rate is a tenth."""
    tried = Tried(numbers(1e7, 1e7), numbers(1e6, 1e6))
    with_it = Tried(numbers(40, 0), numbers(12, 0))
    piece: Evidence = Piece(with_it, np.empty(0), 1.0)
    if known:
        fit = fit_goal(counted(tried), no_properties(2))
        piece = KnownPiece(effect_by_itself(with_it, fit, no_properties(2)), np.empty(0))
    found = told(tried, no_properties(2), piece).probabilities
    # everywhere: q = 0.1, 4/0.9 pseudo-successes, 4/0.1 pseudo-failures
    rate = (12 + 4 / 0.9) / (40 + 4 / 0.9 + 40)
    assert found[1] == pytest.approx(rate, abs=1e-4)
    variance = log_odds_variance(numbers(40), numbers(12), numbers(rate))
    pseudo = 1 / (variance * rate * (1 - rate))
    assert found[0] == pytest.approx((12 + pseudo * rate) / (40 + pseudo), abs=1e-4)


def test_many_trials_speak_for_themselves_and_few_hardly() -> None:
    tried = Tried(numbers(1e6, 2, *[1000] * 20), numbers(9e5, 2, *[100] * 20))
    found = told(tried, no_properties(22)).probabilities
    assert found[0] == pytest.approx(0.9, abs=1e-3)
    assert found[1] < 0.5
    assert found[2:] == pytest.approx([0.1] * 20, abs=0.01)


def test_a_candidate_never_tried_is_like_those_with_its_properties() -> None:
    kinds = np.arange(41) % 2
    tried = Tried(np.where(np.arange(41) < 39, 200.0, 0.0), np.where(kinds == 1, 80.0, 10.0) * (np.arange(41) < 39))
    found = told(tried, properties_of(kinds)).probabilities
    bare = told(tried, no_properties(41)).probabilities
    assert found[39] == pytest.approx(0.4, abs=0.05)
    assert found[40] == pytest.approx(0.05, abs=0.02)
    assert bare[39] == bare[40]


def test_what_only_the_candidate_itself_has_says_nothing_about_it() -> None:
    """Else a name of its own would count a candidate's trials twice."""
    tried = Tried(np.full(12, 50.0), np.arange(12, dtype=np.float64))
    named, bare = told(tried, properties_of(np.arange(12))), told(tried, no_properties(12))
    assert named.log_odds == pytest.approx(bare.log_odds, abs=1e-6)


def test_parts_add_up() -> None:
    found = SHOP.chances(3, SHOP.properties)
    for candidate in (0, 17, SHOP.first_new, SHOP.product_count - 1):
        parts = found.parts(candidate, SHOP.properties)
        total = found.base + parts.own + parts.of_features.sum() + parts.everywhere.sum()
        total += parts.piece_features.sum() + parts.piece_own.sum()
        assert total == pytest.approx(float(found.log_odds[candidate]), abs=1e-9)


@pytest.mark.parametrize("known", [True, False])
def test_evidence_said_often_is_said_once(known: bool) -> None:
    counts = counted(SHOP.tried(SHOP.learned))
    fit = fit_goal(counts, SHOP.properties)
    theirs = SHOP.tried(SHOP.customers == 5)
    by_itself = effect_by_itself(theirs, fit, SHOP.properties)
    pieces: list[Evidence] = [Piece(theirs, np.ones(place), 1.0 if place == 0 else 0.01) for place in range(10)]
    if known:
        pieces = [KnownPiece(by_itself, np.eye(1, place).sum(axis=0)) for place in range(10)]
    once, often = (chances(counts, fit, pieces[:count], SHOP.properties).log_odds for count in (1, 10))
    assert np.abs(by_itself.total).max() > 0.5
    assert often == pytest.approx(once, abs=0.1)


def test_customers_with_other_tastes_get_another_order() -> None:
    orders = {tuple(np.argsort(-SHOP.chances(customer, SHOP.properties).log_odds)[:10]) for customer in range(20)}
    assert len(orders) == 20


def outcomes(shop: Shop, properties: Properties, personal: bool) -> tuple[Numbers, NDArray[np.int64]]:
    """The rates told for impressions not learned from, and which ones these are."""
    rows = np.flatnonzero(~shop.learned & (shop.customers < 60))
    found = np.zeros(len(rows))
    common = shop.chances(None, properties).probabilities
    for customer in range(60):
        own = shop.customers[rows] == customer
        rates = shop.chances(customer, properties).probabilities if personal else common
        found[own] = rates[shop.products[rows[own]]]
    return found, rows


def test_probabilities_are_better_than_rates_and_calibrated() -> None:
    """Log-loss above that of the true rates, of impressions of products known and new, not learned from."""
    personal, rows = outcomes(SHOP, SHOP.properties, personal=True)
    common, _ = outcomes(SHOP, SHOP.properties, personal=False)
    seen = SHOP.tried(SHOP.learned)
    smoothed = ((seen.successes + 1) / (seen.trials + 2))[SHOP.products[rows]]
    base = np.full(len(rows), seen.successes.sum() / seen.trials.sum())
    new = SHOP.products[rows] >= SHOP.first_new
    bought, least = SHOP.bought[rows], log_loss(SHOP.rates[rows][~new], SHOP.bought[rows][~new])
    losses = [log_loss(rates[~new], bought[~new]) - least for rates in (personal, common, smoothed, base)]
    assert losses[0] < 0.5 * min(losses[1:])
    assert losses[1] < losses[2] + 0.001
    new_losses = [log_loss(rates[new], bought[new]) for rates in (personal, common, base, smoothed)]
    assert new_losses == sorted(new_losses)
    assert new_losses[2] - new_losses[0] > 0.01
    for part in np.array_split(np.argsort(personal), 8):
        assert personal[part].mean() == pytest.approx(bought[part].mean(), abs=0.05)


def test_properties_help_with_what_is_new_and_evidence_with_the_order() -> None:
    full, rows = outcomes(SHOP, SHOP.properties, personal=True)
    bare, _ = outcomes(SHOP, no_properties(SHOP.product_count), personal=True)
    common, _ = outcomes(SHOP, SHOP.properties, personal=False)
    new = SHOP.products[rows] >= SHOP.first_new
    truth = SHOP.rates[rows]
    assert np.corrcoef(full[new], truth[new])[0, 1] > 0.5
    assert np.corrcoef(full[new], truth[new])[0, 1] > np.corrcoef(bare[new], truth[new])[0, 1] + 0.2
    assert np.corrcoef(full, truth)[0, 1] > np.corrcoef(common, truth)[0, 1] + 0.1


COUNTS = st.tuples(st.sampled_from([0, 1, 2, 7, 1000, 10**9]), st.sampled_from([0.0, 0.01, 0.5, 1.0]))
Counted = tuple[int, float]


def tried_of(found: list[Counted]) -> Tried:
    trials = np.array([float(trials) for trials, _ in found])
    return Tried(trials, np.floor(trials * np.array([part for _, part in found])))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(COUNTS, COUNTS, st.integers(0, 3)), min_size=1, max_size=12), st.floats(0.01, 1))
def test_probabilities_stay_probabilities(found: list[tuple[Counted, Counted, int]], news: float) -> None:
    properties = properties_of(np.array([kind for _, _, kind in found]))
    first, second = tried_of([one for one, _, _ in found]), tried_of([one for _, one, _ in found])
    piece: Evidence = Piece(second, np.empty(0), news)
    if news > 0.5:
        piece = KnownPiece(effect_by_itself(second, fit_goal(counted(first), properties), properties), np.empty(0))
    answer = told(first, properties, piece)
    assert np.all((answer.probabilities > 0) & (answer.probabilities < 1))
    parts = answer.parts(0, properties)
    assert np.isfinite([parts.own, *parts.of_features, *parts.piece_own]).all()
