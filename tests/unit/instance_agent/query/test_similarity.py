"""Likeness, sameness, the nearest rows and `_similarity`, against their definitions worked out row by row."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instance_agent.engine.tables import ReadView, TableView
from instance_agent.errors import AgentError
from instance_agent.inference import why
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.similar import similar
from instance_agent.query.filtering import similarity
from instance_agent.query.filtering.filters import everything, rows_satisfying
from instance_agent.query.filtering.rowsets import as_list
from instance_agent.query.filtering.similarity import LARGEST_LOG, alike, best, explain_likeness, likeness, nearest
from instance_agent.query.language.grammar import parse_proposition, parse_similarity
from instance_agent.query.language.propositions import Equals, FieldTest, Nearest
from instance_agent.query.page import Page
from instance_agent.query.scope import Scope
from instance_agent.schema.analyzers import make_analyzer
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.column_model import same
from tests.unit.instance_agent.query.builders import make_view, shop
from tests.unit.instance_agent.query.layouts import Row, Tables, schema_of
from tests.unit.instance_agent.query.rich_tables import IDS, KINDS, SEEDS, STRINGS, TABLES, TEXTS, Layouts, layouts_in
from tests.unit.instance_agent.query.second_opinion import Opinion


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Layouts:
    return layouts_in(tmp_path_factory.mktemp("layouts"))


def scope_of(view: ReadView) -> Scope:
    return Scope(view, Deadline.after(30.0))


# What a row may be compared with: every kind of field, absent values, repeated tokens, links, conditions.
literals: dict[str, st.SearchStrategy[JsonValue]] = {
    "s": st.sampled_from(STRINGS),
    "n": st.sampled_from([0, 1, 2, 99, None]),
    "d": st.sampled_from([0.5, 1, 7]),
    "b": st.booleans(),
    "t": st.sampled_from([*TEXTS, "run run run dog dog", "apples red apples unheard"]),
    "tags": st.lists(st.sampled_from(STRINGS), max_size=3),
    "nums": st.sampled_from([0, 1, [1, 2], {"$has": 5}]),
    "id": st.sampled_from(IDS),
    "parent": st.sampled_from(IDS),
    "likes": st.lists(st.sampled_from(IDS), max_size=2),
    "parent.t": st.sampled_from(["run running", "red dog"]),
    "likes.owner.name": st.sampled_from(["the dog", "running run apples"]),
    "owner.key": st.sampled_from([1, 2, 5]),
}
conditions: dict[str, JsonValue] = {
    "n": {"$gt": 0},
    "s": {"$startsWith": "a"},
    "t": {"$defined": True},
    "parent.n": {"$or": [1, {"$lt": 0}]},
    "j": {"$json": [1, 2]},
    "big": {"$hash": {"$mod": [2, 1]}},
    "d": {"$not": 0.5},
}
propositions: st.SearchStrategy[JsonValue] = st.tuples(
    st.lists(st.sampled_from(sorted(literals)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: literals[name] for name in names})
    ),
    st.lists(st.sampled_from(sorted(conditions)), max_size=2, unique=True),
    st.sampled_from(TEXTS),
).map(
    lambda drawn: {
        "$and": [
            drawn[0],
            *({name: conditions[name]} for name in drawn[1]),
            {"$atomic": {"t": {"$match": drawn[2]}}},
        ]
    }
)


@dataclass(frozen=True)
class Definition:
    """The measure by its definition, over the rows as JSON."""

    tables: Tables
    near: JsonValue

    @property
    def rows(self) -> list[Row]:
        return [*self.tables["items"][1]]

    def features(self) -> list[tuple[JsonValue, list[int]]]:
        """Every feature once, as a proposition, and how often each row shares it."""
        found: list[tuple[JsonValue, list[int]]] = []
        for says, times in self._said(self.near):
            if any(same(says, known) for known, _ in found):
                continue
            found.append((says, [self._shared(position, says, times) for position in range(len(self.rows))]))
        return found

    def idf(self, shared: list[int]) -> float:
        having = sum(times > 0 for times in shared)
        return 1 + math.log((len(self.rows) + 1) / (having + 1))

    def likeness(self) -> list[float]:
        logs = [0.0] * len(self.rows)
        for _, shared in self.features():
            for position, times in enumerate(shared):
                logs[position] += times * math.log(self.idf(shared))
        return [math.exp(min(one, LARGEST_LOG)) for one in logs]

    def _said(self, said: JsonValue) -> Iterator[tuple[JsonValue, int]]:
        assert isinstance(said, dict)
        for key, value in said.items():
            if key == "$and":
                assert isinstance(value, list)
                for part in value:
                    yield from self._said(part)
            elif key == "$atomic":
                yield value, 1
            elif value is None:
                continue
            elif isinstance(value, dict) and "$has" not in value:
                yield {key: value}, 1
            elif isinstance(value, str) and key in ("t", "parent.t", "likes.owner.name"):
                tokens = make_analyzer("standard" if key == "likes.owner.name" else "english", "c")(value)
                for token, times in Counter(tokens).items():
                    yield {key: {"$has": token}}, times
            else:
                features = value if isinstance(value, list) else [value["$has"] if isinstance(value, dict) else value]
                for feature in features:
                    yield {key: {"$has": feature}}, 1

    def _shared(self, position: int, says: JsonValue, times: int) -> int:
        opinion, row = Opinion(self.tables), self.rows[position]
        if not opinion.holds("items", row, position, says):
            return 0
        return 1 if times == 1 else max(1, min(times, self._times(opinion, row, says)))

    def _times(self, opinion: Opinion, row: Row, says: JsonValue) -> int:
        """How often the text at the end of the path has the token; of several texts the one that has it most."""
        assert isinstance(says, dict)
        ((field, has),) = says.items()
        assert isinstance(has, dict)
        ends = opinion.ends("items", row, field.split("."))
        return max(
            make_analyzer(column.get("analyzer"), "c")(text).count(str(has["$has"]))
            for column, text in ends
            if isinstance(text, str)
        )


def scores_of(view: ReadView, json: JsonValue, *, sameness: bool = False) -> list[float]:
    table = view.table("items")
    rows = as_list(everything(table))
    asked = parse_proposition(json, "similarity")
    return [float(score) for score in likeness(scope_of(view), table, rows, asked, sameness=sameness)]


@settings(max_examples=100, deadline=None)
@given(propositions, st.sampled_from(SEEDS))
def test_likeness_is_what_its_definition_says_in_every_layout(layouts: Layouts, json: JsonValue, seed: int) -> None:
    expected = Definition(TABLES[seed], json).likeness()
    scores = [scores_of(layouts[seed, kind], json) for kind in KINDS]
    assert scores[0] == pytest.approx(expected, rel=1e-12)
    assert all(one == scores[0] for one in scores)


@settings(max_examples=100, deadline=None)
@given(propositions, st.sampled_from(SEEDS), st.sampled_from([1, 10**9]))
def test_sums_are_the_same_with_and_without_an_array_of_the_table(
    layouts: Layouts, json: JsonValue, seed: int, sparse: int
) -> None:
    expected = scores_of(layouts[seed, "disorder"], json)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "SPARSE", sparse)
        patch.setattr(similarity, "ROWS_AT_ONCE", 7)
        patch.setattr(similarity, "FEW_ROWS", 0)
        assert scores_of(layouts[seed, "disorder"], json) == expected


@settings(max_examples=100, deadline=None)
@given(propositions, st.sampled_from(SEEDS), st.sampled_from(KINDS), st.booleans())
def test_the_explanation_multiplies_up_to_the_score(
    layouts: Layouts, json: JsonValue, seed: int, kind: str, sameness: bool
) -> None:
    view = layouts[seed, kind]
    scores = scores_of(view, json, sameness=sameness)
    table, asked = view.table("items"), parse_proposition(json, "similarity")
    for row, score in [*zip(as_list(everything(table)).tolist(), scores, strict=True)][::7]:
        tree = explain_likeness(scope_of(view), table, row, asked, sameness=sameness)
        assert why.value_of(tree) == pytest.approx(score, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(propositions, st.sampled_from(SEEDS))
def test_sameness_is_the_share_of_features_that_both_have(layouts: Layouts, json: JsonValue, seed: int) -> None:
    scores = [scores_of(layouts[seed, kind], json, sameness=True) for kind in KINDS]
    assert all(one == pytest.approx(scores[0], rel=1e-12) for one in scores)
    features = Definition(TABLES[seed], json).features()
    for position, score in enumerate(scores[0]):
        shared = [counts[position] > 0 for _, counts in features]
        assert 0 <= score <= 1
        assert (score > 0) == any(shared)
        if score > 1 - 1e-9:
            assert all(shared)


def test_sameness_counts_what_either_side_has() -> None:
    view = make_view(
        {
            "t": (
                {"name": {"type": "Text"}, "tags": {"type": "String[]"}, "n": {"type": "Int"}},
                [
                    {"name": "rye bread", "tags": ["a", "b"], "n": 1},
                    {"name": "rye", "tags": ["a"], "n": 2},
                    {"name": "bread white white", "tags": [], "n": 2},
                ],
            )
        }
    )
    table, rows = view.table("t"), np.array([2, 0, 1, 0], np.uint32)

    def sameness(json: JsonValue) -> list[float]:
        asked = parse_proposition(json, "orderBy")
        return [float(score) for score in likeness(scope_of(view), table, rows, asked, sameness=True)]

    once, twice, never = 1 + math.log(4 / 2), 1 + math.log(4 / 3), 1 + math.log(4 / 1)
    assert sameness({"name": "bread rye"}) == pytest.approx([twice / (twice * 2 + once), 1, 0.5, 1])
    assert sameness({"name": "white bread"}) == pytest.approx(
        [1, twice / (2 * twice + once), 0, twice / (2 * twice + once)]
    )
    assert sameness({"tags": ["a", "b", "c"]}) == pytest.approx(
        [
            0,
            (once + twice) / (once + twice + never),
            twice / (once + twice + never),
            (once + twice) / (once + twice + never),
        ]
    )
    assert sameness({"tags": "a", "n": {"$gt": 1}}) == pytest.approx(
        [twice / (2 * twice), twice / (2 * twice + once), 1, twice / (2 * twice + once)]
    )
    assert sameness({}) == [0, 0, 0, 0]
    assert sameness({"name": "unheard"}) == [0, 0, 0, 0]


def test_a_row_is_most_like_itself_and_shares_nothing_at_one() -> None:
    view = shop()
    table = view.table("products")
    for place, row in enumerate(table.rows(range(table.row_count))):
        scores = likeness(
            scope_of(view),
            table,
            np.arange(table.row_count, dtype=np.uint32),
            parse_proposition({name: value for name, value in row.items() if name != "extra"}, "similarity"),
        )
        assert scores.argmax() == place
        assert scores[place] > 1
    rows = np.arange(table.row_count, dtype=np.uint32)
    nothings: list[JsonValue] = [{}, {"name": "unheard of"}, {"stock": None}, {"tags": []}, {"name": ""}]
    for nothing in nothings:
        scores = likeness(scope_of(view), table, rows, parse_proposition(nothing, "similarity"))
        assert scores.tolist() == [1.0] * table.row_count


def test_what_every_row_has_tells_none_apart() -> None:
    view = make_view({"t": ({"s": {"type": "String"}}, [{"s": "a"}, {"s": "a"}])})
    rows = np.arange(2, dtype=np.uint32)
    asked = parse_proposition({"s": "a"}, "similarity")
    assert likeness(scope_of(view), view.table("t"), rows, asked).tolist() == [1.0, 1.0]
    assert likeness(scope_of(view), view.table("t"), rows, asked, sameness=True).tolist() == [1.0, 1.0]
    assert rows_satisfying(scope_of(view), view.table("t"), Nearest(asked, None, None, "")).tolist() == []


def test_scores_stay_finite_and_in_order() -> None:
    words = [f"w{number}" for number in range(6_000)]
    texts = [" ".join(words), " ".join(words[:4_000]), " ".join(words[:3_500]), "else"]
    rows: list[JsonValue] = [{"name": text} for text in texts]
    view = make_view({"t": ({"name": {"type": "Text"}}, rows * 2)})
    page = ask_similar(view, {"from": "t", "similarity": {"name": " ".join(words)}, "select": ["$index", "$score"]})
    assert [hit["$index"] for hit in page.hits] == [0, 4, 1, 5, 2, 6, 3, 7]
    assert [hit["$score"] for hit in page.hits] == [math.exp(LARGEST_LOG)] * 6 + [1.0] * 2
    assert math.isfinite(math.exp(LARGEST_LOG))


def test_repetitions_count_as_often_as_both_sides_have_them() -> None:
    texts = ["run run run", "run run", "run", "walk", "walk run walk"]
    view = make_view({"t": ({"name": {"type": "Text"}}, [{"name": text} for text in texts])})
    table, rows = view.table("t"), np.arange(5, dtype=np.uint32)
    run, walk = 1 + math.log(6 / 5), 1 + math.log(6 / 3)
    for asked, expected in (
        ("run", [run, run, run, 1, run]),
        ("run run", [run**2, run**2, run, 1, run]),
        ("run run run run", [run**3, run**2, run, 1, run]),
        ("walk walk run", [run, run, run, walk, run * walk**2]),
        ("run " * 400, [run**3, run**2, run, 1, run]),
    ):
        found = likeness(scope_of(view), table, rows, parse_proposition({"name": asked}, "similarity"))
        assert found.tolist() == pytest.approx(expected, rel=1e-12)


def ask_similar(view: ReadView, body: dict[str, JsonValue]) -> Page:
    return similar(scope_of(view), parse_similarity({"from": "products", **body}))


def brute_force_order(scores: list[float]) -> list[int]:
    return sorted(range(len(scores)), key=lambda position: -scores[position])


@settings(max_examples=100, deadline=None)
@given(propositions, st.sampled_from(SEEDS), st.sampled_from(KINDS), st.integers(1, 15), st.booleans())
def test_pages_tile_the_rows_in_order_of_likeness(
    layouts: Layouts, json: JsonValue, seed: int, kind: str, limit: int, narrowed: bool
) -> None:
    view = layouts[seed, kind]
    where: JsonValue = {"b": True} if narrowed else None
    source: JsonValue = {"from": "items", "where": {"n": {"$gte": 0}}, "limit": 20} if narrowed else "items"
    rows = [*TABLES[seed]["items"][1]]
    there = [position for position, row in enumerate(rows) if not narrowed or number_of(row) >= 0]
    there = [position for position in there[:20] if rows[position].get("b") is True] if narrowed else there
    scores = scores_of(view, json)
    expected = sorted(there, key=lambda position: -scores[position])
    found: list[JsonValue] = []
    for offset in range(0, len(expected) + limit, limit):
        body: dict[str, JsonValue] = {"from": source, "similarity": json, "where": where, "offset": offset}
        page = ask_similar(view, {**body, "limit": limit, "select": ["$index", "$score"]})
        assert (page.offset, page.total) == (offset, len(expected))
        assert all(hit["$score"] == scores[int(str(hit["$index"]))] for hit in page.hits)
        found += [hit["$index"] for hit in page.hits]
    assert found == expected


def number_of(row: Row) -> int:
    found = row.get("n", -100)
    assert isinstance(found, int)
    return found


@settings(max_examples=100, deadline=None)
@given(propositions, st.sampled_from(SEEDS), st.sampled_from(KINDS), st.integers(1, 50), st.floats(0, 40))
def test_the_nearest_are_the_first_of_those_that_share_something(
    layouts: Layouts, json: JsonValue, seed: int, kind: str, count: int, threshold: float
) -> None:
    view = layouts[seed, kind]
    table, asked = view.table("items"), parse_proposition(json, "where")
    scores = scores_of(view, json)

    def positions(which: Nearest) -> list[int]:
        return [int(position) for position in table.positions[as_list(nearest(scope_of(view), table, which))]]

    alike_ones = [position for position in brute_force_order(scores) if scores[position] > 1]
    assert positions(Nearest(asked, count, None, "")) == sorted(alike_ones[:count])
    assert positions(Nearest(asked, None, None, "")) == sorted(alike_ones)
    reached = [position for position, score in enumerate(scores) if score >= threshold]
    assert positions(Nearest(asked, None, threshold, "")) == reached


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0]), max_size=60),
    st.integers(0, 70),
    st.sampled_from([1, 2, 7, 99]),
)
def test_the_best_are_the_first_of_all_in_order(logs: list[float], wanted: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "BLOCK", block)
        assert best(np.array(logs), wanted).tolist() == brute_force_order(logs)[:wanted]


def test_a_hit_has_its_score_and_columns() -> None:
    page = ask_similar(shop(), {"similarity": {"name": "rye bread"}, "limit": 1})
    rye, bread = 1 + math.log(6 / 2), 1 + math.log(6 / 3)
    assert page.total == 5
    (hit,) = page.hits
    assert [*hit] == ["$score", "id", "name", "organic", "price", "stock", "tags", "views"]
    assert hit["$score"] == pytest.approx(rye * bread)
    assert ask_similar(shop(), {"similarity": {}, "limit": 0}) == Page(0, 5, ())


def test_select_picks_the_members() -> None:
    select: JsonValue = ["id", "$score", "$similarity", "$rank", "$index", "$why", {"s": "$score"}]
    body: dict[str, JsonValue] = {"similarity": {"tags": "red"}, "offset": 0, "limit": 2}
    first, second = ask_similar(shop(), {**body, "select": select}).hits
    red = 1 + math.log(6 / 2)
    tree = {
        "type": "product",
        "factors": [
            {
                "type": "exponent",
                "value": pytest.approx(red),
                "base": {"type": "idf", "value": pytest.approx(red)},
                "power": {"type": "tf", "value": 1.0},
            }
        ],
    }
    score = pytest.approx(red)
    assert first == {
        "id": "a", "$score": score, "$similarity": score, "$rank": 0, "$index": 0, "$why": tree, "s": score,
    }  # fmt: skip
    assert second["$why"] == {"type": "product", "factors": []}
    assert (second["$score"], second["$rank"], second["$index"]) == (1.0, 1, 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"select": ["$p"]}, "$p"),
        ({"select": ["$lift"]}, "$lift"),
        ({"select": ["nothing"]}, "field 'nothing' not found"),
        ({"similarity": {"nothing": 1}}, "field 'nothing' not found"),
        ({"similarity": {"nothing": None}}, "field 'nothing' not found"),
        ({"similarity": {"id.name": "x"}}, "field 'id.name' not found"),
        ({"similarity": {"price": "x"}}, "field 'price' of type Decimal cannot be '\"x\"' of type String"),
        ({"similarity": {"id": ["a"]}}, "field 'id' of type String cannot be '[...]' of type Array"),
        ({"similarity": {"name": 1}}, "field 'name' of type Text cannot be '1' of type Int"),
        ({"similarity": {"tags": ["a", 1]}}, "field 'tags' of type String[] cannot be '1' of type Int"),
        ({"where": {"$knn": [1, {"nothing": 1}]}}, "field 'nothing' not found"),
        ({"where": {"id": "no row", "$nn": [{"name": 1}]}}, "field 'name' of type Text cannot be '1' of type Int"),
    ],
)
def test_what_does_not_fit_is_refused(body: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(AgentError, match=re.escape(message)) as refused:
        ask_similar(shop(), {"similarity": {"id": "a"}, **body})
    assert refused.value.status == 400


def test_an_empty_table_has_nothing_alike() -> None:
    view = ReadView.from_rows(schema_of(TABLES[1]), {})
    page = ask_similar(view, {"from": "items", "similarity": {"t": "red apples", "likes.owner.name": "dog"}})
    assert page == Page(0, 0, ())
    table = view.table("items")
    assert not len(nearest(scope_of(view), table, Nearest(FieldTest(("s",), Equals("a"), ""), 3, None, "")))


def test_a_measurement_stops_at_the_deadline() -> None:
    view = shop()
    late = Scope(view, Deadline.after(-1.0))
    table: TableView = view.table("products")
    with pytest.raises(AgentError, match="took longer"):
        alike(late, table, parse_proposition({"name": "rye bread"}, "similarity"))
