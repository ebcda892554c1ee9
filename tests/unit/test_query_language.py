"""docs/query-language.md: every example is answered as shown, and every operator has one."""

from __future__ import annotations

import json
import re

import pytest

from instance_agent.query.language import grammar
from tests.query_language import Example, answered, examples, numbers, without_numbers

EXAMPLES = examples()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_the_example_is_answered_as_shown(example: Example) -> None:
    found = answered(example)
    assert found not in ({}, [])
    if example.shown is not None:
        shown = json.loads(example.shown)
        assert without_numbers(found) == without_numbers(shown)
        assert list(numbers(found)) == pytest.approx(list(numbers(shown)), rel=0.01)


def test_every_operator_and_endpoint_has_an_example() -> None:
    named = set(re.findall(r"\$[a-zA-Z]+", grammar.__doc__ or ""))
    shown = set(re.findall(r"\$[a-zA-Z]+", " ".join(json.dumps(example.body) for example in EXAMPLES)))
    assert len(named) > 50
    assert named - shown == set()
    assert {example.endpoint for example in EXAMPLES} == {*grammar.PARSERS, "_batch"}
