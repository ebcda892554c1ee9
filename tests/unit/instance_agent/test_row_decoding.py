"""Rows out of JSON lines: whatever is sent, the fast way and the plain way give the same rows and the same refusals."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from instance_agent.errors import RowInvalid
from instance_agent.schema.decoding import NO_DOCUMENT, TYPES, DecodedBlock, RowDecoder
from instance_agent.schema.rows import check_row
from instance_agent.schema.types import ColumnSchema, ColumnType, TableSchema

LIMIT_BYTES = 2_000
EVERY_TYPE = TableSchema({kind.value: ColumnSchema(kind, nullable=True) for kind in ColumnType})
STRICT = TableSchema(
    {"n": ColumnSchema(ColumnType.INT), "j": ColumnSchema(ColumnType.JSON), "s": ColumnSchema(ColumnType.TEXT, True)}
)
NAMES = ["class", "__init__", "c0", "__struct_fields__", "é", "\u2028", "self", "n\u200bn", "{}", "1"]
ODD_NAMES = TableSchema({name: ColumnSchema(ColumnType.INT, nullable=True) for name in NAMES})
WITH_A_BACKSLASH = TableSchema({"a\\b": ColumnSchema(ColumnType.INT), "j": ColumnSchema(ColumnType.JSON, True)})
TABLES = [EVERY_TYPE, STRICT, ODD_NAMES, WITH_A_BACKSLASH, TableSchema({})]

TOKENS = [
    "null", "true", "0", "-0", "-0.0", "1.0", "1e2", "1e999", "-1e999", "1e-999", "NaN", "Infinity", "01", "-", "0x1",
    "2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "9007199254740993",
    "36893488147419107329", "1" * 400, "1" * 309, "0.1", "1.7976931348623157e308", "1.7976931348623159e308",
    "5e-324", '""', '"x"', '"\\ud800"', '"\\ud83d\\ude00"', '"\u2028"', '"\\u0000"', '"\x7f"', "[]", "[[]]", "{}",
    "[1e999]", "[1, 2]", "[1.0]", "[1, null]", "[true]", '["a", "b"]', "[-0]", "[null]", "[2147483648]",
    "[18446744073709551616]",
    '{"a": 1, "a": 2}', '{"a": 18446744073709551616}', "[" * 64 + "]" * 64, "[" * 65 + "]" * 65, "[" * 66 + "]" * 66,
    "[" * 900 + "]" * 900, "", " ", "[1", "{", '"',
]  # fmt: skip
LINES = [
    b"", b" ", b"\r", b"\x0b\x0c", b"\t \r", b"\x1c", b"\xc2\x85", b"\x00", b"\xff", b"\xef\xbb\xbf{}", b"{}\x0b",
    b"{} {}", b"{}{}", b"{}\r{}", b"[]", b"1", b"null", b'"{}"', b"nope", b"{", b"}", b"{},", b'{"n":', b"1}",
    b'{"\xff": 1}', b'{"n": 1, "j": "\xed\xa0\x80"}', b"[" * 1_500, b'{"j":' * 300, b"x" * (LIMIT_BYTES - 1),
    b"x" * LIMIT_BYTES,
    b'{"n": 1, "j": 1}' + b" " * (LIMIT_BYTES - 17), b'{"n": 1, "j": 1}' + b" " * LIMIT_BYTES, b" " * LIMIT_BYTES,
    b'{"\\u006e": 1, "j": 1}', b'{"n": "x", "n": 1, "j": 1}', b'{"n": 1, "n": "x", "j": 1}',
    b'{"n": 1, "j": 1, "x": 1}',
    b'{"a\\\\b": 1}', b'{"a\\\\b": 1.0}',
]  # fmt: skip


def decoded_plainly(table: TableSchema, block: bytes) -> tuple[list[str], list[tuple[int, str, bytes]], int]:
    """The definition: each line by itself, value by value."""
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    rows, bad = [], []
    for at, line in enumerate(lines):
        if not line.strip() and len(line) < LIMIT_BYTES:
            continue
        try:
            if len(line) >= LIMIT_BYTES:
                raise RowInvalid(f"the line is longer than {LIMIT_BYTES} bytes.")
            row = check_row(table, msgspec.json.decode(line))
            rows.append(repr([row.get(name) for name in table.columns]))
        except RowInvalid as error:
            bad.append((at, error.message, line))
        except (ValueError, RecursionError):
            bad.append((at, NO_DOCUMENT, line))
    return rows, bad, len(lines)


def in_short(table: TableSchema, found: DecodedBlock) -> tuple[list[str], list[tuple[int, str, bytes]], int]:
    assert list(found.rows.columns) == list(table.columns)
    assert {len(cells) for cells in found.rows.columns.values()} <= {found.rows.count}
    cells: Sequence[Sequence[object]] = [found.rows.columns[name] for name in table.columns]
    rows = [repr([column[at] for column in cells]) for at in range(found.rows.count)]
    return rows, [(line.at, line.reason, line.text) for line in found.bad], found.line_count


def check(table: TableSchema, block: bytes) -> DecodedBlock:
    found = RowDecoder(table, line_limit_bytes=LIMIT_BYTES).decode(block)
    assert in_short(table, found) == decoded_plainly(table, block)
    return found


def test_every_type_of_a_column_is_read() -> None:
    assert set(TYPES) == set(ColumnType)


@pytest.mark.parametrize("column_type", ColumnType)
@pytest.mark.parametrize("nullable", [False, True])
def test_every_value_is_taken_or_refused_as_it_is_by_itself(column_type: ColumnType, nullable: bool) -> None:
    table = TableSchema({"v": ColumnSchema(column_type, nullable)})
    good = 0
    for token in TOKENS:
        found = check(table, f'{{"v": {token}}}'.encode("utf-8", "surrogatepass"))
        good += found.rows.count
        check(table, f'{{"v": {token}, "v": 1}}\n{{"v": 1, "v": {token}}}\n{{"v": [{token}]}}'.encode())
    assert 0 < good < len(TOKENS)


@pytest.mark.parametrize("table", TABLES)
def test_every_odd_line_is_taken_or_refused_as_it_is_by_itself(table: TableSchema) -> None:
    for line in LINES:
        for ending in (b"", b"\n", b"\r\n", b"\n\n"):
            check(table, line + ending)
    check(table, b"\n".join(LINES))


FIELDS = st.sampled_from([*EVERY_TYPE.columns, "n", "j", "s", *NAMES[:4], "a\\b", "unknown"])
OBJECTS = st.lists(st.tuples(FIELDS.map(json.dumps), st.sampled_from(TOKENS[:32])), max_size=4).map(
    lambda fields: ("{" + ", ".join(f"{name}: {token}" for name, token in fields) + "}").encode()
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(TABLES),
    st.lists(st.one_of(OBJECTS, st.sampled_from(LINES), st.binary(max_size=12)), max_size=8),
    st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n", b" "]),
)
@example(STRICT, [b'{"n": 1, "j": 1}{"n":', b"1}"], b"\n")
def test_blocks_are_read_as_their_lines_are(table: TableSchema, lines: list[bytes], separator: bytes) -> None:
    check(table, separator.join(lines))
    check(table, separator.join(lines) + separator)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
    )
)
def test_json_of_any_kind_is_read_alike(value: object) -> None:
    for kind in ColumnType:
        check(
            TableSchema({"v": ColumnSchema(kind)}),
            json.dumps({"v": value}, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        )


def test_a_row_may_have_a_thousand_fields_in_any_order() -> None:
    table = TableSchema({f"column_{number}": ColumnSchema(ColumnType.INT) for number in range(1_000)})
    row = json.dumps({name: number for number, name in enumerate(reversed(list(table.columns)))}).encode()
    found = RowDecoder(table).decode(row + b"\n" + row.replace(b"999", b"998") + b"\n" + row)
    assert (found.rows.count, [line.at for line in found.bad]) == (2, [1])
    assert found.rows.columns["column_0"] == [999 - sorted(table.columns).index("column_0")] * 2


def test_blank_lines_are_counted_and_are_neither_good_nor_bad() -> None:
    decoder = RowDecoder(STRICT)
    for block, count in ((b"\n" * 1_000, 1_000), (b" \r\n\n\x0b", 3), (b" ", 1), (b"", 0)):
        found = decoder.decode(block)
        assert (found.rows.count, found.bad, found.line_count) == (0, (), count)


def test_a_message_names_the_rule_and_never_the_value() -> None:
    found = RowDecoder(STRICT).decode(b'{"n": "secret", "j": 1}\n{"n": 1, "j": null}\n{"n": 1, "j": 1, "x": "secret"}')
    assert [line.reason for line in found.bad] == [
        "field 'n' of type Int cannot be a value of type String.",
        "field 'j' of type Json is null, and it isn't nullable.",
        "field 'x' not found: the table has no such column.",
    ]
