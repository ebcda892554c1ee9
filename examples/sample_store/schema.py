"""The tables of the sample store, as PUT /api/v1/schema takes them."""

from __future__ import annotations

from typing import NotRequired, TypedDict

Value = str | int | float | bool
Row = dict[str, Value]  # a column that isn't known is left out


class Column(TypedDict):
    """One column."""

    type: str
    nullable: NotRequired[bool]
    link: NotRequired[str]
    analyzer: NotRequired[str]


class Table(TypedDict):
    """One table."""

    type: str
    columns: dict[str, Column]


class Schema(TypedDict):
    """All tables; a table comes after those it links to."""

    schema: dict[str, Table]


def _table(columns: dict[str, Column]) -> Table:
    return {"type": "table", "columns": columns}


SCHEMA: Schema = {
    "schema": {
        "products": _table(
            {
                "id": {"type": "String"},
                "name": {"type": "Text", "analyzer": "english"},
                "category": {"type": "String"},
                "price": {"type": "Decimal"},
                "tags": {"type": "Text", "analyzer": "whitespace"},
            }
        ),
        "users": _table(
            {
                "id": {"type": "String"},
                "segment": {"type": "String"},
                "tags": {"type": "Text", "analyzer": "whitespace"},
                "city": {"type": "String"},
                "joined_year": {"type": "Int"},
                "newsletter": {"type": "Boolean", "nullable": True},
            }
        ),
        "visits": _table(
            {
                "id": {"type": "String"},
                "user": {"type": "String", "link": "users.id"},
                "weekday": {"type": "String"},
                "day": {"type": "Int"},
                "week": {"type": "Int"},
                "device": {"type": "String"},
            }
        ),
        "impressions": _table(
            {
                "visit": {"type": "String", "link": "visits.id"},
                "user": {"type": "String", "link": "users.id"},
                "product": {"type": "String", "link": "products.id"},
                "query": {"type": "Text", "analyzer": "english", "nullable": True},
                "purchase": {"type": "Boolean"},
            }
        ),
        "invoices": _table(
            {
                "id": {"type": "String"},
                "vendor": {"type": "String"},
                "description": {"type": "Text", "analyzer": "english"},
                "amount": {"type": "Decimal"},
                "country": {"type": "String"},
                "cost_center": {"type": "String", "nullable": True},
                "gl_code": {"type": "String"},
                "approver": {"type": "String", "nullable": True},
            }
        ),
    }
}
