"""Candidates as hits: default members, selected ones, pages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.inference import why
from instance_agent.query.deadline import Deadline
from instance_agent.query.filtering.filters import everything
from instance_agent.query.hits import VALUE_HIT, CandidateHits, candidate_page, ranked_hit
from instance_agent.query.language.queries import Slice
from instance_agent.query.language.scores import Name, Own, Projection, Why
from instance_agent.query.learning.targets import make_target
from instance_agent.query.page import Hit
from instance_agent.query.scope import FieldName, Scope
from tests.unit.instance_agent.query.builders import SECONDS, Columns, make_view

VISITS: Columns = {
    "week": {"type": "Int", "nullable": True},
    "product": {"type": "String", "link": "products.id", "nullable": True},
    "tags": {"type": "String[]", "nullable": True},
}
PRODUCTS: Columns = {
    "id": {"type": "String", "nullable": True},
    "feature": {"type": "String", "nullable": True},
    "price": {"type": "Decimal", "nullable": True},
    "maker": {"type": "String", "link": "makers.id", "nullable": True},
}
MAKERS: Columns = {"id": {"type": "String"}, "town": {"type": "String"}}
VIEW = make_view(
    {
        "makers": (MAKERS, [{"id": "m", "town": "Turku"}]),
        "products": (
            PRODUCTS,
            [{"id": "a", "price": 1.5, "maker": "m"}, {"id": "b", "feature": "big", "maker": "gone"}, {"price": 3}],
        ),
        "visits": (
            VISITS,
            [
                {"week": 2, "product": "b", "tags": ["x", "y"]},
                {"week": 1, "product": "nowhere"},
                {"week": 2, "product": "a", "tags": ["y"]},
                {},
            ],
        ),
    }
)


def hits_at(path: str, view: ReadView = VIEW) -> CandidateHits:
    scope = Scope(view, Deadline.after(SECONDS))
    table = view.table("visits")
    field = FieldName(tuple(path.split(".")), "get", "get")
    target = make_target(scope, table, everything(table), field)
    count = len(target.candidates)
    scores = {Own.PROBABILITY: np.arange(1.0, count + 1) / 10}

    def explain(place: int, highlight: object) -> why.Node:
        return why.BaseP(float(scores[Own.PROBABILITY][place]), {path: {"$has": target.candidates[place]}})

    return CandidateHits(
        scope, table, everything(table), field, target, np.ones(count, np.bool_), scores=scores, explain=explain
    )


def shown(hits: CandidateHits, *names: str, order: tuple[int, ...] | None = None) -> tuple[Hit, ...]:
    places = np.arange(len(hits.candidates)) if order is None else np.array(order, np.int64)
    select = tuple(Projection(name, Name(name), f"select[{place}]") for place, name in enumerate(names))
    return candidate_page(hits, places, select, VALUE_HIT, Slice()).hits


def test_a_value_is_shown_with_its_field_in_the_order_given() -> None:
    hits = hits_at("week")
    page = candidate_page(hits, np.array([1, 0]), None, ranked_hit(hits.target), Slice())
    assert page.to_json() == {
        "offset": 0,
        "total": 2,
        "hits": [{"$p": 0.2, "field": "week", "feature": 1}, {"$p": 0.1, "field": "week", "feature": 2}],
    }


def test_a_link_is_shown_as_its_row() -> None:
    hits = hits_at("product")
    page = candidate_page(hits, np.array([0, 1]), None, ranked_hit(hits.target), Slice())
    assert [list(hit.items()) for hit in page.hits] == [
        [("$p", 0.1), ("id", "a"), ("maker", "m"), ("price", 1.5)],
        [("$p", 0.2), ("feature", "big"), ("id", "b"), ("maker", "gone")],
    ]


def test_selected_members_come_in_order_and_absent_ones_are_left_out() -> None:
    hits = hits_at("product")
    assert [list(hit.items()) for hit in shown(hits, "maker.town", "$value", "price", "feature", "$rank", "field")] == [
        [("maker.town", "Turku"), ("$value", "a"), ("price", 1.5), ("$rank", 0), ("field", "product")],
        [("$value", "b"), ("feature", "big"), ("$rank", 1), ("field", "product")],
    ]


def test_features_of_an_array_are_shown_one_by_one() -> None:
    hits = hits_at("tags.$feature")
    assert shown(hits, "feature", "field", "$proposition") == (
        {"feature": "x", "field": "tags", "$proposition": {"tags": {"$has": "x"}}},
        {"feature": "y", "field": "tags", "$proposition": {"tags": {"$has": "y"}}},
    )


def test_places_count_the_allowed_candidates_only() -> None:
    hits = hits_at("tags")
    cut = replace(hits, allowed=np.array([False, True]), scores={Own.PROBABILITY: np.array([1.0])})
    assert shown(cut, "$p", "$value") == ({"$p": 1.0, "$value": "y"},)


def test_an_explanation_is_that_of_the_place() -> None:
    hits = hits_at("week")
    select = (Projection("because", Why(None, False), "select"), Projection("$why", Name("$why"), "select"))
    page = candidate_page(hits, np.array([1, 0]), select, VALUE_HIT, Slice(1, 1))
    (hit,) = page.hits
    assert (page.offset, page.total) == (1, 2)
    assert hit["because"] == hit["$why"] == {"type": "baseP", "value": 0.1, "proposition": {"week": {"$has": 2}}}


@pytest.mark.parametrize("name", ["week", "no", "$index", "$none", "maker.no", "price.x", "*"])
def test_unknown_members_are_refused_even_when_no_hit_is_shown(name: str) -> None:
    path = "product" if "." in name else "week"
    with pytest.raises(AgentError, match="not found"):
        candidate_page(hits_at(path), np.empty(0, np.int64), (Projection(name, Name(name), "select"),), (), Slice())


def test_a_name_may_be_refused_by_the_endpoint() -> None:
    hits = replace(hits_at("product"), refused=frozenset({"feature"}))
    with pytest.raises(AgentError, match="field 'feature' not found"):
        shown(hits, "feature")
