"""The examples of docs/query-language.md, asked of the sample store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from examples.sample_store.generate import sample_store
from instance_agent.engine.tables import ReadView
from instance_agent.query.answer import answer
from instance_agent.schema.parse import parse_database
from instance_agent.schema.types import JsonValue

PAGE = Path(__file__).resolve().parents[1] / "docs" / "query-language.md"
EXAMPLE = re.compile(
    r"^POST `(_\w+)`\n\n```json\n(.*?)\n```(?:\n\ngives\n\n```json\n(.*?)```)?", re.MULTILINE | re.DOTALL
)
DIGITS = 3


@dataclass(frozen=True)
class Example:
    """One request of the page."""

    endpoint: str
    body: JsonValue
    shown: str | None  # the answer beside it

    @property
    def title(self) -> str:
        """For the name of a test."""
        return f"{self.endpoint} {json.dumps(self.body)[:60]}"


def examples() -> list[Example]:
    """All requests of the page."""
    return [Example(one[1], json.loads(one[2]), one[3]) for one in EXAMPLE.finditer(PAGE.read_text())]


@cache
def store() -> ReadView:
    """The sample store."""
    made = sample_store()
    return ReadView.from_rows(parse_database(json.loads(json.dumps(made.schema))), dict(made.tables.items()))  # type: ignore[arg-type]


def answered(example: Example) -> JsonValue:
    """What the sample store answers, numbers to DIGITS digits."""
    return _rounded(answer(store(), example.endpoint, example.body, 30.0))


def page() -> str:
    """The page with its answers as they are."""

    def renewed(match: re.Match[str]) -> str:
        if match[3] is None:
            return match[0]
        found = answered(Example(match[1], json.loads(match[2]), match[3]))
        head = match[0][: match.start(3) - match.start()]
        return f"{head}{_written(found)}\n```"

    return EXAMPLE.sub(renewed, PAGE.read_text())


def numbers(value: JsonValue) -> Iterator[float]:
    """All numbers in a value, in order."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def without_numbers(value: JsonValue) -> JsonValue:
    """The same with null for each number."""
    if isinstance(value, dict):
        return {key: without_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_numbers(inner) for inner in value]
    return None if isinstance(value, int | float) and not isinstance(value, bool) else value


def _rounded(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _written(value: JsonValue) -> str:
    """JSON with one hit per line."""
    if isinstance(value, dict) and isinstance(value.get("hits"), list):
        hits = value["hits"]
        lines = ",\n  ".join(json.dumps(hit, ensure_ascii=False) for hit in hits) if isinstance(hits, list) else ""
        listed = f"[\n  {lines}\n]" if lines else "[]"
        return f'{{"offset": {value["offset"]}, "total": {value["total"]}, "hits": {listed}}}'
    if isinstance(value, list):
        return "[" + ",\n ".join(_written(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    PAGE.write_text(page())
