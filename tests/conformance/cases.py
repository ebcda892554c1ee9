"""What of each recorded answer is compared with ours, and what comes of it. docs/conformance.md is made of this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.conformance import comparing as compare
from tests.conformance.comparing import Compare

COST = "the recorded products have a column `cost` that the published rows lack"
OTHER_DAY = "the recorded database is of another day: 733 visits instead of 736, with other products in some of them"


@dataclass(frozen=True)
class Check:
    """One comparison. With a reason the answers differ, and that is how it is meant or must be.

    Without a way to compare it is left open, for the reason said.
    """

    what: str
    how: Compare | None
    why: str | None = None

    @property
    def result(self) -> str:
        """How it is told on the page."""
        if self.how is None:
            return "left open"
        return "agrees" if self.why is None else "differs"


@dataclass(frozen=True)
class Case:
    """A recorded example that the rows at hand can reproduce."""

    name: str  # of the example
    checks: tuple[Check, ...]
    instead: Any = None  # the request that is sent in place of one that can't be, and shows the same
    alone: bool = False  # is the recorded answer looked at by itself, without asking?


@dataclass(frozen=True)
class Unreproducible:
    """A recorded example that can't be asked again."""

    name: str
    why: str


TOTAL = Check("total", compare.total)
COUNT = Check("number of hits", compare.hit_count)
NAMES = Check("names in the hits", compare.names)
HITS = Check("hits", compare.hits)
NAMES_BUT_COST = Check("names in the hits but `cost`", partial(compare.names, without=("cost",)))
HITS_BUT_COST = Check("hits but `cost`", partial(compare.hits, without=("cost",)))
WITH_COST = Check("`cost` in the hits", compare.names, COST)

SEARCHES: tuple[Case, ...] = (
    Case("api: _search", (TOTAL, NAMES_BUT_COST, HITS_BUT_COST, WITH_COST)),
    Case("api: _search 2", (TOTAL, COUNT, NAMES_BUT_COST, HITS_BUT_COST, WITH_COST)),
    Case(
        "llms.txt: _query",
        (
            Check(
                "names in the hits",
                compare.page_of("category", "googleClicks", "googleImpressions", "id", "name", "price", "tags"),
            ),
        ),
    ),
    Case(
        "test_aito_client.py: _query",
        (HITS, Check("total", compare.total, "the recorded test database held each of the 67 users twice")),
    ),
    Case(
        "05-autofill-query",
        (
            TOTAL,
            COUNT,
            NAMES,
            Check("visits in their order", compare.order("id")),
            Check("hits", compare.hits, OTHER_DAY),
        ),
    ),
    Case("09-product-details", (TOTAL, COUNT, NAMES_BUT_COST, HITS_BUT_COST, WITH_COST)),
)

FEATURES = Check("values in their order", compare.order("feature"))
GATED = (
    "ours keeps a product's overall share where nine visits don't differ from it by more than chance would, "
    "so that what larry buys often stands before what all do"
)

PREDICTIONS: tuple[Case, ...] = (
    Case("llms.txt: _predict", (Check("names in the hits", compare.page_of("$p", "field", "feature")),)),
    Case(
        "04-tag-suggestions",
        (TOTAL, COUNT, NAMES, FEATURES, Check("probabilities, to 0.1", compare.ladder(0.1))),
    ),
    Case(
        "05-autofill-predict",
        (
            TOTAL,
            COUNT,
            NAMES,
            Check("values in their order", compare.order("$value"), GATED),
            Check("probabilities by place, to 0.15", compare.ladder(0.15)),
        ),
    ),
    Case(
        "06-prompt-categories",
        (TOTAL, COUNT, NAMES, FEATURES, Check("probabilities, to 0.1", compare.ladder(0.1))),
    ),
    Case(
        "06-prompt-sentiment",
        (TOTAL, COUNT, NAMES, FEATURES, Check("probabilities, to 0.35", compare.ladder(0.35))),
    ),
    Case(
        "06-prompt-urgency",
        (
            TOTAL,
            COUNT,
            NAMES,
            Check(
                "values in their order",
                compare.order("feature"),
                "these words say nothing of the urgency that can be told from chance: ours keeps the table's shares, "
                "which are equal",
            ),
        ),
    ),
    Case(
        "08-invoice-predict",
        (
            TOTAL,
            COUNT,
            NAMES,
            Check("accounts in their order", compare.order("$value")),
            Check("probabilities, to 0.2", compare.ladder(0.2)),
        ),
    ),
    Case(
        "13-predict-price",
        (
            TOTAL,
            COUNT,
            NAMES,
            Check("prices known by the recorded ones: probabilities, to 0.03", compare.near("feature", "$p", 0.03)),
            Check(
                "prices in their order",
                compare.order("feature"),
                "the evidence is one word of few products: ours puts the prices of milk first",
            ),
        ),
    ),
)

