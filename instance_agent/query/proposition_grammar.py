"""The grammar of `where`: JSON in, a `Proposition` out.

    proposition := {}                                   always true
                 | {member, ...}                        every member holds
    member      := "field": condition
                 | "link.field": condition
                 | "$and": [proposition, ...] | "$or": [proposition, ...] | "$not": proposition
                 | "$atomic": proposition
                 | "$index": condition                  without the text operators
    condition   := literal                              equality
                 | null                                 the value is absent
                 | {operator, ...}                      every operator holds
                 | {"field": condition, ...}            fields of the linked row
    operator    := "$gt" | "$gte" | "$lt" | "$lte": number or string
                 | "$is" | "$has": literal
                 | "$match": literal | "$startsWith": string
                 | "$defined": true or false
                 | "$mod": [divisor, remainder] | {"divisor": d, "remainder": r}
                 | "$json": any JSON
                 | "$and": [condition, ...] | "$or": [condition, ...] | "$not": condition

Nothing here knows the schema: types and names are checked where the tree meets a table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from instance_agent.query.propositions import (
    All,
    Any,
    Atomic,
    Compare,
    ComparePosition,
    Defined,
    Equals,
    FieldTest,
    Has,
    IndexTest,
    Is,
    JsonIs,
    Match,
    Mod,
    Not,
    Order,
    Proposition,
    StartsWith,
    Test,
)
from instance_agent.query.refusals import invalid, shown, unsupported
from instance_agent.schema.types import JsonValue

DEEPEST: Final = 64
"""Levels of nesting a proposition may have."""

LONGEST_PATH: Final = 16
"""Segments a field path may have."""

LATER: Final = frozenset(
    {"$context", "$exists", "$get", "$hash", "$knn", "$nn", "$numeric", "$on", "$toString"}
    | {"$search", "$semantic", "$nearest", "$cluster", "$patterns"}
)
"""Operators of the published language that this version refuses by name."""


def parse_proposition(json: JsonValue, place: str, depth: int = 0) -> Proposition:
    """The proposition `json` says. Raises a refusal naming the place when it isn't one."""
    _check_depth(depth, place)
    if not isinstance(json, dict):
        raise invalid(f'a proposition is an object like {{"field": value}}, not {shown(json)}', place)
    return _all([_member(key, value, f"{place}.{_short(key)}", depth) for key, value in json.items()])


def _member(key: str, value: JsonValue, place: str, depth: int) -> Proposition:
    def again(part: JsonValue, where: str) -> Proposition:
        return parse_proposition(part, where, depth + 1)

    if not key.startswith("$"):
        return _condition(_path(key, place), value, place, depth + 1)
    match key:
        case "$and" | "$or" | "$not":
            return _connective(key, value, place, again)
        case "$atomic":
            return Atomic(again(value, place))
        case "$index":
            return _index_condition(value, place, depth + 1)
    raise _unknown(key, place, "$and $or $not $atomic $index")


def _connective(key: str, value: JsonValue, place: str, parse: Callable[[JsonValue, str], Proposition]) -> Proposition:
    if key == "$not":
        return Not(parse(value, place))
    if not isinstance(value, list):
        raise invalid(f"{key} takes a list", place)
    parts = tuple(parse(part, f"{place}[{number}]") for number, part in enumerate(value))
    return All(parts) if key == "$and" else Any(parts)


def _condition(path: tuple[str, ...], json: JsonValue, place: str, depth: int) -> Proposition:
    _check_depth(depth, place)
    if json is None:
        return FieldTest(path, Defined(False), place)
    if not isinstance(json, dict):
        return FieldTest(path, Equals(_shallow(json, place)), place)
    if not json:
        raise invalid("an empty object says nothing about the field; leave the field out", place)

    def again(part: JsonValue, where: str) -> Proposition:
        return _condition(path, part, where, depth + 1)

    parts: list[Proposition] = []
    for key, value in json.items():
        inner = f"{place}.{_short(key)}"
        if not key.startswith("$"):
            parts.append(_condition(_longer(path, _path(key, inner), inner), value, inner, depth + 1))
        elif key in ("$and", "$or", "$not"):
            parts.append(_connective(key, value, inner, again))
        else:
            parts.append(FieldTest(path, _operator(key, value, inner), inner))
    return _all(parts)


