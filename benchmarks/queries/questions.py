"""What is asked, drawn from the rows: common vendors and words are asked about more often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.storage.engines import TABLE, TOP
from benchmarks.storage.invoices import BLOCK_ROWS, SEED, Invoices
from instance_agent.schema.types import JsonValue

WORDS_OF_A_QUESTION = 5
TARGET = "gl_code"
SAMPLES = 50


@dataclass(frozen=True)
class Asked:
    """One invoice whose account isn't known."""

    vendor: str
    words: tuple[str, ...]
    gl_code: str  # the row's own, for searches
    day: str  # of some 1,400 rows of a million, to narrow by


def questions(rows: int, count: int) -> list[Asked]:
    """`count` of them, from among the first rows; the same every time."""
    some = list(Invoices().rows(0, min(rows, 4 * BLOCK_ROWS)))
    random = np.random.default_rng([SEED, rows, 4])
    drawn = [some[at] for at in random.integers(0, len(some), count).tolist()]
    return [
        Asked(
            vendor=str(row["vendor"]),
            words=tuple(dict.fromkeys(str(row["description"]).split()))[:WORDS_OF_A_QUESTION],
            gl_code=str(row[TARGET]),
            day=str(row["date"]),
        )
        for row in drawn
    ]


Body = dict[str, JsonValue]


def predict(asked: Asked) -> tuple[str, Body]:
    where: Body = {"vendor": asked.vendor, "description": " ".join(asked.words)}
    return "_predict", {"from": TABLE, "where": where, "predict": TARGET, "limit": TOP}


def predict_narrowed(asked: Asked) -> tuple[str, Body]:
    endpoint, body = predict(asked)
    return endpoint, {**body, "from": {"from": TABLE, "where": {"date": asked.day}}}


def explain(asked: Asked) -> tuple[str, Body]:
    endpoint, body = predict(asked)
    return endpoint, {**body, "select": ["$p", "feature", "$why"]}


def relate(asked: Asked) -> tuple[str, Body]:
    return "_relate", {"from": TABLE, "where": {"vendor": asked.vendor}, "relate": ["description", TARGET]}


def search(asked: Asked) -> tuple[str, Body]:
    return "_search", {"from": TABLE, "where": {"description": {"$match": asked.words[0]}}, "limit": TOP}


def rank(asked: Asked) -> tuple[str, Body]:
    endpoint, body = search(asked)
    return endpoint, {**body, "orderBy": "$similarity"}


def order(asked: Asked) -> tuple[str, Body]:
    return "_search", {"from": TABLE, "where": {TARGET: asked.gl_code}, "orderBy": "amount", "limit": TOP}


def count(asked: Asked) -> tuple[str, Body]:
    return "_search", {"from": TABLE, "where": {"vendor": asked.vendor}, "limit": 0}


def estimate(asked: Asked) -> tuple[str, Body]:
    where: Body = {"vendor": asked.vendor, TARGET: asked.gl_code}
    return "_estimate", {"from": TABLE, "where": where, "estimate": "amount"}


def evaluate(asked: Asked) -> tuple[str, Body]:
    """Fifty rows from a place that depends on the question."""
    offset = sum(map(ord, asked.vendor)) * 7 % 1_000
    where: Body = {"vendor": {"$get": "vendor"}, "description": {"$get": "description"}}
    return "_evaluate", {
        "testSource": {"from": TABLE, "offset": offset, "limit": SAMPLES},
        "evaluate": {"from": TABLE, "where": where, "predict": TARGET},
        "select": ["accuracy", "n"],
    }


OURS = {
    "predict": predict,
    "predict, narrowed": predict_narrowed,
    "predict with $why": explain,
    "relate": relate,
    "estimate": estimate,
    "evaluate": evaluate,
    "search": search,
    "rank": rank,
    "filter and order": order,
    "count": count,
}
"""The body of each kind of question in our language, by the measure's name."""

SLOW = frozenset({"evaluate"})
"""Asked a tenth as often."""
