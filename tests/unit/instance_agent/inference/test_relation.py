"""The arithmetic of relations: against its description, a second implementation, and recorded answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instance_agent.inference.relation import Relations
from tests.unit.instance_agent.inference.plain_relation import plain_relation


def numbers_of(relations: Relations) -> dict[str, Any]:
    """By their names on the wire."""
    return {
        "lift": relations.lift,
        "ps.p": relations.p,
        "ps.pOnCondition": relations.p_on_condition,
        "ps.pOnNotCondition": relations.p_on_not_condition,
        "ps.pCondition": relations.p_condition,
        "info.h": relations.entropy,
        "info.mi": relations.information,
        "info.miTrue": relations.information_of_having,
        "info.miFalse": relations.information_of_lacking,
        "relation.mi": relations.mutual_information,
    }


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """n, c, f and both that rows can have."""
    n = draw(st.one_of(st.integers(0, 12), st.integers(0, 2_000_000)))
    c, f = draw(st.integers(0, n)), draw(st.integers(0, n))
    return n, c, f, draw(st.integers(max(0, c + f - n), min(c, f)))


def test_the_documented_pair_has_its_documented_numbers() -> None:
    relations = Relations(733, 167, 97, 13)
    assert [int(state) for state in relations.states] == [482, 154, 84, 13]
    assert float(relations.lift) == pytest.approx(0.792253821846443, rel=1e-14)
    assert float(relations.mutual_information) == pytest.approx(0.0014352117728345382, rel=1e-12)


def test_a_pair_that_is_as_independent_as_can_be_tells_nothing() -> None:
    relations = Relations(4, 2, 2, 1)
    assert float(relations.added) == pytest.approx(4 * 4 * 14 / (3 * 3 * 6))
    assert float(relations.lift) == 1
    assert float(relations.mutual_information) == 0
    assert float(relations.entropy) == 1


def test_without_rows_everything_is_even() -> None:
    relations = Relations(0, 0, 0, 0)
    assert (float(relations.p), float(relations.lift), float(relations.mutual_information)) == (0.5, 1.0, 0.0)
    assert float(relations.p_on_not_condition) == 0.5


def test_by_hand() -> None:
    """3 rows, one with both, two with neither: p = 2/5, and the least is added, 4 times 3 * 11 / (3 * 2 * 5)."""
    relations = Relations(3, 1, 1, 1)
    assert float(relations.added) == pytest.approx(4.4)
    joint = [float(part) for part in relations.joint]
    assert joint == pytest.approx([(2 + 4.4 * 0.36) / 7.4, 4.4 * 0.24 / 7.4, 4.4 * 0.24 / 7.4, (1 + 4.4 * 0.16) / 7.4])
    assert float(relations.p_on_condition) == pytest.approx((1 + 4.4 * 0.16) / (1 + 4.4 * 0.4))
    assert float(relations.p_on_not_condition) == pytest.approx((4.4 * 0.24) / (2 + 4.4 * 0.6))
    assert float(relations.p_condition) == pytest.approx((1 + 4.4 * 0.4) / 7.4)


def test_smoothing_adds_between_four_rows_and_as_many_as_there_are() -> None:
    assert float(Relations(10_000, 2_000, 2_000, 2_000).added) == pytest.approx(4, rel=1e-3)
    assert float(Relations(10_000, 100, 5_000, 50).added) == 10_000
    between = Relations(10_000, 2_000, 2_000, 1_000).added
    assert 4.1 < float(between) < 9_999


@given(st.lists(counts(), min_size=1, max_size=40))
def test_many_at_once_are_what_each_is_alone(pairs: list[tuple[int, int, int, int]]) -> None:
    rows, condition, feature, both = np.array(pairs).T
    together = numbers_of(Relations(rows, condition, feature, both))
    for at, pair in enumerate(pairs):
        for name, expected in plain_relation(*pair).items():
            assert float(together[name][at]) == pytest.approx(expected, rel=1e-9, abs=1e-13), (name, pair)


@given(counts())
def test_probabilities_are_probabilities(pair: tuple[int, int, int, int]) -> None:
    n, c, f, both = pair
    relations = Relations(n, c, f, both)
    assert sum(float(part) for part in relations.joint) == pytest.approx(1)
    assert all(0 < float(part) < 1 for part in (*relations.joint, *relations.independent))
    assert 3.9 < float(relations.added) <= max(6, n)
    for name, value in numbers_of(relations).items():
        assert math.isfinite(float(value)), name
    assert float(relations.mutual_information) == pytest.approx(
        float(Relations(n, f, c, both).mutual_information), rel=1e-9, abs=1e-14
    )


def relations_in(folder: Path) -> Iterator[dict[str, Any]]:
    """Every recorded hit that has all its counts and numbers, of the API's version 1."""
    for example in json.loads((folder / "api-examples.json").read_text()):
        answer = example["response"]
        for hit in answer.get("hits", ()) if isinstance(answer, dict) and example["api"] == "v1" else ():
            if {"fs", "ps", "info", "relation", "lift"} <= hit.keys() and isinstance(hit["info"], dict):
                yield hit


def test_recorded_relations_are_reproduced_from_their_counts(shared_data: Path) -> None:
    """Large tables are sampled there, so that many recorded counts have fractions; the arithmetic takes them, too."""
    hits = list(relations_in(shared_data))
    fractions = 0
    for hit in hits:
        fs = hit["fs"]
        relations = Relations(fs["n"], fs["fCondition"], fs["f"], fs["fOnCondition"])
        fractions += not all(float(count).is_integer() for count in fs.values())
        assert [float(state) for state in relations.states] == pytest.approx(hit["relation"]["stateFs"], abs=1e-6)
        for name, value in numbers_of(relations).items():
            group, _, member = name.partition(".")
            recorded = hit[group][member] if member else hit[group]
            assert float(value) == pytest.approx(recorded, rel=1e-11), (name, fs)
    print(f"{len(hits)} recorded relations reproduced, {fractions} of them of counts with fractions")  # noqa: T201
    assert hits
