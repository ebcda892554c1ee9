"""Propositions: JSON in, a `Proposition` out. The package's docstring has their grammar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from instance_agent.query.language.grammar.hashes import disjunctive
from instance_agent.query.language.grammar.literals import is_hole, literal, number, resolved, scalar, string, whole
from instance_agent.query.language.grammar.places import LONGEST_PATH, Place, pair_of, path_of, segments_of
from instance_agent.query.language.propositions import (
    All,
    Any,
    Atomic,
    Compare,
    ComparePosition,
    Context,
    Defined,
    Equals,
    Exists,
    FieldTest,
    Has,
    IndexTest,
    Is,
    JsonIs,
    Match,
    Mod,
    Nearest,
    Not,
    Numeric,
    On,
    Order,
    PositionTest,
    Proposition,
    RowHashTest,
    StartsWith,
    Test,
)
from instance_agent.query.refusals import field_not_found, shown, unsupported
from instance_agent.schema.types import JsonValue

LATER: Final = frozenset({"$search", "$semantic", "$nearest", "$cluster", "$patterns"})
"""Operators of the published second version of the API, which this version refuses by name."""

Parser = Callable[[JsonValue, Place], Proposition]


def proposition_of(json: JsonValue, place: Place) -> Proposition:
    """The proposition `json` says. Raises a refusal naming the place when it isn't one."""
    if not isinstance(json, dict):
        raise place.invalid(f'a proposition is an object like {{"field": value}}, not {shown(json)}')
    return _all([_member(key, value, place.member(key)) for key, value in json.items()])


def _member(key: str, value: JsonValue, place: Place) -> Proposition:
    if not key.startswith("$"):
        return _condition(_longer((), key, place), value, place)
    if key in ("$and", "$or", "$not", "$atomic"):
        return _connective(key, value, place, proposition_of)
    parser = MEMBERS.get(key)
    if parser is None:
        raise _unknown(key, place, ("$and", "$or", "$not", "$atomic", *MEMBERS))
    return parser(value, place)


def _connective(key: str, value: JsonValue, place: Place, parse: Parser) -> Proposition:
    if key == "$not":
        return Not(parse(value, place))
    if key == "$atomic":
        return Atomic(parse(value, place))
    if not isinstance(value, list):
        raise place.invalid(f"{key} takes a list")
    parts = tuple(parse(part, place.element(number)) for number, part in enumerate(value))
    return All(parts) if key == "$and" else Any(parts)


def _context(value: JsonValue, place: Place) -> Proposition:
    return Context(proposition_of(value, place), place.text)


def _on(value: JsonValue, place: Place) -> Proposition:
    (part, its_place), (condition, condition_place) = pair_of(value, ("prop", "on"), place, "$on")
    return On(proposition_of(part, its_place), proposition_of(condition, condition_place))


def _exists(value: JsonValue, place: Place) -> Proposition:
    if not isinstance(value, list):
        return Exists((path_of(value, place, "$exists takes"),), place.text)
    if not value:
        raise place.invalid("$exists takes at least one field")
    fields = enumerate(value)
    return Exists(tuple(path_of(field, place.element(at), "$exists takes") for at, field in fields), place.text)


def _knn(value: JsonValue, place: Place) -> Proposition:
    (count, count_place), (near, near_place) = pair_of(value, ("k", "near"), place, "$knn")
    wanted = whole(count, count_place, "k of $knn")
    if wanted < 1:
        raise count_place.invalid("k of $knn is at least 1")
    return Nearest(_near(near, near_place), wanted, None, place.text)


def _nn(value: JsonValue, place: Place) -> Proposition:
    if isinstance(value, list) and len(value) == 1:
        return Nearest(_near(value[0], place.element(0)), None, None, place.text)
    if isinstance(value, dict) and set(value) == {"near"}:
        return Nearest(_near(value["near"], place.member("near")), None, None, place.text)
    (near, near_place), (threshold, threshold_place) = pair_of(value, ("near", "threshold"), place, "$nn")
    least = float(number(threshold, threshold_place, "threshold of $nn"))
    return Nearest(_near(near, near_place), None, least, place.text)


def _near(json: JsonValue, place: Place) -> Proposition:
    if isinstance(json, list) and len(json) == 1:
        return proposition_of(json[0], place.element(0))
    return proposition_of(json, place)


def _index(value: JsonValue, place: Place) -> Proposition:
    return _position(value, place, "$index", IndexTest)


def _row_hash(value: JsonValue, place: Place) -> Proposition:
    return _position(value, place, "$hash", RowHashTest)


MEMBERS: Final[Mapping[str, Parser]] = {
    "$index": _index,
    "$hash": _row_hash,
    "$exists": _exists,
    "$on": _on,
    "$context": _context,
    "$knn": _knn,
    "$nn": _nn,
}


def _condition(path: tuple[str, ...], json: JsonValue, place: Place) -> Proposition:
    if json is None:
        return FieldTest(path, Defined(False), place.text)
    if not isinstance(json, dict):
        return FieldTest(path, Equals(literal(json, place)), place.text)
    if not json:
        raise place.invalid("an empty object says nothing about the field; leave the field out")

    def again(part: JsonValue, there: Place) -> Proposition:
        return _condition(path, part, there)

    parts: list[Proposition] = []
    for key, value in json.items():
        inner = place.member(key)
        if not key.startswith("$"):
            parts.append(_condition(_longer(path, key, inner), value, inner))
        elif key in ("$and", "$or", "$not", "$atomic"):
            parts.append(_connective(key, value, inner, again))
        else:
            parts.append(FieldTest(path, _test(key, value, inner), inner.text))
    return _all(parts)


