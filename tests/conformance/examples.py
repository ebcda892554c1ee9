"""The recorded requests and answers, each with a name of its own."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Example:
    """One recorded request with what was answered, as far as it was kept."""

    name: str  # the recording's own case, or where it stood and which endpoint it is of
    database: str
    method: str
    endpoint: str
    request: Any  # None where only the answer was kept
    response: Any  # None where only the request was kept
    further: tuple[float, ...]  # $p of the hits after those in the answer, as far as they were kept
    hit_count: int | None  # of the full answer, where only its first hits were kept
    names: tuple[str, ...]  # of the full answer, where only some members were kept


def read_examples(path: Path) -> dict[str, Example]:
    """All examples of the API's version 1, by name."""
    found: dict[str, Example] = {}
    seen: Counter[str] = Counter()
    for one in json.loads(path.read_text()):
        if one["api"] != "v1":
            continue
        name = _name(one)
        seen[name] += 1
        if seen[name] > 1:
            name = f"{name} {seen[name]}"
        found[name] = Example(
            name,
            one["database"],
            one["method"],
            one["endpoint"],
            one["request"],
            one["response"],
            tuple(one.get("v1_further_p", ())),
            one.get("hits_in_full_response"),
            tuple(one.get("all_keys", ())),
        )
    return found


def _name(one: dict[str, Any]) -> str:
    case = re.search(r", case (\S+)$", one["source"])
    if case is not None:
        return case[1]
    snapshot = re.search(r"recorded snapshot (test_\w+)$", one["source"])
    if snapshot is not None:
        return snapshot[1]
    where = re.sub(r"^https?://", "", one["source"]).split(" (")[0].rsplit("/", 1)[-1]
    return f"{where}: {one['endpoint']}"
