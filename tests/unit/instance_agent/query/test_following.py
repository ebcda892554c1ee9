"""Rows that lead to a feature behind links: the same as a look at every row, in any layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from instance_agent.engine.tables import ReadView
from instance_agent.query.deadline import Deadline
from instance_agent.query.learning.following import having, rows_with
from instance_agent.query.paths import PathColumn, path_column
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import SECONDS
from tests.unit.instance_agent.query.layouts import laid_out
from tests.unit.instance_agent.query.recommending import Row, Tables, shop_tables, view_of

PATHS = (
    "bought",
    "note",
    "customer",
    "basket",
    "customer.age",
    "customer.tags",
    "product.name",
    "product.maker.country",
    "product.like.like.kind",
    "basket.kind",
    "basket.tags",
    "basket.like.name",
    "basket.maker.country",
)


def column_at(view: ReadView, path: str) -> PathColumn:
    field = FieldName(tuple(path.split(".")), "where", "where")
    return path_column(Scope(view, Deadline.after(SECONDS)), view.table("views"), field)


def many_keys() -> Tables:
    """More products of a kind than are looked up one by one."""
    tables = shop_tables(3, views=150)
    columns, products = tables["products"]
    more: list[Row] = [{"id": f"q{number}", "kind": "milk", "tags": ["milk"], "like": "p1"} for number in range(200)]
    of_views, rows = tables["views"]
    seen: list[Row] = [{"product": f"q{number}", "basket": [f"q{number}", f"q{number + 1}"]} for number in range(150)]
    return {**tables, "products": (columns, [*products, *more]), "views": (of_views, [*rows, *seen])}


@pytest.mark.parametrize("tables", [shop_tables(2, views=150), many_keys()], ids=["few", "many"])
def test_rows_are_those_that_have_the_feature(tables: Tables, tmp_path: Path) -> None:
    for view in (view_of(tables), laid_out(tmp_path / "many", tables, 4).read_view()):
        for path in PATHS:
            check(column_at(view, path))


def check(column: PathColumn) -> None:
    own = [{str(feature) for feature in features_of(column, row)} for row in range(column.row_count)]
    some = np.arange(0, column.row_count, 3, dtype=np.uint32)
    for code, feature in enumerate(column.features):
        expected = [row for row in range(column.row_count) if str(feature) in own[row]]
        assert rows_with(column, code).tolist() == expected
        assert some[having(column, code, some)].tolist() == [row for row in expected if row % 3 == 0]


def features_of(column: PathColumn, row: int) -> list[JsonValue]:
    """Of one row, by a look at all of them."""
    if not column.splits:
        code = int(column.codes[row])
        return [] if code < 0 else [column.features[code]]
    codes = column.feature_codes[column.offsets[row] : column.offsets[row + 1]]
    return [column.features[code] for code in codes.tolist()]


def test_no_row_has_anything_in_an_empty_table() -> None:
    tables = shop_tables(1, views=0)
    view = view_of(tables)
    for path in ("product.kind", "basket.kind", "product.maker.country"):
        column = column_at(view, path)
        nothing = np.empty(0, np.uint32)
        for code in range(column.feature_count):
            assert not len(rows_with(column, code))
            assert not len(having(column, code, nothing))
