"""Score expressions: JSON in, a `Score` out. The package's docstring has their grammar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from instance_agent.query.language.grammar.literals import is_hole, is_literal, number, scalar, text_of, whole
from instance_agent.query.language.grammar.places import Place, members_of, pair_of, path_of
from instance_agent.query.language.grammar.propositions import LATER, proposition_of
from instance_agent.query.language.grammar.sets import set_of
from instance_agent.query.language.propositions import PropositionSet
from instance_agent.query.language.scores import (
    Analogy,
    Arithmetic,
    Constant,
    Decision,
    FieldValue,
    Frequency,
    Impact,
    Likeness,
    Normalize,
    OfHit,
    Operation,
    OverContext,
    Own,
    OwnScore,
    Probability,
    Score,
    SmoothedRate,
    Statistic,
    parts_of,
)
from instance_agent.query.refusals import shown, unsupported
from instance_agent.schema.types import JsonValue

CONTEXT: Final = "$context"
MOST_PARTS: Final = 64
"""Scores that one score is made of, itself included: each takes a number per hit."""
OWN: Final[Mapping[str, Own]] = {own.value: own for own in Own}


def score_of(json: JsonValue, place: Place) -> Score:
    """The score `json` says. Raises a refusal naming the place when it isn't one."""
    score = _read(json, place)
    waiting, count = [score], 0
    while waiting:
        waiting.extend(parts_of(waiting.pop()))
        count += 1
    if count > MOST_PARTS:
        raise place.invalid(f"a score is made of at most {MOST_PARTS} scores, and this of {count}")
    return score


def _read(json: JsonValue, place: Place) -> Score:
    if isinstance(json, str):
        return _named(json, place)
    if is_hole(json) or (isinstance(json, int | float) and not isinstance(json, bool)):
        return Constant(float(number(json, place, "a score")))
    if not isinstance(json, dict) or len(json) != 1:
        raise place.invalid(
            f'a score is a number, a field, a name like "$p", or one operator like {{"$multiply": [...]}}, '
            f"not {shown(json)}"
        )
    ((operator, value),) = json.items()
    parser = SCORES.get(operator)
    if parser is None:
        raise unknown_score(operator, place.member(operator))
    return parser(operator, value, place.member(operator))


def unknown_score(operator: str, place: Place) -> Exception:
    """The refusal of what is no operator of scores."""
    if operator in LATER:
        return unsupported(f"the operator {operator} is not supported by this version", place.text)
    if operator == CONTEXT:
        return place.invalid('$context stands inside another score, as in {"$sum": {"$context": "field"}}')
    return place.invalid(f"unknown score {shown(operator)}; known here: {', '.join(SCORES)}")


def _named(name: str, place: Place) -> Score:
    if name in OWN:
        return OwnScore(OWN[name], place.text)
    if name == "$index":
        return FieldValue((name,), place.text)
    if name.startswith("$"):
        raise place.invalid(f"unknown score {shown(name)}; known by name: $index, {', '.join(OWN)}")
    return FieldValue(path_of(name, place, "a score is"), place.text)


def _probability(operator: str, json: JsonValue, place: Place) -> Score:
    return Probability(_some(json, place, operator), None, operator == "$lift", place.text)


def _probability_based_on(operator: str, json: JsonValue, place: Place) -> Score:
    members = members_of(json, ("of", "basedOn"), place, operator)
    of = _required(members, "of", place, operator)
    based_on: PropositionSet | None = None
    if "basedOn" in members:
        based_on = set_of(members["basedOn"], place.member("basedOn"), "basedOn")
    relative = operator == "$probabilityLift"
    return Probability(_some(of, place.member("of"), "of"), based_on, relative, place.text)


def _some(json: JsonValue, place: Place, name: str) -> PropositionSet:
    found = set_of(json, place, name)
    if not found:
        raise place.invalid(f"{name} takes at least one field or proposition")
    return found


def _frequency(operator: str, json: JsonValue, place: Place) -> Score:
    condition, inner = _in_context(json, place, operator, "proposition")
    return Frequency(proposition_of(condition, inner), place.text)


