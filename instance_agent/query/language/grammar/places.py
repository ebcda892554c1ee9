"""Where in a request the grammar stands, and how large a request may be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from instance_agent.errors import AgentError
from instance_agent.query.refusals import field_not_found, invalid, shown
from instance_agent.schema.types import JsonValue

DEEPEST: Final = 64
"""Levels of nesting a query may have."""

LONGEST_PATH: Final = 16
"""Segments a field path may have."""

MOST_NODES: Final = 20_000
"""JSON values a query may consist of."""

LONGEST_KEY: Final = 60
LONGEST_TEXT_KEPT: Final = 400
"""Characters of a place that are kept: the end of it, which messages show."""

FEATURE: Final = "$feature"
"""As the last segment of a target: the field's features one by one."""


class Place(NamedTuple):
    """A spot in the request."""

    text: str = ""  # as in where.$or[1].price; empty for the whole body
    depth: int = 0
    templated: bool = False  # may `{"$get": field}` stand for a literal here, as in what `_evaluate` evaluates?

    def member(self, key: str) -> Place:
        """One level down, to a member of the object here. Raises 400 when that is too deep."""
        name = key if len(key) <= LONGEST_KEY else key[: LONGEST_KEY - 3] + "..."
        return self._down(f"{self.text}.{name}" if self.text else name)

    def element(self, number: int) -> Place:
        """An element of the list here."""
        return self._replace(text=f"{self.text}[{number}]")

    def inner(self) -> Place:
        """The same spot, counted as a level deeper: for forms that nest without members. Raises 400 when too deep."""
        return self._down(self.text)

    def invalid(self, message: str) -> AgentError:
        """The refusal of what stands here."""
        return invalid(message, self.text or "the body")

    def _down(self, text: str) -> Place:
        if self.depth >= DEEPEST:
            raise invalid(f"nested deeper than {DEEPEST} levels", text)
        return Place(text[-LONGEST_TEXT_KEPT:], self.depth + 1, self.templated)


def check_size(json: JsonValue, place: Place) -> None:
    """Refuse more than a query needs, and strings that are no text. Raises 400."""
    waiting: list[JsonValue] = [json]
    count = 1
    while waiting:
        value = waiting.pop()
        inner: Iterable[JsonValue] = ()
        if isinstance(value, str):
            _check_text(value, place)
        elif isinstance(value, list):
            count, inner = count + len(value), value
        elif isinstance(value, dict):
            count, inner = count + len(value), value.values()
            for key in value:
                _check_text(key, place)
        if count > MOST_NODES:
            raise place.invalid(f"a query has at most {MOST_NODES} values, lists and objects, and this has more")
        waiting.extend(inner)


def _check_text(text: str, place: Place) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise place.invalid(f"{shown(text)} is no text: it has half of a surrogate pair") from None


def members_of(json: JsonValue, known: tuple[str, ...], place: Place, what: str) -> dict[str, JsonValue]:
    """The members of the object that `json` is, without the null ones. Raises 400 for others than the known.

    what: what the object is, with its article, for the message.
    """
    if not isinstance(json, dict):
        raise place.invalid(f"{what} is an object with {', '.join(known)}, not {shown(json)}")
    for key in json:
        if key not in known:
            raise place.member(key).invalid(f"unknown member {shown(key)}; {what} may have {', '.join(known)}")
    return {key: value for key, value in json.items() if value is not None}


def pair_of(
    json: JsonValue, names: tuple[str, str], place: Place, operator: str
) -> tuple[tuple[JsonValue, Place], tuple[JsonValue, Place]]:
    """The two arguments of an operator, each with its place, written as a list or as an object. Raises 400."""
    if isinstance(json, list) and len(json) == 2:
        return (json[0], place.element(0)), (json[1], place.element(1))
    first, second = names
    if isinstance(json, dict) and set(json) == set(names):
        return (json[first], place.member(first)), (json[second], place.member(second))
    raise place.invalid(f'{operator} takes [{first}, {second}] or {{"{first}": ..., "{second}": ...}}')


def path_of(json: JsonValue, place: Place, said: str, *, feature: bool = False) -> tuple[str, ...]:
    """The field path that `json` is. Raises 400.

    said: what takes a path, as `'predict' is`. feature: may the last segment be `$feature`?
    """
    if not isinstance(json, str):
        raise place.invalid(f"{said} a field, not {shown(json)}")
    path = segments_of(json, place)
    named = path[:-1] if feature and len(path) > 1 and path[-1] == FEATURE else path
    if any(segment.startswith("$") for segment in named):
        raise field_not_found(json, place.text, said_by="")
    return path


def segments_of(text: str, place: Place) -> tuple[str, ...]:
    """The path's segments. Raises 400 when there are too many."""
    if text.count(".") >= LONGEST_PATH:
        raise place.invalid(f"a field path has at most {LONGEST_PATH} segments")
    return tuple(text.split("."))
