"""An answer depends on the rows alone: not on how they came, nor on what was asked before.

A database lives through random histories (inserts, deletes, updates, merges) and is asked all kinds of questions all
the while, so that whatever it keeps for later is used. Each answer must be, byte for byte, that of a database that was
made of the same rows at once and has never been asked anything.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.query.answer import answer
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.histories import History

QUESTIONS: list[tuple[str, dict[str, JsonValue]]] = [
    ("_search", {"from": "orders", "where": {"item.tags": "red", "amount": {"$gte": 3}}}),
    ("_search", {"from": "orders", "where": {"basket.name": {"$match": "tea"}}, "orderBy": "amount"}),
    ("_search", {"from": "orders", "where": {"$hash": {"$mod": [3, 1]}}, "select": ["item.maker.region", "$index"]}),
    ("_query", {"from": "orders", "get": "item", "orderBy": "$p", "select": ["$value", "$p", "$f"]}),
    ("_query", {"from": "orders", "where": {"shop.region": "north"}, "get": "kind", "select": ["$value", "$f", "$p"]}),
    ("_predict", {"from": "orders", "where": {"note": "green tea late", "shop": "s1"}, "predict": "kind"}),
    ("_predict", {"from": "orders", "where": {"kind": "gift", "amount": 5}, "predict": "paid"}),
    ("_predict", {"from": "orders", "where": {"kind": "gift"}, "predict": "item", "select": ["$p", "name", "$why"]}),
    ("_predict", {"from": "orders", "where": {"note": "tea"}, "predict": "basket", "exclusiveness": False}),
    ("_predict", {"from": "orders", "where": {"item": "i1"}, "predict": "shop.region", "select": ["$p", "$why"]}),
    ("_predict", {"from": {"from": "orders", "where": {"paid": True}}, "where": {"note": "late"}, "predict": "kind"}),
    ("_predict", {"from": "items", "where": {"name": "black tea"}, "predict": "tags", "exclusiveness": False}),
    ("_match", {"from": "orders", "where": {"note": "green"}, "match": "item"}),
    ("_recommend", {"from": "orders", "where": {"shop": "s2"}, "recommend": "item", "goal": {"paid": True}}),
    ("_recommend", {"from": "orders", "recommend": "kind", "goal": {"amount": {"$gte": 4}}}),
    ("_relate", {"from": "orders", "where": {"kind": "gift"}, "relate": ["note", "item", "paid"]}),
    ("_relate", {"from": "orders", "where": {"$exists": "shop.region"}, "relate": "basket.tags"}),
    ("_similarity", {"from": "items", "similarity": {"name": "green tea", "tags": ["red"]}}),
    ("_estimate", {"from": "orders", "where": {"item.tags": "red", "note": "late"}, "estimate": "amount"}),
    ("_estimate", {"from": "orders", "where": {"shop": "s1"}, "estimate": "amount", "model": "regression"}),
    ("_aggregate", {"from": "orders", "aggregate": ["amount.$mean", "amount.$sum", "amount.$max", "$f"]}),
    ("_aggregate", {"from": "orders", "where": {"paid": True}, "aggregate": "item.price.$mean"}),
    (
        "_evaluate",
        {
            "test": {"$index": {"$mod": [4, 1]}},
            "evaluate": {"from": "orders", "where": {"note": {"$get": "note"}}, "predict": "kind"},
            "select": ["n", "accuracy", "meanRank", "mxe", "h", "cases"],
        },
    ),
]


def told(view: ReadView, endpoint: str, body: JsonValue) -> str:
    """The answer as text; of a refusal its code."""
    try:
        return json.dumps(answer(view, endpoint, body, 30.0))
    except AgentError as error:
        return f"{error.code}: {error.message}"


@pytest.mark.parametrize("seed", range(4))
def test_answers_depend_on_the_rows_alone(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path, seed)
    for _ in range(12):
        history.step()
        for endpoint, body in history.numbers.sample(QUESTIONS, 8):
            fresh = told(history.rebuilt(), endpoint, body)
            assert told(history.database.read_view(), endpoint, body) == fresh, (endpoint, body)
            assert told(history.database.read_view(), endpoint, body) == fresh, "asked again"


def test_every_question_has_an_answer(tmp_path: Path) -> None:
    history = History(tmp_path, 1)
    refused = [told(history.rebuilt(), endpoint, body) for endpoint, body in QUESTIONS]
    assert [text for text in refused if not text.startswith("{")] == []
