"""The bodies of queries but for `_aggregate` and `_evaluate`. Each gets the members that are there and known."""

from __future__ import annotations

from typing import Final

from instance_agent.query.language.grammar.orders import goal_of, order_of, sort_keys
from instance_agent.query.language.grammar.places import Place, path_of
from instance_agent.query.language.grammar.projections import select_of
from instance_agent.query.language.grammar.propositions import proposition_of
from instance_agent.query.language.grammar.sets import set_of
from instance_agent.query.language.grammar.sources import Members, slice_of, source_of, where_of
from instance_agent.query.language.propositions import EVERYTHING, Proposition, PropositionSet, fields_of
from instance_agent.query.language.queries import (
    Estimate,
    Match,
    Predict,
    Recommend,
    Relate,
    Search,
    Similarity,
    Sorting,
)
from instance_agent.query.language.scores import Likeness, SortKey
from instance_agent.query.refusals import field_not_found, shown
from instance_agent.schema.types import JsonValue

RELATION: Final = {
    "related": (),
    "condition": (),
    "lift": (),
    "fs": ("f", "fOnCondition", "fOnNotCondition", "fCondition", "n"),
    "ps": ("p", "pOnCondition", "pOnNotCondition", "pCondition"),
    "info": ("h", "mi", "miTrue", "miFalse"),
    "relation": ("n", "mi"),
}
"""The members of a relation, and the numbers in these."""

NUMBERS: Final = ("lift", *(f"{group}.{name}" for group, names in RELATION.items() for name in names))
"""What relations can be ordered by."""


def search_of(members: Members, place: Place) -> Search:
    """A `search`, or a `query` with `get`."""
    get = members.get("get")
    near = members.get("similarity")
    order = order_of(members.get("orderBy"), place.member("orderBy"))
    if near is not None:
        there = place.member("similarity")
        order = (SortKey(Likeness(proposition_of(near, there), False, there.text), True, there.text),)
    return Search(
        source=source_of(members.get("from"), place.member("from")),
        where=where_of(members, place),
        get=None if get is None else _target(get, place.member("get"), "'get'"),
        order=order,
        select=select_of(members.get("select"), place.member("select")),
        slice=slice_of(members, place),
    )


def predict_of(members: Members, place: Place) -> Predict:
    """A `predict`."""
    exclusive = members.get("exclusiveness", True)
    if not isinstance(exclusive, bool):
        there = place.member("exclusiveness")
        raise there.invalid(f"'exclusiveness' is true or false, not {shown(exclusive)}")
    return Predict(
        source=source_of(members.get("from"), place.member("from")),
        targets=_targets(members["predict"], place.member("predict")),
        where=where_of(members, place),
        based_on=_based_on(members, place),
        exclusive=exclusive,
        select=select_of(members.get("select"), place.member("select")),
        slice=slice_of(members, place),
    )


def match_of(members: Members, place: Place) -> Match:
    """A `match`."""
    return Match(
        source=source_of(members.get("from"), place.member("from")),
        target=_target(members["match"], place.member("match"), "'match'"),
        where=where_of(members, place),
        based_on=_based_on(members, place),
        select=select_of(members.get("select"), place.member("select")),
        slice=slice_of(members, place),
    )


def recommend_of(members: Members, place: Place) -> Recommend:
    """A `recommend`."""
    if "goal" not in members:
        raise place.member("goal").invalid("'goal' is required: a proposition that is to hold, or a score")
    return Recommend(
        source=source_of(members.get("from"), place.member("from")),
        target=_target(members["recommend"], place.member("recommend"), "'recommend'"),
        goal=goal_of(members["goal"], place.member("goal")),
        where=where_of(members, place),
        based_on=_based_on(members, place),
        select=select_of(members.get("select"), place.member("select")),
        slice=slice_of(members, place),
    )


def relate_of(members: Members, place: Place) -> Relate:
    """A `relate`."""
    there = place.member("relate")
    related = set_of(members["relate"], there, "'relate'")
    if not related:
        raise there.invalid("'relate' takes at least one field or proposition")
    condition = where_of(members, place)
    keys = sort_keys(members.get("orderBy"), place.member("orderBy"))
    return Relate(
        source=source_of(members.get("from"), place.member("from")),
        related=related,
        condition=None if condition == EVERYTHING else condition,
        order=tuple((_relation_number(key, at), _sorting(down)) for key, down, at in keys),
        select=names_of(members.get("select"), place.member("select"), tuple(RELATION)),
        slice=slice_of(members, place),
    )


def similarity_of(members: Members, place: Place) -> Similarity:
    """A `similarity`."""
    return Similarity(
        source=source_of(members.get("from"), place.member("from")),
        near=proposition_of(members["similarity"], place.member("similarity")),
        where=where_of(members, place),
        select=select_of(members.get("select"), place.member("select")),
        slice=slice_of(members, place),
    )


def estimate_of(members: Members, place: Place) -> Estimate:
    """An `estimate`."""
    model = members.get("model")
    if model not in (None, "regression"):
        there = place.member("model")
        raise there.invalid(f"'model' is \"regression\", or left out for the nearest rows, not {shown(model)}")
    return Estimate(
        source=source_of(members.get("from"), place.member("from")),
        target=path_of(members["estimate"], place.member("estimate"), "'estimate' is"),
        where=where_of(members, place),
        regression=model is not None,
        based_on=_based_on(members, place),
        select=names_of(members.get("select"), place.member("select"), ("estimate", "why")),
    )


def names_of(json: JsonValue, place: Place, known: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The names that `select` keeps of an answer, None for null. Raises 400; known: None when they depend."""
    if json is None:
        return None
    if not isinstance(json, list):
        return (_one_name(json, place, known),)
    return tuple(_one_name(name, place.element(number), known) for number, name in enumerate(json))


def _one_name(json: JsonValue, place: Place, known: tuple[str, ...] | None) -> str:
    if not isinstance(json, str):
        raise place.invalid(f"select takes names, not {shown(json)}")
    if known is not None and json not in known:
        raise field_not_found(json, place.text, said_by="select", known=known)
    return json


def _targets(json: JsonValue, place: Place) -> tuple[tuple[str, ...] | Proposition, ...]:
    if not isinstance(json, list):
        return (_path_or_proposition(json, place),)
    if not json:
        raise place.invalid("'predict' takes at least one field or proposition")
    return tuple(_path_or_proposition(part, place.element(number)) for number, part in enumerate(json))


def _path_or_proposition(json: JsonValue, place: Place) -> tuple[str, ...] | Proposition:
    if not isinstance(json, dict):
        return _target(json, place, "'predict'")
    proposition = proposition_of(json, place)
    if not fields_of(proposition):
        raise place.invalid("a proposition to predict is about a field")
    return proposition


def _target(json: JsonValue, place: Place, name: str) -> tuple[str, ...]:
    return path_of(json, place, f"{name} is", feature=True)


def _based_on(members: Members, place: Place) -> PropositionSet | None:
    json = members.get("basedOn")
    return None if json is None else set_of(json, place.member("basedOn"), "'basedOn'")


def _relation_number(json: JsonValue, place: Place) -> str:
    if not isinstance(json, str):
        raise place.invalid(f"relations are ordered by {', '.join(NUMBERS)}, not by {shown(json)}")
    if json not in NUMBERS:
        raise field_not_found(json, place.text, said_by="orderBy", known=NUMBERS)
    return json


def _sorting(descending: bool) -> Sorting:
    return Sorting.DESCENDING if descending else Sorting.ASCENDING
