"""`_relate`: what is related to what, counted by hand and by a second opinion, in every layout of the rows."""

from __future__ import annotations

import json

import pytest

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns, hits_of, make_view, shop
from tests.unit.instance_agent.query.relating import related, same

ALL = 1_000_000


def comments() -> ReadView:
    rows: list[JsonValue] = [
        {"text": "yeah sure", "label": 1},
        {"text": "yeah right", "label": 1},
        {"text": "thanks", "label": 0, "votes": 1.5},
        {"text": "thanks yeah", "label": 0},
        {"text": "", "label": 0, "votes": 2},
    ]
    columns: Columns = {
        "text": {"type": "Text"},
        "label": {"type": "Int"},
        "votes": {"type": "Decimal", "nullable": True},
    }
    return make_view({"comments": (columns, rows)})


def counts_of(page: dict[str, JsonValue]) -> dict[str, list[JsonValue]]:
    """Of every hit `related | condition`: f, fOnCondition, fCondition, n."""
    found: dict[str, list[JsonValue]] = {}
    for hit in hits_of(page):
        fs = hit["fs"]
        assert isinstance(fs, dict)
        key = f"{json.dumps(hit['related'])} | {json.dumps(hit['condition'])}"
        assert key not in found
        found[key] = [fs["f"], fs["fOnCondition"], fs["fCondition"], fs["n"]]
    return found


def test_every_token_is_related_to_the_condition() -> None:
    page = related(comments(), {"from": "comments", "where": {"label": 1}, "relate": "text"})
    label = '{"label": {"$has": 1}}'
    assert page["total"] == 4
    assert counts_of(page) == {
        f'{{"text": {{"$has": "yeah"}}}} | {label}': [3, 2, 2, 5],
        f'{{"text": {{"$has": "sure"}}}} | {label}': [1, 1, 2, 5],
        f'{{"text": {{"$has": "right"}}}} | {label}': [1, 1, 2, 5],
        f'{{"text": {{"$has": "thanks"}}}} | {label}': [2, 0, 2, 5],
    }
    assert list(hits_of(page)[0]) == ["related", "condition", "lift", "fs", "ps", "info", "relation"]


def test_without_a_condition_all_other_features_of_the_table_are_conditions() -> None:
    page = related(comments(), {"from": "comments", "relate": [{"label": 1}]})
    conditions = [json.dumps(hit["condition"]) for hit in hits_of(page)]
    assert sorted(conditions) == sorted(
        [
            *(f'{{"text": {{"$has": "{word}"}}}}' for word in ("yeah", "sure", "right", "thanks")),
            *(f'{{"votes": {{"$has": {votes}}}}}' for votes in (1.5, 2.0)),
        ]
    )
    assert {json.dumps(hit["related"]) for hit in hits_of(page)} == {'{"label": {"$has": 1}}'}
    assert related(comments(), {"from": "comments", "where": {}, "relate": [{"label": 1}]}) == page


def test_a_conjunction_is_its_conjuncts_unless_it_is_said_to_be_atomic() -> None:
    where: dict[str, JsonValue] = {"text": "yeah right", "label": 1}
    apart = related(comments(), {"from": "comments", "where": where, "relate": {"votes": {"$defined": False}}})
    votes = '{"votes": {"$defined": false}}'
    assert counts_of(apart) == {
        f'{votes} | {{"text": {{"$has": "yeah"}}}}': [3, 3, 3, 5],
        f'{votes} | {{"text": {{"$has": "right"}}}}': [3, 1, 1, 5],
        f'{votes} | {{"label": {{"$has": 1}}}}': [3, 2, 2, 5],
    }
    where["text"] = "right yeah"
    body: dict[str, JsonValue] = {"from": "comments", "where": {"$atomic": where}, "relate": {"votes": None}}
    (hit,) = hits_of(related(comments(), body))
    assert hit["condition"] == {
        "$and": [{"$and": [{"text": {"$has": "right"}}, {"text": {"$has": "yeah"}}]}, {"label": {"$has": 1}}]
    }
    assert hit["relation"] == {**_relation(hit), "varFs": [1, 3], "stateFs": [2, 0, 2, 1], "n": 5}


