"""`select` over predictions: which members a hit has, `$why` among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from instance_agent.inference import why
from instance_agent.query.inferring import Inference
from instance_agent.query.page import Hit
from instance_agent.query.projection import name_of, value_reader
from instance_agent.query.queries import Predict
from instance_agent.query.scope import FieldName, Scope
from instance_agent.query.scores import Name, Projection
from instance_agent.query.targets import Target
from instance_agent.schema.types import JsonValue

DEFAULT = ("$p", "field", "feature")


@dataclass(frozen=True)
class Prediction:
    """One candidate and everything said about it."""

    candidate: int  # its place among the target's candidates
    place: int  # its place among the allowed ones
    inference: Inference

    @property
    def probability(self) -> float:
        """In [0, 1]."""
        return float(self.inference.probabilities[self.place])

    @property
    def prior(self) -> float:
        """Its probability without evidence."""
        return float(self.inference.priors[self.place])


Reader = Callable[[Prediction], JsonValue]


def hit_projector(scope: Scope, query: Predict, target: Target) -> Callable[[Prediction], Hit]:
    """The function from a prediction to its hit; every name is checked before anything is computed. Raises 400."""
    select = query.select
    if select is None:
        select = tuple(Projection(name, Name(name), "select") for name in DEFAULT)
    readers = [(one.key, _reader(scope, query, target, one)) for one in select]

    def project(prediction: Prediction) -> Hit:
        members = ((key, read(prediction)) for key, read in readers)
        return {key: value for key, value in members if value is not None}

    return project


def _reader(scope: Scope, query: Predict, target: Target, projection: Projection) -> Reader:
    field = ".".join(path_of(query))

    def has(prediction: Prediction) -> dict[str, JsonValue]:
        return {field: {"$has": target.candidates[prediction.candidate]}}

    simple: dict[str, Reader] = {
        "$p": lambda prediction: prediction.probability,
        "$score": lambda prediction: prediction.probability,
        "$lift": lambda prediction: prediction.probability / prediction.prior,
        "$value": lambda prediction: target.candidates[prediction.candidate],
        "feature": lambda prediction: target.candidates[prediction.candidate],
        "field": lambda _: field,
        "$proposition": has,
        "$why": lambda prediction: why.to_json(prediction.inference.explain(prediction.place)),
    }
    linked = _linked_reader(scope, target, projection)
    return linked or simple.get(name_of(projection)) or _refuse(projection)


def _linked_reader(scope: Scope, target: Target, projection: Projection) -> Reader | None:
    """A column of the row that a link target predicts; it wins over `field` and `feature` of the same name."""
    if target.linked is None:
        return None
    path = tuple(name_of(projection).split("."))
    if path[0] not in target.linked.table.schema.columns:
        return None
    rows = target.linked.first_rows
    read = value_reader(scope, target.linked.table, path, _named(projection))
    return lambda prediction: read(int(rows[prediction.candidate]))


def _refuse(projection: Projection) -> Reader:
    raise _named(projection).not_found()


def _named(projection: Projection) -> FieldName:
    said_by = projection.place if projection.key == name_of(projection) else ""
    return FieldName(tuple(name_of(projection).split(".")), projection.place, said_by)


def path_of(query: Predict) -> tuple[str, ...]:
    """The one path that is predicted."""
    (target,) = query.targets
    if not isinstance(target, tuple):
        raise TypeError("the grammar makes one path")
    return target
