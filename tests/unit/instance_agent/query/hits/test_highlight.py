"""`$highlight`, the highlights of `$why`, and `$matches`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pytest

from instance_agent.inference import why
from instance_agent.query.deadline import Deadline
from instance_agent.query.hits.highlight import highlighted, marked, texts_of, with_highlights
from instance_agent.query.language.grammar.places import Place
from instance_agent.query.language.grammar.propositions import proposition_of
from instance_agent.query.language.scores import HighlightOptions
from instance_agent.query.scope import Scope
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import SECONDS, number
from tests.unit.instance_agent.query.scoring.store import STORE, query

VIEWS = STORE.table("views")
STARS = HighlightOptions("*", "*", "-", "-")


def scope() -> Scope:
    return Scope(STORE, Deadline.after(SECONDS))


def marks(where: JsonValue, *lifts: tuple[JsonValue, float], options: HighlightOptions = STARS) -> JsonValue:
    pairs = [(proposition, lift) for proposition, lift in lifts if isinstance(proposition, dict)]
    found = highlighted(scope(), VIEWS, pairs, [proposition_of(where, Place("where"))], options)
    return [[entry["field"], entry["highlight"], round(number(entry["score"]), 6)] for entry in found]


def has(path: str, feature: JsonValue) -> JsonValue:
    return {path: {"$has": feature}}


def test_the_text_of_the_query_is_shown_with_the_tokens_marked() -> None:
    where: JsonValue = {"query": "An APPLE, red apples & bread", "user": "x"}
    assert marks(where, (has("query", "appl"), 4.0)) == [["$context.query", "An *APPLE*, red *apples* & bread", 2.0]]
    assert marks(where, (has("query", "bread"), 0.25)) == [["$context.query", "An APPLE, red apples & -bread-", 2.0]]
    assert marks(where, (has("query", "appl"), 4.0), (has("user", "x"), 0.5), (has("query", "red"), 0.5)) == [
        ["$context.query", "An *APPLE*, -red- *apples* & bread", 1.0],
        ["$context.user", "-x-", 1.0],
    ]


def test_features_that_the_query_has_not_written_are_not_shown() -> None:
    where: JsonValue = {"product": "a", "week": 3}
    link: JsonValue = {"$and": [has("product.name", "appl"), has("product", "a"), has("product.price", 1.5)]}
    assert marks(where, (link, 2.0), (has("week", 3), 2.0)) == [["$context.product", "*a*", 1.0]]
    assert marks(where, (has("product", "b"), 2.0), (has("nothing", "x"), 2.0)) == []
    assert marks({"query": {"$not": "apple"}}, (has("query", "appl"), 2.0)) == []


@pytest.mark.parametrize(
    "where",
    [
        {"query": {"$match": "red apple"}},
        {"$context": {"query": "red apple"}},
        {"query": {"$and": [{"$match": "red"}, {"$match": "apple"}]}},
        {"$and": [{"query": "red"}, {"query": "apple"}]},
    ],
    ids=json.dumps,
)
def test_texts_of_every_form_are_found(where: JsonValue) -> None:
    assert marks(where, (has("query", "appl"), 2.0)) == [["$context.query", "red *apple*", 1.0]]


def test_elements_of_an_array_are_marked_whole() -> None:
    where: JsonValue = {"basket": ["a", "the b"]}
    assert marks(where, (has("basket", "the b"), 2.0)) == [["$context.basket", "a *the b*", 1.0]]


def test_lifts_between_the_thresholds_stay_unmarked() -> None:
    where: JsonValue = {"query": "red apple"}
    options = HighlightOptions("<", ">", "[", "]", positive_threshold=2.0, negative_threshold=0.5)
    lifts = [(has("query", "red"), 0.6), (has("query", "appl"), 1.9)]
    assert marks(where, *lifts, options=options) == []
    assert marks(where, lifts[0], (has("query", "appl"), 2.5), options=options) == [
        ["$context.query", "red <apple>", round(abs(math.log2(1.5)), 6)]
    ]
    assert marks(where, (has("query", "red"), 0.4), options=options) == [
        ["$context.query", "[red] apple", round(-math.log2(0.4), 6)]
    ]
    assert marks(where, (has("query", "red"), 1.0)) == []


def test_html_is_escaped_where_asked_but_not_the_tags() -> None:
    options = HighlightOptions(encode_html=True)
    text = 'a <b> & "c"'
    assert marked(text, [(3, 4, True)], options) == 'a &lt;<font color="green">b</font>&gt; &amp; &quot;c&quot;'
    assert marked(text, [(2, 5, False)], HighlightOptions()) == 'a <font color="red"><b></font> & "c"'


def test_every_lift_of_a_tree_gets_its_highlight() -> None:
    where = [proposition_of({"query": "red apple"}, Place("where"))]
    lift = why.Lift(2.0, {"query": {"$has": "red"}})
    other = why.Lift(2.0, {"week": {"$has": 1}})
    tree = why.Product((why.Division(why.Sum((lift,)), other), why.HitLift("a", (lift,))))
    found = why.to_json(with_highlights(tree, texts_of(scope(), VIEWS, where), STARS))
    assert json.dumps(found).count('"highlight": "*red* apple"') == 2
    assert '"proposition": {"week": {"$has": 1}}, "value": 2.0}' in json.dumps(found)


def nodes(tree: JsonValue) -> Iterator[dict[str, JsonValue]]:
    if isinstance(tree, dict):
        yield tree
        for inner in tree.values():
            yield from nodes(inner)
    elif isinstance(tree, list):
        for inner in tree:
            yield from nodes(inner)


def test_rows_show_their_own_texts_as_a_search_found_them() -> None:
    select: JsonValue = ["id", {"$highlight": {"posPreTag": "<b>", "posPostTag": "</b>"}}]
    hits = query("products", where={"name": {"$match": "APPLES"}}, select=select)
    score = math.log2(1 + math.log(5 / 3))
    assert hits == [
        {"id": "a", "$highlight": [{"score": pytest.approx(score), "field": "name", "highlight": "Red <b>apples</b>"}]},
        {
            "id": "b",
            "$highlight": [{"score": pytest.approx(score), "field": "name", "highlight": "green <b>apple</b>"}],
        },
    ]
    either: JsonValue = {"$or": [{"name": {"$has": "rye"}}, {"price": 1.5}, {"maker.town": "Turku"}]}
    hits = query("products", where=either, select=["id", "$highlight"])
    assert [(hit["id"], len(list(nodes(hit["$highlight"])))) for hit in hits] == [("a", 0), ("c", 1), ("d", 1)]
    (hit,) = query(
        "products", where={"id": "d", "name": {"$match": "rye"}}, select={"h": {"$highlight": {"encoder": "html"}}}
    )
    tags = '<font color="green">Rye</font> crisps &amp; <font color="green">rye</font>'
    assert [node["highlight"] for node in nodes(hit["h"])] == [tags]


def test_rows_behind_links_show_the_texts_there() -> None:
    hits = query("views", where={"product.name": {"$match": "bread"}}, select="$highlight")
    assert [[(node["field"], node["highlight"]) for node in nodes(hit["$highlight"])] for hit in hits] == [
        [("product.name", 'Rye <font color="green">bread</font>')]
    ]
    hits = query("views", where={"basket.name": {"$match": "bread"}}, select="$highlight")
    assert hits == [{"$highlight": []}]


def test_candidates_show_the_evidence_and_what_was_found_in_them() -> None:
    where: JsonValue = {"product.name": {"$match": "apple"}, "query": "red or green"}
    (hit, *_) = query("views", get="product", where=where, select=["id", "$highlight"])
    shown = {node["field"]: node["highlight"] for node in nodes(hit["$highlight"])}
    assert shown["name"] == 'Red <font color="green">apples</font>'
    assert set(shown) <= {"name", "$context.query"}


def test_matches_are_the_propositions_that_a_hit_satisfies() -> None:
    where: JsonValue = {
        "$or": [{"name": {"$match": "rye"}}, {"organic": True}, {"price": {"$lt": 1}}],
        "id": {"$not": "b"},
    }
    hits = query("products", where=where, select=["id", "$matches"])
    rye, organic, cheap, not_b = (
        {"name": {"$match": "rye"}},
        {"organic": True},
        {"price": {"$lt": 1}},
        {"$not": {"id": "b"}},
    )
    assert hits == [
        {"id": "a", "$matches": [organic, not_b]},
        {"id": "c", "$matches": [rye, not_b]},
        {"id": "d", "$matches": [rye, cheap, not_b]},
    ]
    assert query("products", where={}, select="$matches", limit=1) == [{"$matches": []}]


def test_matches_of_candidates_are_about_them() -> None:
    either: dict[str, JsonValue] = {"$or": [{"product.tags": "red"}, {"product.price": {"$gt": 1}}]}
    hits = query("views", get="product", where={**either, "user": "x"}, select=["id", {"$matches": {}}])
    red, dear = {"product.tags": "red"}, {"product.price": {"$gt": 1}}
    assert hits == [{"id": "a", "$matches": [red, dear]}, {"id": "b", "$matches": [dear]}]
    hits = query("views", get="week", where={"week": {"$gte": 2}}, select="$matches")
    assert hits == [{"$matches": [{"week": {"$gte": 2}}]}] * 2
