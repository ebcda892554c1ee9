"""One page of answers."""

from __future__ import annotations

from dataclasses import dataclass

from instance_agent.query.refusals import invalid
from instance_agent.schema.types import JsonValue

Hit = dict[str, JsonValue]
MOST_VALUES = 20_000_000
"""Values in one answer, which is made in memory."""


@dataclass(frozen=True)
class Page:
    """One page of answers, as every endpoint with rows sends it."""

    offset: int
    total: int  # all answers, before offset and limit
    hits: tuple[Hit, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """The page as it goes over the wire."""
        return {"offset": self.offset, "total": self.total, "hits": [dict(hit) for hit in self.hits]}


def check_size(hits: int, values_per_hit: int) -> None:
    """Refuse an answer that memory may not hold. Raises 400."""
    if hits * values_per_hit > MOST_VALUES:
        raise invalid(
            f"an answer has at most {MOST_VALUES} values; ask for a part of it with offset and limit", "limit"
        )
