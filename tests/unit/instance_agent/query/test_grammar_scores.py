"""Scores, orders, goals and projections: what each form becomes, and what is refused where."""

from __future__ import annotations

import pytest

from instance_agent.errors import AgentError
from instance_agent.query.language.grammar import parse_query, parse_recommend
from instance_agent.query.language.propositions import Context, Equals, FeaturesOf, FieldTest, Not, Proposition
from instance_agent.query.language.queries import Search
from instance_agent.query.language.scores import (
    Analogy,
    Arithmetic,
    Constant,
    Decision,
    FieldValue,
    Frequency,
    Highlight,
    HighlightOptions,
    Impact,
    Likeness,
    Matches,
    Name,
    Normalize,
    OfHit,
    Operation,
    OverContext,
    Own,
    OwnScore,
    Probability,
    Projection,
    Score,
    Scored,
    SmoothedRate,
    SortKey,
    Statistic,
    Why,
)
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.trees import refusal_of, unplaced

F = FieldTest(("f",), Equals("a"), "")
F_JSON: JsonValue = {"f": "a"}
X, Y = FieldValue(("x",), ""), FieldValue(("l", "y"), "")
P = OwnScore(Own.PROBABILITY, "")
IN_CONTEXT = Context(F, "")
ALL_F = FeaturesOf(("f",), "")


def order_of(json: JsonValue) -> tuple[SortKey, ...]:
    query = parse_query({"from": "t", "get": "x", "orderBy": json})
    assert isinstance(query, Search)
    return unplaced(query.order)


def select_of(json: JsonValue) -> tuple[Projection, ...] | None:
    query = parse_query({"from": "t", "select": json})
    assert isinstance(query, Search)
    return unplaced(query.select)


