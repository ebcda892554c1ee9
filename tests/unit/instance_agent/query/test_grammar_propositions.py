"""Every production of propositions: the tree it becomes, what it refuses and where, and that trees are written back."""

from __future__ import annotations

import pytest

from instance_agent.errors import AgentError
from instance_agent.query.language.grammar import parse_proposition
from instance_agent.query.language.propositions import (
    All,
    Any,
    Atomic,
    Compare,
    ComparePosition,
    Context,
    Defined,
    Equals,
    Exists,
    FieldTest,
    Has,
    Hashed,
    IndexTest,
    Is,
    JsonIs,
    Match,
    Mod,
    Nearest,
    Not,
    Numeric,
    On,
    Order,
    Proposition,
    RowHashTest,
    StartsWith,
)
from instance_agent.query.language.propositions import Test as FieldTestKind
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.trees import where


def f(test: FieldTestKind, *path: str) -> FieldTest:
    return FieldTest(path or ("f",), test, "")


def index_under(bound: int) -> IndexTest:
    return IndexTest(ComparePosition(Order.LESS, bound), "")


A, B = f(Equals("a")), f(Equals("b"), "g")
A_JSON: JsonValue = {"f": "a"}
B_JSON: JsonValue = {"g": "b"}


@pytest.mark.parametrize(
    ("json", "tree"),
    [
        ({}, All(())),
        (A_JSON, A),
        ({"f": "a", "g": "b"}, All((A, B))),
        ({"l.m.f": 1}, f(Equals(1), "l", "m", "f")),
        ({"l": {"f": 1, "m": {"g": 2}}}, All((f(Equals(1), "l", "f"), f(Equals(2), "l", "m", "g")))),
        ({"l": {"m.g": {"$gt": 2}}}, f(Compare(Order.GREATER, 2), "l", "m", "g")),
        ({"f": None}, f(Defined(False))),
        ({"f": True}, f(Equals(True))),
        ({"f": 1.5}, f(Equals(1.5))),
        ({"f": [1, "a", None]}, f(Equals([1, "a", None]))),
        ({"f": []}, f(Equals([]))),
        ({"f": [{"a": 1}]}, f(Equals([{"a": 1}]))),
        ({"f": {"$is": "a"}}, f(Is("a"))),
        ({"f": {"$is": None}}, f(Defined(False))),
        ({"f": {"$is": [1]}}, f(Is([1]))),
        ({"f": {"$is": {"a": [1]}}}, f(Is({"a": [1]}))),
        ({"f": {"$has": 5}}, f(Has(5))),
        ({"f": {"$has": {"$json": {"$or": 1}}}}, f(Has({"$or": 1}))),
        ({"f": {"$match": "a b"}}, f(Match("a b"))),
        ({"f": {"$match": False}}, f(Match(False))),
        ({"f": {"$startsWith": "so"}}, f(StartsWith("so"))),
        ({"f": {"$gte": 1, "$lt": 5.5}}, All((f(Compare(Order.GREATER_OR_EQUAL, 1)), f(Compare(Order.LESS, 5.5))))),
        ({"f": {"$lte": "2026"}}, f(Compare(Order.LESS_OR_EQUAL, "2026"))),
        ({"f": {"$defined": False}}, f(Defined(False))),
        ({"f": {"$numeric": 42}}, f(Numeric(42))),
        ({"f": {"$mod": [5, 2]}}, f(Mod(5, 2))),
        ({"f": {"$mod": {"remainder": 2, "divisor": -5}}}, f(Mod(-5, 2))),
        ({"f": {"$json": {"$or": [1]}}}, f(JsonIs({"$or": [1]}))),
        ({"f": {"$json": None}}, f(JsonIs(None))),
        ({"f": {"$json": {"$get": "g"}}}, f(JsonIs({"$get": "g"}))),
        ({"f": {"$toString": 5}}, f(Equals("5"))),
        ({"f": {"$toString": "5"}}, f(Equals("5"))),
        ({"f": {"$toString": {"a": [1, "ä", None, True]}}}, f(Equals('{"a":[1,"ä",null,true]}'))),
        ({"f": {"$match": {"$toString": 1.5}}}, f(Match("1.5"))),
        ({"f": {"$startsWith": {"$toString": 0}}}, f(StartsWith("0"))),
        ({"f": {"$gt": {"$toString": 7}}}, f(Compare(Order.GREATER, "7"))),
        ({"f": {"$is": {"$toString": True}}}, f(Is("true"))),
        ({"f": [{"$toString": 1}, {"$json": {"$x": 1}}]}, f(Equals(["1", {"$x": 1}]))),
        ({"f": {"$not": "a"}}, Not(A)),
        ({"f": {"$not": None}}, Not(f(Defined(False)))),
        ({"f": {"$or": ["a", {"$gt": 1}]}}, Any((A, f(Compare(Order.GREATER, 1))))),
        ({"f": {"$and": [{"$not": "a"}]}}, All((Not(A),))),
        ({"f": {"$and": []}}, All(())),
        ({"f": {"$or": []}}, Any(())),
        ({"f": {"$atomic": "a"}}, Atomic(A)),
        ({"$and": []}, All(())),
        ({"$or": []}, Any(())),
        ({"$and": [A_JSON, B_JSON]}, All((A, B))),
        ({"$or": [A_JSON, {}]}, Any((A, All(())))),
        ({"$not": A_JSON}, Not(A)),
        ({"$atomic": {"f": "a", "g": "b"}}, Atomic(All((A, B)))),
        ({"$context": A_JSON}, Context(A, "")),
        ({"$on": [A_JSON, B_JSON]}, On(A, B)),
        ({"$on": {"on": B_JSON, "prop": A_JSON}}, On(A, B)),
        ({"$exists": "f"}, Exists((("f",),), "")),
        ({"$exists": ["f", "g.h"]}, Exists((("f",), ("g", "h")), "")),
        ({"$knn": [4, A_JSON]}, Nearest(A, 4, None, "")),
        ({"$knn": {"k": 4, "near": A_JSON}}, Nearest(A, 4, None, "")),
        ({"$knn": {"k": 4, "near": [A_JSON]}}, Nearest(A, 4, None, "")),
        ({"$nn": [A_JSON]}, Nearest(A, None, None, "")),
        ({"$nn": [A_JSON, 0.5]}, Nearest(A, None, 0.5, "")),
        ({"$nn": {"near": [A_JSON]}}, Nearest(A, None, None, "")),
        ({"$nn": {"near": A_JSON, "threshold": 2}}, Nearest(A, None, 2.0, "")),
        ({"$index": 3}, IndexTest(Equals(3), "")),
        ({"$index": {"$is": 3}}, IndexTest(Equals(3), "")),
        ({"$index": {"$gte": 1.5}}, IndexTest(ComparePosition(Order.GREATER_OR_EQUAL, 1.5), "")),
        ({"$index": {"$mod": [4, 0], "$lt": 9}}, All((IndexTest(Mod(4, 0), ""), index_under(9)))),
        ({"$index": {"$not": {"$or": [1, {"$lt": 9}]}}}, Not(Any((IndexTest(Equals(1), ""), index_under(9))))),
        ({"$hash": {"$mod": [2, 1]}}, RowHashTest(Mod(2, 1), "")),
        ({"$hash": {"$not": 7}}, Not(RowHashTest(Equals(7), ""))),
        ({"f": {"$hash": {"$mod": [2, 1]}}}, f(Hashed(((Mod(2, 1),),)))),
        ({"f": {"$hash": 7}}, f(Hashed(((Equals(7),),)))),
    ],
)
def test_what_each_form_becomes(json: JsonValue, tree: Proposition) -> None:
    assert where(json) == tree


