"""What a `where` can say, as a tree. `grammar` makes it from JSON; `filters` and `evidence` give it meaning.

Sets of propositions (`relate`, `basedOn`, `$exists`, `of`) are here too. Operators that apply below a
field (`{"price": {"$or": [...]}}`) are distributed over the field when parsed, so every leaf is one test of one field.
Every leaf remembers its place in the request, for the error message.
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


@dataclass(frozen=True)
class Hashed:
    """`$hash` of a field: some of these tests hold for the stable hash of the value, each list of them all together."""

    any_of: tuple[tuple[PositionTest, ...], ...]


@dataclass(frozen=True)
class Numeric:
    """`$numeric`: the number as a quantity: a filter for equality, evidence by closeness."""

    value: int | float


Test = Equals | Is | JsonIs | Has | Match | StartsWith | Compare | Mod | Defined | Hashed | Numeric


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
class RowHashTest:
    """`$hash` on the row itself: one test of a stable hash of the row's position."""

    test: PositionTest
    place: str


@dataclass(frozen=True)
class Exists:
    """`$exists`: as a filter every field is present; in `_relate` every feature of these fields, one condition each."""

    paths: tuple[tuple[str, ...], ...]
    place: str


@dataclass(frozen=True)
class Nearest:
    """`$knn` and `$nn`: rows similar to a proposition, as `_similarity` measures it."""

    near: Proposition
    count: int | None  # $knn: so many rows; None for $nn
    threshold: float | None  # $nn: similarity at least this; None for any above that of no match
    place: str


@dataclass(frozen=True)
class On:
    """`$on`: `part` considered among the rows that satisfy `condition`; as a filter both."""

    part: Proposition
    condition: Proposition


@dataclass(frozen=True)
class Context:
    """`$context`: the part speaks about the row of `from`, not about the hit."""

    part: Proposition
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


Proposition = FieldTest | IndexTest | RowHashTest | Exists | Nearest | On | Context | All | Any | Not | Atomic

EVERYTHING = All(())


@dataclass(frozen=True)
class FeaturesOf:
    """In a set of propositions: every feature of a field, or of a linked table's row for a link."""

    path: tuple[str, ...]
    place: str


PropositionSet = tuple[FeaturesOf | Proposition, ...]
"""A union: fields with all their features, and propositions, each standing for its individual conjuncts."""


def fields_of(proposition: Proposition) -> frozenset[tuple[str, ...]]:  # noqa: PLR0911 - one line per node
    """The paths the proposition speaks about; `$index` counts as the path ("$index",)."""
    match proposition:
        case FieldTest():
            return frozenset({proposition.path})
        case IndexTest() | RowHashTest():
            return frozenset({("$index",)})
        case Exists():
            return frozenset(proposition.paths)
        case Nearest():
            return fields_of(proposition.near)
        case On():
            return fields_of(proposition.part) | fields_of(proposition.condition)
        case All() | Any():
            return frozenset[tuple[str, ...]]().union(*(fields_of(part) for part in proposition.parts))
        case Not() | Atomic() | Context():
            return fields_of(proposition.part)


def to_json(proposition: Proposition) -> dict[str, JsonValue]:  # noqa: PLR0911 - one line per node
    """The proposition as a request could write it."""
    match proposition:
        case FieldTest():
            return {proposition.field: _test_json(proposition.test)}
        case IndexTest():
            return {"$index": _test_json(proposition.test)}
        case RowHashTest():
            return {"$hash": _test_json(proposition.test)}
        case Exists():
            return {"$exists": [".".join(path) for path in proposition.paths]}
        case Nearest():
            return _nearest_json(proposition)
        case On():
            return {"$on": [to_json(proposition.part), to_json(proposition.condition)]}
        case Context():
            return {"$context": to_json(proposition.part)}
        case All():
            return {"$and": [to_json(part) for part in proposition.parts]}
        case Any():
            return {"$or": [to_json(part) for part in proposition.parts]}
        case Not():
            return {"$not": to_json(proposition.part)}
        case Atomic():
            return {"$atomic": to_json(proposition.part)}


def _nearest_json(nearest: Nearest) -> dict[str, JsonValue]:
    near: JsonValue = [to_json(nearest.near)]
    if nearest.count is not None:
        return {"$knn": {"k": nearest.count, "near": near}}
    return {"$nn": {"near": near} if nearest.threshold is None else {"near": near, "threshold": nearest.threshold}}


def _test_json(test: Test | PositionTest) -> JsonValue:
    simple: dict[str, JsonValue]
    match test:
        case Equals():
            return _bare(test.value)
        case Is():
            simple = {"$is": _literal(test.value)}
        case JsonIs():
            simple = {"$json": test.value}
        case Has():
            simple = {"$has": _literal(test.feature)}
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
        case Numeric():
            simple = {"$numeric": test.value}
        case Hashed():
            every: list[JsonValue] = [{"$and": [_test_json(one) for one in tests]} for tests in test.any_of]
            simple = {"$hash": {"$or": every}}
    return simple


def _bare(value: JsonValue) -> JsonValue:
    """A literal that stands alone, where an object would be read as fields of a linked row."""
    if isinstance(value, list):
        return [_literal(element) for element in value]
    return {"$json": value} if isinstance(value, dict) else value


def _literal(value: JsonValue) -> JsonValue:
    """A literal, so written that a name in its data isn't read as an operator."""
    return {"$json": value} if _has_operators(value) else value


def _has_operators(value: JsonValue) -> bool:
    waiting: list[JsonValue] = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            if any(key.startswith("$") for key in inner):
                return True
            waiting.extend(inner.values())
        elif isinstance(inner, list):
            waiting.extend(inner)
    return False
