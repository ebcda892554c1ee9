"""The tree that explains a probability: leaves multiply up to it. Node names are those of the wire reference, 9.1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

from instance_agent.schema.types import JsonValue


@dataclass(frozen=True)
class BaseP:
    """How probable the candidate is before any evidence."""

    value: float
    proposition: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Lift:
    """How many times more probable one piece of evidence makes it."""

    value: float
    proposition: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Norm:
    """A factor that makes the candidates' products probabilities."""

    name: str
    value: float


@dataclass(frozen=True)
class Product:
    """The product of its factors."""

    factors: tuple[Node, ...]


Node = Union[BaseP, Lift, Norm, "Product"]


def value_of(node: Node) -> float:
    """The number the tree stands for: the product of its leaves."""
    if isinstance(node, Product):
        return math.prod(value_of(factor) for factor in node.factors)
    return node.value


def to_json(node: Node) -> dict[str, JsonValue]:
    """The tree as it goes over the wire."""
    match node:
        case BaseP():
            return {"type": "baseP", "value": node.value, "proposition": dict(node.proposition)}
        case Lift():
            return {"type": "relatedPropositionLift", "proposition": dict(node.proposition), "value": node.value}
        case Norm():
            return {"type": "normalizer", "name": node.name, "value": node.value}
        case Product():
            return {"type": "product", "factors": [to_json(factor) for factor in node.factors]}
