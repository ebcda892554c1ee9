"""Evaluations: the cases, what they are learned from, their numbers against a second opinion, and what is refused."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import pytest

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints.evaluate import evaluate
from instance_agent.query.endpoints.evaluate.response import ESTIMATE_KEYS, RANKING_KEYS, TIMES
from instance_agent.query.endpoints.evaluate.templates import filled
from instance_agent.query.language.grammar import parse_evaluate
from instance_agent.query.scope import Scope
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns, ask, hits_of, make_view, number
from tests.unit.instance_agent.query.layouts import Row, laid_out

BILLS: Columns = {
    "vendor": {"type": "String", "nullable": True},
    "buyer": {"type": "String", "link": "buyers.id", "nullable": True},
    "text": {"type": "Text", "analyzer": "whitespace", "nullable": True},
    "labels": {"type": "String[]", "nullable": True},
    "account": {"type": "String", "nullable": True},
    "amount": {"type": "Decimal", "nullable": True},
    "session": {"type": "Int", "nullable": True},
    "paid": {"type": "Boolean"},
}
BUYERS: Columns = {"id": {"type": "String"}, "town": {"type": "String", "nullable": True}}
WORDS = ("paper", "lunch", "train", "pens", "taxi", "the")


def bills(count: int = 48, seed: int = 1) -> list[Row]:
    drawn = random.Random(seed)  # noqa: S311
    rows: list[Row] = []
    for place in range(count):
        kind = drawn.randrange(4)
        row: Row = {"account": f"a{kind}", "vendor": f"v{kind * 2 + drawn.randrange(2)}", "buyer": f"b{place % 5}"}
        row |= {"text": f"{WORDS[kind]} {WORDS[kind + 1]} the", "labels": [f"l{kind}", f"m{place % 3}"]}
        row |= {"amount": 10.0 * (kind + 1) + drawn.random(), "session": place // 4, "paid": place % 4 == kind}
        if drawn.random() < 0.2:
            row["account"] = f"a{drawn.randrange(5)}"
        for key in ("vendor", "buyer", "text", "account", "amount"):
            if drawn.random() < 0.08:
                del row[key]
        rows.append(row)
    return rows


BUYER_ROWS: list[Row] = [{"id": f"b{place}", "town": f"t{place % 2}"} for place in range(4)]


def view_of(rows: Sequence[Row]) -> ReadView:
    return make_view({"bills": (BILLS, [*rows]), "buyers": (BUYERS, [*BUYER_ROWS])})


ROWS = bills()
VIEW = view_of(ROWS)
EVERY_FOURTH: JsonValue = {"$index": {"$mod": [4, 0]}}
WAYS: list[dict[str, JsonValue]] = [{"test": EVERY_FOURTH}, {"testSource": {"limit": 12}}]
BY_VENDOR: dict[str, JsonValue] = {
    "from": "bills",
    "where": {"vendor": {"$get": "vendor"}, "text": {"$get": "text"}},
    "predict": "account",
}


def run(view: ReadView, template: Mapping[str, JsonValue], **members: JsonValue) -> dict[str, JsonValue]:
    if "test" not in members and "testSource" not in members:
        members["test"] = EVERY_FOURTH
    return evaluate(Scope(view, Deadline.after(60)), parse_evaluate({"evaluate": dict(template), **members}))


def untimed(answer: Mapping[str, JsonValue]) -> str:
    return json.dumps({name: value for name, value in answer.items() if name not in TIMES})


def cases_of(answer: Mapping[str, JsonValue], name: str = "cases") -> list[dict[str, JsonValue]]:
    cases = answer[name]
    assert isinstance(cases, list)
    return [case for case in cases if isinstance(case, dict)]


def left_out_with(tested: Sequence[int], learned: int) -> dict[int, set[int]]:
    """Of a few rows each tested one is left out with as many others as make about a tenth of the rows learned from."""
    folds = -(-10 * len(tested) // learned)
    return {case: set(tested[at % folds :: folds]) for at, case in enumerate(tested)}


def expected_of(tested: Sequence[int], left_out: Mapping[int, set[int]]) -> dict[str, float]:
    """left_out: per tested row those that nothing is learned from."""
    ranks, bits, base_ranks, base_bits = [], [], [], []
    for case in tested:
        gone = left_out[case]
        learned = [row for place, row in enumerate(ROWS) if place not in gone]
        where: dict[str, JsonValue] = {name: ROWS[case][name] for name in ("vendor", "text") if name in ROWS[case]}
        hits = hits_of(ask(view_of(learned), "_predict", from_="bills", predict="account", where=where, limit=1000))
        known = [str(row["account"]) for row in learned if "account" in row]
        order = sorted(dict.fromkeys(known), key=lambda value: -known.count(value))
        correct = str(ROWS[case]["account"])
        found = [place for place, hit in enumerate(hits) if hit["feature"] == correct]
        unseen = 1 / (len(known) + len(order) + 1)
        ranks.append(found[0] if found else len(hits))
        bits.append(-math.log2(number(hits[found[0]]["$p"]) if found else unseen))
        base_ranks.append(order.index(correct) if correct in order else len(order))
        base = (known.count(correct) + 1) / (len(known) + len(order)) if correct in order else unseen
        base_bits.append(-math.log2(base))
    return {
        "n": len(ranks),
        "accuracy": fmean(rank == 0 for rank in ranks),
        "baseAccuracy": fmean(rank == 0 for rank in base_ranks),
        "meanRank": fmean(ranks),
        "baseMeanRank": fmean(base_ranks),
        "mxe": fmean(bits),
        "h": fmean(base_bits),
    }


def test_tested_rows_are_asked_of_all_the_others() -> None:
    tested = [place for place in range(0, len(ROWS), 4) if "account" in ROWS[place]]
    answer = run(VIEW, BY_VENDOR)
    assert list(answer) == list(RANKING_KEYS)
    expected = expected_of(tested, {case: set(range(0, len(ROWS), 4)) for case in tested})
    assert {name: answer[name] for name in expected} == pytest.approx(expected)
    assert answer["testSamples"] == len(tested)
    assert answer["trainSamples"] == len(ROWS) - len(range(0, len(ROWS), 4))
    assert isinstance(answer["trainSamples"], float)


def test_rows_of_a_test_source_are_left_out_in_turns() -> None:
    learned = len([row for row in ROWS if "account" in row])
    left_out = left_out_with(range(20), learned)
    tested = [place for place in range(20) if "account" in ROWS[place]]
    answer = run(VIEW, BY_VENDOR, testSource={"limit": 20})
    expected = expected_of(tested, left_out)
    assert {name: answer[name] for name in expected} == pytest.approx(expected)
    assert answer["trainSamples"] == pytest.approx(fmean(len(ROWS) - len(left_out[case]) for case in tested))


def test_among_many_rows_a_tested_one_is_left_out_of_all_counts_by_itself() -> None:
    rows = [{**row, "session": place} for place, row in enumerate(bills(4_600, 4))]
    view = view_of(rows)
    answer = run(view, BY_VENDOR, testSource={"limit": 4})
    assert answer["trainSamples"] == len(rows) - 1
    for case in cases_of(answer):
        tested = rows.index(case["testCase"])  # type: ignore[arg-type]
        where: dict[str, JsonValue] = {name: rows[tested][name] for name in ("vendor", "text") if name in rows[tested]}
        hits = hits_of(ask(view, "_predict", from_=others_than({tested}), predict="account", where=where))
        top = case["top"]
        assert isinstance(top, dict)
        assert top["feature"] == hits[0]["feature"]
        assert number(top["$p"]) == pytest.approx(number(hits[0]["$p"]), abs=0.1)  # another fit


@pytest.mark.parametrize(
    ("members", "learned"),
    [
        pytest.param({"testSource": {"limit": 5}}, 4_199, id="each by itself"),
        pytest.param({"test": {"$index": {"$mod": [1_000, 0]}}}, 4_195, id="few together"),
        pytest.param({"test": {"$index": {"$mod": [50, 0]}}}, 4_116, id="many together"),
        pytest.param({"test": {"$index": {"$mod": [1_000, 0]}}, "group": "paid"}, 4_195, id="as one case"),
    ],
)
def test_nothing_is_learned_from_a_tested_row_among_many(members: dict[str, JsonValue], learned: int) -> None:
    answer = run(view_of(identical(4_200)), {**BY_VENDOR, "where": {"text": {"$get": "text"}}}, **members)
    assert (answer["accuracy"], answer["trainSamples"]) == (0, learned)
    assert answer["informationGain"] == pytest.approx(0, abs=1e-9)


def test_relations_between_the_numbers() -> None:
    answer = run(VIEW, BY_VENDOR)
    told = {name: number(value) for name, value in answer.items() if isinstance(value, int | float)}
    assert told["accuracy"] == pytest.approx(1 - told["error"])
    assert told["baseAccuracy"] == pytest.approx(1 - told["baseError"])
    assert told["accuracyGain"] == pytest.approx(told["accuracy"] - told["baseAccuracy"])
    assert told["rankGain"] == pytest.approx(told["baseMeanRank"] - told["meanRank"])
    assert told["informationGain"] == pytest.approx(told["h"] - told["mxe"])
    assert told["geomMeanP"] == pytest.approx(2 ** -told["mxe"])
    assert told["geomMeanLift"] == pytest.approx(told["geomMeanP"] / told["baseGmp"])
    assert told["accuracy"] > told["baseAccuracy"] + 0.2
    features = {("vendor", row.get("vendor")) for row in ROWS} - {("vendor", None)}
    assert told["features"] > len(features)


def test_cases_show_the_row_the_top_and_the_correct_value() -> None:
    answer = run(VIEW, BY_VENDOR)
    cases = cases_of(answer)
    tested = [place for place in range(0, len(ROWS), 4) if "account" in ROWS[place]]
    assert [case["offset"] for case in cases] == list(range(len(tested)))
    assert [case["testCase"] for case in cases] == [ROWS[place] for place in tested]
    for case, place in zip(cases, tested, strict=True):
        top, correct = case["top"], case["correct"]
        assert isinstance(top, dict)
        assert isinstance(correct, dict)
        assert list(top) == ["$p", "field", "feature"]
        assert (correct["field"], correct["feature"]) == ("account", ROWS[place]["account"])
        assert case["accurate"] == (top == correct)
        assert number(top["$p"]) >= number(correct["$p"])
    assert cases_of(answer, "accurateCases") == [case for case in cases if case["accurate"]]
    assert cases_of(answer, "errorCases") == [case for case in cases if not case["accurate"]]
    assert answer["accurateOffsets"] == [case["offset"] for case in cases if case["accurate"]]
    assert answer["errorOffsets"] == [case["offset"] for case in cases if not case["accurate"]]


def identical(count: int) -> list[Row]:
    """Each row has a text and an account that no other has: only who has seen the row itself can know."""
    return [{"text": f"word{place}", "account": f"own{place}", "paid": True} for place in range(count)]


@pytest.mark.parametrize(
    "members", [{"test": {}}, {"test": EVERY_FOURTH}, {"testSource": {}}, {"test": {"$sample": {"n": 7}}}]
)
def test_nothing_is_learned_from_a_tested_row(members: dict[str, JsonValue]) -> None:
    answer = run(view_of(identical(16)), {**BY_VENDOR, "where": {"text": {"$get": "text"}}}, **members)
    assert number(answer["n"]) > 0
    assert answer["accuracy"] == 0
    assert answer["informationGain"] == 0


def test_a_tested_row_decides_no_tie() -> None:
    """Without evidence all accounts are equal; that of the tested row must not come first because it is first."""
    rows: list[Row] = [{"account": account, "paid": True} for account in ("x", "y", "x", "y")]
    answer = run(view_of(rows), {"from": "bills", "predict": "account"}, testSource={})
    cases = cases_of(answer)
    assert [case["accurate"] for case in cases] == [False] * 4
    assert [case["testCase"] for case in cases] == rows


def test_train_restricts_what_is_learned_from() -> None:
    rows: list[Row] = [{"account": "x", "vendor": "v", "paid": True} for _ in range(6)]
    rows += [{"account": "y", "paid": False} for _ in range(3)]
    view = view_of(rows)
    answer = run(view, BY_VENDOR, test={"$index": 0}, train={"paid": False})
    assert (answer["trainSamples"], answer["accuracy"]) == (3, 0)
    assert run(view, BY_VENDOR, testSource={"limit": 1}, train={"paid": True})["trainSamples"] == 5
    assert run(view, BY_VENDOR, test={"$index": 0}, train={"paid": True})["trainSamples"] == 5


def test_only_rows_of_from_are_learned_from() -> None:
    template: dict[str, JsonValue] = {**BY_VENDOR, "from": {"from": "bills", "where": {"paid": True}}}
    paid = [row for row in ROWS if row["paid"]]
    answer = run(VIEW, template, test={"session": {"$gt": 5}})
    tested = [row for row in paid if int(str(row["session"])) > 5]
    assert answer["trainSamples"] == len(paid) - len(tested)
    assert answer["n"] == len([row for row in tested if "account" in row])


def test_from_may_take_values_of_the_tested_row() -> None:
    template: dict[str, JsonValue] = {
        "from": {"from": "bills", "where": {"paid": {"$get": "paid"}}},
        "predict": "account",
    }
    answer = run(VIEW, template)
    tested = [row for row in ROWS[::4] if "account" in row]
    learned = [sum(row["paid"] == one["paid"] for place, row in enumerate(ROWS) if place % 4) for one in tested]
    assert answer["trainSamples"] == pytest.approx(fmean(learned))


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    answers = {
        seed: [case["testCase"] for case in cases_of(run(VIEW, BY_VENDOR, test={"$sample": {"n": 9, "seed": seed}}))]
        for seed in (0, 1, -1, 2**63 - 1)
    }
    assert len({json.dumps(rows) for rows in answers.values()}) == 4
    again = run(VIEW, BY_VENDOR, test={"$sample": {"n": 9, "seed": 1}})
    assert [case["testCase"] for case in cases_of(again)] == answers[1]
    assert again["trainSamples"] == len(ROWS) - 9
    everything = run(VIEW, BY_VENDOR, test={"$sample": {"n": 10**9}})
    assert (everything["trainSamples"], everything["accuracy"]) == (0, 0)


def test_without_rows_to_learn_from_every_value_is_new() -> None:
    answer = run(VIEW, BY_VENDOR, test={})
    assert (answer["accuracy"], answer["meanRank"], answer["informationGain"]) == (0, 0, 0)
    case = cases_of(answer)[0]
    assert case["top"] is None
    assert case["correct"] == {"$p": 0.0, "field": "account", "feature": ROWS[0]["account"]}


def test_without_a_tested_row_there_are_no_means() -> None:
    answer = run(VIEW, BY_VENDOR, test={"vendor": "nobody"})
    assert (answer["n"], answer["accuracy"], answer["mxe"], answer["cases"]) == (0, None, None, [])


TEMPLATES: list[dict[str, JsonValue]] = [
    {"predict": "account", "where": {"text": {"$match": {"$get": "text"}}}},
    {"predict": "account", "where": {"labels": {"$has": {"$get": "vendor"}}}},
    {"predict": "account", "where": {"labels": {"$get": "labels"}, "buyer.town": {"$get": "buyer.town"}}},
    {"predict": "account", "where": {"buyer": {"$get": "buyer"}, "amount": {"$numeric": {"$get": "amount"}}}},
    {"predict": "account", "where": {"$or": [{"vendor": {"$get": "vendor"}}, {"text": {"$get": "text"}}]}},
    {"predict": "account", "where": {"amount": {"$gte": {"$get": "amount"}}, "paid": {"$get": "paid"}}},
    {"predict": "text", "where": {"vendor": {"$get": "vendor"}}, "exclusiveness": False},
    {"predict": "labels", "where": {"vendor": {"$get": "vendor"}}, "exclusiveness": False},
    {"predict": "labels.$feature", "where": {"vendor": {"$get": "vendor"}}},
    {"predict": "amount", "where": {"vendor": {"$get": "vendor"}}},
    {"predict": "paid"},
    {"predict": {"account": {"$or": ["a1", "a2"]}}, "where": {"vendor": {"$get": "vendor"}}},
    {"predict": "buyer", "where": {"vendor": {"$get": "vendor"}}},
    {"predict": "buyer.town", "where": {"vendor": {"$get": "vendor"}}},
    {"predict": "account", "where": {"account": {"$not": "a0"}, "vendor": {"$get": "vendor"}}},
    {"match": "account", "where": {"vendor": {"$get": "vendor"}}},
    {"match": "buyer", "where": {"vendor": {"$get": "vendor"}}},
    {"match": "labels.$feature", "where": {"text": {"$get": "text"}}},
    {"get": "account", "orderBy": "$p", "where": {"vendor": {"$get": "vendor"}}},
    {"get": "account", "orderBy": [{"$asc": "$p"}, "$f"], "where": {"vendor": {"$get": "vendor"}}},
    {"get": "buyer", "similarity": {"town": {"$get": "buyer.town"}}},
]


RECOMMENDATIONS: list[dict[str, JsonValue]] = [
    {"recommend": "account", "goal": {"paid": True}, "where": {"vendor": {"$get": "vendor"}}},
    {"recommend": "buyer", "goal": {"paid": True}, "where": {"vendor": {"$get": "vendor"}}},
    {"recommend": "labels.$feature", "goal": {"paid": {"$get": "paid"}}, "where": {"text": {"$get": "text"}}},
]


@pytest.mark.parametrize("template", [*TEMPLATES, *RECOMMENDATIONS])
@pytest.mark.parametrize("members", WAYS)
def test_a_case_is_answered_as_the_query_answers_from_the_other_rows(
    template: dict[str, JsonValue], members: dict[str, JsonValue]
) -> None:
    """Asked at the query's own endpoint, `from` being all rows but those that the case isn't learned from."""
    operation = next(name for name in ("predict", "match", "recommend", "get") if name in template)
    group: dict[str, JsonValue] = {"group": "session"} if operation == "recommend" else {}
    answer = run(VIEW, {"from": "bills", **template}, **members, **group)
    ordered = "orderBy" in template
    cases = cases_of(answer)
    for case in cases[:: max(1, len(cases) // 3)]:
        tested = ROWS.index(case["testCase"])  # type: ignore[arg-type]
        gone = set(range(0, len(ROWS), 4)) if "test" in members else {tested}
        if group and "testSource" in members:
            gone = {place for place in range(12) if ROWS[place]["session"] == ROWS[tested]["session"]}
        elif "testSource" in members and is_fitted(template):
            gone = left_out_with(range(12), learned_by(template))[tested]
        row = {**ROWS[tested], "buyer.town": town_of(ROWS[tested])}
        query = filled({"from": "bills", **template}, row.get)
        assert query is not None
        query |= {"limit": 1000, "select": ["$sort" if "similarity" in template or ordered else "$p", "$value"]}
        query["from_"] = others_than(gone)
        del query["from"]
        hits = hits_of(ask(VIEW, "_query" if operation == "get" else f"_{operation}", **query))
        told = case["top"]
        assert isinstance(told, dict)
        assert told["feature"] == hits[0]["$value"]
        if operation != "get":
            assert number(told["$p"]) == pytest.approx(number(hits[0]["$p"]), rel=1e-9)
        correct = case["correct"]
        assert isinstance(correct, dict)
        shown = [number(hit["$p"]) for hit in hits if hit["$value"] == correct["feature"] and "$p" in hit]
        if operation != "get":
            assert number(correct["$p"]) == pytest.approx(sum(shown), rel=1e-9)


def others_than(places: set[int]) -> JsonValue:
    return {"from": "bills", "where": {"$not": {"$or": [{"$index": place} for place in sorted(places)]}}}


def is_fitted(template: Mapping[str, JsonValue]) -> bool:
    return "predict" in template or ("match" in template and template["match"] != "buyer")


def learned_by(template: Mapping[str, JsonValue]) -> int:
    """How many rows have what the query predicts."""
    target = template.get("predict", template.get("match"))
    name = str("account" if isinstance(target, dict) else target)
    if name == "buyer.town":
        return len([row for row in ROWS if town_of(row) is not None])
    known = {buyer["id"] for buyer in BUYER_ROWS} if name == "buyer" else None
    name = name.removesuffix(".$feature")
    return len([row for row in ROWS if name in row and (known is None or row[name] in known)])


def town_of(row: Row) -> JsonValue:
    return next((buyer["town"] for buyer in BUYER_ROWS if buyer["id"] == row.get("buyer")), None)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("members", WAYS)
def test_every_kind_of_query_is_evaluated_and_always_the_same(
    template: dict[str, JsonValue], members: dict[str, JsonValue]
) -> None:
    answer = run(VIEW, {"from": "bills", **template}, **members)
    assert number(answer["n"]) > 0
    assert untimed(answer) == untimed(run(VIEW, {"from": "bills", **template}, **members))
    assert 0 <= number(answer["accuracy"]) <= 1
    assert math.isfinite(number(answer["mxe"]))


def test_a_prediction_of_several_features_is_right_when_the_first_is_one_of_them() -> None:
    rows: list[Row] = [{"labels": ["x", "y"], "paid": place % 2 == 0} for place in range(4)]
    rows.append({"labels": ["z"], "paid": True})
    answer = run(view_of(rows), {"from": "bills", "predict": "labels", "exclusiveness": False}, testSource={})
    assert answer["accurateOffsets"] == [0, 1, 2, 3]
    assert cases_of(answer)[4]["correct"] == {"$p": 0.0, "field": "labels", "feature": "z"}


def test_where_about_the_target_leaves_some_candidates() -> None:
    answer = run(VIEW, {"from": "bills", "predict": "account", "where": {"account": {"$or": ["a1", "a2"]}}})
    tops = {str(case["top"]["feature"]) for case in cases_of(answer) if isinstance(case["top"], dict)}
    assert tops <= {"a1", "a2"}
    for case in cases_of(answer):
        if isinstance(case["correct"], dict) and case["correct"]["feature"] not in ("a1", "a2"):
            assert case["correct"]["$p"] == 0


def test_rows_of_another_table_are_tested_without_leaving_anything_out() -> None:
    asked: Columns = {"vendor": {"type": "String"}, "account": {"type": "String"}}
    questions: list[JsonValue] = [
        {"vendor": row["vendor"], "account": row["account"]} for row in ROWS[:9] if len(row) == 8
    ]
    view = make_view({"bills": (BILLS, [*ROWS]), "buyers": (BUYERS, [*BUYER_ROWS]), "asked": (asked, questions)})
    template: dict[str, JsonValue] = {"from": "bills", "where": {"vendor": {"$get": "vendor"}}, "predict": "account"}
    answer = run(view, template, testSource={"from": "asked"})
    assert (answer["n"], answer["trainSamples"]) == (len(questions), len(ROWS))
    assert [case["testCase"] for case in cases_of(answer)] == questions


def test_grouped_rows_are_one_case_with_several_correct_answers() -> None:
    rows: list[Row] = []
    for session in range(6):
        for account, paid in (("a", False), ("b", session % 2 == 0), ("c", session % 2 == 1)):
            rows.append({"session": session, "account": account, "paid": paid, "vendor": f"v{session % 2}"})
    template: dict[str, JsonValue] = {
        "from": {"from": "bills", "where": {"paid": True}},
        "where": {"vendor": {"$get": "vendor"}},
        "predict": "account",
    }
    rows.append({"account": "a", "paid": True})
    test: JsonValue = {"session": {"$gte": 3}}
    answer = run(view_of(rows), {**template, "from": "bills"}, group="session", goal={"paid": True}, test=test)
    assert answer["n"] == 3
    assert answer["trainSamples"] == 10
    assert [case["testCase"] for case in cases_of(answer)] == [rows[place] for place in (9, 12, 15)]
    told = [case["correct"]["feature"] for case in cases_of(answer) if isinstance(case["correct"], dict)]
    assert told == ["c", "b", "c"]
    left_out = run(view_of(rows), template, group="session", goal={"paid": True}, testSource={"where": test})
    assert (left_out["n"], left_out["accuracy"], left_out["trainSamples"]) == (3, 1, 6)


def test_recommendations_are_evaluated_by_what_their_goal_was_true_of() -> None:
    drawn = random.Random(2)  # noqa: S311
    rows: list[Row] = []
    for session in range(40):
        taste = session % 2
        for account in drawn.sample(["a", "b", "c", "d"], 3):
            paid = account in ("ab" if taste else "cd") and drawn.random() < 0.9
            rows.append({"session": session, "account": account, "paid": paid, "vendor": f"v{taste}"})
    template: dict[str, JsonValue] = {
        "from": "bills",
        "where": {"vendor": {"$get": "vendor"}},
        "recommend": "account",
        "goal": {"paid": True},
    }
    members: list[dict[str, JsonValue]] = [{"test": {"session": {"$gte": 30}}}, {"testSource": {"limit": 30}}]
    for way in members:
        answer = run(view_of(rows), template, group="session", **way)
        paid_in = {row["session"] for row in rows if row["paid"]}
        tested = {row["session"] for row in rows if int(str(row["session"])) >= 30} if "test" in way else set(range(10))
        assert answer["n"] == len(tested & paid_in)
        assert number(answer["accuracy"]) >= 0.5 > number(answer["baseAccuracy"]) - 0.3
        assert number(answer["meanRank"]) < 0.6
        for case in cases_of(answer):
            row, correct = case["testCase"], case["correct"]
            assert isinstance(row, dict)
            assert isinstance(correct, dict)
            assert str(correct["feature"]) in ("ab" if row["vendor"] == "v1" else "cd")


def test_a_goal_that_is_a_score_needs_a_proposition_to_tell_what_is_right() -> None:
    template: dict[str, JsonValue] = {"from": "bills", "recommend": "account", "goal": "$f"}
    with pytest.raises(AgentError) as refused:
        run(VIEW, template, group="session")
    assert refused.value.status == 400


def test_estimates_are_evaluated_by_their_errors() -> None:
    template: dict[str, JsonValue] = {
        "from": "bills",
        "where": {"account": {"$get": "account"}, "vendor": {"$get": "vendor"}},
        "estimate": "amount",
    }
    for members in WAYS:
        answer = run(VIEW, template, **members)
        assert list(answer) == list(ESTIMATE_KEYS)
        cases = cases_of(answer)
        errors = [number(case["estimate"]) - number(case["correct"]) for case in cases]
        numbers = [number(case["correct"]) for case in cases]
        assert number(answer["rmse"]) == pytest.approx(math.sqrt(fmean(error**2 for error in errors)))
        assert number(answer["mae"]) == pytest.approx(fmean(map(abs, errors)))
        around = sum((one - fmean(numbers)) ** 2 for one in numbers)
        assert number(answer["r2"]) == pytest.approx(1 - sum(error**2 for error in errors) / around)
        assert number(answer["r2"]) > 0.5
        assert answer["n"] == len(cases)
    assert list(run(VIEW, template, select=["rmse", "n"])) == ["rmse", "n"]


def test_an_estimate_is_not_learned_from_the_row_itself() -> None:
    rows: list[Row] = [{"vendor": f"v{place}", "amount": float(2**place), "paid": True} for place in range(8)]
    template: dict[str, JsonValue] = {"from": "bills", "where": {"vendor": {"$get": "vendor"}}, "estimate": "amount"}
    cases = cases_of(run(view_of(rows), template, testSource={}))
    for place, case in enumerate(cases):
        others = [other for other in range(8) if other != place]
        assert number(case["estimate"]) == pytest.approx(2 ** fmean(others))


@pytest.mark.parametrize("select", ["accuracy", ["n", "accuracy"], ["cases", "n"], ["alpha_binByTopScore"], []])
def test_select_restricts_and_orders(select: JsonValue) -> None:
    names = [select] if isinstance(select, str) else select
    assert list(run(VIEW, BY_VENDOR, select=select)) == names


def test_every_fourth_of_42_rows_are_11_cases() -> None:
    answer = run(view_of(identical(42)), BY_VENDOR, select=["n", "testSamples", "trainSamples"])
    assert answer == {"n": 11, "testSamples": 11, "trainSamples": 31.0}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"evaluate": {**BY_VENDOR, "predict": "nothing"}, "test": {}}, "field 'nothing' not found"),
        ({"evaluate": {**BY_VENDOR, "where": {"nothing": 1}}, "test": EVERY_FOURTH}, "field 'nothing' not found"),
        ({"evaluate": {**BY_VENDOR, "where": {"text": {"$get": "nothing"}}}, "test": {}}, "'nothing' not found"),
        ({"evaluate": {**BY_VENDOR, "from": "nowhere"}, "test": {}}, "nowhere"),
        ({"evaluate": BY_VENDOR, "test": {"nothing": 1}}, "field 'nothing' not found"),
        ({"evaluate": BY_VENDOR, "test": {}, "train": {"nothing": 1}}, "field 'nothing' not found"),
        ({"evaluate": BY_VENDOR, "testSource": {"from": "nowhere"}}, "nowhere"),
        ({"evaluate": BY_VENDOR, "testSource": {"from": "buyers"}}, "field 'account' not found"),
        ({"evaluate": BY_VENDOR, "test": {}, "select": ["rmse"]}, "field 'rmse' not found"),
        ({"evaluate": BY_VENDOR, "test": {}, "group": "nothing"}, "field 'nothing' not found"),
        ({"evaluate": BY_VENDOR, "test": {}, "goal": {"nothing": 1}}, "field 'nothing' not found"),
        ({"evaluate": {**BY_VENDOR, "predict": ["account", "vendor"]}, "test": {}}, "predictions of one field"),
        ({"evaluate": {"from": "bills", "estimate": "text"}, "test": {}}, "'text' is of type Text"),
        ({"evaluate": {**BY_VENDOR, "where": {"vendor": {"$get": "amount"}}}, "test": EVERY_FOURTH}, "cannot be"),
    ],
)
def test_nonsense_is_refused(body: dict[str, JsonValue], told: str) -> None:
    with pytest.raises(AgentError) as refused:
        evaluate(Scope(VIEW, Deadline.after(60)), parse_evaluate(body))
    assert refused.value.status == 400
    assert told in refused.value.message


def test_too_many_cases_are_refused() -> None:
    rows: list[Row] = [{"account": "a", "paid": True, "session": place} for place in range(10_001)]
    ways: list[dict[str, JsonValue]] = [{"test": {}}, {"testSource": {}}, {"test": {}, "group": "session"}]
    for members in ways:
        with pytest.raises(AgentError, match="at most 10000 cases"):
            run(view_of(rows), {"from": "bills", "predict": "account"}, **members)


def test_an_evaluation_stops_at_its_deadline() -> None:
    with pytest.raises(AgentError) as late:
        evaluate(Scope(VIEW, Deadline.after(-1)), parse_evaluate({"evaluate": BY_VENDOR, "test": EVERY_FOURTH}))
    assert late.value.code == "query_timeout"


def test_the_layout_of_the_rows_changes_nothing(tmp_path: Path) -> None:
    tables: dict[str, tuple[Columns, Sequence[Row]]] = {"bills": (BILLS, ROWS), "buyers": (BUYERS, BUYER_ROWS)}
    views = [laid_out(tmp_path / str(seed), tables, seed).read_view() for seed in (None, 1, 2)]
    templates: list[dict[str, JsonValue]] = [
        BY_VENDOR,
        {"from": "bills", **TEMPLATES[2]},
        {"from": "bills", **TEMPLATES[-1]},
    ]
    for template in templates:
        ways: list[dict[str, JsonValue]] = [{"test": {"$sample": {"n": 9}}}, {"testSource": {"offset": 3, "limit": 9}}]
        for members in ways:
            answers = [run(view, template, **members) for view in views]
            kept = [{name: one[name] for name in ("n", "accuracy", "meanRank", "accurateOffsets")} for one in answers]
            assert kept[0] == kept[1] == kept[2]
            assert number(answers[0]["mxe"]) == pytest.approx(number(answers[1]["mxe"]), rel=1e-9)