EXPLAINED = {
    "from": "visits",
    "where": {"user": "larry", "weekday": "Monday"},
    "predict": "month",
    "select": ["$p", "feature", {"$why": {"highlight": {"posPreTag": "<mark>", "posPostTag": "</mark>"}}}],
}
ESTIMATED = {
    "from": "products",
    "where": {"category": "100"},
    "estimate": "price",
    "model": "regression",
    "select": ["estimate", "why"],
}
PRODUCT = ("category", "googleClicks", "googleImpressions", "id", "name", "price", "tags")
RELATION = ("related", "condition", "lift", "fs", "ps", "info", "relation")
RELATED = Check("related features in their order", compare.order("related"))
PAGE_OF_TEN = "the recorded engine counts the relations that it sends; an older one, and ours, all there are"
SHOWN = "what was shown beside what was bought is put in by a rule, and so is how often nothing was bought"

RELATIONS: tuple[Case, ...] = (
    Case("llms.txt: _relate", (Check("names in the hits", compare.page_of(*RELATION)),)),
    Case(
        "07-relate",
        (
            Check("total", compare.total, PAGE_OF_TEN),
            COUNT,
            NAMES,
            RELATED,
            Check("counts and what follows from them", compare.hits, OTHER_DAY),
            Check("lifts, to 0.01", compare.near("related", "lift", 0.01)),
        ),
    ),
    Case(
        "09-relate-demographics",
        (TOTAL, COUNT, NAMES, RELATED, Check("lifts, to 0.03", compare.near("related", "lift", 0.03))),
    ),
    Case(
        "09-relate-purchase-props",
        (TOTAL, COUNT, NAMES, Check("related features in their order", compare.order("related"), SHOWN)),
    ),
    *(
        Case(name, (Check("numbers from the recorded counts, to 1e-9", compare.relations),), alone=True)
        for name in (
            "test_relate_category_to_gl",
            "test_relate_category_to_gl 2",
            "test_relate_category_to_gl 3",
            "test_relate_category_to_gl 4",
        )
    ),
    Case(
        "api_relate.html: _relate",
        (Check("numbers from the recorded counts, to 1e-9", compare.relations, "an engine of 2019 computed them"),),
        alone=True,
    ),
)

CLOSE = "larry bought each three times; which he is likelier to buy again hangs on what the rule says he was shown"

CANDIDATES: tuple[Case, ...] = (
    Case("llms.txt: _match", (Check("names in the hits", compare.page_of("$p", *PRODUCT)),)),
    Case("llms.txt: _recommend", (Check("names in the hits", compare.page_of("$p", *PRODUCT)),)),
    Case(
        "03-search",
        (
            TOTAL,
            COUNT,
            Check("the same products, with these names and values", compare.same_hits("id")),
            Check("products in their order", None, CLOSE),
        ),
    ),
    Case(
        "10-distinct-values",
        (TOTAL, COUNT, NAMES, FEATURES, Check("probabilities, to 0.005", compare.ladder(0.005))),
    ),
)

