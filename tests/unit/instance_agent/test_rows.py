"""Rows: strict types, and refusals that name everything but the value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instance_agent.errors import RowInvalid
from instance_agent.schema.parse import parse_table
from instance_agent.schema.rows import CHECKS, check_row, to_batch
from instance_agent.schema.types import ColumnSchema, ColumnType, JsonValue, TableSchema


def store(type_name: str, value: JsonValue) -> JsonValue:
    table = parse_table("t", {"columns": {"c": {"type": type_name, "nullable": True}}})
    return check_row(table, {"c": value}).get("c")


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("Boolean", True),
        ("Int", -(2**31)),
        ("Long", 2**63 - 1),
        ("Decimal", 0.5),
        ("String", ""),
        ("Text", "ääkköset 日本"),
        ("Json", {"a": [1, None, {"b": "c"}]}),
        ("Int[]", [1, 2]),
        ("String[]", []),
        ("Boolean[]", [False]),
    ],
)
def test_values_of_their_type_are_stored_as_they_are(type_name: str, value: JsonValue) -> None:
    assert store(type_name, value) == value


def test_an_integer_in_a_decimal_column_becomes_a_double() -> None:
    stored = store("Decimal", 3)
    assert stored == 3.0
    assert isinstance(stored, float)


@pytest.mark.parametrize(
    ("type_name", "value", "kind"),
    [
        ("Boolean", 1, "Int"),
        ("Boolean", "true", "String"),
        ("Int", "5", "String"),
        ("Int", True, "Boolean"),
        ("Int", 1.0, "Decimal"),
        ("Decimal", "1", "String"),
        ("Decimal", True, "Boolean"),
        ("String", 5, "Int"),
        ("Text", ["a"], "Array"),
        ("Int[]", 1, "Int"),
        ("Int[]", [1, "a"], "String"),
        ("String[]", [None], "null"),
        ("String", {"a": 1}, "Object"),
    ],
)
def test_values_of_another_type_are_never_coerced(type_name: str, value: JsonValue, kind: str) -> None:
    with pytest.raises(RowInvalid) as refused:
        store(type_name, value)
    assert "field 'c'" in refused.value.message
    assert f"cannot be a value of type {kind}" in refused.value.message


@pytest.mark.parametrize(
    ("type_name", "value"), [("Int", 2**31), ("Long", 2**63), ("Decimal", 10**400), ("Json", {"a": 2**63})]
)
def test_numbers_that_do_not_fit_are_refused(type_name: str, value: JsonValue) -> None:
    with pytest.raises(RowInvalid):
        store(type_name, value)


def test_json_that_nests_too_deeply_is_refused() -> None:
    deep: JsonValue = 1
    for _ in range(70):
        deep = [deep]
    with pytest.raises(RowInvalid, match="nests deeper"):
        store("Json", deep)


def test_a_batch_is_refused_with_row_number_field_kind_and_rule_but_without_the_value() -> None:
    table = parse_table("t", {"columns": {"price": {"type": "Decimal"}, "name": {"type": "String", "nullable": True}}})
    with pytest.raises(RowInvalid) as refused:
        to_batch(table, [{"price": 1}, {"price": 2}, {"price": "secret-value"}])
    assert refused.value.message == (
        "row 2 (counting from 0): field 'price' of type Decimal cannot be a value of type String."
    )


def test_missing_null_and_unknown_fields_are_told_apart() -> None:
    table = parse_table("t", {"columns": {"a": {"type": "Int"}, "b": {"type": "Int", "nullable": True}}})
    assert check_row(table, {"b": None, "a": 1}) == {"a": 1}
    for row, words in (({}, "is missing"), ({"a": None}, "is null"), ({"a": 1, "z": 1}, "'z' not found"), (7, "Int")):
        with pytest.raises(RowInvalid, match=words):
            check_row(table, row)  # type: ignore[arg-type]


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.sampled_from([2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63 - 1, 2**63, 10**400]),
    st.floats(allow_nan=False),
    st.text(max_size=3),
    st.lists(st.one_of(st.booleans(), st.integers(), st.text(max_size=2), st.none()), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@given(
    kinds=st.lists(st.tuples(st.sampled_from(sorted(CHECKS, key=str)), st.booleans()), min_size=1, max_size=3),
    rows=st.lists(st.one_of(st.dictionaries(st.sampled_from("abcx"), ANYTHING, max_size=4), ANYTHING), max_size=5),
)
def test_a_batch_is_checked_like_its_rows(kinds: list[tuple[ColumnType, bool]], rows: list[JsonValue]) -> None:
    table = TableSchema({name: ColumnSchema(*kind) for name, kind in zip("abc", kinds, strict=False)})
    try:
        expected = [check_row(table, row, label=f"row {at} (counting from 0): ") for at, row in enumerate(rows)]
    except RowInvalid as error:
        with pytest.raises(RowInvalid) as refused:
            to_batch(table, rows)
        assert refused.value.message == error.message
        return
    batch = to_batch(table, rows)
    assert batch.count == len(rows)
    for name in table.columns:
        cells = [row.get(name) for row in expected]
        assert [(cell, type(cell)) for cell in batch.columns[name]] == [(cell, type(cell)) for cell in cells]
