"""An answer's size is bounded, however small what it is made of is in memory."""

from __future__ import annotations

import pytest

from instance_agent.errors import AgentError
from instance_agent.query.answer import answer
from instance_agent.query.size import Allowance
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import SECONDS, make_view

LONG = "x" * 1000
VIEW = make_view(
    {
        "texts": ({"id": {"type": "Int"}, "text": {"type": "String"}}, [{"id": 0, "text": LONG}]),
        "rows": ({"to": {"type": "Int", "link": "texts.id"}}, [{"to": 0}] * 100),
    }
)
LINKED: JsonValue = {"from": "rows", "select": ["to.text"], "limit": 100}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers may have 50,000 characters."""
    monkeypatch.setattr("instance_agent.query.answer.Allowance", lambda: Allowance(characters=50_000))


def refused(endpoint: str, body: JsonValue) -> AgentError:
    with pytest.raises(AgentError) as refusal:
        answer(VIEW, endpoint, body, SECONDS)
    assert refusal.value.status == 400
    assert "offset and limit" in refusal.value.message
    return refusal.value


def test_a_text_that_many_rows_link_to_counts_for_each_of_them(small: None) -> None:
    refused("_search", LINKED)
    answer(VIEW, "_search", {"from": "rows", "select": ["to.text"], "limit": 45}, SECONDS)


def test_the_answers_of_a_batch_have_one_allowance(small: None) -> None:
    part: JsonValue = {"from": "rows", "select": ["to.text"], "limit": 20}
    answer(VIEW, "_batch", [part, part], SECONDS)
    assert "[2]" in refused("_batch", [part, part, part]).message


@pytest.mark.parametrize(
    ("json", "values", "characters"),
    [
        (None, 1, 0),
        ("four", 1, 4),
        ([1, True, None], 4, 0),
        ({"ab": ["c", {"d": "e"}]}, 5, 5),
    ],
)
def test_values_and_characters_are_counted(json: JsonValue, values: int, characters: int) -> None:
    Allowance(values, characters).take(json)
    with pytest.raises(AgentError):
        Allowance(values - 1, characters).take(json)
    if characters:
        with pytest.raises(AgentError):
            Allowance(values, characters - 1).take(json)
