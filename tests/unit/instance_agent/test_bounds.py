"""Ranges of numbers and strings, and the rows whose value is in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from instance_agent.engine.database import Database
from instance_agent.index.bounds import Bounds, End, prefix_bounds
from instance_agent.index.column import ColumnView
from instance_agent.schema.parse import parse_database
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.builders import Columns
from tests.unit.instance_agent.query.layouts import Row, laid_out

EXTREMES: list[End] = [
    -(2**63) - 1,
    -(2**63),
    2**63 - 1,
    2**63,
    2**70,
    1e300,
    -1e300,
    float("inf"),
    -float("inf"),
    2.0**63,
]
numbers = st.one_of(st.integers(-3, 3), st.sampled_from([-0.5, 0.0, 1.5, 2.0]), st.sampled_from(EXTREMES))
strings = st.text(st.sampled_from(["a", "b", "\x00", "\ud7ff", "\ue000", "\U0010ffff", "é"]), max_size=3)


def bounds_of(ends: st.SearchStrategy[End]) -> st.SearchStrategy[Bounds]:
    """Any bounds with these ends."""
    return st.builds(Bounds, st.none() | ends, st.none() | ends, st.booleans(), st.booleans())


def inside(value: End, bounds: Bounds) -> bool:
    """Said a second time."""
    low, high = bounds.low, bounds.high
    above = low is None or value > low or (bounds.low_included and value == low)  # type: ignore[operator]
    below = high is None or value < high or (bounds.high_included and value == high)  # type: ignore[operator]
    return bool(above and below)


@given(st.one_of(st.tuples(numbers, bounds_of(numbers)), st.tuples(strings, bounds_of(strings))))
def test_a_value_is_inside_or_before_or_after(pair: tuple[End, Bounds]) -> None:
    value, bounds = pair
    assert bounds.holds(value) == inside(value, bounds)
    assert bounds.hold_each([value]).tolist() == [inside(value, bounds)]
    assert bounds.holds(value) == (not bounds.is_below(value) and not bounds.is_above(value))


@given(
    st.one_of(
        st.tuples(numbers, bounds_of(numbers), bounds_of(numbers)),
        st.tuples(strings, bounds_of(strings), bounds_of(strings)),
    )
)
def test_what_is_inside_both_is_inside_each(drawn: tuple[End, Bounds, Bounds]) -> None:
    value, one, other = drawn
    assert one.both(other).holds(value) == (one.holds(value) and other.holds(value))


@given(bounds_of(numbers), st.one_of(st.integers(-4, 4), st.sampled_from([-(2**63), 2**63 - 1])))
def test_the_whole_numbers_inside_are_exact(bounds: Bounds, value: int) -> None:
    first, last = bounds.whole()
    assert (first <= value <= last) == bounds.holds(value)
    assert first > last or -(2**63) <= first <= last < 2**63


@given(strings, strings)
def test_a_prefix_is_a_range_of_strings(prefix: str, text: str) -> None:
    assert prefix_bounds(prefix).holds(text) == text.startswith(prefix)
    assert prefix_bounds(prefix).holds(prefix + text)


@given(st.lists(numbers, max_size=8), bounds_of(numbers))
def test_places_in_increasing_values_are_those_inside(values: list[End], bounds: Bounds) -> None:
    ordered = sorted(set(values))
    start, end = bounds.places(len(ordered), lambda place: ordered[place])
    assert [bounds.holds(value) for value in ordered] == [start <= place < end for place in range(len(ordered))]


CELLS: dict[str, list[JsonValue]] = {
    "Int": [3, None, -7, 0, 3, 2**31 - 1, None, 5],
    "Long": [2**53, 2**53 + 1, None, -(2**63), 2**63 - 1, 0, 0, 2**53],
    "Decimal": [0.5, -0.0, None, 1e300, -1e22, 2.0**53, 0.5, 1],
    "String": ["b", "", None, "\U0010ffff", "\ud7ff", "ab", "a", "b"],
    "Boolean": [True, None, False, True, True, False, None, True],
    "Text": ["rye bread", "", None, "Rye", "rye  bread", "bread rye", "b", "rye bread"],
    "one": [4, 4, 4, 4, 4, 4, 4, 4],
    "none": [None] * 8,
    "order": [0, 1, 2, 3, 4, 5, 6, 7],
}
TYPES = {"one": "Int", "none": "String", "order": "Long"}
ENDS: dict[str, list[End]] = {
    "Int": [-8, -7, 0, 2.5, 3, 2**31 - 1, 2**70, -1e300],
    "Long": [0, 2**53, 2**53 + 1, -(2**63), 2**63 - 1, 2**63, 2.0**63, 1.5],
    "Decimal": [0, 0.5, -1e22, 1e300, float("inf"), 0.25],
    "String": ["", "a", "ab", "b", "\ud800", "\U0010ffff", "c"],
    "Boolean": [True, False],
    "Text": ["", "rye", "rye bread", "rye  bread", "Rye", "b", "z"],
    "one": [3, 4, 4.5, 5],
    "none": ["", "a"],
    "order": [-1, 0, 2.5, 7, 8],
}


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
@pytest.mark.parametrize("name", sorted(CELLS))
def test_rows_with_a_value_inside_are_found_in_every_layout(tmp_path: Path, name: str, seed: int | None) -> None:
    columns: Columns = {"c": {"type": TYPES.get(name, name), "nullable": True}}
    rows: list[Row] = [{} if cell is None else {"c": cell} for cell in CELLS[name]]
    table = laid_out(tmp_path / "data", {"t": (columns, rows)}, seed).read_view().table("t")
    live = np.flatnonzero(np.ones(table.row_count, np.bool_) if table.live is None else table.live)
    check(table.column("c"), live.astype(np.uint32), CELLS[name], ENDS[name])


def check(column: ColumnView, rows: NDArray[np.uint32], cells: list[JsonValue], ends: list[End]) -> None:
    """All bounds with these ends, or without one."""
    sides: list[End | None] = [None, *ends]
    for low in sides:
        for high in sides:
            for included in (True, False):
                bounds = Bounds(low, high, included, not included)
                expected = [cell is not None and inside(cell, bounds) for cell in cells]  # type: ignore[arg-type]
                assert column.are_within(rows, bounds).tolist() == expected
                assert column.are_within(rows[1::2], bounds).tolist() == expected[1::2]
                found = column.rows_within(bounds)
                mask = np.zeros(column.row_count, np.bool_)
                mask[found] = True
                assert mask[rows].tolist() == expected
                assert mask.sum() == sum(expected)


def test_a_column_that_came_later_has_one_value(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    columns: JsonValue = {"n": {"type": "Int"}}
    database.replace_schema(parse_database({"schema": {"t": {"type": "table", "columns": columns}}}))
    database.insert_rows("t", [{"n": 1}, {"n": 2}])
    made = parse_database({"schema": {"t": {"columns": {"m": {"type": "Int"}}}}}).tables["t"].columns["m"]
    database.put_column("t", "m", made, 5)
    database.insert_rows("t", [{"n": 3, "m": 7}])
    column = database.read_view().table("t").column("m")
    check(column, np.arange(3, dtype=np.uint32), [5, 5, 7], [4, 5, 6, 7, 8])
