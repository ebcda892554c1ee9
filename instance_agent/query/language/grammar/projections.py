"""`select`: which members a hit has. The package's docstring has the grammar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from instance_agent.query.language.grammar.literals import number
from instance_agent.query.language.grammar.places import Place, members_of, path_of
from instance_agent.query.language.grammar.propositions import LATER
from instance_agent.query.language.grammar.scores import OWN, SCORES, score_of
from instance_agent.query.language.scores import Highlight, HighlightOptions, Matches, Name, Projection, Scored, Why
from instance_agent.query.refusals import field_not_found, shown, unsupported
from instance_agent.schema.types import JsonValue

Shows = Name | Why | Highlight | Matches | Scored

NAMES: Final = frozenset({"$index", "$rank", "$sort", "$proposition", *OWN})
"""What is shown by a name with a `$`, but for those with options."""

TAGS: Final = ("posPreTag", "posPostTag", "negPreTag", "negPostTag")
THRESHOLDS: Final = ("posThreshold", "negThreshold")
EXPAND: Final = "$expand"
MOST_SCORES: Final = 64
"""Score expressions that hits may show: each takes a number per hit."""


def select_of(json: JsonValue, place: Place) -> tuple[Projection, ...] | None:
    """What hits show, in order; None for null. Raises a refusal naming the place of what isn't understood."""
    if json is None:
        return None
    if not isinstance(json, list):
        return _bounded(_projections(json, place), place)
    found = tuple(one for number, part in enumerate(json) for one in _projections(part, place.element(number)))
    return _bounded(found, place)


def _bounded(projections: tuple[Projection, ...], place: Place) -> tuple[Projection, ...]:
    count = sum(isinstance(one.shows, Scored) for one in projections)
    if count > MOST_SCORES:
        raise place.invalid(f"hits show at most {MOST_SCORES} score expressions, and this selects {count}")
    return projections


def _projections(json: JsonValue, place: Place) -> tuple[Projection, ...]:
    if isinstance(json, str):
        return (Projection(json, _named(json, place), place.text),)
    if not isinstance(json, dict) or not json:
        raise place.invalid(f"select takes names, scores and objects of these, not {shown(json)}")
    if not any(key.startswith("$") for key in json):
        return tuple(_aliased(alias, value, place.member(alias)) for alias, value in json.items())
    key, shows = _operator(json, place)
    return (Projection(key, shows, place.text),)


def _aliased(alias: str, json: JsonValue, place: Place) -> Projection:
    if isinstance(json, str):
        return Projection(alias, _named(json, place), place.text)
    if isinstance(json, dict) and any(key.startswith("$") for key in json):
        return Projection(alias, _operator(json, place)[1], place.text)
    if isinstance(json, int | float) and not isinstance(json, bool):
        return Projection(alias, Scored(score_of(json, place), False), place.text)
    raise place.invalid(f"{shown(alias)} takes a name, a score, $why, $highlight or $matches, not {shown(json)}")


def _named(name: str, place: Place) -> Shows:
    match name:
        case "$why":
            return Why(None, False)
        case "$highlight":
            return Highlight(HighlightOptions())
        case "$matches":
            return Matches()
    if name.startswith("$") and name not in NAMES:
        raise field_not_found(name, place.text, said_by=place.text)
    if not name.startswith("$"):
        path_of(name, place, "select takes")
    return Name(name)


def _operator(json: dict[str, JsonValue], place: Place) -> tuple[str, Shows]:
    """The key that it has without an alias, and what it shows."""
    if len(json) != 1:
        raise place.invalid("an object with an operator has no other member; give each an object of its own")
    ((key, value),) = json.items()
    inner = place.member(key)
    match key:
        case "$why":
            members = members_of(value, ("highlight", "matches"), inner, key)
            highlight = members.get("highlight")
            options = None if highlight is None else _options(highlight, inner.member("highlight"))
            return key, Why(options, _matches(members.get("matches"), inner.member("matches")))
        case "$highlight":
            return key, Highlight(_options(value, inner))
        case "$matches":
            _matches(value, inner)
            return key, Matches()
        case "$expand":
            name = value if isinstance(value, str) else next(iter(value)) if isinstance(value, dict) and value else key
            return name, Scored(score_of(value, inner), True)
    if key in LATER:
        raise unsupported(f"the operator {key} is not supported by this version", inner.text)
    if key not in SCORES:
        known = ", ".join(("$why", "$highlight", "$matches", EXPAND, *SCORES))
        raise inner.invalid(f"unknown operator {shown(key)}; known here: {known}")
    return key, Scored(score_of(json, place), False)


def _matches(json: JsonValue, place: Place) -> bool:
    if json not in (None, {}):
        raise place.invalid(f"{{}} is all that 'matches' takes, not {shown(json)}")
    return json is not None


def _options(json: JsonValue, place: Place) -> HighlightOptions:
    members = members_of(json, (*TAGS, *THRESHOLDS, "encoder"), place, "a highlight")
    encoder = members.get("encoder", "default")
    if encoder not in ("default", "html"):
        raise place.member("encoder").invalid(f'\'encoder\' is "html" or "default", not {shown(encoder)}')
    published = HighlightOptions()
    return HighlightOptions(
        positive_before=_tag(members, "posPreTag", published.positive_before, place),
        positive_after=_tag(members, "posPostTag", published.positive_after, place),
        negative_before=_tag(members, "negPreTag", published.negative_before, place),
        negative_after=_tag(members, "negPostTag", published.negative_after, place),
        positive_threshold=_threshold(members, "posThreshold", published.positive_threshold, place),
        negative_threshold=_threshold(members, "negThreshold", published.negative_threshold, place),
        encode_html=encoder == "html",
    )


def _tag(members: Mapping[str, JsonValue], key: str, default: str, place: Place) -> str:
    tag = members.get(key, default)
    if not isinstance(tag, str):
        raise place.member(key).invalid(f"{key} is a string, not {shown(tag)}")
    return tag


def _threshold(members: Mapping[str, JsonValue], key: str, default: float, place: Place) -> float:
    return float(number(members.get(key, default), place.member(key), key))