LIKENESS: tuple[Case, ...] = (
    Case("llms.txt: _similarity", (Check("names in the hits", compare.page_of("$score", *PRODUCT)),)),
    Case(
        "llms.txt: _aggregate",
        (Check("names", compare.object_of("purchase.$sum", "purchase.$sum.samples", "purchase.$mean")),),
    ),
    Case(
        "09-product-stats",
        (
            Check("names", compare.members),
            Check("purchases, to 3", compare.number("purchase.$sum", 3)),
            Check("samples", compare.number("purchase.$sum.samples"), SHOWN),
            Check("what follows from the samples and their sum, to 1e-9", compare.statistics),
        ),
    ),
    Case("llms.txt: _estimate", (Check("names", compare.object_of("estimate")),)),
    Case(
        "llms.txt: _batch",
        (
            Check(
                "names in the hits of each answer",
                compare.each_of(
                    compare.page_of("$p", "field", "feature"),
                    compare.page_of("$p", "field", "feature"),
                    compare.page_of("$score", *PRODUCT),
                ),
            ),
        ),
    ),
    Case(
        "09-query-phrase-aggregate",
        (
            Check("total", compare.total, "one phrase was searched for only on the other day"),
            COUNT,
            NAMES,
            Check("phrases known by the recorded ones: purchases, to 1", compare.near("$value", "$score", 1)),
            Check("phrases in their order", compare.order("$value"), OTHER_DAY),
        ),
    ),
    Case(
        "12-estimate-price-regression",
        (
            Check("names", compare.members),
            Check("names in the nodes of `why`", compare.names_in_why),
            Check("the estimate follows from `why`", compare.why_is_the_power),
        ),
        instead=ESTIMATED,
    ),
    Case(
        "test_predict_gl_code",
        (
            Check("`$why` multiplies up to `$p`", compare.why_is_the_product),
            Check("names in the nodes of `$why`", compare.names_in_why),
        ),
        instead=EXPLAINED,
    ),
)

EVALUATED = {
    "testSource": {"from": "products", "limit": 5},
    "evaluate": {"from": "products", "where": {"name": {"$get": "name"}}, "predict": "category"},
}
METRICS = Check("names", compare.object_of("n", "accuracy", "baseAccuracy", "mxe", "meanRank", "cases"))

EVALUATIONS: tuple[Case, ...] = (
    Case("llms.txt: _evaluate", (METRICS,)),
    Case("llms.txt: jobs/_evaluate", (METRICS,)),
    Case(
        "11-evaluate-products",
        (
            Check("names", compare.members),
            Check("number of tests", compare.number("n")),
            Check("accuracy of the most frequent value", compare.number("baseAccuracy", 1e-9)),
            Check("accuracy, to 2 of 11 tests", compare.number("accuracy", 2 / 11)),
            Check("mean rank, to 0.5", compare.number("meanRank", 0.5)),
        ),
    ),
    Case(
        "11-evaluate-invoices",
        (
            Check("names", compare.members),
            Check(
                "number of tests", compare.number("n"), "the published rows have 100 invoices, the recorded ones more"
            ),
            Check("accuracy", compare.number("accuracy")),
            Check("accuracy of the most frequent value, to 0.1", compare.number("baseAccuracy", 0.1)),
            Check("mean rank", compare.number("meanRank")),
        ),
    ),
    Case("test_evaluate_gl_code", (Check("names", compare.names_of_all),), instead=EVALUATED),
)

SCHEMAS: tuple[Case, ...] = (
    Case("aitoai SDK doctest: schema/impressions", (Check("the table's schema", compare.whole),)),
    Case(
        "aito-agent-demo recorded snapshot: schema/resolutions", (Check("the answer to making a table", compare.whole),)
    ),
    Case(
        "aito-agent-demo recorded snapshot: schema/resolutions 2",
        (Check("the answer to deleting it", compare.whole),),
    ),
)

CASES = SEARCHES + PREDICTIONS + RELATIONS + CANDIDATES + LIKENESS + EVALUATIONS + SCHEMAS

ECOM = "the rows of this database aren't published"
AGENT = "the 4,000 rows of this database aren't published"
NO_REQUEST = "only an answer was kept, without its request"
PRICES = "the rows of `price_history` aren't published"

UNREPRODUCIBLE: tuple[Unreproducible, ...] = (
    Unreproducible("openapi.yaml: _search", NO_REQUEST),
    Unreproducible("openapi.yaml: _match or _recommend", NO_REQUEST),
    Unreproducible("openapi.yaml: _query (get tags feature)", NO_REQUEST),
    Unreproducible("12-price-history-query", PRICES),
    Unreproducible("api_predict.html: _predict", ECOM),
    Unreproducible("predictions: _predict", "the rows are public, but not beside the recordings"),
    Unreproducible("test_match_vs_retrieval", AGENT),
    Unreproducible("test_match_vs_retrieval 2", AGENT),
    Unreproducible("test_match_vs_retrieval 3", AGENT),
    Unreproducible("test_match_vs_retrieval 4", AGENT),
    Unreproducible("test_match_vs_retrieval 5", AGENT),
)
