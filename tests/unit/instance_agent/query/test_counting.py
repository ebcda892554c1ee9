"""What is counted of the rows learned from, against a count by hand; through links and arrays, in random histories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from instance_agent.query.deadline import Deadline
from instance_agent.query.filtering.filters import population
from instance_agent.query.language.grammar import parse_search
from instance_agent.query.learning.inferring import Prepared, prepare
from instance_agent.query.learning.learned import Learned
from instance_agent.query.paths import PathColumn, path_column
from instance_agent.query.scope import FieldName, Scope
from instance_agent.schema.types import JsonValue, Row
from tests.unit.instance_agent.query.histories import History

TARGETS = ("kind", "paid", "item", "basket", "basket.$feature", "note", "shop.region", "item.maker", "basket.tags")
COLUMNS = (
    "kind",
    "note",
    "amount",
    "shop",
    "shop.region",
    "shop.motto",
    "item.tags",
    "basket",
    "basket.name",
    "item.maker.size",
)
SOURCES: tuple[JsonValue, ...] = (
    "orders",
    {"from": "orders", "where": {"paid": True}},
    {"from": "orders", "where": {"$index": {"$lt": 4}}},
)


def followed(history: History, rows: Iterable[Row], path: tuple[str, ...], table: str) -> list[JsonValue]:
    """All features at the end of a path, of any of these rows."""
    name, below = path[0], path[1:]
    column = history.schema.tables[table].columns[name]
    values: list[JsonValue] = []
    for row in rows:
        value = row.get(name)
        values.extend(value if isinstance(value, list) else [] if value is None else [value])
    if not below or below == ("$feature",):
        if column.type.value == "Text":
            return [word for value in values for word in str(value).split()]
        return values
    assert column.link is not None
    linked = {str(row[column.link.column]): row for row in reversed(history.rows(column.link.table))}
    found = [linked[str(value)] for value in values if str(value) in linked]
    return followed(history, found, below, column.link.table)


def key(value: JsonValue) -> str:
    return repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)


def features(history: History, row: Row, path: str) -> set[str]:
    """The distinct features of a row of `orders` at the path."""
    return {key(value) for value in followed(history, [row], tuple(path.split(".")), "orders")}


def classes(history: History, row: Row, prepared: Prepared, path: str) -> set[str]:
    """What of it are candidates: of a link those that lead to a row."""
    known = {key(candidate) for candidate in prepared.target.candidates}
    return features(history, row, path) & known


def check(history: History, source: JsonValue, target: str, path: str) -> None:
    view = history.database.read_view()
    scope = Scope(view, Deadline.after(30))
    table, rows = population(scope, parse_search({"from": source}).source)
    prepared = prepare(scope, table, rows, FieldName(tuple(target.split(".")), "predict", "predict"))
    column = path_column(scope, table, FieldName(tuple(path.split(".")), "where", "where"))
    for learned in (prepared.learned, prepared.learned.first):
        check_counts(history, prepared, learned, column)


def check_counts(history: History, prepared: Prepared, learned: Learned, column: PathColumn) -> None:
    target, path = prepared.target, column.path
    asked = ".".join(target.path)
    bound = learned.bound(column)
    rows = target.learned_rows[: len(learned.rows)]
    inside = [prepared.table.row(int(number)) for number in rows]
    candidates = [key(candidate) for candidate in target.candidates][: learned.classes.count]
    counts: dict[str, Counter[str]] = {}
    having: Counter[str] = Counter()
    for row in inside:
        own = classes(history, row, prepared, asked)
        for feature in features(history, row, path):
            counts.setdefault(feature, Counter()).update(own)
            having[feature] += 1
    for code in range(column.feature_count):
        feature = key(column.features[code])
        found = dict(zip(candidates, bound.class_counts(code).tolist(), strict=True))
        assert {name: count for name, count in found.items() if count} == counts.get(feature, {}), feature
        assert bound.learned_with(code) == having[feature]
    per_class = Counter(name for row in inside for name in classes(history, row, prepared, asked))
    assert dict(zip(candidates, learned.class_rows.tolist(), strict=True)) == {
        name: per_class[name] for name in candidates
    }
    if column.is_text:
        tokens: Counter[str] = Counter()
        for row in inside:
            tokens.update(dict.fromkeys(classes(history, row, prepared, asked), len(features(history, row, path))))
        assert bound.token_exposure.tolist() == [tokens[name] for name in candidates]
        assert bound.token_total == sum(len(features(history, row, path)) for row in inside)


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_the_rows_whatever_happened_before(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path, seed)
    for _ in range(8):
        for source in SOURCES:
            check(history, source, history.numbers.choice(TARGETS), history.numbers.choice(COLUMNS))
        history.step()


@pytest.mark.parametrize("target", TARGETS)
def test_counts_grow_with_the_table(tmp_path: Path, target: str) -> None:
    history = History(tmp_path, 7)
    for _ in range(3):
        for path in COLUMNS:
            check(history, "orders", target, path)
        history.insert("orders", 30)
