"""Literals: the values that a request writes down. The package's docstring has their grammar.

In a template `$get` stands for a value of whatever type its spot wants: the value itself is put in for each tested row,
and that query is read again.
"""

from __future__ import annotations

import json as json_text
import math
from typing import Final

from instance_agent.query.language.grammar.places import DEEPEST, Place, path_of
from instance_agent.query.refusals import shown
from instance_agent.schema.types import JsonValue

GET: Final = "$get"
OPERATORS: Final = ("$toString", "$json", GET)
"""The operators that an object can be a literal by."""

HOLE: Final = ""
"""What `$get` stands for where any literal may be."""


def is_literal(json: JsonValue) -> bool:
    """Is it a literal where an object of other operators or of fields could be too?"""
    return not isinstance(json, dict) or (len(json) == 1 and next(iter(json)) in OPERATORS)


def is_hole(json: JsonValue) -> bool:
    """Is it `{"$get": field}`?"""
    return isinstance(json, dict) and len(json) == 1 and GET in json


def literal(json: JsonValue, place: Place) -> JsonValue:
    """The value that is written. Raises 400 for what can't be compared or shown, and for other operators."""
    if isinstance(json, list):
        return [literal(part, place.element(number).inner()) for number, part in enumerate(json)]
    if not isinstance(json, dict):
        return _scalar(json, place)
    if not any(key.startswith("$") for key in json):
        return {key: literal(value, place.member(key)) for key, value in json.items()}
    if len(json) == 1:
        ((operator, value),) = json.items()
        if operator in OPERATORS:
            return resolved(operator, value, place.member(operator))
    raise place.invalid(
        "an object with operators is no literal, but one of $toString, $json alone; "
        'data with such names is written {"$json": ...}'
    )


def resolved(operator: str, value: JsonValue, place: Place) -> JsonValue:
    """The value of `{operator: value}`, one of OPERATORS; `place` is that of `value`. Raises 400."""
    if operator == GET:
        return _hole(value, place)
    if operator == "$json":
        return literal(value, place) if is_hole(value) and place.templated else verbatim(value, place)
    return text_of(literal(value, place) if is_hole(value) else verbatim(value, place))


def verbatim(json: JsonValue, place: Place) -> JsonValue:
    """The JSON itself, when it is of a size that can be compared and shown. Raises 400."""
    level: list[JsonValue] = [json]
    for _ in range(DEEPEST):
        below: list[JsonValue] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            else:
                _scalar(value, place)
        if not below:
            return json
        level = below
    raise place.invalid(f"a literal nested deeper than {DEEPEST} levels")


def string(json: JsonValue, place: Place, operator: str) -> str:
    """The string that `json` writes. Raises 400; operator: what takes it."""
    value = literal(json, place) if is_literal(json) else json
    if not isinstance(value, str):
        raise place.invalid(f"{operator} takes a string, not {shown(value)}")
    return value


def number(json: JsonValue, place: Place, operator: str) -> int | float:
    """The number that `json` writes. Raises 400; operator: what takes it."""
    value = _numeric(json, place)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise place.invalid(f"{operator} takes a number, not {shown(value)}")
    return value


def whole(json: JsonValue, place: Place, operator: str) -> int:
    """The whole number of at most 64 bits that `json` writes. Raises 400; operator: what takes it."""
    value = _numeric(json, place)
    if isinstance(value, bool) or not isinstance(value, int):
        raise place.invalid(f"{operator} takes a whole number, not {shown(value)}")
    return value


def scalar(json: JsonValue, place: Place, operator: str) -> str | int | float | bool:
    """The string, number or Boolean that `json` writes. Raises 400; operator: what takes it."""
    value = literal(json, place) if is_literal(json) else json
    if value is None or isinstance(value, list | dict):
        raise place.invalid(f"{operator} takes a string, a number, true or false, not {shown(value)}")
    return value


def text_of(value: JsonValue) -> str:
    """`$toString`: a string as it is, anything else as compact JSON text."""
    return value if isinstance(value, str) else json_text.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _scalar(value: JsonValue, place: Place) -> JsonValue:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise place.invalid("whole numbers have at most 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise place.invalid("numbers are finite")
    return value


def _numeric(json: JsonValue, place: Place) -> JsonValue:
    if is_hole(json):
        literal(json, place)
        return 1
    return json if isinstance(json, list | dict) else _scalar(json, place)


def _hole(field: JsonValue, place: Place) -> str:
    """What stands for the tested row's value. Raises 400 where no row is tested, or it names no field."""
    if not place.templated:
        raise place.invalid("$get is a value of the tested row, so it is only for what _evaluate evaluates")
    path_of(field, place, "$get takes")
    return HOLE
