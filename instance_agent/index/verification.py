"""Do a stored column's arrays fit together? What checksums can't tell: a segment that was written wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from instance_agent.index.canonical import canonical_text
from instance_agent.index.column_arrays import Forward
from instance_agent.index.dictionaries import JsonTexts, Numbers, SortedDictionary, Strings
from instance_agent.index.posting_lists import postings_of_codes, postings_of_lists
from instance_agent.index.ragged import STRIDE, Spans, Unsigned, without_repetitions
from instance_agent.index.stored_column import StoredColumn
from instance_agent.index.texts import PackedTexts, Texts
from instance_agent.index.word_texts import WordTexts


def fault_of(column: StoredColumn) -> str | None:
    """What is wrong with a column, None when nothing is. Raises DamagedSegment for wrong checksums."""
    try:
        return next(_faults(column), None)
    except KeyError as error:
        return f"the array {error} is missing"
    except (ValueError, IndexError, TypeError) as error:  # arrays of wrong lengths, texts that can't be decoded
        return f"its arrays don't fit together ({type(error).__name__})"


def _faults(column: StoredColumn) -> Iterator[str]:
    codes = column.codes
    if len(codes) != column.row_count:
        yield "the number of codes isn't the number of rows"
    yield from _dictionary_faults("values", column.values)
    yield from _code_faults("values", codes, len(column.values) + 1, first=1)
    forward, features = column.forward, column.features
    if forward is None or features is None:
        expected = postings_of_codes(codes, len(column.values))
    else:
        yield from _dictionary_faults("features", features)
        yield from _span_faults("lists", column.spans, len(forward.codes))
        yield from _forward_faults(forward, codes, len(features))
        expected = postings_of_lists(forward.offsets, forward.codes, len(features))
    starts, rows = column.postings
    if not np.array_equal(starts, expected[0]) or not np.array_equal(rows, expected[1]):
        yield "its posting lists aren't those of its rows"


def _forward_faults(forward: Forward, codes: Unsigned, feature_count: int) -> Iterator[str]:
    lengths = np.diff(forward.offsets)
    if len(lengths) != len(codes) or int(forward.offsets[-1]) != len(forward.codes):
        yield "its lists of features don't fit its rows"
    if lengths[codes == 0].any():
        yield "a null has features"
    yield from _code_faults("features", forward.codes, feature_count, first=0)
    if without_repetitions(forward.offsets, forward.codes)[2] is not None:
        yield "a row has a feature twice"
    frequencies = forward.frequencies
    if frequencies is not None and (len(frequencies) != len(forward.codes) or (frequencies == 0).any()):
        yield "the frequencies don't fit the features"


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
    if spans.total != total or (not spans.is_even and not np.array_equal(spans.starts, spans.offsets()[:-1][::STRIDE])):
        yield f"its {name} aren't where they should be"
