"""The tree that explains a number. Node names are those of the wire reference, 9.1.

For a probability it is a product whose leaves multiply up to it; `value_of` works out any tree from its leaves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Union

from instance_agent.schema.types import JsonValue

Member = Mapping[str, JsonValue]


@dataclass(frozen=True)
class BaseP:
    """How probable the candidate is before any evidence."""

    value: float
    proposition: Member


@dataclass(frozen=True)
class Lift:
    """How many times more probable one piece of evidence makes it."""

    value: float
    proposition: Member
    highlight: tuple[Member, ...] | None = None  # None: nobody asked for it


@dataclass(frozen=True)
class HitLift:
    """How many times more probable the hit makes something: the product of what the hit's parts say."""

    proposition: JsonValue
    factors: tuple[Node, ...]


@dataclass(frozen=True)
class HitLinkLift:
    """The part of it that is said by the link to the hit itself."""

    proposition: JsonValue
    value: float


@dataclass(frozen=True)
class Norm:
    """A named number: a factor that makes the candidates' products probabilities, or a part of an estimate."""

    name: str
    value: float
    kind: str = "normalizer"  # the `type` it is sent with; estimates have "input" and "mean centering"


class Plain(Enum):
    """Numbers that need no more than their kind said: the `type` they are sent with."""

    BASE_LIFT = "baseLift"
    TERM_FREQUENCY = "tf"
    INVERSE_DOCUMENT_FREQUENCY = "idf"
    DEFAULT = "default"
    CONSTANT = "constant"


@dataclass(frozen=True)
class Number:
    """A plain number."""

    kind: Plain
    value: float


@dataclass(frozen=True)
class Field:
    """A field's value; NaN for an absent one."""

    field: str
    value: float


@dataclass(frozen=True)
class Product:
    """The product of its factors."""

    factors: tuple[Node, ...]


@dataclass(frozen=True)
class Sum:
    """The sum of its terms."""

    terms: tuple[Node, ...]


@dataclass(frozen=True)
class Subtraction:
    """minuend - subtrahend."""

    minuend: Node
    subtrahend: Node


@dataclass(frozen=True)
class Division:
    """dividend / divisor; NaN where the divisor is 0."""

    dividend: Node
    divisor: Node


@dataclass(frozen=True)
class Exponent:
    """base ** power; NaN where that is no real number, or too large for a double."""

    base: Node
    power: Node


@dataclass(frozen=True)
class Exp:
    """e ** inner."""

    inner: Node


@dataclass(frozen=True)
class Log:
    """The natural logarithm of inner; NaN for 0 and below."""

    inner: Node


@dataclass(frozen=True)
class Component:
    """One value of a weighted average."""

    weight: float
    value: Node


@dataclass(frozen=True)
class WeightedAverage:
    """The mean of the components by their weights; NaN where these add up to 0."""

    components: tuple[Component, ...]


class RegressionKind(Enum):
    """What the effect is fitted to: the value of a category, or a number."""

    CATEGORICAL = "categorical"
    LINEAR = "linear"


class Adjustment(Enum):
    """Is the effect taken off a neighbour's value, or put on for the query?"""

    REDUCTION = "reduction"
    RESTORATION = "restoration"


@dataclass(frozen=True)
class Regression:
    """The effect of one condition on an estimate."""

    proposition: Member
    value: float
    kind: RegressionKind
    operation: Adjustment
    residual: float | None = None  # what is left of the neighbour's value afterwards


@dataclass(frozen=True)
class NeighborContext:
    """A row near to the query; its value, as the query's differences from it change it, is that of `adjustments`."""

    original: float  # the row's own value
    adjustments: Node
    instance: Member  # the row, linked columns flattened as link.column
    hit_score: float
    position: str  # the row's place in its table


@dataclass(frozen=True)
class Nothing:
    """There is nothing to explain; as a factor it is 1."""


Node = Union[  # noqa: UP007 - its members name it
    BaseP,
    Lift,
    HitLift,
    HitLinkLift,
    Norm,
    Number,
    Field,
    Product,
    Sum,
    Subtraction,
    Division,
    Exponent,
    Exp,
    Log,
    WeightedAverage,
    Regression,
    NeighborContext,
    Nothing,
]


def value_of(node: Node) -> float:  # noqa: PLR0911 - one line per node
    """The number the tree stands for, from its leaves; NaN where the arithmetic has no finite answer."""
    match node:
        case BaseP() | Lift() | HitLinkLift() | Norm() | Number() | Field() | Regression():
            return node.value
        case Product() | HitLift():
            return math.prod(value_of(factor) for factor in node.factors)
        case Sum():
            return sum(value_of(term) for term in node.terms)
        case Subtraction():
            return value_of(node.minuend) - value_of(node.subtrahend)
        case Division():
            divisor = value_of(node.divisor)
            return value_of(node.dividend) / divisor if divisor else math.nan
        case Exponent():
            return power(value_of(node.base), value_of(node.power))
        case Exp():
            return power(math.e, value_of(node.inner))
        case Log():
            inner = value_of(node.inner)
            return math.log(inner) if inner > 0 else math.nan
        case WeightedAverage():
            weights = sum(one.weight for one in node.components)
            total = sum(one.weight * value_of(one.value) for one in node.components)
            return total / weights if weights else math.nan
        case NeighborContext():
            return value_of(node.adjustments)
        case Nothing():
            return 1.0


