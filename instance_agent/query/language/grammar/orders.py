"""`orderBy` and `goal`: which hits come first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from instance_agent.query.language.grammar.places import Place, members_of
from instance_agent.query.language.grammar.propositions import proposition_of
from instance_agent.query.language.grammar.scores import SCORES, score_of
from instance_agent.query.language.propositions import Proposition
from instance_agent.query.language.scores import Own, OwnScore, Score, SortKey, parts_of
from instance_agent.query.refusals import shown
from instance_agent.schema.types import JsonValue

MOST_KEYS: Final = 16
"""Keys an order may have: each takes a number per row."""


def order_of(json: JsonValue, place: Place) -> tuple[SortKey, ...]:
    """The keys of an order; none for null. Raises a refusal naming the place of what isn't understood."""
    return tuple(SortKey(_score(key, at), down, at.text) for key, down, at in sort_keys(json, place))


def sort_keys(json: JsonValue, place: Place) -> Iterator[tuple[JsonValue, bool, Place]]:
    """What each key sorts by, whether it descends, and its place. Raises 400."""
    if not isinstance(json, list):
        if json is not None:
            yield _sort_key(json, place)
        return
    if len(json) > MOST_KEYS:
        raise place.invalid(f"an order has at most {MOST_KEYS} keys, and this has {len(json)}")
    for number, key in enumerate(json):
        yield _sort_key(key, place.element(number))


def _sort_key(json: JsonValue, place: Place) -> tuple[JsonValue, bool, Place]:
    match json:
        case {"$asc": score, **rest} if not rest:
            return score, False, place.member("$asc")
        case {"$desc": score, **rest} if not rest:
            return score, True, place.member("$desc")
        case {"field": str() as name, **_rest}:
            down = members_of(json, ("field", "desc"), place, "a key of this form").get("desc", True)
            if not isinstance(down, bool):
                raise place.member("desc").invalid(f"'desc' is true or false, not {shown(down)}")
            return name, down, place.member("field")
        case None | bool() | list():
            raise place.invalid(
                f'orderBy takes a column or another score, {{"$asc": score}} or {{"$desc": score}}, not {shown(json)}'
            )
    return json, True, place


def _score(json: JsonValue, place: Place) -> Score:
    score = score_of(json, place)
    waiting = [score]
    while waiting:
        part = waiting.pop()
        if isinstance(part, OwnScore) and part.which is Own.SCORE:
            raise place.invalid("$score is what hits are ordered by; say what it is made of")
        waiting.extend(parts_of(part))
    return score


def goal_of(json: JsonValue, place: Place) -> Proposition | Score:
    """What `recommend` looks for: a proposition to be probable, or a score to be high. Raises 400."""
    if isinstance(json, dict) and not any(key in SCORES for key in json):
        return proposition_of(json, place)
    if json is None or isinstance(json, bool | list):
        raise place.invalid(f"'goal' is a proposition or a score, not {shown(json)}")
    return _score(json, place)
