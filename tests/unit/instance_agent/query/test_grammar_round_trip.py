"""Trees say the same as the JSON that they were read from, and are written back as JSON that reads the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instance_agent.errors import AgentError
from instance_agent.query.language.grammar import parse_proposition
from instance_agent.query.language.propositions import (
    ComparePosition,
    Equals,
    FieldTest,
    Has,
    Hashed,
    Is,
    JsonIs,
    Mod,
    Order,
    PositionTest,
    to_json,
)
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.trees import unplaced, where

leaves: st.SearchStrategy[JsonValue] = st.one_of(
    st.integers(-3, 3),
    st.builds(lambda key, bound: {key: bound}, st.sampled_from(["$lt", "$gte", "$gt", "$lte"]), st.integers(-3, 3)),
    st.builds(lambda d, r: {"$mod": [d, r]}, st.sampled_from([-3, -2, -1, 1, 2, 3]), st.integers(-3, 3)),
)
positions: st.SearchStrategy[JsonValue] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda part: {"$not": part}),
        st.builds(lambda key, parts: {key: parts}, st.sampled_from(["$and", "$or"]), st.lists(inner, max_size=3)),
    ),
    max_leaves=6,
)


def holds(tests: JsonValue, value: int) -> bool:
    """What a position says of a number, read from the JSON."""
    match tests:
        case int():
            return tests == value
        case {"$not": part}:
            return not holds(part, value)
        case {"$and": list() as parts}:
            return all(holds(part, value) for part in parts)
        case {"$or": list() as parts}:
            return any(holds(part, value) for part in parts)
        case {"$mod": [int() as divisor, int() as remainder]}:
            return passes(Mod(divisor, remainder), value)
        case dict():
            ((key, bound),) = tests.items()
            assert isinstance(bound, int)
            return passes(ComparePosition(Order(key), bound), value)
    raise AssertionError(tests)


def passes(test: PositionTest, value: int) -> bool:
    match test:
        case Equals(wanted):
            return value == wanted
        case Mod(divisor, remainder):
            return value % divisor == remainder
        case ComparePosition(order, bound):
            return {
                Order.GREATER: value > bound,
                Order.GREATER_OR_EQUAL: value >= bound,
                Order.LESS: value < bound,
                Order.LESS_OR_EQUAL: value <= bound,
            }[order]


@settings(max_examples=300, deadline=None)
@given(positions)
def test_tests_of_a_hash_become_alternatives_that_say_the_same(json: JsonValue) -> None:
    tree = where({"f": {"$hash": json}})
    assert isinstance(tree, FieldTest)
    assert isinstance(tree.test, Hashed)
    for value in range(-8, 9):
        alternatives = (all(passes(one, value) for one in tests) for tests in tree.test.any_of)
        assert any(alternatives) == holds(json, value)


def test_alternatives_of_a_hash_are_bounded() -> None:
    both: JsonValue = {"$or": [{"$lt": 1}, {"$gt": 5}]}
    every: JsonValue = {"$and": []}
    for tests in ([both] * 10, [both] * 2_000, [{"$or": [every] * 1_001}], [{"$or": [every] * 40}] * 3):
        with pytest.raises(AgentError, match="at most 1000"):
            parse_proposition({"f": {"$hash": {"$and": [*tests]}}}, "where")


literals: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))
    | st.text(st.characters(codec="utf-8"), max_size=4),
    lambda inner: (
        st.lists(inner | st.none(), max_size=3)
        | st.dictionaries(st.sampled_from(["a", "$or", "$json", "$get", "é"]), inner, max_size=2)
    ),
    max_leaves=4,
)
scalars = st.one_of(st.booleans(), st.integers(-5, 5), st.floats(-5, 5), st.text(st.characters(codec="utf-8")))
names = st.sampled_from(["f", "g", "link.f", "link.link.f", "ä b", ""])


def written(json: JsonValue) -> JsonValue:
    """A literal as a request has to write it."""
    return {"$json": json} if isinstance(json, dict | list) else json


def one(key: str, values: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    return values.map(lambda value: {key: value})


tests: st.SearchStrategy[JsonValue] = st.one_of(
    scalars,
    st.none(),
    st.lists(literals.map(written), max_size=3),
    one("$is", literals.map(written)),
    one("$has", literals.map(written)),
    one("$json", literals),
    one("$toString", literals),
    one("$match", scalars),
    one("$numeric", st.integers(-5, 5)),
    one("$defined", st.booleans()),
    one("$startsWith", st.text(st.characters(codec="utf-8"), max_size=3)),
    one("$hash", positions),
    st.builds(lambda d, r: {"$mod": [d, r]}, st.integers(1, 5), st.integers(-5, 5)),
    st.builds(lambda low, high: {"$gt": low, "$lte": high}, st.integers(-9, 9), st.text("ab", max_size=2)),
)
conditions: st.SearchStrategy[JsonValue] = st.recursive(
    tests,
    lambda inner: st.one_of(
        one("$not", inner),
        one("$atomic", inner),
        one("$and", st.lists(inner, max_size=3)),
        one("$or", st.lists(inner, max_size=3)),
        one("link", inner),
    ),
    max_leaves=3,
)
propositions: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(
        st.dictionaries(names, conditions, max_size=2),
        one("$index", positions),
        one("$hash", positions),
        one("$exists", names | st.lists(names, min_size=1, max_size=2)),
    ),
    lambda inner: st.one_of(
        one("$not", inner),
        one("$atomic", inner),
        one("$context", inner),
        one("$and", st.lists(inner, max_size=3)),
        one("$or", st.lists(inner, max_size=3)),
        one("$on", st.tuples(inner, inner).map(list)),
        st.builds(lambda k, near: {"$knn": [k, near]}, st.integers(1, 9), inner),
        st.builds(lambda near, rest: {"$nn": [near, *rest]}, inner, st.lists(st.floats(0, 5), max_size=1)),
    ),
    max_leaves=4,
)


@settings(max_examples=500, deadline=None)
@given(propositions)
def test_a_proposition_is_written_back_as_it_was_read(json: JsonValue) -> None:
    tree = parse_proposition(json, "where")
    again = to_json(tree)
    assert unplaced(parse_proposition(again, "where")) == unplaced(tree)
    assert to_json(parse_proposition(again, "where")) == again


def test_data_is_written_so_that_it_is_not_read_as_an_operator() -> None:
    for test in (Has({"$or": []}), Is([{"$not": 1}]), Equals([{"$gt": 1}, 2])):
        assert where(to_json(FieldTest(("f",), test, ""))) == FieldTest(("f",), test, "")
    assert where(to_json(FieldTest(("f",), Equals({"a": 1}), ""))) == FieldTest(("f",), JsonIs({"a": 1}), "")
