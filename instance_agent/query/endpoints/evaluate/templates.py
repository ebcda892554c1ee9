"""Queries with holes: `{"$get": field}` in a template becomes the tested row's own value.

A row without the value says nothing about it: the condition with the hole is left out of its query, and so is whatever
consists of such conditions alone. Values go in as JSON before the query is parsed, so that a hole may stand wherever a
literal may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from instance_agent.schema.types import JsonValue

GET: Final = "$get"
VERBATIM: Final = "$json"
Template = Mapping[str, JsonValue]
Values = Callable[[str], JsonValue]

LEFT_OUT: Final = object()
"""What a condition becomes that a value is missing for."""

WHOLE: Final = frozenset({"$knn", "$nn", "$on", "$mod", "$similarity", "$sameness", "$analogy"})
"""Operators that can't do without one of their arguments."""

ALTERNATIVES: Final = frozenset({"$and", "$or"})
"""Operators whose list may have an element less."""

MAY_BE_EMPTY: Final = frozenset({"where", "similarity"})
"""Members of a query that say nothing when all they say is left out."""


def fields_in(template: Template) -> list[str]:
    """The fields that the holes name, each once, in order."""
    return list(dict.fromkeys(field for part in template.values() for field in _holes(part)))


def filled(template: Template, values: Values) -> dict[str, JsonValue] | None:
    """The query for one row; None when the row hasn't what a member needs that can't be left out.

    values: the row's value of a field, None for a missing one.
    """
    query: dict[str, JsonValue] = {}
    for name, member in template.items():
        found = _filled(member, values, whole=False)
        if found is not LEFT_OUT:
            query[name] = _json(found)
        elif name in MAY_BE_EMPTY:
            query[name] = {}
        else:
            return None
    return query


def _holes(json: JsonValue) -> Iterator[str]:
    if isinstance(json, list):
        for part in json:
            yield from _holes(part)
    elif isinstance(json, dict):
        hole = _hole(json)
        if hole is not None:
            yield hole
        elif set(json) != {VERBATIM} or _hole(json[VERBATIM]) is not None:
            for part in json.values():
                yield from _holes(part)


def _hole(json: JsonValue) -> str | None:
    """The field that a hole names; None for anything else."""
    field = json.get(GET) if isinstance(json, dict) and len(json) == 1 else None
    return field if isinstance(field, str) else None


def _filled(json: JsonValue, values: Values, *, whole: bool) -> object:
    """The JSON with values in its holes, or LEFT_OUT; whole: nothing in it can be left out."""
    if isinstance(json, list):
        return _filled_list(json, values, whole=True)
    if not isinstance(json, dict):
        return json
    hole = _hole(json)
    if hole is not None:
        value = values(hole)
        return LEFT_OUT if value is None else _literal(value)
    if set(json) == {VERBATIM}:
        inner = _hole(json[VERBATIM])
        value = None if inner is None else values(inner)
        return json if inner is None else LEFT_OUT if value is None else {VERBATIM: value}
    members: dict[str, JsonValue] = {}
    for name, part in json.items():
        if isinstance(part, list) and name in ALTERNATIVES:
            found = _filled_list(part, values, whole=False)
        else:
            found = _filled(part, values, whole=name in WHOLE)
        if found is not LEFT_OUT:
            members[name] = _json(found)
        elif whole:
            return LEFT_OUT
    return members if members or not json else LEFT_OUT


def _filled_list(parts: list[JsonValue], values: Values, *, whole: bool) -> object:
    found = [_filled(part, values, whole=False) for part in parts]
    kept = [_json(part) for part in found if part is not LEFT_OUT]
    return kept if len(kept) == len(parts) or (kept and not whole) else LEFT_OUT


def _literal(value: JsonValue) -> JsonValue:
    """The value as a query writes it: a list of scalars as it is, objects so that they aren't read as operators."""
    if isinstance(value, dict):
        return {VERBATIM: value}
    if isinstance(value, list) and any(isinstance(element, dict | list) for element in value):
        return {VERBATIM: value}
    return value


def _json(value: object) -> JsonValue:
    """The value, which is JSON where nothing is left out."""
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    raise TypeError(f"{type(value).__name__} is no JSON")
