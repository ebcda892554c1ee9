"""Filters over every kind of field, links of any number of hops, and every layout of the rows: the same rows."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.index import stored_column
from instance_agent.query.deadline import Deadline
from instance_agent.query.filtering import conditions as conditions_module
from instance_agent.query.filtering import joins, rowsets, whole_numbers
from instance_agent.query.filtering.codes import EachValue
from instance_agent.query.filtering.conditions import Condition
from instance_agent.query.filtering.filters import condition_of, everything, rows_satisfying
from instance_agent.query.filtering.rowsets import as_list
from instance_agent.query.filtering.stable_hash import hash_of_value, hashes_of_positions
from instance_agent.query.filtering.whole_numbers import HashOfValue
from instance_agent.query.language.grammar import parse_proposition
from instance_agent.query.language.propositions import Defined, Equals, FieldTest, Match
from instance_agent.query.scope import Scope
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.column_model import same
from tests.unit.instance_agent.query.layouts import schema_of
from tests.unit.instance_agent.query.rich_tables import (
    DECIMALS,
    IDS,
    JSONS,
    KINDS,
    LONGS,
    NUMBERS,
    SEEDS,
    STRINGS,
    TABLES,
    TEXTS,
    Layouts,
    layouts_in,
)
from tests.unit.instance_agent.query.second_opinion import Opinion


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Layouts:
    return layouts_in(tmp_path_factory.mktemp("layouts"))


def test_the_layouts_differ_and_hold_the_same_rows(layouts: Layouts) -> None:
    for (seed, kind), view in layouts.items():
        for name, (_, rows) in TABLES[seed].items():
            table = view.table(name)
            assert same([*table.rows(as_list(everything(table)).tolist())], [*rows])
        parts = view.table("items").state.parts
        assert len(parts) > 2 if kind == "disorder" else len(parts) == 1
        assert (view.table("items").live is not None) == (kind == "disorder")
    assert any(part.overlay.patches for seed in SEEDS for part in layouts[seed, "disorder"].table("items").state.parts)


def found(view: ReadView, table: str, where: JsonValue) -> list[int]:
    scope = Scope(view, Deadline.after(30.0))
    rows = rows_satisfying(scope, view.table(table), parse_proposition(where, "where"))
    listed = as_list(rows)
    assert (listed[1:] > listed[:-1]).all()
    return [int(position) for position in view.table(table).positions[listed]]


# BLAKE2b of canonical JSON ('""', '"a"', '1', ...) and SplitMix64 from seed 0, without their lowest bits.
HASHED: list[JsonValue] = ["", "a", 1, True, [1, "b"], {"b": 1, "a": None}]
HASHES = [
    9071773411182589476,
    808398830757415508,
    8898586205396736955,
    8841897456878910239,
    7017179041089290986,
    4771577124685912961,
]
HASHES_OF_POSITIONS = [8147104208329303767, 3980143261097177850, 243808509735772839]

FIELDS: dict[str, list[str]] = {
    "String": ["s", "id", "parent.s", "likes.s", "likes.likes.s", "owner.pets.parent.s", "parent"],
    "Int": ["n", "parent.n", "likes.n", "owner.key", "owner.boss.key", "owner.pets.n", "owner.boss", "likes.parent.n"],
    "Long": ["big", "parent.big", "likes.likes.big"],
    "Decimal": ["d", "likes.d"],
    "Boolean": ["b", "parent.parent.b", "likes.b"],
    "Text": ["t", "owner.name", "owner.boss.name", "likes.t", "likes.owner.boss.name"],
    "String[]": ["tags", "parent.tags", "likes.tags", "owner.pets.tags", "likes"],
    "Int[]": ["nums", "likes.nums"],
    "Json": ["j", "likes.j"],
}
VALUES: dict[str, list[JsonValue]] = {
    "String": [*STRINGS, *IDS, "zz"],
    "Int": [*NUMBERS, 3, 100],
    "Long": [*LONGS, 1],
    "Decimal": [*DECIMALS, 0.75, 2],
    "Boolean": [True, False],
    "Text": [*TEXTS, "dog", "apples red"],
    "String[]": [*STRINGS, *IDS],
    "Int[]": [*NUMBERS],
    "Json": [*JSONS, {"a": 2}],
}
BOUNDS: dict[str, list[JsonValue]] = {
    **VALUES,
    "Int": [-1, 0, 0.5, 1, 2**40, -1e300, 2**63 - 1],
    "Long": [0, 2**53, 2.0**53, 2**53 + 1, 2**62, -(2**63), 9.3e18, 2.5, 2**63 - 1],
}
ORDERS = ("$gt", "$gte", "$lt", "$lte")
WHOLE: st.SearchStrategy[JsonValue] = st.one_of(
    st.integers(-1, 40),
    st.tuples(st.sampled_from(ORDERS), st.sampled_from([-1, 0, 3, 7.5, 39, 40, 2**62, 2**63 - 1, 1e300])).map(
        lambda pair: {pair[0]: pair[1]}
    ),
    st.tuples(st.sampled_from([1, 2, 3, 7, 50, -3, 2**63 - 1, -(2**63)]), st.integers(-3, 3)).map(
        lambda pair: {"$mod": [*pair]}
    ),
)
positions: st.SearchStrategy[JsonValue] = st.recursive(
    WHOLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda parts: {"$or": parts}),
        st.lists(inner, max_size=2).map(lambda parts: {"$and": parts}),
    ),
    max_leaves=3,
)
MODS: list[JsonValue] = [[3, 1], [2, 0], [-3, -1], [5, 7], [2**63 - 1, 4]]


@st.composite
def conditions(draw: st.DrawFn) -> JsonValue:
    """One condition on one field."""
    kind = draw(st.sampled_from(sorted(FIELDS)))
    field = draw(st.sampled_from(FIELDS[kind]))
    value = draw(st.sampled_from(VALUES[kind]))
    tests: list[JsonValue] = [
        None,
        {"$defined": draw(st.booleans())},
        {"$hash": {"$mod": [draw(st.sampled_from([1, 2, 3])), draw(st.sampled_from([0, 1, 2]))]}},
        {"$hash": {"$lt": 2**62}},
        {"$not": {"$defined": True}},
    ]
    if kind == "Json":
        tests.append({"$json": value})
    else:
        tests += [value, {"$has": value}, {"$not": value}, {"$or": [value, None]}, {"$atomic": value}]
    if kind in ("String[]", "Int[]"):
        whole: JsonValue = draw(st.lists(st.sampled_from(VALUES[kind]), max_size=2))
        tests += [whole, {"$is": whole}, {"$match": value}]
    elif kind != "Json":
        tests += [{"$is": value}, {"$match": value}]
    if kind not in ("Json", "Boolean"):
        tests.append({draw(st.sampled_from(ORDERS)): draw(st.sampled_from(BOUNDS[kind]))})
        tests.append({"$gte": draw(st.sampled_from(BOUNDS[kind])), "$lt": draw(st.sampled_from(BOUNDS[kind]))})
    if kind in ("String", "Text", "String[]"):
        tests.append({"$startsWith": draw(st.sampled_from(["", "a", "ab", "R", "é", "\U0001f600", "i1"]))})
    if kind in ("Int", "Long", "Int[]"):
        tests.append({"$mod": draw(st.sampled_from(MODS))})
    if kind in ("Int", "Long", "Decimal", "Int[]"):
        tests.append({"$numeric": value})
    return {field: draw(st.sampled_from(tests))}


leaves: st.SearchStrategy[JsonValue] = st.one_of(
    conditions(),
    conditions(),
    positions.map(lambda test: {"$index": test}),
    positions.map(lambda test: {"$hash": test}),
    st.lists(st.sampled_from(["s", "likes.n", "owner.name"]), min_size=1, max_size=2).map(lambda it: {"$exists": it}),
    st.sampled_from([{}, {"parent": {"s": "a", "n": {"$gt": 0}}}, {"$exists": "tags"}]),
)
wheres: st.SearchStrategy[JsonValue] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"$and": parts}),
        st.lists(inner, max_size=3).map(lambda parts: {"$or": parts}),
        st.tuples(inner, inner).map(lambda parts: {"$on": [*parts]}),
        inner.map(lambda part: {"$not": part}),
        inner.map(lambda part: {"$atomic": part}),
        inner.map(lambda part: {"$context": part}),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(wheres, st.sampled_from(SEEDS))
def test_every_layout_finds_the_rows_that_looking_at_every_row_finds(
    layouts: Layouts, where: JsonValue, seed: int
) -> None:
    expected = Opinion(TABLES[seed]).rows("items", where)
    for kind in KINDS:
        assert found(layouts[seed, kind], "items", where) == expected, kind


@settings(max_examples=120, deadline=None)
@given(wheres, st.sampled_from(SEEDS), st.sampled_from(KINDS))
def test_looking_at_every_row_finds_what_posting_lists_find(
    layouts: Layouts, where: JsonValue, seed: int, kind: str
) -> None:
    by_lists = found(layouts[seed, kind], "items", where)
    with pytest.MonkeyPatch.context() as patch:
        for module, limit, value in (
            (conditions_module, "FEW_POSTINGS", 0),
            (conditions_module, "CODES_PER_POSTING", 1_000_000),
            (conditions_module, "ROWS_PER_CHECK", 0),
            (joins, "FEW_KEYS", 0),
            (joins, "FEW_ROWS", 0),
            (rowsets, "FEW", 0),
            (rowsets, "GALLOPS", 0),
            (stored_column, "ROWS_PER_SORTED", 0),
            (whole_numbers, "DENSE", 0),
        ):
            patch.setattr(module, limit, value)
        assert found(layouts[seed, kind], "items", where) == by_lists


nearests: st.SearchStrategy[JsonValue] = st.sampled_from(
    [
        {"$knn": [3, {"t": "red apples"}]},
        {"$knn": [2**63 - 1, {"tags": ["a", "b"], "owner.name": "dog"}]},
        {"$nn": [{"s": "a", "likes": ["i1"]}]},
        {"$nn": [{"t": "run run"}, 2.5]},
        {"$nn": {"near": {"n": {"$gt": 0}}, "threshold": 1}},
    ]
)
all_wheres = st.one_of(wheres, st.tuples(nearests, wheres).map(lambda parts: {"$or": [{"$not": parts[0]}, parts[1]]}))


@settings(max_examples=120, deadline=None)
@given(all_wheres, all_wheres, all_wheres, st.sampled_from(SEEDS), st.sampled_from(KINDS))
def test_filters_are_a_boolean_algebra_in_every_layout(
    layouts: Layouts, a: JsonValue, b: JsonValue, c: JsonValue, seed: int, kind: str
) -> None:
    view = layouts[seed, kind]

    def same(left: JsonValue, right: JsonValue) -> bool:
        return found(view, "items", left) == found(view, "items", right)

    assert same({"$not": {"$not": a}}, a)
    assert same({"$and": [a, b]}, {"$and": [b, a]})
    assert same({"$not": {"$and": [a, b]}}, {"$or": [{"$not": a}, {"$not": b}]})
    assert same({"$not": {"$or": [a, b]}}, {"$and": [{"$not": a}, {"$not": b}]})
    assert same({"$and": [a, {"$or": [b, c]}]}, {"$or": [{"$and": [a, b]}, {"$and": [a, c]}]})
    assert same({"$or": [a, {"$not": a}]}, {})
    assert same({"$and": [a, {"$not": a}]}, {"$or": []})
    assert same({"$or": [a, {"$and": [a, b]}]}, a)


@settings(max_examples=120, deadline=None)
@given(all_wheres, st.sampled_from(SEEDS), st.sampled_from(KINDS), st.randoms(use_true_random=False))
def test_asking_about_some_rows_is_asking_about_all(
    layouts: Layouts, where: JsonValue, seed: int, kind: str, random_: random.Random
) -> None:
    view = layouts[seed, kind]
    table = view.table("items")

    def condition() -> Condition:
        return condition_of(Scope(view, Deadline.after(30.0)), table, parse_proposition(where, "where"))

    every = as_list(everything(table))
    some = every[[random_.random() < 0.3 for _ in every]]
    expected = set(as_list(condition().rows()).tolist())
    assert condition().among(some).tolist() == [row in expected for row in some.tolist()]


def every_condition(field: str, kind: str) -> list[JsonValue]:
    """One field with each operator and several values of each."""
    values, bounds = VALUES[kind], BOUNDS[kind]
    if "." in field:
        values, bounds = values[::3], bounds[::3]
    tests: list[JsonValue] = [None, {"$defined": True}, {"$hash": {"$mod": [2, 0]}}, {"$hash": {"$gte": 2**62}}]
    if kind == "Json":
        tests += [{"$json": value} for value in values]
    else:
        tests += [test for value in values for test in (value, {"$has": value}, {"$match": value})]
    if kind in ("String[]", "Int[]"):
        tests += [[value] for value in values]
        tests += [{"$is": [value, value]} for value in values]
    elif kind != "Json":
        tests += [{"$is": value} for value in values]
    if kind not in ("Json", "Boolean"):
        tests += [{order: bound} for order in ORDERS for bound in bounds]
    if kind in ("String", "Text", "String[]"):
        tests += [{"$startsWith": prefix} for prefix in ("", "a", "R", "\U0001f600")]
    if kind in ("Int", "Long", "Int[]"):
        tests += [{"$mod": mod} for mod in MODS]
    return [{field: test} for test in tests]


@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_every_operator_of_every_kind_of_field_by_itself_and_about_some_rows(layouts: Layouts, kind: str) -> None:
    opinion = Opinion(TABLES[1])
    for field in FIELDS[kind]:
        for where in every_condition(field, kind):
            expected = opinion.rows("items", where)
            for layout in ("one segment", "disorder"):
                view = layouts[1, layout]
                assert found(view, "items", where) == expected, (layout, where)
                table, scope = view.table("items"), Scope(view, Deadline.after(30.0))
                some = as_list(everything(table))[::2]
                asked = condition_of(scope, table, parse_proposition(where, "where")).among(some)
                assert table.positions[some[asked]].tolist() == [row for row in expected if row % 2 == 0], where


def test_the_features_of_a_column_are_the_column_itself() -> None:
    view = ReadView.from_rows(schema_of(TABLES[1]), {name: list(rows) for name, (_, rows) in TABLES[1].items()})
    scope, table = Scope(view, Deadline.after(30.0)), view.table("items")
    for path, test in (
        (("tags",), Equals("a")),
        (("tags",), Defined(False)),
        (("parent", "t"), Match("apples")),
        (("parent", "t"), Defined(False)),
    ):
        plain = rows_satisfying(scope, table, FieldTest(path, test, "where"))
        features = rows_satisfying(scope, table, FieldTest((*path, "$feature"), test, "where"))
        assert as_list(features).tolist() == as_list(plain).tolist()
        assert 0 < len(as_list(plain)) < table.row_count


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"b": {"$gt": 1}}, "$gt needs numbers or strings, and 'b' is of type Boolean (at where.b.$gt)"),
        ({"tags": {"$gt": 1}}, "field 'tags' of type String[] cannot be '1' of type Int (at where.tags.$gt)"),
        ({"nums": {"$lt": "a"}}, "field 'nums' of type Int[] cannot be '\"a\"' of type String (at where.nums.$lt)"),
        ({"nums": {"$startsWith": "1"}}, "$startsWith needs strings, and 'nums' is of type Int[]"),
        ({"tags": {"$mod": [2, 1]}}, "$mod needs an Int or Long field, and 'tags' is of type String[]"),
        ({"d": {"$mod": [2, 1]}}, "$mod needs an Int or Long field, and 'd' is of type Decimal"),
        ({"s": {"$numeric": 1}}, "field 's' of type String cannot be '1' of type Int"),
        ({"j": {"$numeric": 1}}, "$numeric needs a field of numbers, and 'j' is of type Json"),
        ({"n": {"$numeric": 1.5}}, "field 'n' of type Int cannot be '1.5' of type Decimal"),
        ({"tags": {"$is": "a"}}, "field 'tags' of type String[] cannot be '\"a\"' of type String"),
        ({"s": {"$json": "a"}}, "field 's' of type String cannot be '\"a\"' of type String"),
        ({"$exists": ["s", "likes.nothing"]}, "field 'likes.nothing' not found"),
        ({"$on": [{"id": "i1"}, {"nothing": 1}]}, "field 'nothing' not found"),
        ({"id": "no row", "s.n": 1}, "field 's.n' not found"),
        ({"$not": {"owner.pets.id.n": {"$hash": 1}}}, "field 'owner.pets.id.n' not found"),
    ],
)
def test_what_does_not_fit_is_refused(where: JsonValue, message: str) -> None:
    view = ReadView.from_rows(schema_of(TABLES[1]), {})
    with pytest.raises(AgentError, match=re.escape(message)) as refused:
        found(view, "items", where)
    assert refused.value.status == 400


@settings(max_examples=50, deadline=None)
@given(wheres)
def test_an_empty_table_has_no_rows_to_find(where: JsonValue) -> None:
    assert found(ReadView.from_rows(schema_of(TABLES[1]), {}), "items", where) == []


def test_a_look_at_many_values_stops_at_the_deadline() -> None:
    values: list[JsonValue] = [str(number) for number in range(10)]
    late = Deadline.after(-1.0)
    for test in (
        EachValue(values, lambda _: True, late),
        HashOfValue(values, [[Equals(1)]], lambda make: make(), late),
    ):
        for ask in (test.all, lambda test=test: test.of(np.arange(3, dtype=np.int32))):
            with pytest.raises(AgentError, match="took longer"):
                ask()


def test_hashes_are_those_of_every_release() -> None:
    assert [hash_of_value(value) for value in HASHED] == HASHES
    assert hash_of_value(1.0) == hash_of_value(1)
    assert hash_of_value({"a": None, "b": 1.0}) == HASHES[-1]
    assert hashes_of_positions(np.arange(3)).tolist() == HASHES_OF_POSITIONS
