"""How a query is refused: a sentence that says what is wrong and where in the request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from instance_agent.errors import AgentError
from instance_agent.schema.types import JsonValue, type_name

LONGEST_SHOWN: Final = 80
LONGEST_PLACE: Final = 160


def invalid(message: str, place: str) -> AgentError:
    """400 `query_invalid`: the request isn't a query."""
    return AgentError("query_invalid", f"{message} (at {_tail(place)})")


def unsupported(message: str, place: str) -> AgentError:
    """400 `query_unsupported`: a query of the published language that this version doesn't answer."""
    return AgentError("query_unsupported", f"{message} (at {_tail(place)})")


def field_not_found(field: str, place: str, *, said_by: str, known: Sequence[str] = ()) -> AgentError:
    """400 in the published words, which clients match on; the place follows where it says more than the name.

    said_by: the place that the name alone already tells, as in where.<name>. known: what there is instead.
    """
    there = f"; there are {', '.join(known)}" if known else ""
    return AgentError("field_not_found", f"field '{_cut(field)}' not found{there}" + _unless(place, said_by))


def wrong_type(field: str, column_type: str, value: JsonValue, place: str, *, said_by: str) -> AgentError:
    """400 in the published words, which clients match on; the place follows where it says more than the name."""
    text = f"field '{_cut(field)}' of type {column_type} cannot be '{_json(value)}' of type {type_name(value)}"
    return AgentError("query_invalid", text + _unless(place, said_by))


def shown(value: JsonValue) -> str:
    """A literal as a message may carry it: JSON, shortened, always encodable."""
    return f"'{_json(value)}'"


def _json(value: JsonValue) -> str:
    if isinstance(value, list | dict):
        return "[...]" if isinstance(value, list) else "{...}"
    if isinstance(value, int) and abs(value) >= 2**64:
        return "a very long number"
    return _cut(json.dumps(value[:LONGEST_SHOWN] if isinstance(value, str) else value, ensure_ascii=False))


def _cut(text: str) -> str:
    clean = text[: LONGEST_SHOWN + 1].encode("utf-8", "replace").decode()
    return clean if len(clean) <= LONGEST_SHOWN else clean[: LONGEST_SHOWN - 3] + "..."


def _tail(place: str) -> str:
    clean = place.encode("utf-8", "replace").decode()
    return clean if len(clean) <= LONGEST_PLACE else "..." + clean[-LONGEST_PLACE:]


def _unless(place: str, said_by: str) -> str:
    return "" if place == said_by else f" (at {_tail(place)})"