def _index_condition(json: JsonValue, place: str, depth: int) -> Proposition:
    _check_depth(depth, place)
    if isinstance(json, int) and not isinstance(json, bool):
        return IndexTest(Equals(_shallow(json, place)), place)
    if not isinstance(json, dict) or not json:
        raise invalid('$index takes a whole number or operators like {"$lt": 100}', place)

    def again(part: JsonValue, where: str) -> Proposition:
        return _index_condition(part, where, depth + 1)

    parts: list[Proposition] = []
    for key, value in json.items():
        inner = f"{place}.{_short(key)}"
        if key in ("$and", "$or", "$not"):
            parts.append(_connective(key, value, inner, again))
            continue
        match _operator(key, value, inner):
            case Compare(order, int() | float() as bound):
                parts.append(IndexTest(ComparePosition(order, bound), inner))
            case Mod() as mod:
                parts.append(IndexTest(mod, inner))
            case _:
                raise invalid(f"{key} {shown(value)} doesn't apply to a position; use $lt, $gte, $mod", inner)
    return _all(parts)


def _operator(key: str, value: JsonValue, place: str) -> Test:  # noqa: PLR0911 - one line per operator is the clearest form
    match key:
        case "$gt" | "$gte" | "$lt" | "$lte":
            return _compare(Order(key), value, place)
        case "$is":
            return Defined(False) if value is None else Is(_shallow(value, place))
        case "$has":
            return Has(_present(key, value, place))
        case "$match":
            return Match(_present(key, value, place))
        case "$json":
            return JsonIs(_shallow(value, place))
        case "$startsWith":
            if isinstance(value, str):
                return StartsWith(value)
            raise invalid(f"$startsWith takes a string, not {shown(value)}", place)
        case "$defined":
            if isinstance(value, bool):
                return Defined(value)
            raise invalid(f"$defined takes true or false, not {shown(value)}", place)
        case "$mod":
            return _mod(value, place)
    raise _unknown(key, place, "$gt $gte $lt $lte $is $has $match $startsWith $defined $mod $json $and $or $not")


def _compare(order: Order, value: JsonValue, place: str) -> Compare:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise invalid(f"{order.value} takes a number or a string, not {shown(value)}", place)
    _shallow(value, place)
    return Compare(order, value)


def _mod(value: JsonValue, place: str) -> Mod:
    pair: list[JsonValue]
    match value:
        case [divisor, remainder]:
            pair = [divisor, remainder]
        case {"divisor": divisor, "remainder": remainder, **rest} if not rest:
            pair = [divisor, remainder]
        case _:
            raise invalid("$mod takes [divisor, remainder]", place)
    numbers = [number for number in pair if isinstance(number, int) and not isinstance(number, bool)]
    if len(numbers) != 2 or numbers[0] == 0 or any(abs(number) >= 2**63 for number in numbers):
        raise invalid("$mod takes two whole numbers of at most 64 bits, the divisor not 0", place)
    return Mod(numbers[0], numbers[1])


def _present(key: str, value: JsonValue, place: str) -> JsonValue:
    if value is None or isinstance(value, list | dict):
        raise invalid(f"{key} takes a string, a number, true or false, not {shown(value)}", place)
    return _shallow(value, place)


def _path(text: str, place: str) -> tuple[str, ...]:
    segments = tuple(text.split("."))
    return _longer((), segments, place)


def _longer(path: tuple[str, ...], more: tuple[str, ...], place: str) -> tuple[str, ...]:
    if len(path) + len(more) > LONGEST_PATH:
        raise invalid(f"a field path has at most {LONGEST_PATH} segments", place)
    return path + more


def _shallow(value: JsonValue, place: str) -> JsonValue:
    """The literal itself, when it is of a size that can be compared and shown."""
    level: list[JsonValue] = [value]
    for _ in range(DEEPEST):
        if any(isinstance(inner, int) and not -(2**63) <= inner < 2**63 for inner in level):
            raise invalid("whole numbers have at most 64 bits", place)
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        ]
        if not level:
            return value
    raise invalid(f"a literal nested deeper than {DEEPEST} levels", place)


def _all(parts: list[Proposition]) -> Proposition:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _check_depth(depth: int, place: str) -> None:
    if depth > DEEPEST:
        raise invalid(f"nested deeper than {DEEPEST} levels", place)


def _unknown(key: str, place: str, known: str) -> Exception:
    if key in LATER:
        return unsupported(f"the operator {key} is not supported by this version", place)
    return invalid(f"unknown operator {shown(key)}; known here: {known.replace(' ', ', ')}", place)


def _short(key: str) -> str:
    return key if len(key) <= 60 else key[:57] + "..."
