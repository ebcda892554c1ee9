"""`$hash` below a field: any combination of tests as a union of conjunctions."""

from __future__ import annotations

from typing import Final

from instance_agent.query.language.grammar.places import Place
from instance_agent.query.language.propositions import (
    All,
    Any,
    ComparePosition,
    Equals,
    Hashed,
    Mod,
    Not,
    Order,
    PositionTest,
    Proposition,
    RowHashTest,
)

MOST_TESTS: Final = 1_000
"""Tests of one hash, counted in the union of conjunctions."""

OPPOSITE: Final = {
    Order.GREATER: Order.LESS_OR_EQUAL,
    Order.GREATER_OR_EQUAL: Order.LESS,
    Order.LESS: Order.GREATER_OR_EQUAL,
    Order.LESS_OR_EQUAL: Order.GREATER,
}

Union = list[tuple[PositionTest, ...]]


def disjunctive(tests: Proposition, place: Place) -> Hashed:
    """The same tests as a union of conjunctions; tests: `RowHashTest` leaves. Raises 400 when that is too long."""
    return Hashed(tuple(_union(tests, False, place)))


def _union(tests: Proposition, negated: bool, place: Place) -> Union:
    match tests:
        case RowHashTest(test):
            return _opposite(test, place) if negated else [(test,)]
        case Not(part):
            return _union(part, not negated, place)
        case All(parts) | Any(parts):
            unions = [_union(part, negated, place) for part in parts]
            if isinstance(tests, Any) != negated:
                return _bounded([one for union in unions for one in union], place)
            product: Union = [()]
            for union in unions:
                _check(len(product) * len(union), place)
                product = _bounded([one + other for one in product for other in union], place)
            return product
    raise TypeError("a hash has tests of a whole number only")


def _opposite(test: PositionTest, place: Place) -> Union:
    match test:
        case Equals(int() as value):
            return [(ComparePosition(Order.LESS, value),), (ComparePosition(Order.GREATER, value),)]
        case ComparePosition(order, bound):
            return [(ComparePosition(OPPOSITE[order], bound),)]
        case Mod(divisor, remainder):
            remainders = range(divisor) if divisor > 0 else range(0, divisor, -1)
            if remainder not in remainders:
                return [()]
            _check(abs(divisor) - 1, place)
            return [(Mod(divisor, other),) for other in remainders if other != remainder]
    raise TypeError("a hash is a whole number")


def _bounded(union: Union, place: Place) -> Union:
    _check(sum(max(1, len(tests)) for tests in union), place)
    return union


def _check(tests: int, place: Place) -> None:
    if tests > MOST_TESTS:
        raise place.invalid(
            f"the tests of one hash, written as alternatives, are at most {MOST_TESTS}, and these are more; "
            "a $not of $mod has as many as the divisor"
        )
