"""Sets of rows in both forms, against Python's sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instance_agent.query.filtering import rowsets
from instance_agent.query.filtering.rowsets import (
    Rows,
    RowSet,
    as_list,
    as_mask,
    as_places,
    both,
    complement,
    contained,
    either,
    size_of,
    without,
)

SIZE = 60
members = st.one_of(
    st.frozensets(st.integers(0, SIZE - 1), max_size=3), st.frozensets(st.integers(0, SIZE - 1), max_size=SIZE)
)


def listed(rows: frozenset[int]) -> Rows:
    """As a list."""
    return np.array(sorted(rows), np.uint32)


def made(rows: frozenset[int], *, mask: bool) -> RowSet:
    """In either form."""
    return as_mask(listed(rows), SIZE) if mask else listed(rows)


@given(members, members, st.booleans(), st.booleans(), st.sampled_from([(2000, 8), (0, 8), (0, 1), (1, 2)]))
def test_two_sets_in_any_form(
    left: frozenset[int], right: frozenset[int], left_mask: bool, right_mask: bool, limits: tuple[int, int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rowsets, "FEW", limits[0])
        patch.setattr(rowsets, "GALLOPS", limits[1])
        one, other = made(left, mask=left_mask), made(right, mask=right_mask)
        before = (one.copy(), other.copy())
        for found, expected in (
            (both(one, other), left & right),
            (without(one, other), left - right),
            (complement(one, np.ones(SIZE, np.bool_)), frozenset(range(SIZE)) - left),
        ):
            assert as_list(found).tolist() == sorted(expected)
            assert as_places(found).tolist() == sorted(expected)
            assert size_of(found) == len(expected)
            assert as_mask(found, SIZE).tolist() == [row in expected for row in range(SIZE)]
        assert contained(one, listed(right)).tolist() == [row in left for row in sorted(right)]
        assert all(np.array_equal(was, now) for was, now in zip(before, (one, other), strict=True))


@given(st.lists(st.tuples(members, st.booleans()), max_size=5), st.sampled_from([1, 128, 10**6]))
def test_a_union_of_any_number(sets: list[tuple[frozenset[int], bool]], sparse: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rowsets, "SPARSE", sparse)
        found = either((made(rows, mask=mask) for rows, mask in sets), SIZE)
    assert as_list(found).tolist() == sorted(frozenset[int]().union(*(rows for rows, _ in sets)))