@pytest.mark.parametrize(
    ("json", "score"),
    [
        (2, Constant(2.0)),
        (-0.5, Constant(-0.5)),
        ("x", X),
        ("l.y", Y),
        ("$index", FieldValue(("$index",), "")),
        ("$p", P),
        ("$lift", OwnScore(Own.LIFT, "")),
        ("$f", OwnScore(Own.FREQUENCY, "")),
        ("$similarity", OwnScore(Own.SIMILARITY, "")),
        ("$sameness", OwnScore(Own.SAMENESS, "")),
        ("$value", OwnScore(Own.VALUE, "")),
        ({"$p": {"$context": F_JSON}}, Probability((IN_CONTEXT,), None, False, "")),
        ({"$p": "f"}, Probability((ALL_F,), None, False, "")),
        ({"$p": "f.$feature"}, Probability((ALL_F,), None, False, "")),
        ({"$lift": ["f", F_JSON]}, Probability((ALL_F, F), None, True, "")),
        ({"$probability": {"of": F_JSON}}, Probability((F,), None, False, "")),
        ({"$probability": {"of": F_JSON, "basedOn": None}}, Probability((F,), None, False, "")),
        ({"$probability": {"of": F_JSON, "basedOn": []}}, Probability((F,), (), False, "")),
        ({"$probabilityLift": {"of": "f", "basedOn": ["f"]}}, Probability((ALL_F,), (ALL_F,), True, "")),
        ({"$f": {"$context": F_JSON}}, Frequency(F, "")),
        ({"$sum": {"$context": "x"}}, OverContext(Statistic.SUM, X, "")),
        ({"$mean": {"$context": "l.y"}}, OverContext(Statistic.MEAN, Y, "")),
        ({"$min": {"$context": 1}}, OverContext(Statistic.MIN, Constant(1.0), "")),
        ({"$max": {"$context": "x"}}, OverContext(Statistic.MAX, X, "")),
        ({"$impact": {"value": {"$context": "x"}}}, Impact(X, None, "")),
        ({"$impact": {"value": {"$context": "x"}, "base": 2.5}}, Impact(X, 2.5, "")),
        ({"$freqP": {"f": "x", "n": "l.y"}}, SmoothedRate(X, Y, None, "")),
        ({"$freqP": {"f": "x", "n": "l.y", "p": 0.1}}, SmoothedRate(X, Y, Constant(0.1), "")),
        ({"$decision": {"score": "$p"}}, Decision(P, 0, "")),
        ({"$decision": {"score": "$p", "seed": -7}}, Decision(P, -7, "")),
        ({"$similarity": F_JSON}, Likeness(F, False, "")),
        ({"$similarity": "a text"}, Likeness("a text", False, "")),
        ({"$similarity": 5}, Likeness("5", False, "")),
        ({"$similarity": {"$toString": [1]}}, Likeness("[1]", False, "")),
        ({"$sameness": {"$not": F_JSON}}, Likeness(Not(F), True, "")),
        ({"$analogy": {"with": "v", "basedOn": "f"}}, Analogy("v", (ALL_F,), "")),
        ({"$analogy": {"with": False, "basedOn": ["f", F_JSON]}}, Analogy(False, (ALL_F, F), "")),
        ({"$multiply": ["x", 2]}, Arithmetic(Operation.MULTIPLY, (X, Constant(2.0)), "")),
        ({"$multiply": ["x"]}, Arithmetic(Operation.MULTIPLY, (X,), "")),
        ({"$sum": ["x", "l.y", 1]}, Arithmetic(Operation.ADD, (X, Y, Constant(1.0)), "")),
        ({"$divide": ["x", "l.y"]}, Arithmetic(Operation.DIVIDE, (X, Y), "")),
        ({"$divide": {"divisor": "l.y", "dividend": "x"}}, Arithmetic(Operation.DIVIDE, (X, Y), "")),
        ({"$subtract": ["x", "l.y"]}, Arithmetic(Operation.SUBTRACT, (X, Y), "")),
        ({"$subtract": {"subtrahend": "l.y", "minuend": "x"}}, Arithmetic(Operation.SUBTRACT, (X, Y), "")),
        ({"$pow": ["x", "l.y"]}, Arithmetic(Operation.POWER, (X, Y), "")),
        ({"$pow": {"exponent": "l.y", "base": "x"}}, Arithmetic(Operation.POWER, (X, Y), "")),
        ({"$normalize": "x"}, Normalize(X, "")),
        ({"$hit": "$p"}, OfHit(P, "")),
        ({"$hit": {"$multiply": ["x"]}}, OfHit(Arithmetic(Operation.MULTIPLY, (X,), ""), "")),
    ],
)
def test_what_each_score_becomes(json: JsonValue, score: Score) -> None:
    assert order_of(json) == (SortKey(score, True, ""),)
    assert order_of({"$asc": json}) == (SortKey(score, False, ""),)
    assert select_of({"alias": json})[0].key == "alias"  # type: ignore[index]
    assert unplaced(parse_recommend({"from": "t", "recommend": "x", "goal": json}).goal) == score


def test_orders_are_keys_in_sequence() -> None:
    assert order_of(None) == order_of([]) == ()
    assert (
        order_of({"$desc": "x"}) == order_of({"field": "x"}) == order_of({"field": "x", "desc": True}) == order_of("x")
    )
    assert order_of({"field": "x", "desc": False}) == order_of({"$asc": "x"})
    assert order_of(["x", {"$asc": "l.y"}]) == (SortKey(X, True, ""), SortKey(Y, False, ""))


def test_a_key_remembers_its_place() -> None:
    query = parse_query({"from": "t", "orderBy": ["x", {"$asc": {"$multiply": [1, {"$p": "f"}]}}, {"field": "x"}]})
    assert isinstance(query, Search)
    assert [key.place for key in query.order] == ["orderBy[0]", "orderBy[1].$asc", "orderBy[2].field"]
    product = query.order[1].score
    assert isinstance(product, Arithmetic)
    assert isinstance(product.parts[1], Probability)
    assert product.parts[1].place == "orderBy[1].$asc.$multiply[1].$p"


@pytest.mark.parametrize(
    ("json", "goal"),
    [(F_JSON, F), ({"$not": F_JSON}, Not(F)), ({"$context": F_JSON}, IN_CONTEXT)],
)
def test_a_goal_may_be_a_proposition(json: JsonValue, goal: Proposition) -> None:
    assert unplaced(parse_recommend({"from": "t", "recommend": "x", "goal": json}).goal) == goal


