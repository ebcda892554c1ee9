"""The questions in this project's query language."""

from __future__ import annotations

from benchmarks.storage.engines import TABLE, TOP
from instance_agent.schema.types import JsonValue

NO_RANKING = "ranking is measured in benchmarks.queries"


def count(vendor: str) -> JsonValue:
    return {"from": TABLE, "where": {"vendor": vendor}, "limit": 0}


def find(vendor: str) -> JsonValue:
    return {"from": TABLE, "where": {"vendor": vendor}, "limit": TOP}


def search(word: str) -> JsonValue:
    return {"from": TABLE, "where": {"description": {"$match": word}}, "limit": TOP}


def order(gl_code: str) -> JsonValue:
    return {"from": TABLE, "where": {"gl_code": gl_code}, "orderBy": {"$desc": "amount"}, "limit": TOP}


def delete(vendor: str) -> JsonValue:
    return {"from": TABLE, "where": {"vendor": vendor}}


def total_of(answer: JsonValue) -> int:
    """How many rows an answer counts."""
    total = answer.get("total") if isinstance(answer, dict) else None
    if not isinstance(total, int):
        raise TypeError("an answer to a search has a total")
    return total
