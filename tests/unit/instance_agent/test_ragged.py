"""Lists in one array, against Python's own lists."""

from __future__ import annotations

import random
from bisect import bisect_left
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from instance_agent.index.ragged import Spans, Unsigned, offsets_of, sorted_lists, stable_order, without_repetitions


def random_lists(random_: random.Random, code_count: int) -> list[list[int]]:
    common = [random_.randrange(code_count) for _ in range(30)]
    lists = []
    for _ in range(random_.choice([0, 1, 3, 400])):
        length = random_.choice([0, 1, 2, 3, 4, 5, 8, 40])
        start = common[: random_.randrange(31)]
        lists.append((start + [random_.randrange(code_count) for _ in range(length)])[:length])
    return lists


def flat(lists: list[list[int]]) -> tuple[Unsigned, Unsigned]:
    offsets = offsets_of(np.array([len(one) for one in lists], np.int64))
    return offsets, np.array([code for one in lists for code in one], np.uint32)


@pytest.mark.parametrize("code_count", [1, 2, 3, 255, 65_535, 65_536, 2**31, 2**32 - 1])
@pytest.mark.parametrize("seed", range(8))
def test_lists_are_sorted_as_python_sorts_them(code_count: int, seed: int) -> None:
    lists = random_lists(random.Random(seed), code_count)  # noqa: S311
    order, differs = sorted_lists(*flat(lists), code_count)
    assert [lists[at] for at in order] == sorted(lists)
    assert sorted(order.tolist()) == list(range(len(lists)))
    expected = [at == 0 or lists[order[at]] != lists[order[at - 1]] for at in range(len(lists))]
    assert differs.tolist() == expected


@pytest.mark.parametrize("code_count", [1, 40, 65_536, 70_000, 2**32 - 1])
def test_codes_are_ordered_and_equal_ones_keep_their_order(code_count: int) -> None:
    random_ = random.Random(code_count)  # noqa: S311
    codes = [random_.randrange(code_count) for _ in range(3000)]
    order = stable_order(np.array(codes, np.min_scalar_type(code_count - 1)))
    assert order.tolist() == sorted(range(3000), key=codes.__getitem__)


@pytest.mark.parametrize("seed", range(8))
def test_a_repeated_code_stays_where_it_first_was(seed: int) -> None:
    lists = random_lists(random.Random(seed), 6)  # noqa: S311
    offsets, codes, times = without_repetitions(*flat(lists))
    for at, one in enumerate(lists):
        distinct = list(dict.fromkeys(one))
        part = slice(int(offsets[at]), int(offsets[at + 1]))
        assert codes[part].tolist() == distinct
        counted = [1] * len(distinct) if times is None else times[part].tolist()
        assert counted == [one.count(code) for code in distinct]


@pytest.mark.parametrize("lengths", [[], [0], [5], [3] * 200, [0] * 7, [*range(300)], [1000, *[1] * 200, 70_000]])
def test_spans_tell_where_each_list_lies(lengths: list[int]) -> None:
    offsets = [0, *np.cumsum(lengths).tolist()]
    spans = Spans.of(np.array(offsets))
    assert spans.count == len(lengths)
    assert spans.total == offsets[-1]
    assert spans.offsets().tolist() == offsets
    assert [spans.span(at) for at in range(len(lengths))] == list(pairwise(offsets))
    for first in range(0, len(lengths), 29):
        last = min(len(lengths), first + 70)
        assert spans.offsets(first, last).tolist() == offsets[first : last + 1]
    if len(set(offsets[:-1])) == len(lengths):
        for sought in range(0, offsets[-1] + 2, 13):
            assert spans.count_before(partial(starts_before, sought)) == bisect_left(offsets[:-1], sought)


def starts_before(sought: int, start: int, _end: int) -> bool:
    return start < sought