def test_a_whole_value_is_one_condition() -> None:
    body: dict[str, JsonValue] = {
        "from": "products",
        "where": {"name": {"$is": "Green apple"}, "tags": {"$is": ["fruit", "red"]}, "price": {"$is": 2.5}},
        "relate": {"organic": True},
    }
    assert counts_of(related(shop(), body)) == {
        '{"organic": {"$has": true}} | {"name": {"$is": "Green apple"}}': [3, 0, 1, 5],
        '{"organic": {"$has": true}} | {"tags": {"$is": ["fruit", "red"]}}': [3, 1, 1, 5],
        '{"organic": {"$has": true}} | {"price": {"$has": 2.5}}': [3, 1, 2, 5],
    }


def _relation(hit: dict[str, JsonValue]) -> dict[str, JsonValue]:
    relation = hit["relation"]
    assert isinstance(relation, dict)
    return relation


def test_on_counts_among_the_rows_of_its_condition() -> None:
    body: dict[str, JsonValue] = {
        "from": "comments",
        "where": {"$on": [{"$exists": "text"}, {"label": 0}]},
        "relate": {"votes": {"$defined": True}},
    }
    votes = '{"votes": {"$defined": true}}'
    counts = counts_of(related(comments(), body))
    assert counts == {
        f'{votes} | {{"$on": [{{"text": {{"$has": "{word}"}}}}, {{"label": {{"$has": 0}}}}]}}': numbers
        for word, numbers in {
            "yeah": [2, 0, 1, 3],
            "sure": [2, 0, 0, 3],
            "right": [2, 0, 0, 3],
            "thanks": [2, 1, 2, 3],
        }.items()
    }


def test_on_may_stand_on_both_sides_and_in_itself() -> None:
    body: dict[str, JsonValue] = {
        "from": "comments",
        "where": {"$on": [{"$on": [{"text": "thanks"}, {"label": 0}]}, {"votes": None}]},
        "relate": [{"$on": {"prop": {"text": "yeah"}, "on": {"text": {"$match": "thanks"}}}}, {"label": 0}],
    }
    given = (
        '{"$on": [{"text": {"$has": "thanks"}}, {"$and": [{"votes": {"$defined": false}}, {"label": {"$has": 0}}]}]}'
    )
    assert counts_of(related(comments(), body)) == {
        f'{{"$on": [{{"text": {{"$has": "yeah"}}}}, {{"text": {{"$has": "thanks"}}}}]}} | {given}': [1, 1, 1, 1],
        f'{{"label": {{"$has": 0}}}} | {given}': [1, 1, 1, 1],
    }


def test_named_features_that_no_row_has_appear_and_others_do_not() -> None:
    narrowed: JsonValue = {"from": "comments", "where": {"label": 1}}
    page = related(
        comments(), {"from": narrowed, "where": {"text": "yeah never"}, "relate": ["votes", {"label": 7}, {"votes": 9}]}
    )
    assert counts_of(page) == {
        f"{other} | {condition}": [0, 0, 2 if "yeah" in condition else 0, 2]
        for condition in ('{"text": {"$has": "yeah"}}', '{"text": {"$has": "never"}}')
        for other in (
            '{"votes": {"$has": 1.5}}',
            '{"votes": {"$has": 2.0}}',
            '{"votes": {"$has": 9.0}}',
            '{"label": {"$has": 7}}',
        )
    }


def test_what_is_said_twice_is_there_once() -> None:
    body: dict[str, JsonValue] = {
        "from": "comments",
        "where": {"$and": [{"label": 1}, {"label": 1.0}, {"$or": [{"label": 2}]}, {"$or": [{"label": 2}]}]},
        "relate": ["text", {"text": "yeah"}, "text", {"text": "unseen"}, {"text": "unseen"}],
    }
    assert related(comments(), body)["total"] == 2 * 5


def test_a_bare_link_brings_the_linked_row_and_its_key_alone_does_not() -> None:
    def conditions(where: JsonValue) -> set[str]:
        body: dict[str, JsonValue] = {"from": "visits", "where": where, "relate": {"bought": "a"}, "limit": ALL}
        return {json.dumps(hit["condition"]) for hit in hits_of(related(shop(), body))}

    assert conditions({"user": "ann"}) == {
        '{"user": {"$has": "ann"}}',
        '{"user.id": {"$has": "ann"}}',
        '{"user.age": {"$has": 30}}',
        '{"user.friend": {"$has": "bob"}}',
    }
    assert conditions({"user": {"$has": "ann"}}) == {'{"user": {"$has": "ann"}}'}
    assert conditions({"user.id": "ann"}) == {'{"user.id": {"$has": "ann"}}'}
    assert conditions({"user": "nobody"}) == {'{"user": {"$has": "nobody"}}'}
    assert conditions({"user.friend": "bob"}) == {
        '{"user.friend": {"$has": "bob"}}',
        '{"user.friend.id": {"$has": "bob"}}',
    }