DEEP: JsonValue = 1
for _ in range(70):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("json", "told", "place"),
    [
        ([], "a proposition is an object", "where"),
        ("f", "a proposition is an object", "where"),
        (None, "a proposition is an object", "where"),
        ({"$xor": []}, "unknown operator '\"$xor\"'; known here: $and, $or, $not, $atomic, $index", "where.$xor"),
        ({"f": {"$near": 1}}, "unknown operator '\"$near\"'; known here: $gt, $gte", "where.f.$near"),
        ({"f": {"$index": 1}}, "unknown operator", "where.f.$index"),
        ({"f": {}}, "an empty object says nothing", "where.f"),
        ({"l": {"f": {}}}, "an empty object says nothing", "where.l.f"),
        ({"$and": {}}, "$and takes a list", "where.$and"),
        ({"f": {"$or": "a"}}, "$or takes a list", "where.f.$or"),
        ({"$not": []}, "a proposition is an object", "where.$not"),
        ({"$or": [{}, {"f": {"$gt": None}}]}, "$gt takes a number or a string, not 'null'", "where.$or[1].f.$gt"),
        ({"f": {"$lt": True}}, "$lt takes a number or a string", "where.f.$lt"),
        ({"f": {"$lt": [1]}}, "$lt takes a number or a string", "where.f.$lt"),
        ({"f": {"$has": None}}, "$has takes a value", "where.f.$has"),
        ({"f": {"$match": ["a"]}}, "$match takes a string, a number", "where.f.$match"),
        ({"f": {"$match": None}}, "$match takes a string, a number", "where.f.$match"),
        ({"f": {"$match": {"a": 1}}}, "$match takes a string, a number", "where.f.$match"),
        ({"f": {"$startsWith": 5}}, "$startsWith takes a string, not '5'", "where.f.$startsWith"),
        ({"f": {"$startsWith": {"$match": "a"}}}, "$startsWith takes a string", "where.f.$startsWith"),
        ({"f": {"$defined": None}}, "$defined takes true or false", "where.f.$defined"),
        ({"f": {"$numeric": "5"}}, "$numeric takes a number", "where.f.$numeric"),
        ({"f": {"$numeric": False}}, "$numeric takes a number", "where.f.$numeric"),
        ({"f": {"$mod": 5}}, "$mod takes [divisor, remainder]", "where.f.$mod"),
        ({"f": {"$mod": [5]}}, "$mod takes [divisor, remainder]", "where.f.$mod"),
        ({"f": {"$mod": {"divisor": 5}}}, "$mod takes [divisor, remainder]", "where.f.$mod"),
        ({"f": {"$mod": {"divisor": 5, "remainder": 1, "x": 1}}}, "$mod takes", "where.f.$mod"),
        ({"f": {"$mod": [0, 0]}}, "the divisor not 0", "where.f.$mod"),
        ({"f": {"$mod": [2.0, 0]}}, "two whole numbers", "where.f.$mod"),
        ({"f": {"$mod": [True, 0]}}, "two whole numbers", "where.f.$mod"),
        ({"f": {"$mod": [2**63, 0]}}, "at most 64 bits", "where.f.$mod"),
        ({"f": 2**63}, "whole numbers have at most 64 bits", "where.f"),
        ({"f": -(2**63) - 1}, "whole numbers have at most 64 bits", "where.f"),
        ({"f": [1, 2**63]}, "whole numbers have at most 64 bits", "where.f[1]"),
        ({"f": {"$json": {"a": 2**63}}}, "whole numbers have at most 64 bits", "where.f.$json"),
        ({"f": {"$toString": 2**63}}, "whole numbers have at most 64 bits", "where.f.$toString"),
        ({"f": float("inf")}, "numbers are finite", "where.f"),
        ({"f": {"$gt": float("nan")}}, "numbers are finite", "where.f.$gt"),
        ({"f": {"$json": [float("-inf")]}}, "numbers are finite", "where.f.$json"),
        ({"f": [{"$or": []}]}, "an object with operators is no literal", "where.f[0]"),
        ({"f": {"$is": {"$not": 1}}}, "an object with operators is no literal", "where.f.$is"),
        ({"f": {"$is": {"a": {"$json": 1, "b": 2}}}}, "an object with operators is no literal", "where.f.$is.a"),
        ({"f": {"$json": DEEP}}, "a literal nested deeper", "where.f.$json"),
        ({"f": {"$toString": DEEP}}, "a literal nested deeper", "where.f.$toString"),
        ({"f": {"$get": "g"}}, "$get is a value of the tested row", "where.f.$get"),
        ({"f": {"$match": {"$get": "g"}}}, "$get is a value of the tested row", "where.f.$match.$get"),
        ({"f": {"$toString": {"$get": "g"}}}, "$get is a value of the tested row", "where.f.$toString.$get"),
        ({"f": [{"$get": "g"}]}, "$get is a value of the tested row", "where.f[0].$get"),
        ({"$get": "g"}, "unknown operator", "where.$get"),
        ({"$context": "f"}, "a proposition is an object", "where.$context"),
        ({"$atomic": "f"}, "a proposition is an object", "where.$atomic"),
        ({"$on": [{}]}, "$on takes [prop, on]", "where.$on"),
        ({"$on": {"prop": {}}}, "$on takes [prop, on]", "where.$on"),
        ({"$on": {"prop": {}, "on": {}, "x": 1}}, "$on takes [prop, on]", "where.$on"),
        ({"$on": [{}, 1]}, "a proposition is an object", "where.$on[1]"),
        ({"$on": {"prop": 1, "on": {}}}, "a proposition is an object", "where.$on.prop"),
        ({"$exists": []}, "$exists takes at least one field", "where.$exists"),
        ({"$exists": {"f": 1}}, "$exists takes a field", "where.$exists"),
        ({"$exists": ["f", 1]}, "$exists takes a field, not '1'", "where.$exists[1]"),
        ({"$exists": "f.$feature"}, "field 'f.$feature' not found", "where.$exists"),
        ({"$knn": 4}, "$knn takes [k, near]", "where.$knn"),
        ({"$knn": [4]}, "$knn takes [k, near]", "where.$knn"),
        ({"$knn": [4.0, {}]}, "k of $knn takes a whole number", "where.$knn[0]"),
        ({"$knn": [True, {}]}, "k of $knn takes a whole number", "where.$knn[0]"),
        ({"$knn": {"k": 0, "near": {}}}, "k of $knn is at least 1", "where.$knn.k"),
        ({"$knn": [1, [{}, {}]]}, "a proposition is an object", "where.$knn[1]"),
        ({"$knn": [1, [1]]}, "a proposition is an object", "where.$knn[1][0]"),
        ({"$nn": []}, "$nn takes [near, threshold]", "where.$nn"),
        ({"$nn": {"threshold": 1}}, "$nn takes [near, threshold]", "where.$nn"),
        ({"$nn": [{}, "1"]}, "threshold of $nn takes a number", "where.$nn[1]"),
        ({"$nn": {"near": {}, "threshold": None}}, "threshold of $nn takes a number", "where.$nn.threshold"),
        ({"$index": {}}, "$index takes a whole number or operators", "where.$index"),
        ({"$index": 1.0}, "$index takes a whole number or operators", "where.$index"),
        ({"$index": True}, "$index takes a whole number or operators", "where.$index"),
        ({"$index": None}, "$index takes a whole number or operators", "where.$index"),
        ({"$index": {"f": 1}}, "doesn't apply to a position or hash", "where.$index.f"),
        ({"$index": {"$match": "a"}}, "doesn't apply to a position or hash", "where.$index.$match"),
        ({"$index": {"$lt": "5"}}, "$lt takes a number", "where.$index.$lt"),
        ({"$index": {"$is": 1.5}}, "$is takes a whole number", "where.$index.$is"),
        ({"$index": {"$or": 1}}, "$or takes a list", "where.$index.$or"),
        ({"$index": {"$not": {"$not": {}}}}, "$index takes a whole number", "where.$index.$not.$not"),
        ({"$hash": "a"}, "$hash takes a whole number or operators", "where.$hash"),
        ({"f": {"$hash": None}}, "$hash takes a whole number or operators", "where.f.$hash"),
        ({"f": {"$hash": {"$mod": [0, 1]}}}, "the divisor not 0", "where.f.$hash.$mod"),
        ({"f": {"$hash": {"$not": {"$mod": [5000, 1]}}}}, "are at most 1000", "where.f.$hash"),
        ({"a." * 16 + "b": 1}, "a field path has at most 16 segments", "where." + "a." * 16 + "b"),
        ({"a." * 10 + "b": {"c." * 10 + "d": 1}}, "at most 16 segments", "where." + "a." * 10 + "b." + "c." * 10 + "d"),
        ({"f.$feature": 1}, "field 'f.$feature' not found", "where.f.$feature"),
        ({"l": {"f.$feature": 1}}, "field 'l.f.$feature' not found", "where.l.f.$feature"),
        ({"f": "\ud800"}, "is no text", "where"),
        ({"\udfff": 1}, "is no text", "where"),
    ],
)
def test_what_is_refused_and_where(json: JsonValue, told: str, place: str) -> None:
    with pytest.raises(AgentError) as refused:
        parse_proposition(json, "where")
    assert refused.value.status == 400
    assert refused.value.code == ("field_not_found" if told.startswith("field ") else "query_invalid")
    assert told in refused.value.message
    assert refused.value.message.endswith(f"(at {place})")