@pytest.mark.parametrize(
    ("json", "shown"),
    [
        (None, None),
        ([], []),
        ("x", [("x", Name("x"))]),
        (["x", "l.y", "field"], [("x", Name("x")), ("l.y", Name("l.y")), ("field", Name("field"))]),
        (["$p", "$rank", "$sort"], [("$p", Name("$p")), ("$rank", Name("$rank")), ("$sort", Name("$sort"))]),
        (["$value", "$proposition"], [("$value", Name("$value")), ("$proposition", Name("$proposition"))]),
        ("$index", [("$index", Name("$index"))]),
        ("$why", [("$why", Why(None, False))]),
        ({"$why": {}}, [("$why", Why(None, False))]),
        ({"$why": {"highlight": {}, "matches": {}}}, [("$why", Why(HighlightOptions(), True))]),
        ({"$why": {"highlight": None, "matches": None}}, [("$why", Why(None, False))]),
        ("$highlight", [("$highlight", Highlight(HighlightOptions()))]),
        (
            {"$highlight": {"posPreTag": "<b>", "negThreshold": 0, "encoder": "html"}},
            [
                (
                    "$highlight",
                    Highlight(HighlightOptions(positive_before="<b>", negative_threshold=0, encode_html=True)),
                )
            ],
        ),
        (
            {"$highlight": {"posPostTag": "1", "negPreTag": "2", "negPostTag": "3", "posThreshold": 2}},
            [
                (
                    "$highlight",
                    Highlight(
                        HighlightOptions(
                            positive_after="1", negative_before="2", negative_after="3", positive_threshold=2
                        )
                    ),
                )
            ],
        ),
        ({"$highlight": {"encoder": "default", "posPreTag": None}}, [("$highlight", Highlight(HighlightOptions()))]),
        ("$matches", [("$matches", Matches())]),
        ({"$matches": {}}, [("$matches", Matches())]),
        ({"$sum": {"$context": "x"}}, [("$sum", Scored(OverContext(Statistic.SUM, X, ""), False))]),
        ({"$similarity": F_JSON}, [("$similarity", Scored(Likeness(F, False, ""), False))]),
        ({"$expand": "$p"}, [("$p", Scored(P, True))]),
        ({"$expand": {"$mean": {"$context": "x"}}}, [("$mean", Scored(OverContext(Statistic.MEAN, X, ""), True))]),
        ({"$expand": 5}, [("$expand", Scored(Constant(5.0), True))]),
        ({"a": "x", "b": "$p"}, [("a", Name("x")), ("b", Name("$p"))]),
        ({"a": "$why"}, [("a", Why(None, False))]),
        ({"a": 2}, [("a", Scored(Constant(2.0), False))]),
        ({"a": {"$why": {"matches": {}}}}, [("a", Why(None, True))]),
        ({"a": {"$f": {"$context": F_JSON}}}, [("a", Scored(Frequency(F, ""), False))]),
        ({"a": {"$expand": "$f"}}, [("a", Scored(OwnScore(Own.FREQUENCY, ""), True))]),
        (
            {"a": {"$multiply": ["$score", 2]}},
            [("a", Scored(Arithmetic(Operation.MULTIPLY, (OwnScore(Own.SCORE, ""), Constant(2.0)), ""), False))],
        ),
        (["x", {"a": "x", "b": "x"}, "$p"], [("x", Name("x")), ("a", Name("x")), ("b", Name("x")), ("$p", Name("$p"))]),
    ],
)
def test_what_each_projection_shows(json: JsonValue, shown: list[tuple[str, object]] | None) -> None:
    found = select_of(json)
    assert (found if found is None else [(one.key, one.shows) for one in found]) == shown


