"""Which rows a `where` finds, operator by operator, and that filters are a Boolean algebra."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns, ask, hits_of, make_view, shop

SHOP = shop()


def found(where: JsonValue, table: str = "products", view: ReadView = SHOP) -> list[JsonValue]:
    """The positions of the rows found."""
    page = ask(view, "_search", from_=table, where=where, select=["$index"], limit=1000)
    assert page["total"] == len(hits_of(page))
    return [hit["$index"] for hit in hits_of(page)]


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({}, [0, 1, 2, 3, 4]),
        (None, [0, 1, 2, 3, 4]),
        ({"id": "b"}, [1]),
        ({"id": "nowhere"}, []),
        ({"organic": True}, [0, 3, 4]),
        ({"price": 1}, [0]),
        ({"price": 2.5}, [2, 3]),
        ({"stock": 5.0}, [0]),
        ({"name": "apple"}, []),
        ({"name": "Green apple"}, [1]),
        ({"name": {"$is": "Green apple"}}, [1]),
        ({"name": {"$match": "APPLES"}}, [0, 1]),
        ({"name": {"$match": "green apples"}}, [1]),
        ({"name": {"$match": "green pear"}}, []),
        ({"name": {"$has": "appl"}}, [0, 1]),
        ({"name": {"$has": "apples"}}, []),
        ({"name": {"$startsWith": "R"}}, [0, 2]),
        ({"id": {"$match": "a"}}, [0]),
        ({"stock": None}, [1]),
        ({"stock": {"$defined": False}}, [1]),
        ({"stock": {"$defined": True}}, [0, 2, 3, 4]),
        ({"stock": {"$lt": 5}}, [2, 3]),
        ({"stock": {"$gte": 0, "$lt": 12}}, [0, 2]),
        ({"stock": {"$gt": 4.5}}, [0, 4]),
        ({"id": {"$gt": "b", "$lte": "d"}}, [2, 3]),
        ({"views": {"$gt": 2**53}}, [1]),
        ({"views": {"$gte": 2**53}}, [1, 3]),
        ({"views": {"$lt": 2.5}}, [0, 4]),
        ({"views": 2**53 + 1}, [1]),
        ({"tags": "fruit"}, [0, 1]),
        ({"tags": {"$has": "red"}}, [0]),
        ({"tags": ["fruit"]}, [1]),
        ({"tags": []}, [2]),
        ({"tags": None}, [3, 4]),
        ({"extra": {"$json": {"a": [1, 2]}}}, [4]),
        ({"stock": {"$mod": [5, 0]}}, [0, 2]),
        ({"stock": {"$mod": {"divisor": 5, "remainder": 2}}}, [3, 4]),
        ({"$index": {"$mod": [2, 1]}}, [1, 3]),
        ({"$index": {"$lt": 2}}, [0, 1]),
        ({"$index": 3}, [3]),
        ({"$index": {"$not": {"$or": [0, {"$gt": 2}]}}}, [1, 2]),
        ({"$and": []}, [0, 1, 2, 3, 4]),
        ({"$or": []}, []),
        ({"$not": {}}, []),
        ({"$or": [{"id": "a"}, {"price": {"$gt": 2}}]}, [0, 2, 3]),
        ({"$not": {"stock": {"$lt": 5}}}, [0, 1, 4]),
        ({"price": {"$or": [{"$lt": 0.9}, {"$gt": 2.1}]}}, [2, 3, 4]),
        ({"id": {"$or": ["a", "b"]}}, [0, 1]),
        ({"id": {"$and": [{"$not": "a"}]}}, [1, 2, 3, 4]),
        ({"$atomic": {"id": "a"}}, [0]),
        ({"id": "a", "organic": True}, [0]),
        ({"id": "a", "organic": False}, []),
    ],
)
def test_an_operator_finds_the_rows_it_says(where: JsonValue, rows: list[JsonValue]) -> None:
    assert found(where) == rows


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({"user.age": {"$gt": 20}}, [0, 4]),
        ({"user": {"age": 30}}, [0, 4]),
        ({"user.friend.id": "bob"}, [0, 4]),
        ({"user.age": None}, [1, 2, 3]),
        ({"user": None}, [3]),
        ({"bought.name": {"$match": "apple"}}, [0, 2]),
        ({"bought": {"price": {"$gt": 2}}}, [0, 3]),
        ({"bought": "a"}, [0]),
        ({"$not": {"user.age": 30}}, [1, 2, 3]),
        ({"user.age": {"$not": 30}}, [1, 2, 3]),
    ],
)
def test_links_are_followed_and_dangling_ones_join_nothing(where: JsonValue, rows: list[JsonValue]) -> None:
    assert found(where, "visits") == rows


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"organic": 1}, "field 'organic' of type Boolean cannot be '1' of type Int"),
        ({"organic": "true"}, "field 'organic' of type Boolean cannot be '\"true\"' of type String"),
        ({"stock": "5"}, "field 'stock' of type Int cannot be '\"5\"' of type String"),
        ({"stock": 1.5}, "field 'stock' of type Int cannot be '1.5' of type Decimal"),
        ({"stock": 2**31}, "field 'stock' of type Int cannot be '2147483648' of type Long"),
        ({"id": 5}, "field 'id' of type String cannot be '5' of type Int"),
        ({"price": True}, "field 'price' of type Decimal cannot be 'true' of type Boolean"),
        ({"name": ["x"]}, "field 'name' of type Text cannot be '[...]' of type Array"),
        ({"nothing": 1}, "field 'nothing' not found"),
        ({"$or": [{"id": "a"}, {"prize": 1}]}, "field 'prize' not found (at where.$or[1].prize)"),
        ({"id": {"$gt": 1}}, "field 'id' of type String cannot be '1' of type Int (at where.id.$gt)"),
        ({"id.name": 1}, "field 'id.name' not found (at where.id.name)"),
        (
            {"organic": {"$gt": 1}},
            "$gt needs numbers or strings, and 'organic' is of type Boolean (at where.organic.$gt)",
        ),
    ],
)
def test_what_does_not_fit_the_schema_is_refused_in_the_published_words(where: JsonValue, message: str) -> None:
    with pytest.raises(AgentError) as refused:
        found(where)
    assert refused.value.status == 400
    assert refused.value.message == message
    assert refused.value.code == ("field_not_found" if "not found" in message else "query_invalid")


def test_a_branch_that_matches_nothing_is_checked_all_the_same() -> None:
    with pytest.raises(AgentError, match="prize"):
        found({"$and": [{"id": "nowhere"}, {"prize": 1}]})


COLUMNS: Columns = {
    "s": {"type": "String", "nullable": True},
    "n": {"type": "Int", "nullable": True},
    "d": {"type": "Decimal"},
    "b": {"type": "Boolean"},
    "a": {"type": "String[]", "nullable": True},
    "t": {"type": "Text", "analyzer": "whitespace"},
}
words: st.SearchStrategy[JsonValue] = st.sampled_from(["", "x", "y", "xy", "z"])
rows_strategy = st.lists(
    st.fixed_dictionaries(
        {
            "d": st.integers(-2, 2).map(lambda value: value / 2),
            "b": st.booleans(),
            "t": st.lists(st.sampled_from("xyz"), max_size=3).map(" ".join),
        },
        optional={"s": words, "n": st.integers(-3, 3), "a": st.lists(words, max_size=3)},
    ),
    max_size=12,
)


def one_test(field: str, operator: str, values: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    """One test of a field, as a proposition."""
    return values.map(lambda value: {field: {operator: value}})


ORDERS = ("$gt", "$gte", "$lt", "$lte")
numbers: st.SearchStrategy[JsonValue] = st.integers(-3, 3)
halves: st.SearchStrategy[JsonValue] = st.sampled_from([-1, -0.5, 0, 0.75])
truths: st.SearchStrategy[JsonValue] = st.booleans()
mods: st.SearchStrategy[JsonValue] = st.tuples(st.integers(1, 3), st.integers(0, 2)).map(list)
texts: st.SearchStrategy[JsonValue] = st.lists(st.sampled_from("xyz"), max_size=2).map(" ".join)
leaves: st.SearchStrategy[JsonValue] = st.one_of(
    st.just({}),
    st.sampled_from(["s", "n", "a"]).map(lambda field: {field: None}),
    words.map(lambda value: {"s": value}),
    truths.map(lambda value: {"b": value}),
    words.map(lambda value: {"a": value}),
    st.lists(words, max_size=2).map(lambda value: {"a": value}),
    *(one_test("s", operator, words) for operator in (*ORDERS, "$startsWith", "$has", "$match")),
    *(one_test("n", operator, numbers) for operator in (*ORDERS, "$is")),
    *(one_test("d", operator, halves) for operator in ORDERS),
    one_test("n", "$defined", truths),
    one_test("n", "$mod", mods),
    one_test("t", "$match", texts),
    one_test("t", "$has", st.sampled_from("xyz")),
    one_test("t", "$startsWith", st.sampled_from(["x", "y z"])),
)
propositions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"$and": parts}),
        st.lists(inner, max_size=3).map(lambda parts: {"$or": parts}),
        inner.map(lambda part: {"$not": part}),
    ),
    max_leaves=8,
)


def holds(where: dict[str, JsonValue], row: dict[str, JsonValue]) -> bool:
    """The meaning of a proposition, said a second time and over one row."""
    for key, value in where.items():
        if key == "$and":
            result = all(holds(part, row) for part in value)  # type: ignore[union-attr, arg-type]
        elif key == "$or":
            result = any(holds(part, row) for part in value)  # type: ignore[union-attr, arg-type]
        elif key == "$not":
            result = not holds(value, row)  # type: ignore[arg-type]
        else:
            result = passes(key, value, row.get(key))
        if not result:
            return False
    return True


def passes(field: str, test: JsonValue, value: JsonValue) -> bool:
    if test is None:
        return value is None
    if not isinstance(test, dict):
        return value is not None and (test in value if field == "a" and isinstance(test, str) else value == test)  # type: ignore[operator]
    ((operator, given_),) = test.items()
    if operator == "$defined":
        return (value is not None) == given_
    if value is None:
        return False
    tokens = str(value).split()
    meanings: dict[str, Callable[[], object]] = {
        "$gt": lambda: value > given_,  # type: ignore[operator]
        "$gte": lambda: value >= given_,  # type: ignore[operator]
        "$lt": lambda: value < given_,  # type: ignore[operator]
        "$lte": lambda: value <= given_,  # type: ignore[operator]
        "$is": lambda: value == given_,
        "$startsWith": lambda: str(value).startswith(str(given_)),
        "$mod": lambda: value % given_[0] == given_[1],  # type: ignore[operator, index]
        "$has": lambda: given_ in tokens if field == "t" else value == given_,
        "$match": lambda: set(str(given_).split()) <= set(tokens) if field == "t" else value == given_,
    }
    return bool(meanings[operator]())


@settings(max_examples=300, deadline=None)
@given(rows_strategy, propositions)
def test_filters_agree_with_looking_at_every_row(rows: list[dict[str, JsonValue]], where: dict[str, JsonValue]) -> None:
    view = make_view({"t": (COLUMNS, list(rows))})
    assert found(where, "t", view) == [place for place, row in enumerate(rows) if holds(where, row)]


@settings(max_examples=100, deadline=None)
@given(rows_strategy, propositions, propositions, propositions)
def test_filters_are_a_boolean_algebra(
    rows: list[dict[str, JsonValue]], a: JsonValue, b: JsonValue, c: JsonValue
) -> None:
    view = make_view({"t": (COLUMNS, list(rows))})

    def same(left: JsonValue, right: JsonValue) -> bool:
        return found(left, "t", view) == found(right, "t", view)

    assert same({"$not": {"$not": a}}, a)
    assert same({"$not": {"$and": [a, b]}}, {"$or": [{"$not": a}, {"$not": b}]})
    assert same({"$and": [a, {"$or": [b, c]}]}, {"$or": [{"$and": [a, b]}, {"$and": [a, c]}]})
    assert same({"$or": [a, {"$not": a}]}, {})
    assert same({"$and": [a, {"$not": a}]}, {"$or": []})
