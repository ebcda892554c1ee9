"""First steps to paste: make a small table, put rows in, ask for what isn't known.

They work on an empty environment as they are. The shell one has no comments, because zsh takes a pasted `#` for a
command; neither has a character that a shell or Python would understand otherwise than meant.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

PLACEHOLDER = "YOUR_READ_WRITE_KEY"
TABLE = "quickstart"

_SCHEMA = {"type": "table", "columns": {"name": {"type": "Text"}, "category": {"type": "String"}}}
_ROWS = [
    {"name": "Rye bread", "category": "bakery"},
    {"name": "Wheat bread", "category": "bakery"},
    {"name": "Cinnamon bun", "category": "bakery"},
    {"name": "Oat milk", "category": "dairy"},
    {"name": "Whole milk", "category": "dairy"},
    {"name": "Blueberry yoghurt", "category": "dairy"},
]
_QUESTION = {"from": TABLE, "where": {"name": "Barley bread"}, "predict": "category"}


@dataclass(frozen=True)
class Snippet:
    """One tab."""

    id: str
    label: str
    before: str  # what has to be there first
    code: str


def snippets(url: str, key: str | None) -> list[Snippet]:
    """The tabs, with the read/write key where it has been revealed."""
    shown = key or PLACEHOLDER
    return [
        Snippet("curl", "curl", "Paste this into a terminal.", _curl(url, shown)),
        Snippet("python", "Python", "Once: pip install aitoai, the published client.", _python(url, shown)),
    ]


def _curl(url: str, key: str) -> str:
    return f"""URL='{url}'
KEY='{key}'

curl -sS -w '\\n' -X PUT "$URL/api/v1/schema/{TABLE}" \\
  -H "x-api-key: $KEY" -H 'content-type: application/json' \\
  -d '{json.dumps(_SCHEMA)}'

curl -sS -w '\\n' -X POST "$URL/api/v1/data/{TABLE}/batch" \\
  -H "x-api-key: $KEY" -H 'content-type: application/json' \\
  -d '[{_lines(_ROWS, indent=6)}]'

curl -sS -w '\\n' -X POST "$URL/api/v1/_search" \\
  -H "x-api-key: $KEY" -H 'content-type: application/json' \\
  -d '{json.dumps({"from": TABLE, "where": {"category": "dairy"}})}'

curl -sS -w '\\n' -X POST "$URL/api/v1/_predict" \\
  -H "x-api-key: $KEY" -H 'content-type: application/json' \\
  -d '{json.dumps(_QUESTION)}'
"""


def _python(url: str, key: str) -> str:
    return f"""from aito.v1 import AitoClient, api

client = AitoClient("{url}", "{key}")

api.create_table(client, "{TABLE}", {json.dumps(_SCHEMA)})

api.upload_entries(client, "{TABLE}", [
    {_lines(_ROWS, indent=4)},
], optimize_on_finished=False)

found = api.search(client, {json.dumps({"from": TABLE, "where": {"category": "dairy"}})})
print(found.json["total"], "dairy products")

answer = api.predict(client, {json.dumps(_QUESTION)})
for hit in answer.json["hits"]:
    print(hit["feature"], round(hit["$p"], 2))
"""


def _lines(rows: list[dict[str, str]], *, indent: int) -> str:
    return (",\n" + " " * indent).join(json.dumps(row) for row in rows)
