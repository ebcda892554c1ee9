"""Trees that explain numbers: what they come to, and how they are sent."""

from __future__ import annotations

import json
import math

import pytest

from instance_agent.inference import why
from instance_agent.inference.why import Number, Plain
from instance_agent.schema.types import JsonValue

TWO, THREE, ZERO = (Number(Plain.CONSTANT, value) for value in (2.0, 3.0, 0.0))
TWO_JSON, THREE_JSON = {"type": "constant", "value": 2.0}, {"type": "constant", "value": 3.0}
RED: dict[str, JsonValue] = {"color": {"$has": "red"}}


@pytest.mark.parametrize(
    ("node", "value", "json_form"),
    [
        (why.BaseP(0.5, RED), 0.5, {"type": "baseP", "value": 0.5, "proposition": RED}),
        (why.Lift(2.0, RED), 2.0, {"type": "relatedPropositionLift", "proposition": RED, "value": 2.0}),
        (
            why.Lift(2.0, RED, ({"score": 1.0},)),
            2.0,
            {"type": "relatedPropositionLift", "proposition": RED, "value": 2.0, "highlight": [{"score": 1.0}]},
        ),
        (
            why.HitLift("coffee", (TWO, THREE)),
            6.0,
            {"type": "hitPropositionLift", "proposition": "coffee", "value": 6.0, "factors": [TWO_JSON, THREE_JSON]},
        ),
        (why.HitLinkLift(RED, 1.5), 1.5, {"type": "hitLinkPropositionLift", "proposition": RED, "value": 1.5}),
        (why.Norm("exclusiveness", 0.9), 0.9, {"type": "normalizer", "name": "exclusiveness", "value": 0.9}),
        (why.Norm("residual", -1.5, "input"), -1.5, {"type": "input", "name": "residual", "value": -1.5}),
        (Number(Plain.TERM_FREQUENCY, 1.0), 1.0, {"type": "tf", "value": 1.0}),
        (why.Field("price", 1.25), 1.25, {"type": "field", "field": "price", "value": 1.25}),
        (why.Product((TWO, THREE)), 6.0, {"type": "product", "factors": [TWO_JSON, THREE_JSON]}),
        (why.Product(()), 1.0, {"type": "product", "factors": []}),
        (why.Sum((TWO, THREE)), 5.0, {"type": "sum", "terms": [TWO_JSON, THREE_JSON]}),
        (
            why.Subtraction(TWO, THREE),
            -1.0,
            {"type": "subtraction", "minuend": TWO_JSON, "subtrahend": THREE_JSON},
        ),
        (why.Division(THREE, TWO), 1.5, {"type": "division", "dividend": THREE_JSON, "divisor": TWO_JSON}),
        (
            why.Exponent(TWO, THREE),
            8.0,
            {"type": "exponent", "value": 8.0, "base": TWO_JSON, "power": THREE_JSON},
        ),
        (why.Exp(TWO), math.e**2, {"type": "exp", "value": math.e**2, "inner": TWO_JSON}),
        (why.Log(TWO), math.log(2), {"type": "log", "value": math.log(2), "inner": TWO_JSON}),
        (
            why.WeightedAverage((why.Component(1.0, TWO), why.Component(3.0, THREE))),
            2.75,
            {
                "type": "weightedAverage",
                "value": 2.75,
                "components": [{"weight": 1.0, "value": TWO_JSON}, {"weight": 3.0, "value": THREE_JSON}],
            },
        ),
        (
            why.Regression(RED, -0.5, why.RegressionKind.CATEGORICAL, why.Adjustment.RESTORATION),
            -0.5,
            {
                "type": "regression",
                "proposition": RED,
                "value": -0.5,
                "regressionType": "categorical",
                "residual": None,
                "operation": "restoration",
            },
        ),
        (
            why.NeighborContext(1.5, why.Sum((TWO, THREE)), {"id": "a"}, 0.25, "7"),
            5.0,
            {
                "type": "neighborContext",
                "value": 5.0,
                "original": 1.5,
                "adjustments": {"type": "sum", "terms": [TWO_JSON, THREE_JSON]},
                "instance": {"id": "a"},
                "hitScore": 0.25,
                "position": "7",
            },
        ),
        (why.Nothing(), 1.0, {"type": "none"}),
    ],
    ids=lambda part: type(part).__name__ if not isinstance(part, float | dict) else "",
)
def test_a_node_has_a_value_and_a_form(node: why.Node, value: float, json_form: object) -> None:
    assert why.value_of(node) == value
    assert why.to_json(node) == json_form


def test_every_kind_of_node_is_known_by_its_published_type() -> None:
    kinds = {kind.value for kind in Plain}
    assert kinds == {"baseLift", "tf", "idf", "default", "constant"}


@pytest.mark.parametrize(
    "node",
    [
        why.Division(TWO, ZERO),
        why.Exponent(ZERO, why.Subtraction(TWO, THREE)),
        why.Exponent(why.Subtraction(TWO, THREE), why.Division(TWO, THREE)),
        why.Exponent(Number(Plain.CONSTANT, 1e300), THREE),
        why.Exp(Number(Plain.CONSTANT, 1e4)),
        why.Log(ZERO),
        why.WeightedAverage(()),
        why.Sum((why.Log(ZERO), TWO)),
    ],
)
def test_arithmetic_without_an_answer_is_null_and_never_an_error(node: why.Node) -> None:
    assert math.isnan(why.value_of(node))
    json.dumps(why.to_json(why.Product((node, TWO))), allow_nan=False)