def _statistic(operator: str, json: JsonValue, place: Place) -> Score:
    if operator == "$sum" and isinstance(json, list):
        return _nary(operator, json, place)
    value, inner = _in_context(json, place, operator, "field or score")
    return OverContext(Statistic(operator), _read(value, inner), place.text)


def _in_context(json: JsonValue, place: Place, operator: str, what: str) -> tuple[JsonValue, Place]:
    if not isinstance(json, dict) or len(json) != 1 or CONTEXT not in json:
        raise place.invalid(f'{operator} of a hit takes {{"$context": {what}}}, not {shown(json)}')
    return json[CONTEXT], place.member(CONTEXT)


def _impact(operator: str, json: JsonValue, place: Place) -> Score:
    members = members_of(json, ("value", "base"), place, operator)
    at = place.member("value")
    value, inner = _in_context(_required(members, "value", place, operator), at, "the value", "field or score")
    base = members.get("base")
    least = None if base is None else float(number(base, place.member("base"), "the base"))
    return Impact(_read(value, inner), least, place.text)


def _smoothed(operator: str, json: JsonValue, place: Place) -> Score:
    members = members_of(json, ("f", "n", "p"), place, operator)
    positives = _read(_required(members, "f", place, operator), place.member("f"))
    trials = _read(_required(members, "n", place, operator), place.member("n"))
    prior = _read(members["p"], place.member("p")) if "p" in members else None
    return SmoothedRate(positives, trials, prior, place.text)


def _decision(operator: str, json: JsonValue, place: Place) -> Score:
    members = members_of(json, ("score", "seed"), place, operator)
    score = _read(_required(members, "score", place, operator), place.member("score"))
    return Decision(score, whole(members.get("seed", 0), place.member("seed"), "the seed"), place.text)


def _likeness(operator: str, json: JsonValue, place: Place) -> Score:
    to = text_of(scalar(json, place, operator)) if is_literal(json) else proposition_of(json, place)
    return Likeness(to, operator == "$sameness", place.text)


def _analogy(operator: str, json: JsonValue, place: Place) -> Score:
    members = members_of(json, ("with", "basedOn"), place, operator)
    value = scalar(_required(members, "with", place, operator), place.member("with"), "with")
    based_on = _required(members, "basedOn", place, operator)
    return Analogy(value, _some(based_on, place.member("basedOn"), "basedOn"), place.text)


def _nary(operator: str, json: JsonValue, place: Place) -> Score:
    if not isinstance(json, list) or not json:
        raise place.invalid(f"{operator} takes a list of scores, not {shown(json)}")
    parts = tuple(_read(part, place.element(number).inner()) for number, part in enumerate(json))
    return Arithmetic(Operation(operator), parts, place.text)


def _binary(operator: str, json: JsonValue, place: Place) -> Score:
    parts = pair_of(json, PAIRS[operator], place, operator)
    return Arithmetic(Operation(operator), tuple(_read(part, at.inner()) for part, at in parts), place.text)


def _normalize(_: str, json: JsonValue, place: Place) -> Score:
    return Normalize(_read(json, place), place.text)


def _of_hit(_: str, json: JsonValue, place: Place) -> Score:
    return OfHit(_read(json, place), place.text)


def _required(members: Mapping[str, JsonValue], name: str, place: Place, operator: str) -> JsonValue:
    if name not in members:
        raise place.invalid(f"{operator} needs {name}")
    return members[name]


PAIRS: Final = {
    "$divide": ("dividend", "divisor"),
    "$subtract": ("minuend", "subtrahend"),
    "$pow": ("base", "exponent"),
}

SCORES: Final[Mapping[str, Callable[[str, JsonValue, Place], Score]]] = {
    "$p": _probability,
    "$lift": _probability,
    "$probability": _probability_based_on,
    "$probabilityLift": _probability_based_on,
    "$f": _frequency,
    **{statistic.value: _statistic for statistic in Statistic},
    "$impact": _impact,
    "$freqP": _smoothed,
    "$decision": _decision,
    "$similarity": _likeness,
    "$sameness": _likeness,
    "$analogy": _analogy,
    "$multiply": _nary,
    **dict.fromkeys(PAIRS, _binary),
    "$normalize": _normalize,
    "$hit": _of_hit,
}
"""Parsers of the operators, by name."""
