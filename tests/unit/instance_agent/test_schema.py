"""Schemas: what is accepted, what is refused by name, and how they are answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from instance_agent.errors import RowInvalid, SchemaInvalid
from instance_agent.schema.parse import check_links, parse_database, parse_table
from instance_agent.schema.render import echo_table, render_database, render_table
from instance_agent.schema.rows import to_batch
from instance_agent.schema.types import ColumnType, DatabaseSchema, JsonValue


def table_of(**columns: JsonValue) -> JsonValue:
    return {"type": "table", "columns": columns}


def test_types_are_read_in_any_case_and_answered_capitalised() -> None:
    sent = table_of(a={"type": "int"}, b={"type": "STRING[]"}, c={"type": "text"}, d={"type": "Long"})
    columns = render_table(parse_table("t", sent))["columns"]
    assert isinstance(columns, dict)
    assert [column["type"] for column in columns.values() if isinstance(column, dict)] == [
        "Int",
        "String[]",
        "Text",
        "Long",
    ]


def test_put_echoes_as_sent_and_get_shows_nullable() -> None:
    sent = table_of(
        name={"type": "Text", "analyzer": "English"}, id={"type": "String", "nullable": False}, of={"type": "Int"}
    )
    table = parse_table("t", sent)
    assert echo_table(table, sent) == {
        "columns": {
            "id": {"nullable": False, "type": "String"},
            "name": {"analyzer": "English", "type": "Text"},
            "of": {"type": "Int"},
        },
        "type": "table",
    }
    assert render_table(table)["columns"] == {
        "id": {"nullable": False, "type": "String"},
        "name": {"analyzer": "English", "nullable": False, "type": "Text"},
        "of": {"nullable": False, "type": "Int"},
    }


def test_a_schema_survives_being_answered_and_sent_again() -> None:
    sent: JsonValue = {
        "schema": {
            "products": table_of(id={"type": "String"}, tags={"type": "String[]", "nullable": True}),
            "visits": table_of(
                product={"type": "String", "link": "products.id"},
                previous={"type": "Int", "link": "this.number", "nullable": True},
                number={"type": "Int"},
                words={"type": "Text", "analyzer": {"type": "delimiter", "delimiter": ","}},
            ),
        }
    }
    schema = parse_database(sent)
    check_links(schema, list(schema.tables))
    assert parse_database({**render_database(schema)}) == schema
    link = schema.tables["visits"].columns["previous"].link
    assert link is not None
    assert (link.table, link.column, link.text) == ("visits", "number", "this.number")


@pytest.mark.parametrize("spelling", [str.lower, str.upper, str.swapcase])
def test_every_type_is_read_in_any_case_with_every_attribute_and_answered_in_its_one_spelling(
    spelling: Callable[[str], str],
) -> None:
    sent: dict[str, JsonValue] = {
        member.value: {"type": spelling(member.value), "nullable": True, "link": f"this.{member.element.value}"}
        for member in ColumnType
    }
    table = parse_table("t", {"columns": sent})
    check_links(DatabaseSchema({"t": table}), ["t"])
    columns = render_table(table)["columns"]
    assert isinstance(columns, dict)
    assert columns == {
        name: {"link": f"this.{name.removesuffix('[]')}", "nullable": True, "type": name} for name in sorted(sent)
    }
    assert parse_table("t", {"columns": columns}) == table


def test_a_table_may_have_a_thousand_columns() -> None:
    columns: dict[str, JsonValue] = {f"c{n:04}": {"nullable": True, "type": "Int"} for n in range(1000)}
    sent = table_of(**columns)
    table = parse_table("t", sent)
    assert len(table.columns) == 1000
    assert render_table(table) == sent


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a/b", 'a"b', "$a", "a\nb", "a\x00b", "x" * 256])
def test_names_that_paths_cannot_carry_are_refused(name: str) -> None:
    with pytest.raises(SchemaInvalid, match="can't be the name of a table"):
        parse_table(name, table_of())
    with pytest.raises(SchemaInvalid, match="can't be the name of a column"):
        parse_table("t", {"columns": {name: {"type": "Int"}}})


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("Int", "a column has the form"),
        ({}, '"type" is missing'),
        ({"type": "Object"}, "'Object' isn't a type here"),
        ({"type": 3}, "isn't a type here"),
        ({"type": "Int", "nullable": 1}, '"nullable" must be true or false'),
        ({"type": "Int", "unique": True}, "the key 'unique' isn't known"),
        ({"type": "String", "analyzer": "en"}, "only a Text column has an analyzer"),
        ({"type": "Text", "analyzer": "klingon"}, "'klingon' isn't an analyzer here"),
        ({"type": "Text", "analyzer": "th"}, "the language 'thai' isn't supported, as there is no stemmer for it"),
        ({"type": "String", "link": "products"}, '"link" has the form'),
        ({"type": "String", "link": ["a", "b"]}, '"link" has the form'),
    ],
)
def test_columns_that_are_not_understood_are_refused_by_name(column: JsonValue, sentence: str) -> None:
    with pytest.raises(SchemaInvalid) as refused:
        parse_table("t", table_of(c=column))
    assert "'t.c'" in refused.value.message
    assert sentence in refused.value.message


@pytest.mark.parametrize("body", [None, [], {}, {"schema": []}, {"schema": {"t": []}}, {"schema": {}, "more": 1}])
def test_anything_but_a_database_schema_is_refused(body: JsonValue) -> None:
    with pytest.raises(SchemaInvalid):
        parse_database(body)


@pytest.mark.parametrize("link", ["nowhere.id", "t.nothing"])
def test_links_without_a_target_are_refused(link: str) -> None:
    schema = parse_database({"schema": {"t": table_of(c={"type": "String", "link": link})}})
    with pytest.raises(SchemaInvalid, match=r"t\.c"):
        check_links(schema, ["t"])


@pytest.mark.parametrize(
    ("own", "target", "says"),
    [
        ("String", "Int", "of type Int. These are never equal"),
        ("Int[]", "String", "of type String. These are never equal"),
        ("Boolean", "Long", "of type Long. These are never equal"),
        ("Text", "Boolean", "of type Boolean. These are never equal"),
        ("String", "String[]", "nothing joins to a whole array"),
        ("Int[]", "Int[]", "nothing joins to a whole array"),
        ("Int", "Decimal", None),
        ("Long[]", "Int", None),
        ("Text", "String", None),
        ("String[]", "String", None),
        ("Json", "Int", None),
        ("Json", "Int[]", None),
        ("String", "Json", None),
        ("Boolean[]", "Boolean", None),
    ],
)
def test_a_link_that_could_never_join_is_refused_with_both_types(own: str, target: str, says: str | None) -> None:
    schema = parse_database(
        {"schema": {"t": table_of(c={"type": own, "link": "u.id"}), "u": table_of(id={"type": target})}}
    )
    if says is None:
        check_links(schema, ["t", "u"])
        return
    with pytest.raises(SchemaInvalid) as refused:
        check_links(schema, ["t", "u"])
    for part in ("'t.c'", "'u.id'", own, target, says):
        assert part in refused.value.message


def test_refusals_of_elements_name_the_element() -> None:
    table = parse_table("t", table_of(c={"type": "Int[]"}))
    with pytest.raises(RowInvalid) as refused:
        to_batch(table, [{"c": [1]}, {"c": [1, 2, "secret"]}])
    assert refused.value.message == (
        "row 1 (counting from 0): field 'c' of type Int[]: "
        "element 2 (counting from 0) of type Int cannot be a value of type String."
    )