@pytest.mark.parametrize(
    ("shape", "levels"), [("$and", 64), ("$not", 64), ("condition", 63), ("link", 15), ("knn", 32)]
)
def test_nesting_goes_so_deep_and_not_deeper(shape: str, levels: int) -> None:
    def nested(count: int) -> JsonValue:
        json: JsonValue = {} if shape in ("$and", "$not", "knn") else 1
        for _ in range(count):
            wraps: dict[str, JsonValue] = {
                "$and": {"$and": [json]},
                "$not": {"$not": json},
                "condition": {"$not": json},
                "link": {"l": json},
                "knn": {"$knn": {"k": 1, "near": [json]}},
            }
            json = wraps[shape]
        return {"f": json} if shape in ("condition", "link") else json

    parse_proposition(nested(levels), "where")
    with pytest.raises(AgentError, match=r"nested deeper|at most 16 segments"):
        parse_proposition(nested(levels + 1), "where")
    with pytest.raises(AgentError, match=r"nested deeper|at most 16 segments|has more"):
        parse_proposition(nested(50_000), "where")


def test_the_size_of_a_query_is_bounded() -> None:
    parse_proposition({"f": {"$or": list(range(19_000))}}, "where")
    too_long: list[JsonValue] = [{"f": {"$or": list(range(20_000))}}, {str(name): 1 for name in range(20_000)}]
    for json in too_long:
        with pytest.raises(AgentError, match="at most 20000 values"):
            parse_proposition(json, "where")
