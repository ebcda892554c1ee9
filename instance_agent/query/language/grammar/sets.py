"""Sets of propositions: what `relate`, `basedOn`, `of` and the scores `$p` and `$lift` take."""

from __future__ import annotations

from instance_agent.query.language.grammar.places import FEATURE, Place, path_of
from instance_agent.query.language.grammar.propositions import proposition_of
from instance_agent.query.language.propositions import FeaturesOf, Proposition, PropositionSet
from instance_agent.query.refusals import shown
from instance_agent.schema.types import JsonValue


def set_of(json: JsonValue, place: Place, name: str) -> PropositionSet:
    """The set that `json` says; an empty list is the empty set. Raises 400; name: what takes it."""
    if isinstance(json, list):
        return tuple(_element(part, place.element(number), name) for number, part in enumerate(json))
    return (_element(json, place, name),)


def _element(json: JsonValue, place: Place, name: str) -> FeaturesOf | Proposition:
    if isinstance(json, dict):
        return proposition_of(json, place)
    if not isinstance(json, str):
        raise place.invalid(f"{name} takes fields and propositions, not {shown(json)}")
    path = path_of(json, place, f"{name} takes", feature=True)
    return FeaturesOf(path[:-1] if path[-1] == FEATURE else path, place.text)
