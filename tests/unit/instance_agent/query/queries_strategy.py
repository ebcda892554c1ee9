"""Random queries of every endpoint over the small shop, made from what the grammar allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.small_shop import TABLES, linked_by, paths_of

Chosen = TypeVar("Chosen")
Object = dict[str, JsonValue]
Draw = Callable[[int], int]
"""A whole number below the given one."""

MAIN = ("visits", "products", "visits", "users", "visits", "makers", "empty")
"""Where queries are from; most from the table in the middle of the links."""

OPERATIONS = ("predict", "match", "recommend", "relate", "similarity", "estimate", "aggregate", "evaluate")
KINDS = ("search", "get", *OPERATIONS)
ENDPOINTS = ("_search", "_query", *(f"_{name}" for name in OPERATIONS), "_batch")

LITERALS: Mapping[str, tuple[JsonValue, ...]] = {
    "Boolean": (True, False),
    "Int": (1, 2, 3, 30, 1900, 99, 0, -1, 2.0),
    "Long": (3, 0, 2**53 + 1, 2**53, -5),
    "Decimal": (0.5, 2, 10, 1.5, -1, 1e300, 0),
    "String": ("ann", "bob", "zoe", "m1", "m3", "fi", "2026-01-01", "fruit", "red", "nothing", ""),
    "Text": ("bread", "Bread and apples", "apple", "rye", "appl", "nothing", "", "a"),
    "Json": (1, "x", True),
}
NUMERIC = ("Int", "Long", "Decimal")
ORDERED = (*NUMERIC, "String", "Text")
NUMBERS: tuple[JsonValue, ...] = (1, 2, 0, 5, -1, 0.5, 1e300, 2**62)
POSITIONS: tuple[JsonValue, ...] = (
    3,
    {"$lt": 5},
    {"$gte": 2, "$lt": 9},
    {"$mod": [2, 1]},
    {"$not": {"$mod": [3, 0]}},
    {"$or": [1, 2]},
)
DATA: tuple[JsonValue, ...] = ({"a": [1]}, [1, {}], 1)
WHY: tuple[JsonValue, ...] = (
    {},
    {"highlight": {}},
    {"highlight": {"posPreTag": "<b>", "posThreshold": 0, "encoder": "html"}, "matches": {}},
)
ROW_NAMES = ("$score", "$index", "$similarity", "$sameness", "$sort", "$rank", "$why", "$highlight", "$matches")
CANDIDATE_NAMES = ("$p", "$value", "$f", "$lift", "$proposition", "field")
RELATION_NUMBERS = ("lift", "fs.f", "fs.fOnCondition", "ps.p", "info.miTrue", "relation.mi")
METRICS = ("n", "accuracy", "meanRank", "mxe", "cases", "features")


@dataclass(frozen=True)
class Hits:
    """What the hits of a query are."""

    rows: str | None  # the table whose rows they are or stand for; None for plain values
    context: str | None  # the table whose rows have them; None when they are the rows of `from`


@dataclass(frozen=True)
class Writer:
    """Writes queries by drawing from what the grammar allows."""

    draw: Draw

    def pick(self, options: tuple[Chosen, ...]) -> Chosen:
        return options[self.draw(len(options))]

    def one(self, *makers: Callable[[], JsonValue]) -> JsonValue:
        return self.pick(makers)()

    def some(self, make: Callable[[], JsonValue], most: int, least: int = 0) -> list[JsonValue]:
        return [make() for _ in range(least + self.draw(most - least + 1))]

    def members(self, required: Object, **optional: Callable[[], JsonValue]) -> Object:
        """The required members, and each of the others or not."""
        return {**{name: make() for name, make in optional.items() if self.draw(2)}, **required}

    def field(self, table: str, *kinds: str) -> str:
        """A field of these types, of any without; the near ones more often."""
        found = [path for path, kind in paths_of(table, self.draw(3)) if not kinds or kind in kinds]
        return self.pick(tuple(found or TABLES[table][0]))

    def literal(self, kind: str) -> JsonValue:
        return self.pick(LITERALS[kind.removesuffix("[]")])

    def test(self, kind: str) -> JsonValue:
        """One test that fits a type."""

        def plain() -> JsonValue:
            return self.literal(kind)

        def operator(*names: str) -> JsonValue:
            return {self.pick(names): plain()}

        def whole() -> JsonValue:
            return self.some(plain, 2) if kind.endswith("[]") else plain()

        makers: list[Callable[[], JsonValue]] = [
            plain,
            whole,
            lambda: None,
            lambda: operator("$has"),
            lambda: {"$is": whole()},
            lambda: {"$defined": bool(self.draw(2))},
            lambda: {"$hash": self.pick(POSITIONS)},
        ]
        if kind in ORDERED:
            makers.append(lambda: operator("$gt", "$gte", "$lt", "$lte"))
        if kind in ("String", "Text"):
            makers += [lambda: operator("$match", "$startsWith", "$toString")] * 2
        if kind in ("Int", "Long"):
            makers.append(lambda: {"$mod": [2 + self.draw(2), self.draw(2)]})
        if kind in NUMERIC:
            makers.append(lambda: {"$numeric": self.pick(NUMBERS)})
        if kind == "Json":
            makers.append(lambda: {"$json": self.pick(DATA)})
        return self.one(*makers)

    def condition(self, kind: str) -> JsonValue:
        def test() -> JsonValue:
            return self.test(kind)

        return self.one(
            *[test] * 4,
            lambda: {"$not": test()},
            lambda: {"$or": self.some(test, 2)},
            lambda: {"$and": self.some(test, 2)},
        )

    def member(self, table: str) -> Object:
        """A proposition about one field."""
        path, kind = self.pick(tuple(paths_of(table, self.draw(3))))
        return {path: self.condition(kind)}

    def tested(self, table: str) -> Object:
        """One test of one field."""
        path, kind = self.pick(tuple(paths_of(table, self.draw(3))))
        return {path: self.test(kind)}

    def conjunction(self, table: str, most: int = 3) -> Object:
        """Propositions about some fields: what is usual."""
        found: Object = {}
        for _ in range(self.draw(most + 1)):
            found |= self.member(table)
        return found

    def proposition(self, table: str, depth: int = 2) -> JsonValue:
        """Any proposition."""

        def inner() -> JsonValue:
            return self.proposition(table, depth - 1)

        def field() -> JsonValue:
            return self.field(table)

        if not depth or self.draw(3):
            return self.conjunction(table)
        return self.one(
            lambda: {self.pick(("$index", "$hash")): self.pick(POSITIONS)},
            lambda: {"$exists": self.one(field, lambda: self.some(field, 2, 1))},
            lambda: {self.pick(("$not", "$atomic", "$context")): inner()},
            lambda: {self.pick(("$and", "$or")): self.some(inner, 2)},
            lambda: {"$on": [inner(), inner()]},
            lambda: {"$knn": [1 + self.draw(4), inner()]},
            lambda: {"$nn": [inner(), *self.some(lambda: self.pick((0, 1.5, 100)), 1)]},
        )

    def set(self, table: str) -> JsonValue:
        """A set of propositions."""

        def element() -> JsonValue:
            return self.one(
                lambda: self.field(table),
                lambda: self.conjunction(table),
                lambda: {"$exists": self.field(table)},
            )

        return self.one(element, lambda: self.some(element, 2, 1))

    def score(self, hits: Hits, depth: int = 2) -> JsonValue:
        if depth and not self.draw(3):
            return self.combined(lambda: self.score(hits, depth - 1))
        likeness = ("$similarity", "$sameness")
        makers: list[Callable[[], JsonValue]] = [
            lambda: self.pick(("$similarity", "$sameness", "$index")),
            lambda: {self.pick(likeness): self.literal("Text")},
            lambda: self.pick(NUMBERS),
        ]
        if rows := hits.rows:
            makers += [
                lambda: self.field(rows, *NUMERIC, "Boolean"),
                lambda: self.field(rows),
                lambda: {self.pick(likeness): self.conjunction(rows)},
            ]
        if context := hits.context:
            makers += self.context_scores(context, rows or context)
        return self.one(*makers)

    def context_scores(self, context: str, described: str) -> list[Callable[[], JsonValue]]:
        """Scores of candidates; described: the table in which they have properties."""

        def quantity() -> JsonValue:
            return {"$context": self.field(context, "Boolean", *NUMERIC)}

        def about() -> JsonValue:
            return {"$context": self.proposition(context, 1)}

        def based_on() -> JsonValue:
            return self.set(described)

        return [
            lambda: self.pick(("$p", "$lift", "$f", "$value")),
            lambda: {self.pick(("$p", "$lift", "$f")): about()},
            lambda: {self.pick(("$p", "$lift")): self.set(context)},
            lambda: {self.pick(("$probability", "$probabilityLift")): self.members({"of": about()}, basedOn=based_on)},
            lambda: {self.pick(("$sum", "$mean", "$min", "$max")): quantity()},
            lambda: {"$impact": self.members({"value": quantity()}, base=lambda: self.pick(NUMBERS))},
            lambda: {"$analogy": {"with": self.literal(self.pick(("Int", "String"))), "basedOn": based_on()}},
        ]

    def combined(self, inner: Callable[[], JsonValue]) -> JsonValue:
        return self.one(
            lambda: {self.pick(("$multiply", "$sum")): self.some(inner, 2, 1)},
            lambda: {self.pick(("$divide", "$subtract", "$pow")): [inner(), inner()]},
            lambda: {self.pick(("$normalize", "$hit")): inner()},
            lambda: {"$decision": self.members({"score": inner()}, seed=lambda: self.draw(3))},
            lambda: {"$freqP": self.members({"f": inner(), "n": inner()}, p=inner)},
        )

    def order(self, hits: Hits) -> JsonValue:
        def key() -> JsonValue:
            return self.one(
                lambda: self.score(hits),
                lambda: {self.pick(("$asc", "$desc")): self.score(hits)},
                lambda: {self.pick(("$asc", "field")): self.field(hits.rows) if hits.rows else "$value"},
            )

        return self.one(key, key, lambda: self.some(key, 2))

    def select(self, hits: Hits) -> JsonValue:
        def name() -> JsonValue:
            own = (*ROW_NAMES, *CANDIDATE_NAMES) if hits.context else ROW_NAMES
            return self.one(lambda: self.pick(own), lambda: self.field(hits.rows) if hits.rows else "feature")

        def score() -> JsonValue:
            found = self.score(hits)
            return found if isinstance(found, dict) else {"$hit": found}

        def projection() -> JsonValue:
            return self.one(
                name,
                name,
                lambda: {"$why": self.pick(WHY)},
                score,
                lambda: {"$expand": score()},
                lambda: {"alias": self.one(name, score)},
            )

        return self.one(projection, lambda: self.some(projection, 4))

    def source(self, table: str) -> JsonValue:
        if self.draw(4) < 3:
            return table
        inner: JsonValue = table if self.draw(2) else self.source(table)
        return self.members({"from": inner}, where=lambda: self.proposition(table, 1), limit=lambda: self.draw(30))

    def target(self, table: str) -> str:
        """What `get`, `match`, `recommend` and `predict` take."""
        return self.field(table) + self.pick(("", "", ".$feature"))

    def page(self, table: str, hits: Hits) -> dict[str, Callable[[], JsonValue]]:
        return {
            "where": lambda: self.proposition(table),
            "select": lambda: self.select(hits),
            "offset": lambda: self.draw(4),
            "limit": lambda: self.draw(13),
        }

    def body(self, table: str, kind: str) -> Object:
        """A body of this kind, one of KINDS."""
        given: Object = {"from": self.source(table)}
        if kind == "relate":
            return self.relate(table, given)
        if kind == "evaluate":
            return self.evaluation(table)
        if kind in ("get", "match", "recommend", "predict"):
            return self.about_target(table, kind, given)
        return self.about_rows(table, kind, given)

    def about_rows(self, table: str, kind: str, given: Object) -> Object:
        page = self.page(table, Hits(table, None))
        match kind:
            case "search":
                return self.members(given, **page, orderBy=lambda: self.order(Hits(table, None)))
            case "similarity":
                return self.members({**given, kind: self.conjunction(table)}, **page)
            case "aggregate":
                return self.members({**given, kind: self.forms(table)}, where=page["where"])
        required = {**given, kind: self.field(table, *NUMERIC)}
        return self.members(required, where=page["where"], model=lambda: "regression", basedOn=lambda: self.set(table))

    def about_target(self, table: str, kind: str, given: Object) -> Object:
        target = self.target(table)
        linked = linked_by(table, target)
        hits = Hits(linked, table)
        described = linked or table
        page = self.page(table, hits)
        based_on = {"basedOn": lambda: self.one(lambda: self.set(described), list)}
        required: Object = {**given, kind: target}
        match kind:
            case "get":
                if self.draw(3) == 2:
                    return self.members({**required, "similarity": self.conjunction(described)}, **page)
                return self.members(required, **page, orderBy=lambda: self.order(hits))
            case "recommend":
                goal = self.one(lambda: self.conjunction(table), lambda: self.score(hits))
                return self.members({**required, "goal": goal}, **page, **based_on)
            case "predict":
                several = self.some(lambda: self.one(lambda: self.target(table), lambda: self.tested(table)), 3, 1)
                required[kind] = self.pick((target, target, several))
                return self.members(required, **page, **based_on, exclusiveness=lambda: bool(self.draw(2)))
        return self.members(required, **page, **based_on)

    def forms(self, table: str) -> JsonValue:
        """What `aggregate` takes."""

        def named() -> str:
            return self.field(table, "Boolean", *NUMERIC) + self.pick((".$mean", ".$sum", ".$min", ".$max"))

        def form() -> JsonValue:
            return self.one(
                named,
                lambda: "$f",
                lambda: {"$f": self.proposition(table)},
                lambda: {self.pick(("$mean", "$sum", "$min", "$max")): self.score(Hits(table, None))},
            )

        return self.one(form, lambda: [{f"alias{number}": form()} for number in range(1 + self.draw(3))])

    def relate(self, table: str, given: Object) -> Object:
        def order() -> JsonValue:
            name = self.pick(RELATION_NUMBERS)
            return self.one(lambda: name, lambda: {"$asc": name}, lambda: [name, "lift"])

        page = self.page(table, Hits(table, None)) | {
            "select": lambda: self.some(lambda: self.pick(("lift", "related", "condition", "fs", "ps", "info")), 3)
        }
        return self.members({**given, "relate": self.set(table)}, **page, orderBy=order)

    def evaluation(self, table: str) -> Object:
        """What `_evaluate` takes."""
        template = self.body(table, self.pick(("predict", "match", "estimate", "get", "recommend")))
        names = tuple(TABLES[table][0])

        def got() -> JsonValue:
            value: JsonValue = {"$get": self.pick(names)}
            return self.one(lambda: value, lambda: {self.pick(("$match", "$has", "$is", "$numeric")): value})

        if "get" in template and "similarity" not in template:
            template["orderBy"] = template.get("orderBy") or "$p"
        template["where"] = {self.pick(names): got() for _ in range(self.draw(3))}
        if self.draw(4):
            rows: Object = {"test": self.one(lambda: {"$index": self.pick(POSITIONS)}, lambda: self.conjunction(table))}
        else:
            source = self.members({}, where=lambda: self.conjunction(table), limit=lambda: self.draw(6))
            rows = {"testSource": source} if self.draw(2) else {"test": {"$sample": {"n": 5, "seed": self.draw(3)}}}
        if "recommend" in template:
            rows["group"] = self.pick(names)
        return self.members(
            {"evaluate": template, **rows},
            train=lambda: self.conjunction(table),
            group=lambda: self.pick(names),
            goal=lambda: self.conjunction(table),
            select=lambda: self.some(lambda: self.pick(METRICS), 3),
        )

    def query(self, endpoint: str) -> JsonValue:
        """A valid body of an endpoint."""
        if endpoint == "_batch":
            return self.some(lambda: self.query("_query"), 3)
        kind = self.pick(KINDS) if endpoint == "_query" else endpoint.removeprefix("_")
        return self.body(self.pick(MAIN), kind)


@st.composite
def valid(draw: st.DrawFn, endpoint: str) -> JsonValue:
    """Valid bodies of an endpoint."""
    return Writer(lambda below: draw(st.integers(0, below - 1))).query(endpoint)
