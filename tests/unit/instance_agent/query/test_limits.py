"""What one query may cost: no body of ten megabytes can make the database hold a thousand times as much."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from instance_agent.errors import AgentError
from instance_agent.inference import evidence as inference
from instance_agent.query import page
from instance_agent.query.filtering import value_tests
from instance_agent.query.learning import evidence
from tests.unit.instance_agent.query.builders import PRODUCTS, ask, make_view

SHOP = make_view({"products": PRODUCTS})


def refused(endpoint: str, **body: object) -> AgentError:
    with pytest.raises(AgentError) as caught:
        ask(SHOP, endpoint, **body)  # type: ignore[arg-type]
    return caught.value


def test_a_long_conjunction_is_answered_two_sets_at_a_time() -> None:
    rows = 100_000
    view = make_view({"t": ({"n": {"type": "Int"}}, [{"n": n} for n in range(rows)])})
    where = {"$and": [{"$index": {"$gte": bound}} for bound in range(1000)]}
    tracemalloc.start()
    try:
        assert ask(view, "_search", from_="t", where=where, limit=0)["total"] == rows - 999  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 200 * rows
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("endpoint", "extra"), [("_search", {"where": {"name": {"$match": "word"}}}), ("_predict", {"predict": "organic"})]
)
def test_a_text_too_long_to_analyse_is_refused(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, extra: dict[str, object]
) -> None:
    monkeypatch.setattr(value_tests, "LONGEST_TEXT", 3)
    error = refused(endpoint, **{"from_": "products", "where": {"name": "word"}, **extra})
    assert (error.code, error.message) == (
        "query_invalid",
        "a text to compare with 'name' has at most 3 characters (at where.name"
        + (".$match)" if endpoint == "_search" else ")"),
    )


@pytest.mark.parametrize(
    ("endpoint", "body", "most"),
    [
        ("_search", {"from_": "products"}, 12),
        ("_search", {"from_": "products", "select": ["id", "name", "price"]}, 12),
        ("_predict", {"from_": "products", "predict": "id"}, 12),
        ("_predict", {"from_": "products", "predict": "id", "select": ["$p", "$value", "$why"]}, 20),
    ],
)
def test_an_answer_too_large_for_memory_is_refused(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, body: dict[str, object], most: int
) -> None:
    monkeypatch.setattr(page, "MOST_VALUES", most)
    error = refused(endpoint, **body)
    assert (error.code, error.status) == ("query_invalid", 400)
    assert "ask for a part of it" in error.message
    assert ask(SHOP, endpoint, **{**body, "limit": 1})["hits"] != []  # type: ignore[arg-type]


def test_more_evidence_than_memory_should_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MOST_ROWS_HELD", 0)
    monkeypatch.setattr(evidence, "CONDITIONS_OF_ALL_ROWS", 2)
    bounds = [{"price": {"$gte": bound / 100}} for bound in range(5)]
    error = refused("_predict", from_="products", predict="organic", where={"$and": bounds})
    assert (error.code, error.status) == ("query_invalid", 400)
    assert "leave some of it out" in error.message


def test_of_many_features_only_the_best_are_held_and_fewer_for_many_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.array([50.0, 50.0])
    target = inference.ClassCounts(100.0, rows, partition=True)
    features = [inference.FeatureCounts(20.0, np.array([20.0 - n, n]), rows, 100.0) for n in range(6)]
    assert inference.select_evidence(target, iter(features)).kept == (0, 1, 2, 3, 4, 5)
    monkeypatch.setattr(inference, "MOST_LIFTS", 4)
    assert inference.select_evidence(target, iter(features)).kept == (0, 1)