def _test(key: str, value: JsonValue, place: Place) -> Test:
    test = TESTS.get(key)
    if test is None:
        raise _unknown(key, place, (*TESTS, "$and", "$or", "$not", "$atomic"))
    return test(key, value, place)


def _compare(key: str, value: JsonValue, place: Place) -> Test:
    bound = literal(value, place)
    if isinstance(bound, bool) or not isinstance(bound, int | float | str):
        raise place.invalid(f"{key} takes a number or a string, not {shown(bound)}")
    return Compare(Order(key), bound)


def _is(_: str, value: JsonValue, place: Place) -> Test:
    whole_value = literal(value, place)
    return Defined(False) if whole_value is None else Is(whole_value)


def _has(key: str, value: JsonValue, place: Place) -> Test:
    feature = literal(value, place)
    if feature is None:
        raise place.invalid(f"{key} takes a value, not 'null'")
    return Has(feature)


def _match(key: str, value: JsonValue, place: Place) -> Test:
    return Match(scalar(value, place, key))


def _starts_with(key: str, value: JsonValue, place: Place) -> Test:
    return StartsWith(string(value, place, key))


def _defined(key: str, value: JsonValue, place: Place) -> Test:
    if isinstance(value, bool):
        return Defined(value)
    raise place.invalid(f"{key} takes true or false, not {shown(value)}")


def _numeric(key: str, value: JsonValue, place: Place) -> Test:
    return Numeric(number(value, place, key))


def _json_is(key: str, value: JsonValue, place: Place) -> Test:
    return JsonIs(resolved(key, value, place))


def _resolved(key: str, value: JsonValue, place: Place) -> Test:
    return Equals(resolved(key, value, place))


def _mod(_: str, value: JsonValue, place: Place) -> Mod:
    (divisor, _there), (remainder, _there) = pair_of(value, ("divisor", "remainder"), place, "$mod")
    pair = [part for part in (divisor, remainder) if isinstance(part, int) and not isinstance(part, bool)]
    if len(pair) != 2 or pair[0] == 0 or any(not -(2**63) <= part < 2**63 for part in pair):
        raise place.invalid("$mod takes two whole numbers of at most 64 bits, the divisor not 0")
    return Mod(pair[0], pair[1])


def _hash(key: str, value: JsonValue, place: Place) -> Test:
    return disjunctive(_position(value, place, key, RowHashTest), place)


TESTS: Final[Mapping[str, Callable[[str, JsonValue, Place], Test]]] = {
    **{order.value: _compare for order in Order},
    "$is": _is,
    "$has": _has,
    "$match": _match,
    "$startsWith": _starts_with,
    "$defined": _defined,
    "$numeric": _numeric,
    "$mod": _mod,
    "$hash": _hash,
    "$json": _json_is,
    "$toString": _resolved,
    "$get": _resolved,
}


def _position(
    json: JsonValue, place: Place, operator: str, leaf: Callable[[PositionTest, str], Proposition]
) -> Proposition:
    """Tests of a whole number: a row's position, or a hash. operator: what has it."""
    if (isinstance(json, int) and not isinstance(json, bool)) or is_hole(json):
        return leaf(Equals(whole(json, place, operator)), place.text)
    if not isinstance(json, dict) or not json:
        raise place.invalid(f'{operator} takes a whole number or operators like {{"$lt": 100}}')

    def again(part: JsonValue, there: Place) -> Proposition:
        return _position(part, there, operator, leaf)

    parts: list[Proposition] = []
    for key, value in json.items():
        inner = place.member(key)
        if key in ("$and", "$or", "$not"):
            parts.append(_connective(key, value, inner, again))
        else:
            parts.append(leaf(_position_test(key, value, inner), inner.text))
    return _all(parts)


def _position_test(key: str, value: JsonValue, place: Place) -> PositionTest:
    match key:
        case "$gt" | "$gte" | "$lt" | "$lte":
            return ComparePosition(Order(key), number(value, place, key))
        case "$mod":
            return _mod(key, value, place)
        case "$is":
            return Equals(whole(value, place, key))
    raise place.invalid(f"{key} {shown(value)} doesn't apply to a position or hash; use $lt, $gte, $mod")


def _longer(path: tuple[str, ...], key: str, place: Place) -> tuple[str, ...]:
    more = segments_of(key, place)
    if len(path) + len(more) > LONGEST_PATH:
        raise place.invalid(f"a field path has at most {LONGEST_PATH} segments")
    if any(segment.startswith("$") for segment in more):
        raise field_not_found(".".join(path + more), place.text, said_by="")
    return path + more


def _all(parts: list[Proposition]) -> Proposition:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _unknown(key: str, place: Place, known: tuple[str, ...]) -> Exception:
    if key in LATER:
        return unsupported(f"the operator {key} is not supported by this version", place.text)
    told = ", ".join(one for one in known if one != "$get" or place.templated)
    return place.invalid(f"unknown operator {shown(key)}; known here: {told}")
