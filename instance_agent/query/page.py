"""One page of answers."""

from __future__ import annotations

from dataclasses import dataclass

from instance_agent.schema.types import JsonValue

Hit = dict[str, JsonValue]


@dataclass(frozen=True)
class Page:
    """One page of answers, as every endpoint with rows sends it."""

    offset: int
    total: int  # all answers, before offset and limit
    hits: tuple[Hit, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """The page as it goes over the wire."""
        return {"offset": self.offset, "total": self.total, "hits": [dict(hit) for hit in self.hits]}