SCORE_REFUSALS: list[tuple[JsonValue, str, str]] = [
    ({}, "a score is a number, a field", ""),
    ({"$p": "f", "$f": "f"}, "a score is a number, a field", ""),
    ("$rank", "unknown score '\"$rank\"'; known by name: $index, $p", ""),
    ("x.$feature", "field 'x.$feature' not found", ""),
    ({"x": 1}, "unknown score '\"x\"'; known here: $p, $lift", ".x"),
    ({"$log": 1}, "unknown score '\"$log\"'; known here: $p, $lift", ".$log"),
    ({"$context": "x"}, "$context stands inside another score", ".$context"),
    ({"$get": "x"}, "$get is a value of the tested row", ".$get"),
    ({"$p": []}, "$p takes at least one field or proposition", ".$p"),
    ({"$p": 5}, "$p takes fields and propositions, not '5'", ".$p"),
    ({"$p": [["f"]]}, "$p takes fields and propositions, not '[...]'", ".$p[0]"),
    ({"$p": {"$context": "f"}}, "a proposition is an object", ".$p.$context"),
    ({"$lift": {"$xor": 1}}, "unknown operator", ".$lift.$xor"),
    ({"$probability": F_JSON}, "unknown member '\"f\"'; $probability may have of, basedOn", ".$probability.f"),
    ({"$probability": "f"}, "$probability is an object with of, basedOn", ".$probability"),
    ({"$probability": {"basedOn": []}}, "$probability needs of", ".$probability"),
    ({"$probabilityLift": {"of": []}}, "of takes at least one", ".$probabilityLift.of"),
    ({"$probability": {"of": "f", "basedOn": 1}}, "basedOn takes fields", ".$probability.basedOn"),
    ({"$f": F_JSON}, '$f of a hit takes {"$context": proposition}', ".$f"),
    ({"$f": {"$context": "f"}}, "a proposition is an object", ".$f.$context"),
    ({"$f": {"$context": F_JSON, "g": 1}}, '$f of a hit takes {"$context": proposition}', ".$f"),
    ({"$sum": "x"}, '$sum of a hit takes {"$context": field or score}', ".$sum"),
    ({"$sum": []}, "$sum takes a list of scores", ".$sum"),
    ({"$mean": ["x"]}, '$mean of a hit takes {"$context": field or score}', ".$mean"),
    ({"$mean": {"$context": F_JSON}}, "unknown score '\"f\"'", ".$mean.$context.f"),
    ({"$max": {"$context": True}}, "a score is a number", ".$max.$context"),
    ({"$impact": "x"}, "$impact is an object with value, base", ".$impact"),
    ({"$impact": {"base": 1}}, "$impact needs value", ".$impact"),
    ({"$impact": {"value": "x"}}, "the value of a hit takes", ".$impact.value"),
    ({"$impact": {"value": {"$context": "x"}, "base": "x"}}, "the base takes a number", ".$impact.base"),
    ({"$freqP": {"f": "x"}}, "$freqP needs n", ".$freqP"),
    ({"$freqP": {"f": "x", "n": "x", "k": 2}}, "unknown member '\"k\"'", ".$freqP.k"),
    ({"$decision": "$p"}, "$decision is an object with score, seed", ".$decision"),
    ({"$decision": {"score": "$p", "seed": 0.5}}, "the seed takes a whole number", ".$decision.seed"),
    ({"$similarity": None}, "$similarity takes a string, a number", ".$similarity"),
    ({"$similarity": ["x"]}, "$similarity takes a string, a number", ".$similarity"),
    ({"$sameness": {"f": {"$x": 1}}}, "unknown operator", ".$sameness.f.$x"),
    ({"$analogy": {"with": "v"}}, "$analogy needs basedOn", ".$analogy"),
    ({"$analogy": {"basedOn": "f"}}, "$analogy needs with", ".$analogy"),
    ({"$analogy": {"with": [1], "basedOn": "f"}}, "with takes a string, a number", ".$analogy.with"),
    ({"$analogy": {"with": 1, "basedOn": []}}, "basedOn takes at least one", ".$analogy.basedOn"),
    ({"$multiply": []}, "$multiply takes a list of scores", ".$multiply"),
    ({"$multiply": "x"}, "$multiply takes a list of scores", ".$multiply"),
    ({"$multiply": [1, None]}, "a score is a number", ".$multiply[1]"),
    ({"$divide": [1, 2, 3]}, "$divide takes [dividend, divisor]", ".$divide"),
    ({"$subtract": {"minuend": 1}}, "$subtract takes [minuend, subtrahend]", ".$subtract"),
    ({"$pow": {"base": 1, "exponent": True}}, "a score is a number", ".$pow.exponent"),
    ({"$normalize": []}, "a score is a number", ".$normalize"),
    ({"$hit": {"$hit": "$score2"}}, "unknown score", ".$hit.$hit"),
    (2**63, "at most 64 bits", ""),
]


