"""What no query is, and queries that were damaged on the way."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial

from hypothesis import strategies as st

from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.queries_strategy import valid

OPERATORS = (
    "$and",
    "$or",
    "$not",
    "$context",
    "$get",
    "$p",
    "$hash",
    "$exists",
    "$on",
    "$knn",
    "$nn",
    "$sum",
    "$match",
)
WORDS = (*OPERATORS, "from", "where", "product", "of", "near", "select", "")
VALUES: tuple[JsonValue, ...] = (2**31, 2**53 + 1, -(2**63), 2**63, 10**25, 1.5, -0.0, 1e308, -1e308, 5e-324)
NAMES = ("visits", "product", "product.name", "user.friend.friend.age", "", ".", "$p", "$index", "\ud800", "$feature")

garbage: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(VALUES), st.sampled_from(NAMES)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from((*WORDS, "$nn", "$sum", "$match", "of", "near", "select", "")), inner, max_size=3
        ),
    ),
    max_leaves=8,
)
"""JSON with words of the language in it."""

Change = Callable[[JsonValue], JsonValue]


def under(name: str) -> Change:
    """Put a value under a name."""
    return lambda value: {name: value}


def renamed(name: str) -> Change:
    """Put an object's last value under another name."""
    return lambda value: {name: [*value.values()][-1]} if isinstance(value, dict) and value else name


def instead(other: JsonValue) -> Change:
    """Put something else there."""
    return lambda _: other


def first_of(value: JsonValue) -> JsonValue:
    return next(iter(value.values()), None) if isinstance(value, dict) else value


def without_first(value: JsonValue) -> JsonValue:
    return dict([*value.items()][1:]) if isinstance(value, dict) else None


changes: st.SearchStrategy[Change] = st.one_of(
    st.sampled_from([first_of, without_first, lambda value: [value], lambda value: [value, value]]),
    st.sampled_from(["$not", "$context", "product", "user", "$sum", "$hit", "$asc", "$p", "$index", "x"]).map(under),
    st.sampled_from(["product.name", "bought", "likes", "maker.parent", "$f", "$why"]).map(renamed),
    garbage.map(instead),
)


@st.composite
def broken(draw: st.DrawFn, endpoint: str) -> JsonValue:
    """Bodies of an endpoint with some values replaced, doubled, left out, or put under another name."""
    top: list[JsonValue] = [copy.deepcopy(draw(valid(endpoint)))]
    for _ in range(draw(st.integers(1, 2))):
        spots = list(_spots(top))
        replace = spots[draw(st.integers(0, len(spots) - 1))]
        replace(draw(changes))
    return top[0]


def _spots(json: JsonValue) -> Iterator[Callable[[Change], None]]:
    """For each value inside, what changes it."""
    if isinstance(json, list):
        for at, inner in enumerate(json):
            yield partial(_change_element, json, at)
            yield from _spots(inner)
    elif isinstance(json, dict):
        for key, inner in list(json.items()):
            yield partial(_change_member, json, key)
            yield from _spots(inner)


def _change_element(holder: list[JsonValue], at: int, change: Change) -> None:
    holder[at] = change(holder[at])


def _change_member(holder: dict[str, JsonValue], key: str, change: Change) -> None:
    holder[key] = change(holder[key])
