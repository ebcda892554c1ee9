"""Order, pages, projections."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instance_agent.errors import AgentError
from instance_agent.query.answer import answer
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns, ask, hits_of, make_view, shop

SHOP = shop()


def order(order_by: JsonValue, **body: JsonValue) -> str:
    page = ask(SHOP, "_search", from_="products", orderBy=order_by, select=["id"], **body)
    return "".join(str(hit["id"]) for hit in hits_of(page))


def test_a_default_row_has_every_column_but_the_absent_ones_in_alphabetical_order() -> None:
    page = ask(SHOP, "_search", from_="products", where={"id": "b"})
    (hit,) = hits_of(page)
    assert page == {"offset": 0, "total": 1, "hits": [hit]}
    assert list(hit) == ["id", "name", "organic", "price", "tags", "views"]
    assert "stock" not in hit
    assert hit["price"] == 1.5


@pytest.mark.parametrize(
    ("order_by", "ids"),
    [
        (None, "abcde"),
        ("price", "cdbae"),
        ({"$desc": "price"}, "cdbae"),
        ({"$asc": "price"}, "eabcd"),
        ("stock", "eacdb"),
        ({"$asc": "stock"}, "dcaeb"),
        ("id", "edcba"),
        ("organic", "adebc"),
        ("$index", "edcba"),
        ([{"$asc": "organic"}, "price"], "cbdae"),
        (["price", {"$desc": "id"}], "dcbae"),
        ("views", "bdcae"),
    ],
)
def test_a_bare_column_is_descending_absent_last_ties_in_table_order(order_by: JsonValue, ids: str) -> None:
    assert order(order_by) == ids


def test_an_ordered_default_row_shows_what_it_was_ordered_by_first() -> None:
    first, *_ = hits_of(ask(SHOP, "_search", from_="products", orderBy="price"))
    assert next(iter(first.items())) == ("$sort", 2.5)
    last = hits_of(ask(SHOP, "_search", from_="products", orderBy="stock"))[-1]
    assert "$sort" not in last


def test_select_gives_exactly_these_members_in_this_order() -> None:
    page = ask(SHOP, "_search", from_="products", where={"id": "b"}, select=["price", "stock", "$index", "id"])
    assert [list(hit.items()) for hit in hits_of(page)] == [[("price", 1.5), ("$index", 1), ("id", "b")]]
    assert hits_of(ask(SHOP, "_search", from_="products", select=[], limit=1)) == [{}]
    assert hits_of(ask(SHOP, "_search", from_="products", select="id", limit=1)) == [{"id": "a"}]
    assert hits_of(ask(SHOP, "_search", from_="products", select={"key": "id"}, limit=1)) == [{"key": "a"}]


def test_select_follows_links() -> None:
    page = ask(SHOP, "_search", from_="visits", select=["user.age", "bought.price", "user.friend.id"])
    assert hits_of(page) == [
        {"user.age": 30, "bought.price": [1.0, 2.5], "user.friend.id": "bob"},
        {"bought.price": []},
        {"bought.price": [1.5]},
        {"bought.price": [2.5]},
        {"user.age": 30, "bought.price": [0.25], "user.friend.id": "bob"},
    ]


def test_no_rows_are_sent_when_none_are_asked_for() -> None:
    assert ask(SHOP, "_search", from_="products", limit=0) == {"offset": 0, "total": 5, "hits": []}
    assert ask(SHOP, "_search", from_="products", offset=99) == {"offset": 99, "total": 5, "hits": []}
    with pytest.raises(AgentError, match="prize"):
        ask(SHOP, "_search", from_="products", limit=0, orderBy="prize")


def test_from_cuts_the_population_down_first() -> None:
    cut: JsonValue = {"from": {"from": "products", "where": {"organic": True}}, "limit": 2}
    page = ask(SHOP, "_search", from_=cut, where={"price": {"$lt": 2}}, select=["id"])
    assert page == {"offset": 0, "total": 1, "hits": [{"id": "a"}]}


def test_a_query_past_its_deadline_ends_with_504() -> None:
    started = time.monotonic()
    with pytest.raises(AgentError) as refused:
        answer(SHOP, "_search", {"from": "products", "where": {"id": "a"}}, -1)
    assert (refused.value.code, refused.value.status) == ("query_timeout", 504)
    assert time.monotonic() - started < 5


COLUMNS: Columns = {"n": {"type": "Int"}, "s": {"type": "String", "nullable": True}}
RANKS = {"": 0, "B": 1, "a": 2, "ä": 3}  # by code point
values = st.lists(
    st.fixed_dictionaries({"n": st.integers(-2, 2)}, optional={"s": st.sampled_from(list(RANKS))}), max_size=25
)
keys = st.lists(
    st.sampled_from(["n", "s", "$index"]).flatmap(
        lambda name: st.sampled_from([name, {"$asc": name}, {"$desc": name}])
    ),
    max_size=3,
)


@settings(max_examples=100, deadline=None)
@given(values, keys, st.integers(1, 7))
def test_pages_tile_the_whole_answer(rows: list[JsonValue], order_by: list[JsonValue], limit: int) -> None:
    view = make_view({"t": (COLUMNS, rows)})
    query: dict[str, JsonValue] = {"orderBy": list(order_by), "select": ["$index"]}
    whole = hits_of(ask(view, "_search", from_="t", limit=1000, **query))
    tiled: list[dict[str, JsonValue]] = []
    for offset in range(0, len(rows) + limit, limit):
        page = ask(view, "_search", from_="t", offset=offset, limit=limit, **query)
        assert page["total"] == len(rows)
        tiled += hits_of(page)
    assert tiled == whole
    assert sorted(str(hit["$index"]) for hit in whole) == sorted(map(str, range(len(rows))))


@settings(max_examples=100, deadline=None)
@given(values, st.booleans())
def test_the_order_is_that_of_the_values(rows: list[dict[str, JsonValue]], descending: bool) -> None:
    view = make_view({"t": (COLUMNS, list(rows))})
    key: JsonValue = "s" if descending else {"$asc": "s"}
    found = [hit["$index"] for hit in hits_of(ask(view, "_search", from_="t", orderBy=key, select="$index", limit=99))]
    present = [place for place, row in enumerate(rows) if "s" in row]
    absent = [place for place, row in enumerate(rows) if "s" not in row]
    sign = -1 if descending else 1
    assert found == sorted(present, key=lambda place: sign * RANKS[str(rows[place]["s"])]) + absent
