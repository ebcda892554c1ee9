"""What is fitted once and used again: for the same columns, while rows are only added; never for a single condition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from instance_agent.engine.database import Database
from instance_agent.inference import kernel
from instance_agent.inference.kernel import Kernel
from instance_agent.inference.sample import Part, Sample
from instance_agent.query.answer import answer
from instance_agent.schema.parse import parse_table
from instance_agent.schema.types import JsonValue, Row
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


def test_the_fit_of_a_population_is_kept_while_rows_are_added_and_is_its_own(tmp_path: Path, fits: list[int]) -> None:
    """Tenants of one table are asked about as if each had a table."""
    database = Database.open(tmp_path)
    columns: JsonValue = {name: {"type": "String"} for name in ("tenant", "word", "kind")}
    database.put_table("t", parse_table("t", {"columns": columns}))

    def insert(tenant: str, count: int) -> None:
        rows: list[Row] = [
            {"tenant": tenant, "word": f"w{at % 5}", "kind": f"k{(at + len(tenant)) % 5 % 3}"} for at in range(count)
        ]
        database.insert_rows("t", rows)

    def ask(tenant: str) -> str:
        source: JsonValue = {"from": "t", "where": {"tenant": tenant}}
        body: JsonValue = {"from": source, "where": {"word": "w1"}, "predict": "kind"}
        return json.dumps(answer(database.read_view(), "_predict", body, 30.0))

    for tenant in ("a", "bb", "ccc"):
        insert(tenant, 100)
    first = [ask(tenant) for tenant in ("a", "bb", "ccc")]
    assert fits == [1, 1, 1]
    insert("bb", 3)
    assert [ask("a"), ask("ccc")] == [first[0], first[2]]
    assert ask("bb") != first[1]
    assert fits == [1, 1, 1]
    database.transact(lambda change: change.delete("t", change.view.table("t").column("tenant").rows_equal("bb")[:1]))
    assert [ask("a"), ask("ccc")] == [first[0], first[2]]
    assert fits == [1] * 5


def test_populations_in_turns_are_answered_as_by_somebody_who_was_asked_nothing_before() -> None:
    rows: list[JsonValue] = [
        {"n": at, "c": f"c{at % 7}", "t": f"t{at * at % 11 % 4}", "tags": [f"x{at % 3}", f"y{at % 5}"]}
        for at in range(600)
    ]
    columns: dict[str, dict[str, JsonValue]] = {"n": {"type": "Int"}, "tags": {"type": "String[]"}}
    columns |= {name: {"type": "String"} for name in ("c", "t")}
    bounds = [40, 64, 300, 520, 599] * 2 + list(range(100, 180))
    questions: list[JsonValue] = [
        {"from": {"from": "t", "where": {"n": {"$lt": bound}}}, "where": {"c": "c3"}, "predict": target}
        for bound in bounds
        for target in ("t", "tags")
    ]
    asked = make_view({"t": (columns, rows)})
    told = [json.dumps(answer(asked, "_predict", body, 30.0)) for body in questions]
    for place in range(0, len(questions), 13):
        fresh = make_view({"t": (columns, rows)})
        assert json.dumps(answer(fresh, "_predict", questions[place], 30.0)) == told[place]
