"""Every kind of query stops when its time is over."""

from __future__ import annotations

from typing import Any

import pytest

from instance_agent.errors import AgentError
from instance_agent.query.answer import ENDPOINTS, answer
from tests.contract.aitoai_store import QUERIES, ROWS, SCHEMA
from tests.unit.instance_agent.query.builders import SECONDS, make_view

VIEW = make_view({name: (SCHEMA["schema"][name]["columns"], rows) for name, rows in ROWS.items()})
BODIES: dict[str, Any] = {"_query" if name == "generic_query" else f"_{name}": body for name, body in QUERIES.items()}
BODIES["_batch"] = [QUERIES["search"]]


def test_there_is_a_query_for_every_endpoint() -> None:
    assert BODIES.keys() == ENDPOINTS


@pytest.mark.parametrize("endpoint", sorted(BODIES))
def test_a_query_whose_time_is_over_is_refused(endpoint: str) -> None:
    answer(VIEW, endpoint, BODIES[endpoint], SECONDS)
    with pytest.raises(AgentError) as refused:
        answer(VIEW, endpoint, BODIES[endpoint], -1.0)
    assert (refused.value.code, refused.value.status) == ("query_timeout", 504)
    assert "run it as a job" in refused.value.message
