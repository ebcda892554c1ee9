"""How large an answer may be. It is made in memory, and what is a small thing there may be long as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from instance_agent.query.page import MOST_VALUES
from instance_agent.query.refusals import invalid
from instance_agent.schema.types import JsonValue

MOST_CHARACTERS: Final = 256_000_000
"""Of the texts and names in one answer, each as often as it is written."""


@dataclass
class Allowance:
    """What is left of an answer's size; a batch has one for all its answers."""

    values: int = MOST_VALUES
    characters: int = MOST_CHARACTERS

    def take(self, json: JsonValue) -> None:
        """Take what this answer needs. Raises 400 when that is more than is left."""
        waiting = [json]
        while waiting:
            value = waiting.pop()
            self.values -= 1
            if isinstance(value, str):
                self.characters -= len(value)
            elif isinstance(value, dict):
                self.characters -= sum(map(len, value))
                waiting.extend(value.values())
            elif isinstance(value, list):
                waiting.extend(value)
            if self.values < 0 or self.characters < 0:
                raise invalid(
                    f"an answer has at most {MOST_VALUES} values and {MOST_CHARACTERS} characters; "
                    "ask for a part of it with offset and limit",
                    "limit",
                )