@pytest.mark.parametrize(("json", "told", "place"), SCORE_REFUSALS)
def test_what_is_no_score_is_refused(json: JsonValue, told: str, place: str) -> None:
    refused = refusal_of("_query", {"from": "t", "orderBy": [{"$asc": json}]})
    assert told in refused.message
    assert refused.message.endswith(f"(at orderBy[0].$asc{place})")
    assert refused.code == ("field_not_found" if told.startswith("field ") else "query_invalid")


@pytest.mark.parametrize(
    ("json", "told", "place"),
    [
        (True, "orderBy takes a column or another score", "orderBy"),
        ([None], "orderBy takes a column or another score", "orderBy[0]"),
        ([["x"]], "orderBy takes a column or another score", "orderBy[0]"),
        ({"$asc": "x", "$desc": "y"}, "a score is a number", "orderBy"),
        ({"$asc": {"$asc": "x"}}, "unknown score '\"$asc\"'", "orderBy.$asc.$asc"),
        ({"field": "x", "asc": True}, "unknown member '\"asc\"'", "orderBy.asc"),
        ({"field": "x", "desc": 1}, "'desc' is true or false", "orderBy.desc"),
        (["x"] * 17, "an order has at most 16 keys", "orderBy"),
        ("$score", "$score is what hits are ordered by", "orderBy"),
        ({"$asc": {"$multiply": [1, {"$hit": "$score"}]}}, "$score is what hits are ordered by", "orderBy.$asc"),
        ({"$freqP": {"f": 1, "n": 1, "p": "$score"}}, "$score is what hits are ordered by", "orderBy"),
        ({"$decision": {"score": "$score"}}, "$score is what hits are ordered by", "orderBy"),
        ({"$mean": {"$context": "$score"}}, "$score is what hits are ordered by", "orderBy"),
    ],
)
def test_what_is_no_order_is_refused(json: JsonValue, told: str, place: str) -> None:
    refused = refusal_of("_query", {"from": "t", "orderBy": json})
    assert told in refused.message
    assert refused.message.endswith(f"(at {place})")


