"""Pieces of evidence: counted as by hand, known by themselves where they have many rows, and true as tables grow."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import optimize
from instance_agent.engine.tables import ReadView
from instance_agent.inference.piece_effects import KnownPiece, Piece, PieceEffect
from instance_agent.inference.pooling import Tried
from instance_agent.inference.properties import no_properties
from instance_agent.query.deadline import Deadline
from instance_agent.query.filtering.filters import everything
from instance_agent.query.language.grammar import parse_recommend
from instance_agent.query.learning import weighing
from instance_agent.query.learning.evidence import collect, conjuncts
from instance_agent.query.learning.targets import Target, make_target
from instance_agent.query.learning.weighing import Few, Learning, Many, Question, Weighed, described, weigh
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import SECONDS, hits_of, number
from tests.unit.instance_agent.query.layouts import laid_out
from tests.unit.instance_agent.query.recommending import Row, Tables, matched, recommended, shop_tables, view_of

WHERE: list[JsonValue] = [
    {"customer": "c1"},
    {"customer.id": "c1", "rating": 5},
    {"note": "a great product", "bought": True},
    {"customer.tags": "likes 1", "basket.kind": "milk"},
    {"rating": {"$gt": 2}, "$or": [{"bought": True}, {"note": "stuff"}]},
    {"customer.age": 50},
]


def learning_of(view: ReadView, path: str) -> tuple[Scope, Learning]:
    scope = Scope(view, Deadline.after(SECONDS))
    table = view.table("views")
    target = make_target(scope, table, everything(table), FieldName((path,), "recommend", "recommend"))
    return scope, Learning(scope, table, target)


def question_about(target: Target) -> Question:
    """How often rows have each candidate."""
    count = len(target.candidates)
    return Question(
        "test",
        lambda rows: Tried(np.full(count, float(len(rows))), target.count(rows, None)),
        lambda tried: PieceEffect(1.0, None, tried.successes),
        lambda tried: float(tried.successes.sum()),
        (),
        no_properties(count),
        None,
    )


def weighed(view: ReadView, where: JsonValue, path: str = "product") -> tuple[list[Weighed], list[Piece | KnownPiece]]:
    scope, learning = learning_of(view, path)
    asked = parse_recommend({"from": "views", "recommend": path, "goal": {"bought": True}, "where": where})
    parts = list(conjuncts(asked.where))
    pieces = collect(scope, view.table("views"), parts, learning.target.learned)
    question = question_about(learning.target)
    found = weigh(scope, learning, question, pieces)
    return found, list(described(scope, learning, question, found))


@pytest.mark.parametrize("path", ["product", "basket", "rating"])
@pytest.mark.parametrize("where", WHERE[:3])
def test_counts_are_those_by_hand(path: str, where: JsonValue, tmp_path: Path) -> None:
    tables = shop_tables(6, views=150)
    rows = [row for row in tables["views"][1] if path in row]
    view = laid_out(tmp_path / "laid", tables, 2).read_view()
    known = {str(row["id"]) for row in tables["products"][1]}
    found, _ = weighed(view, where, path)
    assert found
    for piece in found:
        ((said, test),) = piece.evidence.proposition.items()
        assert isinstance(test, dict)
        having = [row for row in rows if has(tables, row, said, test["$has"])]
        values: list[JsonValue] = [value for row in having for value in set(listed(row[path]))]
        if path == "product":
            having = [row for row in having if row["product"] in known]
        candidates = learning_of(view, path)[1].target.candidates
        counts = [values.count(candidate) for candidate in candidates]
        assert isinstance(piece.told, Few)
        assert len(piece.told.rows) == len(having)
        assert piece.told.tried.successes.tolist() == counts


def listed(value: JsonValue) -> list[str | int]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str | int)]


def has(tables: Tables, row: Row, path: str, feature: JsonValue) -> bool:
    """Does the row of views have the feature? Written as plainly as can be."""
    first, _, rest = path.partition(".")
    value = row.get(first)
    if rest:
        linked = [one for one in tables["customers"][1] if one["id"] == value][:1]
        return any(feature in listed(one.get(rest)) for one in linked)
    if first == "note":
        return isinstance(value, str) and str(feature) in value.lower().split()
    return value is not None and feature in listed(value)


def test_pieces_come_from_the_most_general_to_the_most_specific_and_say_what_they_repeat() -> None:
    view = view_of(shop_tables(2, views=900))
    found, told = weighed(view, {"customer": "c1", "rating": 5})
    names = [next(iter(piece.evidence.proposition)) for piece in found]
    shares = [piece.told.share for piece in found]
    assert shares == sorted(shares, reverse=True)
    assert set(names) == {"customer.tags", "rating", "customer", "customer.age"}
    tags, rating, key = (names.index(name) for name in ("customer.tags", "rating", "customer"))
    assert told[key].repeats[tags] == pytest.approx(1)
    assert abs(told[key].repeats[rating]) < 0.2
    again = told[max(key, names.index("customer.age"))]
    assert isinstance(again, Piece)
    assert again.news == weighing.LEAST_NEWS
    first = told[key if key < names.index("customer.age") else names.index("customer.age")]
    assert isinstance(first, Piece)
    assert 0.5 < first.news < 0.8


def test_a_number_that_hardly_any_row_has_is_told_by_rows_near_it() -> None:
    view = view_of(shop_tables(2, views=900))
    (near,), _ = weighed(view, {"customer.age": 24})
    assert len(near.told.sample) > 100
    tables = shop_tables(2, views=900)
    columns, rows = tables["views"]
    prices: list[Row] = [{**row, "rating": place} for place, row in enumerate(rows)]
    (near,), _ = weighed(view_of({**tables, "views": (columns, prices)}), {"rating": 450})
    assert isinstance(near.told, Few)
    ratings = [prices[row]["rating"] for row in near.told.rows.tolist()]
    assert 150 < len(ratings) <= 2 * 6 * 30
    assert max(abs(number(rating) - 450) for rating in ratings) < 110


def test_words_beyond_the_most_are_left_out_and_values_are_not() -> None:
    tables = shop_tables(2, views=300)
    columns, rows = tables["views"]
    words = " ".join(f"word{place}" for place in range(200))
    long: list[Row] = [{**row, "note": words} if place % 3 else row for place, row in enumerate(rows)]
    found, _ = weighed(view_of({**tables, "views": (columns, long)}), {"note": words, "customer": "c1"})
    assert len(found) == weighing.MOST_PIECES
    assert {"customer", "customer.age"} <= {next(iter(piece.evidence.proposition)) for piece in found}


def test_what_is_known_of_many_rows_is_about_what_these_rows_say(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = shop_tables(4, views=2500)
    where: JsonValue = {"note": "a great product", "customer": "c1"}
    found, _ = weighed(view_of(tables), where)
    assert {type(piece.told) for piece in found} == {Many, Few}
    known = [number(hit["$p"]) for hit in hits_of(recommended(view_of(tables), where=where, select=["$p"]))]
    monkeypatch.setattr(weighing, "MANY_ROWS", 10**9)
    counted = [number(hit["$p"]) for hit in hits_of(recommended(view_of(tables), where=where, select=["$p"]))]
    assert known == pytest.approx(counted, abs=0.02)
    assert known != counted


def answers(view: ReadView) -> str:
    """Some of both endpoints."""
    select: JsonValue = ["id", "$p", "$why"]
    told = [recommended(view, where=where, select=select) for where in WHERE]
    told += [recommended(view, goal={"customer.tags": "likes 1"}, where={"bought": True, "rating": 3}, select=select)]
    told += [matched(view, where=where, select=select, basedOn=["kind", "maker.country"]) for where in WHERE]
    return json.dumps(told)


@pytest.mark.parametrize("many", [4, 1024])
def test_answers_stay_those_of_the_same_rows_as_tables_grow(
    many: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the sizes at which what is fitted is fitted anew, and through changes of linked tables."""
    monkeypatch.setattr(weighing, "MANY_ROWS", many)
    tables = shop_tables(5, views=160)
    columns, rows = tables["views"]
    grown = laid_out(tmp_path / "grown", {**tables, "views": (columns, rows[:100])}, 1)
    for count in (100, 101, 127, 128, 129, 160):
        if count > 100:
            grown.insert_rows("views", [*rows[len_of(grown, "views") : count]])
        fresh = view_of({**tables, "views": (columns, rows[:count])})
        assert answers(grown.read_view()) == answers(fresh)
    makers: list[Row] = [{"id": "m4", "country": "fi"}]
    late: list[Row] = [{"id": "p30", "kind": "milk", "tags": ["milk"], "maker": "m4"}]
    grown.insert_rows("makers", [*makers])
    grown.insert_rows("products", [*late])
    of_makers, of_products = tables["makers"], tables["products"]
    more: Tables = {
        **tables,
        "makers": (of_makers[0], [*of_makers[1], *makers]),
        "products": (of_products[0], [*of_products[1], *late]),
    }
    assert answers(grown.read_view()) == answers(view_of(more))
    grown.transact(lambda transaction: transaction.delete("views", np.arange(40, dtype=np.uint32)))
    assert answers(grown.read_view()) == answers(view_of({**more, "views": (columns, live_rows(grown))}))
    optimize(grown, "views")
    assert answers(grown.read_view()) == answers(view_of({**more, "views": (columns, live_rows(grown))}))


def len_of(database: Database, name: str) -> int:
    return database.read_view().table(name).live_count


def live_rows(database: Database) -> list[Row]:
    table = database.read_view().table("views")
    return [row for row in (table.row(place) for place in range(table.row_count)) if row]
