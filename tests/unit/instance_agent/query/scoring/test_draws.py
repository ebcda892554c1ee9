"""`$decision`: draws that follow from the seed, with the spread that the samples leave open."""

from __future__ import annotations

import json
import statistics

import pytest

from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns, ask, hits_of, make_view, number
from tests.unit.instance_agent.query.layouts import Row

COLUMNS: Columns = {"who": {"type": "Int"}, "hit": {"type": "Boolean"}, "x": {"type": "Decimal", "nullable": True}}
COUNT = 2000


def rows() -> list[Row]:
    made: list[Row] = []
    for who in range(COUNT):
        made += [{"who": who, "hit": place < 2, "x": float(place)} for place in range(4)]
    return made


VIEW = make_view({"t": (COLUMNS, [*rows()]), "u": (COLUMNS, [*rows()[8:400]])})
RATE: JsonValue = {"$freqP": {"f": {"$f": {"$context": {"hit": True}}}, "n": "$f"}}


def drawn(score: JsonValue, seed: int, table: str = "t") -> list[float]:
    body: dict[str, JsonValue] = {"get": "who", "select": [{"it": {"$decision": {"score": score, "seed": seed}}}]}
    return [number(hit["it"]) for hit in hits_of(ask(VIEW, "_query", from_=table, **body, limit=COUNT))]


@pytest.mark.parametrize(
    ("score", "mean", "variance"),
    [
        (RATE, 0.5, 3 * 3 / (6 * 6 * 7)),
        ({"$mean": {"$context": "x"}}, 1.5, 1.25 / 4),
        ({"$sum": {"$context": "x"}}, 6.0, 1.25 * 4),
        ({"$multiply": [2, {"$mean": {"$context": "x"}}]}, 3.0, 4 * 1.25 / 4),
        ({"$subtract": [{"$mean": {"$context": "x"}}, {"$hit": RATE}]}, 1.0, 1.25 / 4 + 9 / 252),
        ({"$f": {"$context": {"hit": True}}}, 2.0, 0.0),
        ({"$max": {"$context": "x"}}, 3.0, 0.0),
    ],
    ids=json.dumps,
)
def test_draws_have_the_mean_and_the_spread_of_what_is_known(score: JsonValue, mean: float, variance: float) -> None:
    found = drawn(score, 1)
    assert statistics.fmean(found) == pytest.approx(mean, abs=4 * (variance / COUNT) ** 0.5 + 1e-3 * (variance > 0))
    assert statistics.pvariance(found) == pytest.approx(variance, rel=0.15)


def test_draws_follow_from_the_seed_alone() -> None:
    first = drawn(RATE, 7)
    assert drawn(RATE, 7) == first
    assert drawn(RATE, 8) != first
    assert drawn(RATE, -1) != drawn(RATE, 1)
    assert all(0 < one < 1 for one in first)
    assert len(set(first)) > COUNT - 5


def test_a_draw_depends_on_no_other_hit() -> None:
    body: dict[str, JsonValue] = {"get": "who", "select": ["$value", {"it": {"$decision": {"score": RATE}}}]}
    every = {hit["$value"]: hit["it"] for hit in hits_of(ask(VIEW, "_query", from_="t", **body, limit=COUNT))}
    where: JsonValue = {"who": {"$gte": 1990}}
    some = hits_of(ask(VIEW, "_query", from_="t", **body, where=where, limit=COUNT))
    assert len(some) == 10
    assert all(hit["it"] == every[hit["$value"]] for hit in some)


def test_known_numbers_stay_the_same_from_release_to_release() -> None:
    assert [round(one, 9) for one in drawn(RATE, 0)[:3]] == [0.708375395, 0.290761823, 0.2921441]


def test_rates_of_candidates_are_drawn_with_as_many_trials_as_there_are_rows() -> None:
    chance: JsonValue = {"$p": {"$context": {"hit": True}}}
    body: dict[str, JsonValue] = {"get": "who", "select": [{"p": chance}], "limit": COUNT}
    known = statistics.fmean(number(hit["p"]) for hit in hits_of(ask(VIEW, "_query", from_="t", **body)))
    found = drawn(chance, 3)
    assert statistics.fmean(found) == pytest.approx(known, abs=0.03)
    assert statistics.pvariance(found) == pytest.approx(known * (1 - known) / 7, rel=0.2)