def test_selected_members_are_exactly_those_in_that_order() -> None:
    body: dict[str, JsonValue] = {"from": "comments", "where": {"label": 1}, "relate": "text", "limit": 1}
    (hit,) = hits_of(related(comments(), {**body, "select": ["fs", "lift", "related"]}))
    assert list(hit) == ["fs", "lift", "related"]
    assert hits_of(related(comments(), {**body, "select": []})) == [{}]


def number_at(hit: dict[str, JsonValue], path: str) -> float:
    value: JsonValue = hit
    for name in path.split("."):
        assert isinstance(value, dict)
        value = value[name]
    assert isinstance(value, int | float)
    return value


@pytest.mark.parametrize("path", ["lift", "fs.fOnCondition", "ps.pOnNotCondition", "info.miTrue", "relation.mi"])
def test_relations_can_be_ordered_by_any_number_in_them(path: str) -> None:
    body: dict[str, JsonValue] = {"from": "products", "where": {"$exists": "organic"}, "relate": ["name", "tags"]}
    orders: dict[str, JsonValue] = {"bare": path, "down": {"$desc": path}, "up": {"$asc": path}}
    pages = {name: hits_of(related(shop(), {**body, "orderBy": order, "limit": ALL})) for name, order in orders.items()}
    ascending = [number_at(hit, path) for hit in pages["up"]]
    assert ascending == pytest.approx(sorted(ascending), abs=1e-12)
    assert len(set(ascending)) > 1
    assert pages["bare"] == pages["down"]
    assert [number_at(hit, path) for hit in pages["down"]] == pytest.approx(ascending[::-1], abs=1e-12)


@pytest.mark.parametrize("path", ["fs.f", "fs.fCondition", "fs.n", "info.h", "lift"])
def test_many_features_of_few_frequencies_can_be_ordered_by_any_number(path: str) -> None:
    rows: list[JsonValue] = [{"words": f"w{at % 700} w{at % 11}", "kind": f"k{at % 2}"} for at in range(1_400)]
    view = make_view({"t": ({"words": {"type": "Text"}, "kind": {"type": "String"}}, rows)})
    conditions: list[JsonValue] = [{"kind": "k1"}, {"$exists": ["kind", "words"]}]
    for where in conditions:
        hits = hits_of(related(view, {"from": "t", "where": where, "relate": "words", "orderBy": path, "limit": 50}))
        numbers = [_at(hit, path) for hit in hits]
        assert numbers == sorted(numbers, reverse=True)


def _at(hit: dict[str, JsonValue], path: str) -> float:
    value: JsonValue = hit
    for name in path.split("."):
        assert isinstance(value, dict)
        value = value[name]
    assert isinstance(value, int | float)
    return value


def test_several_orders_decide_one_after_the_other() -> None:
    body: dict[str, JsonValue] = {"from": "products", "where": {"$exists": "organic"}, "relate": ["name", "tags"]}
    hits = hits_of(related(shop(), {**body, "orderBy": ["fs.f", {"$asc": "fs.fOnCondition"}], "limit": ALL}))
    keys = [(-number_at(hit, "fs.f"), number_at(hit, "fs.fOnCondition")) for hit in hits]
    assert keys == sorted(keys)
    assert len(set(keys)) == 3


