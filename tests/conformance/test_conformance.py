"""The recorded answers of the reference service and ours: they agree where docs/conformance.md says so.

A comparison that is said to differ must differ: when it begins to agree, the page has to be mended.
"""

from __future__ import annotations

import pytest

from tests.conformance.asking import Asker
from tests.conformance.cases import CASES, UNREPRODUCIBLE, Case, Check
from tests.conformance.comparing import Asked
from tests.conformance.examples import Example


@pytest.mark.parametrize(
    ("case", "check"),
    [pytest.param(case, check, id=f"{case.name}-{check.what}") for case in CASES for check in case.checks if check.how],
)
def test_an_answer_is_what_the_page_says(case: Case, check: Check, ask: Asker, examples: dict[str, Example]) -> None:
    example = examples[case.name]
    assert check.how is not None
    difference = check.how(Asked(example, None, None) if case.alone else ask(example, case.instead))
    if check.why is None:
        assert difference is None
    else:
        assert difference is not None, f"agrees, though the page says: {check.why}"


def test_every_recorded_example_is_in_the_table(examples: dict[str, Example]) -> None:
    told = [case.name for case in CASES] + [one.name for one in UNREPRODUCIBLE]
    assert len(set(told)) == len(told)
    assert set(told) == set(examples)
