"""Trees of the query language, compared without the places that they remember."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TypeVar

import pytest

from instance_agent.errors import AgentError
from instance_agent.query.language.grammar import PARSERS, parse_batch, parse_proposition
from instance_agent.query.language.propositions import Proposition
from instance_agent.schema.types import JsonValue

Node = TypeVar("Node")


def unplaced(node: Node) -> Node:
    """The same tree, with every place empty."""
    if isinstance(node, tuple):
        return type(node)(unplaced(part) for part in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    parts = {one.name: unplaced(getattr(node, one.name)) for one in fields(node)}
    if "place" in parts:
        parts["place"] = ""
    return replace(node, **parts)


def where(json: JsonValue) -> Proposition:
    """The proposition under `where`, without places."""
    return unplaced(parse_proposition(json, "where"))


def refusal_of(endpoint: str, body: JsonValue) -> AgentError:
    """How the grammar refuses a body."""
    with pytest.raises(AgentError) as refused:
        parse_batch(body) if endpoint == "_batch" else PARSERS[endpoint](body)
    assert refused.value.status == 400
    return refused.value
