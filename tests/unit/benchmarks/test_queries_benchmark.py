"""The benchmark of queries is worth its figures only if its questions have answers and its page is the run's."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from benchmarks.queries import recommendations, report
from benchmarks.queries.peers import PEERS, SqlitePeer
from benchmarks.queries.questions import OURS, TARGET, questions
from benchmarks.queries.work import Outcome, Task, measured
from benchmarks.storage.engines import TABLE
from benchmarks.storage.invoices import COLUMNS, Invoices
from benchmarks.storage.machine import Machine
from instance_agent.engine.database import Database
from instance_agent.engine.tables import ReadView
from instance_agent.query.answer import answer
from instance_agent.schema.parse import parse_database

ROWS = 400


def view() -> ReadView:
    schema = parse_database({"schema": {TABLE: {"type": "table", "columns": dict(COLUMNS)}}})
    return ReadView.from_rows(schema, {TABLE: list(Invoices().rows(0, ROWS))})


@pytest.mark.parametrize("name", OURS)
def test_every_question_of_ours_has_an_answer(name: str) -> None:
    (asked,) = questions(ROWS, 1)
    endpoint, body = OURS[name](asked)
    found = answer(view(), endpoint, body, 30.0)
    assert isinstance(found, dict)
    assert found.get("hits") or found.get("total") or "estimate" in found or "accuracy" in found


def test_questions_are_the_same_each_time_and_of_rows_that_are_there() -> None:
    rows = list(Invoices().rows(0, ROWS))
    for asked in questions(ROWS, 20):
        assert any(row["vendor"] == asked.vendor and row[TARGET] == asked.gl_code for row in rows)
        assert 0 < len(asked.words) <= 5
    assert questions(ROWS, 20) == questions(ROWS, 20)


def test_a_run_measures_each_question_warm_and_cold() -> None:
    calls: list[str] = []
    task = Task("ours", "", ROWS, 3, 2, 0.1)
    outcome = measured({"predict": lambda asked: calls.append(asked.vendor)}, task)
    assert {name: len(seconds) for name, seconds in outcome.seconds.items()} == {
        "first: predict": 1,
        "predict": 6,
        "cold: predict": 3,
    }
    assert len(calls) == 1 + 3 + 6 + 3


def test_recommendations_are_measured_with_both_kinds_of_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommendations, "PRODUCTS", 20)
    monkeypatch.setattr(recommendations, "USERS", 15)
    taken = recommendations.measure(tmp_path, 200, 2)
    assert {name: len(seconds) for name, seconds in taken.items()} == {
        "recommend, link as evidence": 2,
        "recommend, key as evidence": 2,
    }
    assert Database.open(tmp_path).read_view().table("impressions").live_count == 200


def test_the_page_shows_every_measure_and_what_a_peer_takes_more() -> None:
    ours = {name: [0.001, 0.002] for measure in OURS for name in (measure, f"cold: {measure}", f"first: {measure}")}
    outcomes = {
        "first": Outcome(seconds={"open and predict": [0.02]}),
        "ours": Outcome(seconds=ours),
        "sqlite": Outcome(seconds={"predict": [0.03, 0.03]}),
        "http": Outcome(seconds={"8 clients": [0.004]}, facts={"8 clients: per second": 1234.0}),
        "recommend": Outcome(seconds={"recommend, link as evidence": [0.002]}),
    }
    machine = Machine(2, "a processor", 8 * 2**30, 0.5, "ext4", 0.001, 0.002)
    page = report.page({1_000_000: outcomes}, machine, {"numpy": "1"}, date(2026, 1, 2), quick=True)
    assert "| predict | 1.00 / 2.00 | 30 / 30 (30.0) |" in page
    assert "| 8 clients | 4.00 / 4.00 | 1234 |" in page
    assert "| predict | 0.5 / 1.5 | 1.00 / 2.00 | 2.0 |" in page
    assert "These are no measurements" in page
    assert {PEERS["sqlite"][1]} == {SqlitePeer}
