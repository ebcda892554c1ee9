"""How a text becomes tokens: the analyzers that a Text column can name.

An analyzer is a pure function from a text to its tokens in order, repetitions included; it may be called from many
threads. Its definition is checked when it is made, so that no schema names an analyzer that can't run.
`words` is the standard analyzer; `languages` has the stemmers and stop words; `definitions` reads what schemas say.

The n-grams of a text are many times the text. A text whose n-grams would take more than 64 MiB is refused when its row
is written (`longest_text`), rather than cut: what is stored is found, all of it.
"""

from __future__ import annotations

import json
from functools import lru_cache

from instance_agent.errors import SchemaInvalid
from instance_agent.schema.analyzers.definitions import SHORTEST_LIMIT, Analyzer, DefinitionInvalid, Made, made_from
from instance_agent.schema.analyzers.unicode_words import words
from instance_agent.schema.types import JsonValue

__all__ = ["SHORTEST_LIMIT", "Analyzer", "longest_text", "make_analyzer", "words"]

SHARED = 32
"""So many analyzers a process keeps, with the stems they know, for all columns that define the same."""
LONGEST_SHARED = 2**16
"""Characters of the definition of such an analyzer: one with a whole dictionary of stop words isn't kept."""


def make_analyzer(definition: JsonValue, where: str) -> Analyzer:
    """The analyzer that `definition` (an alias or an object; None: standard) names.

    Raises SchemaInvalid, its message starting with `where`, for a definition that isn't understood.
    """
    try:
        return _made(definition).analyze
    except DefinitionInvalid as invalid:
        raise SchemaInvalid(f"{where}: {invalid}") from None


def longest_text(definition: JsonValue) -> int | None:
    """Characters of the longest text that an analyzer takes; None when there is no such limit.

    At least SHORTEST_LIMIT. `definition` is one that `make_analyzer` accepts.
    """
    return _made(definition).longest_text


def _made(definition: JsonValue) -> Made:
    try:
        text = json.dumps(definition, sort_keys=True)
    except RecursionError:
        raise DefinitionInvalid("the analyzer's definition is nested too deeply.") from None
    return _shared(text) if len(text) <= LONGEST_SHARED else made_from(definition)


@lru_cache(maxsize=SHARED)
def _shared(definition: str) -> Made:
    return made_from(json.loads(definition))
