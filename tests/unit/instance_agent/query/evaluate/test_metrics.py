"""The numbers of evaluations, against numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from instance_agent.query.endpoints.evaluate.metrics import (
    LEAST_SHARE,
    Judged,
    bins_by_top_score,
    estimate_metrics,
    ranking_metrics,
    times,
)


@dataclass(frozen=True)
class Judgement:
    told: Judged
    base: Judged
    top_score: float


def outcome(told: tuple[int, float], base: tuple[int, float], top_score: float = 0.5) -> Judgement:
    told_judged, base_judged = (Judged(rank == 0, rank, share) for rank, share in (told, base))
    return Judgement(told_judged, base_judged, top_score)


def test_the_numbers_of_four_cases() -> None:
    outcomes = [
        outcome((0, 0.5), (0, 0.25)),
        outcome((0, 0.5), (1, 0.25)),
        outcome((2, 0.125), (1, 0.25)),
        outcome((0, 1.0), (3, 0.125)),
    ]
    assert ranking_metrics(outcomes) == {
        "error": 0.25,
        "baseError": 0.75,
        "accuracy": 0.75,
        "baseAccuracy": 0.25,
        "accuracyGain": 0.5,
        "meanRank": 0.5,
        "baseMeanRank": 1.25,
        "rankGain": 0.75,
        "informationGain": 1.0,
        "mxe": 1.25,
        "h": 2.25,
        "geomMeanP": 2**-1.25,
        "baseGmp": 2**-2.25,
        "geomMeanLift": 2.0,
    }


def test_a_correct_value_without_a_chance_counts_with_64_bits() -> None:
    assert ranking_metrics([outcome((1, 0.0), (0, 0.5))])["mxe"] == 64
    assert LEAST_SHARE == 2.0**-64


def test_without_a_case_there_are_no_means() -> None:
    assert set(ranking_metrics([]).values()) == {None}
    assert estimate_metrics([], []) == {"rmse": None, "mae": None, "r2": None}
    assert times([]) == {
        **dict.fromkeys(("meanNs", "meanUs", "meanMs", "medianNs", "medianUs", "medianMs")),
        **{"allNs": [], "allUs": [], "allMs": []},
    }
    assert bins_by_top_score([]) == []


def test_errors_of_estimates() -> None:
    found = estimate_metrics([1.0, 4.0, 6.0], [2.0, 4.0, 9.0])
    assert found["rmse"] == pytest.approx(math.sqrt(10 / 3))
    assert found["mae"] == pytest.approx(4 / 3)
    assert found["r2"] == pytest.approx(1 - 10 / 26)


def test_errors_of_estimates_whose_squares_no_double_holds() -> None:
    found = estimate_metrics([1e300, 3e300], [2e300, 2e300])
    assert found["rmse"] == pytest.approx(1e300)
    assert found["mae"] == pytest.approx(1e300)
    assert found["r2"] is None
    assert estimate_metrics([0.0], [0.0]) == {"rmse": 0.0, "mae": 0.0, "r2": None}


def test_times_in_three_units() -> None:
    found = times([1_000, 2_000, 6_000])
    assert (found["meanNs"], found["meanUs"], found["meanMs"]) == (3_000, 3, 0.003)
    assert (found["medianNs"], found["medianUs"], found["medianMs"]) == (2_000, 2, 0.002)
    assert (found["allNs"], found["allUs"], found["allMs"]) == (
        [1_000, 2_000, 6_000],
        [1, 2, 6],
        [0.001, 0.002, 0.006],
    )


def test_bins_are_of_the_square_root_of_the_cases_lowest_first() -> None:
    scores = [0.9, 0.1, 0.5, 0.3, 0.1]
    outcomes = [outcome((place % 2, 0.5), (0, 0.5), score) for place, score in enumerate(scores)]
    first, second = bins_by_top_score(outcomes)
    assert first == {
        "meanScore": pytest.approx(0.5 / 3),
        "maxScore": 0.3,
        "minScore": 0.1,
        "accuracy": pytest.approx(1 / 3),
        "n": 3,
        "accurateOffsets": [4],
        "errorOffsets": [1, 3],
    }
    assert isinstance(second, dict)
    assert (second["n"], second["accurateOffsets"], second["errorOffsets"]) == (2, [2, 0], [])


@pytest.mark.parametrize(("cases", "size", "bins"), [(1, 1, 1), (4, 2, 2), (50, 8, 7), (49, 7, 7), (10, 4, 3)])
def test_sizes_of_bins(cases: int, size: int, bins: int) -> None:
    found = bins_by_top_score([outcome((0, 0.5), (0, 0.5), place / 100) for place in range(cases)])
    sizes = [one["n"] for one in found if isinstance(one, dict)]
    assert len(sizes) == bins
    assert sizes[0] == size
    assert sum(int(str(one)) for one in sizes) == cases
