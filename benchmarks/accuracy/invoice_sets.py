"""This project's own made-up tables: the sample store, and the invoices of the storage benchmark."""

from __future__ import annotations

from benchmarks.accuracy.data_set import DataSet, Half, Row, shuffled
from benchmarks.storage.invoices import COLUMNS, Invoices
from examples.sample_store import sample_store

_SAMPLE_TYPES = {
    "vendor": "String",
    "description": "Text",
    "amount": "Decimal",
    "country": "String",
    "cost_center": "String",
}


def account_of_sample_invoice() -> DataSet:
    rows = _sample_invoices(2.0, ("approver",))
    about = "the account of a made-up invoice; in 19 of 20 rows a rule decides"
    return DataSet("sample accounts", about, Half.DEVELOPMENT, _SAMPLE_TYPES, "gl_code", rows)


def approver_of_sample_invoice() -> DataSet:
    rows = [row for row in _sample_invoices(2.0, ()) if "approver" in row]
    types = {**_SAMPLE_TYPES, "gl_code": "String"}
    about = "who signs a made-up invoice"
    return DataSet("sample approvers", about, Half.JUDGING, types, "approver", rows)


def purchases() -> DataSet:
    """Each impression with the columns of its visit, its user and its product, joined."""
    tables = sample_store(2, 1.0).tables
    products = {row["id"]: row for row in tables["products"]}
    users = {row["id"]: row for row in tables["users"]}
    visits = {row["id"]: row for row in tables["visits"]}
    rows: list[Row] = []
    for shown in tables["impressions"]:
        product, user, visit = products[shown["product"]], users[shown["user"]], visits[shown["visit"]]
        row: Row = {"weekday": visit["weekday"], "segment": user["segment"], "likes": user["tags"]}
        row |= {"category": product["category"], "price": product["price"], "tags": product["tags"]}
        row |= {"query": shown["query"]} if "query" in shown else {}
        rows.append({**row, "purchase": shown["purchase"]})
    types = {"weekday": "String", "segment": "String", "likes": "Text", "category": "String", "price": "Decimal"}
    types |= {"tags": "Text", "query": "Text"}
    about = "whether a made-up visitor buys what they are shown"
    return DataSet("purchases", about, Half.JUDGING, types, "purchase", shuffled(rows, 4000))


def account_of_many_invoices() -> DataSet:
    """One in five is booked to any account at random, so that no method can be right there."""
    names = ("vendor", "description", "amount", "quantity", "paid", "note", "date")
    rows: list[Row] = [
        {name: row[name] for name in (*names, "gl_code") if name in row} for row in Invoices().rows(0, 5_000)
    ]
    types = {name: _type_of(name) for name in names}
    about = "one of 300 accounts of a made-up invoice; one in five is booked at random"
    return DataSet("invoices", about, Half.JUDGING, types, "gl_code", rows)


def _type_of(name: str) -> str:
    column = COLUMNS[name]
    return str(column["type"]) if isinstance(column, dict) else "String"


def _sample_invoices(scale: float, left_out: tuple[str, ...]) -> list[Row]:
    rows: list[Row] = []
    for invoice in sample_store(1, scale).tables["invoices"]:
        rows.append({name: value for name, value in invoice.items() if name not in {"id", *left_out}})
    return shuffled(rows)
