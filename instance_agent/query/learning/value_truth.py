"""Whether one feature by itself satisfies a proposition: how candidates are cut where a row has several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from instance_agent.index.growing import key_of
from instance_agent.query.language.propositions import (
    All,
    Any,
    Atomic,
    Compare,
    Defined,
    Equals,
    FieldTest,
    Has,
    Is,
    Match,
    Mod,
    Not,
    Numeric,
    Order,
    Proposition,
    StartsWith,
    Test,
)
from instance_agent.query.paths import PathColumn
from instance_agent.query.refusals import unsupported
from instance_agent.schema.types import JsonValue

_ORDERS: Mapping[Order, Callable[[float], bool]] = MappingProxyType(
    {
        Order.GREATER: lambda difference: difference > 0,
        Order.GREATER_OR_EQUAL: lambda difference: difference >= 0,
        Order.LESS: lambda difference: difference < 0,
        Order.LESS_OR_EQUAL: lambda difference: difference <= 0,
    }
)


def holds(proposition: Proposition, feature: JsonValue, column: PathColumn) -> bool:
    """Does the feature satisfy it? Raises 400 for what can't be said of a feature alone."""
    match proposition:
        case All():
            return all(holds(part, feature, column) for part in proposition.parts)
        case Any():
            return any(holds(part, feature, column) for part in proposition.parts)
        case Not():
            return not holds(proposition.part, feature, column)
        case Atomic():
            return holds(proposition.part, feature, column)
        case FieldTest():
            return _passes(proposition.test, feature, column, proposition.place)
    raise unsupported("this can't be asked of single features of the target", "where")


def _passes(test: Test, feature: JsonValue, column: PathColumn, place: str) -> bool:  # noqa: PLR0911 - one line per test
    match test:
        case Equals(wanted) | Is(wanted) | Match(wanted) if column.is_text and isinstance(wanted, str):
            return feature in column.column.analyze(wanted)
        case Equals(list() as wanted) | Is(list() as wanted):
            return key_of(feature) in {key_of(one) for one in wanted}
        case Equals(wanted) | Is(wanted) | Match(wanted) | Has(wanted) | Numeric(wanted):
            return key_of(feature) == key_of(wanted)
        case StartsWith():
            return isinstance(feature, str) and feature.startswith(test.prefix)
        case Compare():
            difference = _difference(feature, test.bound)
            return difference is not None and _ORDERS[test.order](difference)
        case Mod():
            return isinstance(feature, int) and feature % test.divisor == test.remainder
        case Defined():
            return test.present
    raise unsupported("this can't be asked of single features of the target", place)


def _difference(feature: JsonValue, bound: int | float | str) -> float | None:
    """Above 0 where the feature is greater, None where the two can't be compared."""
    if isinstance(feature, str) and isinstance(bound, str):
        return float(feature > bound) - float(feature < bound)
    if isinstance(feature, bool) or isinstance(bound, str) or not isinstance(feature, int | float):
        return None
    return float(feature > bound) - float(feature < bound)