def power(base: float, exponent: float) -> float:
    """base ** exponent; NaN where that is no real number, or too large for a double."""
    try:
        found = base**exponent
    except (OverflowError, ZeroDivisionError):
        return math.nan
    return math.nan if isinstance(found, complex) else found


def parts_of(node: Node) -> tuple[Node, ...]:  # noqa: PLR0911 - one line per node
    """The nodes that its value is worked out from, one level down."""
    match node:
        case Product() | HitLift():
            return node.factors
        case Sum():
            return node.terms
        case Exp() | Log():
            return (node.inner,)
        case WeightedAverage():
            return tuple(one.value for one in node.components)
        case NeighborContext():
            return (node.adjustments,)
        case Subtraction():
            return (node.minuend, node.subtrahend)
        case Division():
            return (node.dividend, node.divisor)
        case Exponent():
            return (node.base, node.power)
    return ()


def lifts_in(node: Node) -> Iterator[Lift]:
    """All lifts of the tree."""
    if isinstance(node, Lift):
        yield node
    for part in parts_of(node):
        yield from lifts_in(part)


def with_lifts(node: Node, change: Callable[[Lift], Lift]) -> Node:
    """The tree with every lift of its products and other arithmetic changed."""
    match node:
        case Lift():
            return change(node)
        case Product():
            return Product(tuple(with_lifts(one, change) for one in node.factors))
        case HitLift():
            return HitLift(node.proposition, tuple(with_lifts(one, change) for one in node.factors))
        case Sum():
            return Sum(tuple(with_lifts(one, change) for one in node.terms))
        case Subtraction() | Division() | Exponent():
            return type(node)(*(with_lifts(one, change) for one in parts_of(node)))
    return node


def to_json(node: Node) -> dict[str, JsonValue]:
    """The tree as it goes over the wire; null for numbers that aren't finite."""
    match node:
        case Product() | Sum() | Subtraction() | Division() | Exponent() | Exp() | Log():
            return _arithmetic_json(node)
        case WeightedAverage() | Regression() | NeighborContext():
            return _estimate_json(node)
        case Nothing():
            return {"type": "none"}
    return _leaf_json(node)


def _leaf_json(  # noqa: PLR0911 - one line per node
    node: BaseP | Lift | HitLift | HitLinkLift | Norm | Number | Field,
) -> dict[str, JsonValue]:
    value = _finite(value_of(node))
    match node:
        case BaseP():
            return {"type": "baseP", "value": value, "proposition": dict(node.proposition)}
        case Lift():
            told: dict[str, JsonValue] = {}
            if node.highlight is not None:
                told["highlight"] = [dict(one) for one in node.highlight]
            return {"type": "relatedPropositionLift", "proposition": dict(node.proposition), "value": value, **told}
        case HitLift():
            factors = _all(node.factors)
            return {"type": "hitPropositionLift", "proposition": node.proposition, "value": value, "factors": factors}
        case HitLinkLift():
            return {"type": "hitLinkPropositionLift", "proposition": node.proposition, "value": value}
        case Norm():
            return {"type": node.kind, "name": node.name, "value": value}
        case Number():
            return {"type": node.kind.value, "value": value}
        case Field():
            return {"type": "field", "field": node.field, "value": value}


def _arithmetic_json(node: Product | Sum | Subtraction | Division | Exponent | Exp | Log) -> dict[str, JsonValue]:
    match node:
        case Product():
            return {"type": "product", "factors": _all(node.factors)}
        case Sum():
            return {"type": "sum", "terms": _all(node.terms)}
        case Subtraction():
            return {"type": "subtraction", "minuend": to_json(node.minuend), "subtrahend": to_json(node.subtrahend)}
        case Division():
            return {"type": "division", "dividend": to_json(node.dividend), "divisor": to_json(node.divisor)}
    value = _finite(value_of(node))
    if isinstance(node, Exponent):
        return {"type": "exponent", "value": value, "base": to_json(node.base), "power": to_json(node.power)}
    return {"type": "exp" if isinstance(node, Exp) else "log", "value": value, "inner": to_json(node.inner)}


def _estimate_json(node: WeightedAverage | Regression | NeighborContext) -> dict[str, JsonValue]:
    value = _finite(value_of(node))
    match node:
        case WeightedAverage():
            components: list[JsonValue] = [
                {"weight": _finite(one.weight), "value": to_json(one.value)} for one in node.components
            ]
            return {"type": "weightedAverage", "value": value, "components": components}
        case Regression():
            return {
                "type": "regression",
                "proposition": dict(node.proposition),
                "value": value,
                "regressionType": node.kind.value,
                "residual": None if node.residual is None else _finite(node.residual),
                "operation": node.operation.value,
            }
        case NeighborContext():
            return {
                "type": "neighborContext",
                "value": value,
                "original": _finite(node.original),
                "adjustments": to_json(node.adjustments),
                "instance": dict(node.instance),
                "hitScore": _finite(node.hit_score),
                "position": node.position,
            }


def _all(nodes: tuple[Node, ...]) -> list[JsonValue]:
    return [to_json(node) for node in nodes]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
