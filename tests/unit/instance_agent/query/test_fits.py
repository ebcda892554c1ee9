"""What is fitted once and used again: for the same columns, while rows are only added; never for a single condition."""

from __future__ import annotations

from pathlib import Path

import pytest

from instance_agent.inference import kernel
from instance_agent.inference.kernel import Kernel
from instance_agent.inference.sample import Part, Sample
from instance_agent.query.answer import answer
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import hits_of, make_view, number
from tests.unit.instance_agent.query.histories import History


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each fit."""
    made: list[int] = []
    fit = kernel.fit

    def counted(sample: Sample, parts: list[Part]) -> Kernel:
        made.append(len(parts))
        return fit(sample, parts)

    monkeypatch.setattr(kernel, "fit", counted)
    return made


def test_a_fit_is_kept_while_rows_are_added_and_made_again_after_a_delete(tmp_path: Path, fits: list[int]) -> None:
    history = History(tmp_path, 3)
    history.insert("orders", 1_000)

    def ask() -> JsonValue:
        body: JsonValue = {"from": "orders", "where": {"note": "tea", "paid": True}, "predict": "kind"}
        return answer(history.database.read_view(), "_predict", body, 30.0)

    ask()
    assert fits == [2]
    history.insert("orders", 3)
    ask()
    assert fits == [2]
    history.delete("orders")
    ask()
    assert fits == [2, 2]


def test_a_condition_is_evidence_without_a_fit_of_its_own(fits: list[int]) -> None:
    rows: list[JsonValue] = [{"n": at % 100, "c": at % 3, "t": "high" if at % 100 > 60 else "low"} for at in range(300)]
    view = make_view({"t": ({"n": {"type": "Int"}, "c": {"type": "Int"}, "t": {"type": "String"}}, rows)})

    def high(where: JsonValue) -> float:
        page = answer(view, "_predict", {"from": "t", "where": where, "predict": "t"}, 30.0)
        assert isinstance(page, dict)
        return next(number(hit["$p"]) for hit in hits_of(page) if hit["feature"] == "high")

    without = high({"c": 1})
    assert len(fits) == 1
    for bound in range(61, 90):
        assert high({"c": 1, "n": {"$gte": bound}}) > without + 0.2
    assert high({"c": 1, "$not": {"n": {"$gte": 61}}}) < without - 0.1
    assert len(fits) == 1
