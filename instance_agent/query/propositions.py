"""What a `where` can say, as a tree. `grammar` makes it from JSON; `filters` and `evidence` give it meaning.

Operators that apply below a field (`{"price": {"$or": [...]}}`) are distributed over the field when parsed, so every
leaf is one test of one field. Every leaf remembers its place in the request, for the error message.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from instance_agent.schema.types import JsonValue


class Order(Enum):
    """How a value compares: numbers by value, strings by code point."""

    GREATER = "$gt"
    GREATER_OR_EQUAL = "$gte"
    LESS = "$lt"
    LESS_OR_EQUAL = "$lte"


@dataclass(frozen=True)
class Equals:
    """A bare literal: the whole value equals it; on an array column a scalar means "has this element"."""

    value: JsonValue


@dataclass(frozen=True)
class Is:
    """`$is`: the whole value equals it, on every type."""

    value: JsonValue


@dataclass(frozen=True)
class JsonIs:
    """`$json`: the value of a Json column deeply equals it."""

    value: JsonValue


@dataclass(frozen=True)
class Has:
    """`$has`: the value has this feature: a token of a Text, an element of an array, any other value itself."""

    feature: JsonValue


@dataclass(frozen=True)
class Match:
    """`$match`: all tokens of the text are in the value; other types than Text as `$has`."""

    text: JsonValue


@dataclass(frozen=True)
class StartsWith:
    """`$startsWith`: the raw string begins with it."""

    prefix: str


@dataclass(frozen=True)
class Compare:
    """`$gt $gte $lt $lte`."""

    order: Order
    bound: int | float | str


@dataclass(frozen=True)
class Mod:
    """`$mod`: the whole number leaves this remainder, as floor division does; divisor is never 0."""

    divisor: int
    remainder: int


@dataclass(frozen=True)
class Defined:
    """`$defined`, and `null` for its opposite: the value is present (or, when False, absent)."""

    present: bool


@dataclass(frozen=True)
class ComparePosition:
    """`$gt $gte $lt $lte` of a row's position."""

    order: Order
    bound: int | float


PositionTest = Equals | ComparePosition | Mod
Test = Equals | Is | JsonIs | Has | Match | StartsWith | Compare | Mod | Defined


@dataclass(frozen=True)
class FieldTest:
    """One test of one field."""

    path: tuple[str, ...]  # a column, or link columns and then a column
    test: Test
    place: str  # where in the request it stands, as in where.$or[1].price

    @property
    def field(self) -> str:
        """The path as it is written in a request."""
        return ".".join(self.path)


@dataclass(frozen=True)
class IndexTest:
    """`$index`: one test of the row's 0-based position in its table."""

    test: PositionTest
    place: str


@dataclass(frozen=True)
class All:
    """Every part holds; true when there is none."""

    parts: tuple[Proposition, ...]


@dataclass(frozen=True)
class Any:
    """At least one part holds; false when there is none."""

    parts: tuple[Proposition, ...]


@dataclass(frozen=True)
class Not:
    """The part doesn't hold. Absent values fail every test but "absent", so they satisfy its negation."""

    part: Proposition


@dataclass(frozen=True)
class Atomic:
    """`$atomic`: as a filter the part itself; as evidence one feature instead of several."""

    part: Proposition


Proposition = FieldTest | IndexTest | All | Any | Not | Atomic

EVERYTHING = All(())


def fields_of(proposition: Proposition) -> frozenset[tuple[str, ...]]:
    """The paths the proposition speaks about; `$index` counts as the path ("$index",)."""
    match proposition:
        case FieldTest():
            return frozenset({proposition.path})
        case IndexTest():
            return frozenset({("$index",)})
        case All() | Any():
            return frozenset[tuple[str, ...]]().union(*(fields_of(part) for part in proposition.parts))
        case Not() | Atomic():
            return fields_of(proposition.part)


def to_json(proposition: Proposition) -> dict[str, JsonValue]:
    """The proposition as a request could write it."""
    match proposition:
        case FieldTest():
            return {proposition.field: _test_json(proposition.test)}
        case IndexTest():
            return {"$index": _test_json(proposition.test)}
        case All():
            return {"$and": [to_json(part) for part in proposition.parts]}
        case Any():
            return {"$or": [to_json(part) for part in proposition.parts]}
        case Not():
            return {"$not": to_json(proposition.part)}
        case Atomic():
            return {"$atomic": to_json(proposition.part)}


def _test_json(test: Test | PositionTest) -> JsonValue:
    simple: dict[str, JsonValue]
    match test:
        case Equals():
            return test.value
        case Is():
            simple = {"$is": test.value}
        case JsonIs():
            simple = {"$json": test.value}
        case Has():
            simple = {"$has": test.feature}
        case Match():
            simple = {"$match": test.text}
        case StartsWith():
            simple = {"$startsWith": test.prefix}
        case Compare() | ComparePosition():
            simple = {test.order.value: test.bound}
        case Mod():
            simple = {"$mod": [test.divisor, test.remainder]}
        case Defined():
            simple = {"$defined": test.present}
    return simple