def test_pages_are_parts_of_one_order() -> None:
    body: dict[str, JsonValue] = {"from": "products", "where": {"$exists": ["organic", "tags"]}, "relate": "name"}
    whole = hits_of(related(shop(), {**body, "limit": ALL}))
    parts: list[JsonValue] = []
    for offset in range(0, len(whole) + 7, 7):
        page = related(shop(), {**body, "offset": offset, "limit": 7})
        assert (page["offset"], page["total"]) == (offset, len(whole))
        parts += hits_of(page)
    assert same(parts, list[JsonValue](whole))
    assert related(shop(), {**body, "limit": 0}) == {"offset": 0, "total": len(whole), "hits": []}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"relate": "nothing"}, "field 'nothing' not found"),
        ({"relate": "user.nothing"}, "field 'user.nothing' not found"),
        ({"relate": "user", "where": {"bought.price": "dear"}}, "field 'bought.price' of type Decimal cannot be"),
        ({"relate": "user", "where": {"bought.price": {"$gt": "dear"}}}, "cannot be"),
        ({"relate": "user", "where": {"$on": [{"user": "ann"}, {"nothing": 1}]}}, "field 'nothing' not found"),
        ({"relate": "user", "where": {"$not": {"user": 1}}, "limit": 0}, "field 'user' of type String cannot be"),
        ({"relate": "user", "where": {"$exists": "nothing"}}, "field 'nothing' not found"),
        ({"relate": "user", "select": ["relted"]}, "field 'relted' not found"),
        ({"relate": "user", "orderBy": "lft"}, "field 'lft' not found"),
    ],
)
def test_what_does_not_fit_is_refused(body: dict[str, JsonValue], said: str) -> None:
    with pytest.raises(AgentError, match=said.replace("'", ".")) as refused:
        related(shop(), {"from": "visits", **body})
    assert refused.value.status == 400


def test_too_many_pairs_are_refused() -> None:
    rows: list[JsonValue] = [{"a": number, "b": number} for number in range(2_300)]
    view = make_view({"t": ({"a": {"type": "Int"}, "b": {"type": "Int"}}, rows)})
    with pytest.raises(AgentError, match=r"5290000 pairs of features.*narrow"):
        related(view, {"from": "t", "where": {"$exists": "a"}, "relate": "b"})
    conditions: list[JsonValue] = [{"$or": [{"a": number}]} for number in range(101)]
    with pytest.raises(AgentError, match=r"10201 pairs of fields and conditions.*narrow"):
        related(view, {"from": "t", "where": {"$and": conditions}, "relate": conditions})


def test_an_empty_table_has_no_relations_but_those_that_are_named() -> None:
    view = make_view({"t": ({"a": {"type": "Text"}, "b": {"type": "String[]", "nullable": True}}, [])})
    assert related(view, {"from": "t", "relate": "b"}) == {"offset": 0, "total": 0, "hits": []}
    assert related(view, {"from": "t", "where": {"a": "x"}, "relate": ["b"]})["total"] == 0
    (hit,) = hits_of(related(view, {"from": "t", "where": {"a": "x"}, "relate": {"b": ["y"]}}))
    assert hit["fs"] == {"f": 0, "fOnCondition": 0, "fOnNotCondition": 0, "fCondition": 0, "n": 0}
    assert hit["lift"] == 1.0


def test_a_field_of_nulls_has_no_features() -> None:
    view = make_view({"t": ({"a": {"type": "String", "nullable": True}, "b": {"type": "Int"}}, [{"b": 1}, {"b": 2}])})
    assert related(view, {"from": "t", "where": {"b": 1}, "relate": "a"})["total"] == 0
    (hit,) = hits_of(related(view, {"from": "t", "where": {"b": 1}, "relate": {"a": None}}))
    assert hit["related"] == {"a": {"$defined": False}}
    assert hit["relation"] == {**_relation(hit), "stateFs": [0, 0, 1, 1]}


def test_json_values_that_look_like_operators_are_shown_as_data() -> None:
    rows: list[JsonValue] = [{"j": {"$gt": 1}}, {"j": [1, {"x": None}]}, {"j": {"$gt": 1}}]
    view = make_view({"t": ({"j": {"type": "Json"}}, rows)})
    hits = hits_of(related(view, {"from": "t", "where": {"$index": {"$lt": 2}}, "relate": "j"}))
    shown = [json.dumps(hit["related"]) for hit in hits]
    assert sorted(shown) == ['{"j": {"$has": [1, {"x": null}]}}', '{"j": {"$has": {"$json": {"$gt": 1}}}}']
    again = related(view, {"from": "t", "where": {"$index": {"$lt": 2}}, "relate": [hit["related"] for hit in hits]})
    assert [hit["fs"] for hit in hits_of(again)] == [hit["fs"] for hit in hits]
