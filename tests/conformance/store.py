"""The tables of the recorded database, as far as they can be had: the published rows, and what follows from them.

The rows are those of an earlier day than the recordings, with space-separated texts where the recorded database has
arrays, and without the table of impressions. What a visitor bought in each context follows from the baskets; what else
he was shown doesn't, so the impressions here follow a rule: in a search the products that share a word with it, else
all, in both cases without what is in the basket.
"""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from instance_agent.engine.database import Database
from instance_agent.schema.parse import parse_database

Rows = list[dict[str, Any]]
ARRAYS = {
    "products": ("tags",),
    "users": ("tags",),
    "visits": ("purchases",),
    "contexts": ("basket", "prevBasket"),
    "prompts": ("categories", "tags"),
}
"""The columns that are texts in the published rows and arrays in the recorded database."""
SEPARATOR = {"prompts": ","}


def load(folder: Path, data_dir: Path) -> Database:
    """A database in `data_dir` with the tables of `folder`, in the form of the recorded one."""
    schema = json.loads((folder / "schema.json").read_text())
    tables = schema["schema"]
    rows = {name: json.loads((folder / f"{name}.json").read_text()) for name in tables if name != "impressions"}
    for name, columns in ARRAYS.items():
        for column in columns:
            tables[name]["columns"][column] = _as_array(tables[name]["columns"][column])
            for row in rows[name]:
                row[column] = _split(row[column], SEPARATOR.get(name))
    tables["answers"]["columns"]["tags"] = {"type": "Text", "analyzer": "whitespace"}
    rows["impressions"] = impressions(rows["contexts"], rows["visits"], rows["products"])
    database = Database.open(data_dir)
    database.replace_schema(parse_database(schema))
    for name, content in rows.items():
        database.insert_rows(name, content)
    return database


def impressions(contexts: Rows, visits: Rows, products: Rows) -> Rows:
    """What was shown in each context, and whether it was bought."""
    bought = _bought(contexts, visits)
    words_of = {product["id"]: _words(product) for product in products}
    shown: Rows = []
    for context in contexts:
        asked = set(context["queryPhrase"].lower().split())
        for product, words in words_of.items():
            is_bought = product in bought[context["id"]]
            found = is_bought or context["type"] != "search" or bool(asked & words)
            if found and product not in context["basket"]:
                shown.append({"context": context["id"], "product": product, "purchase": is_bought})
    return shown


def _bought(contexts: Rows, visits: Rows) -> dict[str, set[str]]:
    """What came into the basket in each context: what the next one of the visit, or its end, has more."""
    ends = {visit["id"]: set(visit["purchases"]) for visit in visits}
    of_visit: dict[str, Rows] = defaultdict(list)
    for context in contexts:
        of_visit[context["visit"]].append(context)
    bought: dict[str, set[str]] = {}
    for visit, steps in of_visit.items():
        for step, following in pairwise([*steps, None]):
            after = ends[visit] if following is None else set(following["basket"])
            assert step is not None
            bought[step["id"]] = after - set(step["basket"])
    return bought


def _words(product: dict[str, Any]) -> set[str]:
    return {*product["name"].lower().replace(",", " ").split(), *product["tags"]}


def _as_array(column: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in column.items() if name == "nullable"}
    return {"type": "String[]", **kept}


def _split(text: str | None, separator: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(separator)]
