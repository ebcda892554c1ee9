"""Do a stored column's arrays fit together? What checksums can't tell: a segment that was written wrongly.

Features and posting lists must be those that a rebuild from the values gives. What can't be found out is another value
in the place of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from operator import eq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.canonical import canonical_text
from instance_agent.index.column_arrays import ColumnArrays, Forward, from_codes
from instance_agent.index.dictionaries import JsonTexts, Numbers, SortedDictionary, Strings
from instance_agent.index.posting_lists import postings_of_codes, postings_of_lists
from instance_agent.index.ragged import STRIDE, Spans, Unsigned
from instance_agent.index.stored_column import StoredColumn
from instance_agent.index.texts import PackedTexts, Texts
from instance_agent.index.word_texts import WordTexts
from instance_agent.schema.analyzers import make_analyzer


def fault_of(column: StoredColumn) -> str | None:
    """What is wrong with a column, None when nothing is. Raises DamagedSegment for wrong checksums."""
    try:
        return next(_faults(column), None)
    except KeyError as error:
        return f"the array {error} is missing"
    except (ValueError, IndexError, TypeError) as error:  # arrays of wrong lengths, texts that can't be decoded
        return f"its arrays don't fit together ({type(error).__name__})"


def _faults(column: StoredColumn) -> Iterator[str]:
    """In an order in which each check may rely on those before."""
    codes = column.codes
    if len(codes) != column.row_count:
        yield "the number of codes isn't the number of rows"
    yield from _dictionary_faults("values", column.values)
    yield from _code_faults("values", codes, len(column.values) + 1, first=1)
    expected = postings_of_codes(codes, len(column.values))
    forward, features = column.forward, column.features
    if forward is not None and features is not None:
        yield from _span_faults("lists", column.spans, len(forward.codes))
        yield from _dictionary_faults("features", features)
        yield from _code_faults("features", forward.codes, len(features), first=0)
        analyzer = make_analyzer(column.schema.analyzer, "column")
        if not _has_features_of(from_codes(column.schema, column.values, codes, analyzer), features, forward):
            yield "its features aren't those of its values"
        expected = postings_of_lists(forward.offsets, forward.codes, len(features))
    if not column.has_sound_postings:
        yield "its posting lists aren't where they should be"
    starts, rows = column.postings
    if not np.array_equal(starts, expected[0]) or not np.array_equal(rows, expected[1]):
        yield "its posting lists aren't those of its rows"


def _has_features_of(arrays: ColumnArrays, features: SortedDictionary, forward: Forward) -> bool:
    """Are these features, row by row, those that the values have when they are looked at anew?"""
    expected = arrays.forward
    return (
        expected is not None
        and arrays.features is not None
        and np.array_equal(expected.offsets, forward.offsets)
        and np.array_equal(expected.codes, forward.codes)
        and _are_equal(expected.frequencies, forward.frequencies)
        and all(map(eq, arrays.features, features))
    )


def _are_equal(left: NDArray[np.uint8] | None, right: NDArray[np.uint8] | None) -> bool:
    return left is right if left is None or right is None else np.array_equal(left, right)


def _code_faults(name: str, codes: Unsigned, end: int, *, first: int) -> Iterator[str]:
    """Codes are below `end`, and all from `first` on occur."""
    if int(codes.max(initial=0)) >= max(end, 1):
        yield f"a code is beyond its {name}"
    if not np.bincount(codes, minlength=end)[first:].all():
        yield f"no row has one of its {name}"


def _dictionary_faults(name: str, dictionary: SortedDictionary) -> Iterator[str]:
    if isinstance(dictionary, Numbers):
        if not (dictionary.values[1:] > dictionary.values[:-1]).all():
            yield f"its {name} aren't in order"
    elif isinstance(dictionary, Strings | JsonTexts):
        yield from _text_faults(name, dictionary.texts)
        if not all(left < right for left, right in pairwise(_keys(dictionary))):
            yield f"its {name} aren't in order"


def _text_faults(name: str, texts: Texts) -> Iterator[str]:
    if isinstance(texts, WordTexts):
        yield from _dictionary_faults(name, Strings(texts.words))
        yield from _span_faults(name, texts.spans, len(texts.codes))
        yield from _code_faults(name, texts.codes, len(texts.words), first=0)
    elif isinstance(texts, PackedTexts):
        yield from _span_faults(name, texts.spans, len(texts.content))


def _keys(dictionary: Strings | JsonTexts) -> Iterator[Any]:
    """What the values are ordered by; decodes each of them. Raises ValueError."""
    if isinstance(dictionary, Strings):
        return iter(dictionary)
    return (canonical_text(value) for value in dictionary)


def _span_faults(name: str, spans: Spans, total: int) -> Iterator[str]:
    if spans.total != total or (spans.is_even and len(spans.lengths) > 1):
        yield f"its {name} don't fill their room"
    if not spans.is_even and not np.array_equal(spans.starts, spans.offsets()[:-1][::STRIDE]):
        yield f"its {name} aren't where they should be"