@pytest.mark.parametrize(
    ("json", "told", "place"),
    [
        (1, "select takes names, scores", "select"),
        ({}, "select takes names, scores", "select"),
        (["x", None], "select takes names, scores", "select[1]"),
        ([["x"]], "select takes names, scores", "select[0]"),
        (["$whys"], "field '$whys' not found", "select[0]"),
        (["$feature"], "field '$feature' not found", "select[0]"),
        (["x.$feature"], "field 'x.$feature' not found", "select[0]"),
        (["x." * 17], "a field path has at most 16 segments", "select[0]"),
        ({"a": "$whys"}, "field '$whys' not found", "select.a"),
        ({"a": None}, "takes a name, a score, $why", "select.a"),
        ({"a": {"b": "x"}}, "takes a name, a score, $why", "select.a"),
        ({"a": True}, "takes a name, a score, $why", "select.a"),
        ([{"$similarity": "x", "theta": 4}], "an object with an operator has no other member", "select[0]"),
        ([{"$p": "x", "$f": "x"}], "an object with an operator has no other member", "select[0]"),
        ([{"$rank": {}}], "unknown operator '\"$rank\"'; known here: $why", "select[0].$rank"),
        ({"a": {"$match": "x"}}, "unknown operator '\"$match\"'; known here: $why", "select.a.$match"),
        ({"$why": "x"}, "$why is an object with highlight, matches", "select.$why"),
        ({"$why": {"highlights": {}}}, "unknown member '\"highlights\"'", "select.$why.highlights"),
        ({"$why": {"matches": {"a": 1}}}, "{} is all that 'matches' takes", "select.$why.matches"),
        ({"$why": {"highlight": []}}, "a highlight is an object with posPreTag", "select.$why.highlight"),
        ({"$highlight": {"tag": "b"}}, "unknown member '\"tag\"'; a highlight may have", "select.$highlight.tag"),
        ({"$highlight": {"posPreTag": 1}}, "posPreTag is a string", "select.$highlight.posPreTag"),
        ({"$highlight": {"negThreshold": "1"}}, "negThreshold takes a number", "select.$highlight.negThreshold"),
        ({"$highlight": {"encoder": "xml"}}, "'encoder' is", "select.$highlight.encoder"),
        ({"$highlight": {"encoder": []}}, "'encoder' is", "select.$highlight.encoder"),
        ({"$matches": 1}, "{} is all that 'matches' takes", "select.$matches"),
        ({"$expand": {"$why": {}}}, "unknown score '\"$why\"'", "select.$expand.$why"),
        ({"$expand": {}}, "a score is a number", "select.$expand"),
        ({"$sum": "x"}, "$sum of a hit takes", "select.$sum"),
        ({"a": {"$sum": {"$context": {"$x": 1}}}}, "unknown score", "select.a.$sum.$context.$x"),
    ],
)
def test_what_is_no_projection_is_refused(json: JsonValue, told: str, place: str) -> None:
    refused = refusal_of("_query", {"from": "t", "select": json})
    assert told in refused.message
    if not refused.message.endswith("not found"):
        assert refused.message.endswith(f"(at {place})")
    assert refused.code == ("field_not_found" if told.startswith("field ") else "query_invalid")


@pytest.mark.parametrize(
    ("json", "told", "place"),
    [
        (None, "'goal' is required", "goal"),
        (True, "'goal' is a proposition or a score", "goal"),
        ([], "'goal' is a proposition or a score", "goal"),
        ("$score", "$score is what hits are ordered by", "goal"),
        ({"$xor": 1}, "unknown operator", "goal.$xor"),
        ({"$p": "x", "f": 1}, "a score is a number", "goal"),
        ({"f": {"$p": 1}}, "unknown operator", "goal.f.$p"),
    ],
)
def test_what_is_no_goal_is_refused(json: JsonValue, told: str, place: str) -> None:
    refused = refusal_of("_recommend", {"from": "t", "recommend": "x", "goal": json})
    assert told in refused.message
    assert refused.message.endswith(f"(at {place})")


@pytest.mark.parametrize("wrap", ["$multiply", "$hit", "$p"])
def test_nesting_of_scores_is_bounded(wrap: str) -> None:
    def nested(levels: int) -> JsonValue:
        json: JsonValue = {} if wrap == "$p" else "x"
        for _ in range(levels):
            json = {"$not": json} if wrap == "$p" else {wrap: [json] if wrap == "$multiply" else json}
        return {wrap: json} if wrap == "$p" else json

    parse_query({"from": "t", "orderBy": nested(30)})
    for levels in (64, 500, 50_000):
        with pytest.raises(AgentError, match=r"nested deeper|at most 20000"):
            parse_query({"from": "t", "orderBy": nested(levels)})


def test_the_size_of_a_score_and_of_a_selection_is_bounded() -> None:
    """Every part is computed for every hit, so a request can't ask for any number of them."""
    parse_query({"from": "t", "orderBy": {"$sum": ["x"] * 63}, "select": [{"$hit": "x"}] * 64})
    wide: JsonValue = {"$sum": [{"$multiply": ["x"] * 7}] * 8}
    for key in ("orderBy", "select"):
        assert "at most 64 scores, and this of 65" in refusal_of("_query", {"from": "t", key: wide}).message
    assert "this selects 65" in refusal_of("_query", {"from": "t", "select": [{"$hit": "x"}] * 65}).message
    many: JsonValue = {f"alias{number}": {"$hit": "x"} for number in range(65)}
    assert "this selects 65" in refusal_of("_query", {"from": "t", "select": many}).message
