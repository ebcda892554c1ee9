"""How sorted dictionaries lie in a segment's file.

Numbers and booleans: `<name>`, an array of i64, f64 or u8. Strings and JSON: `<name>.bytes`, all texts one after the
other in UTF-8, with `<name>.lengths` and `<name>.starts`, which are those of `ragged.Spans`; a `.starts` of no elements
isn't written.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.dictionaries import JsonTexts, Numbers, SortedDictionary, Strings
from instance_agent.index.ragged import Spans
from instance_agent.index.texts import Texts
from instance_agent.schema.types import ColumnType
from instance_agent.storage.segment_file import SegmentFile, SegmentWriter

Kind = Literal["data", "index"]


def store_dictionary(writer: SegmentWriter, name: str, dictionary: SortedDictionary, *, kind: Kind) -> None:
    """Write a dictionary under a name. Raises OSError."""
    if isinstance(dictionary, Numbers):
        values = dictionary.values
        writer.add(name, values.view(np.uint8) if values.dtype == np.bool_ else values, kind=kind)
    elif isinstance(dictionary, Strings | JsonTexts):
        writer.add(name + ".bytes", dictionary.texts.content, kind=kind)
        store_spans(writer, name, dictionary.texts.spans, kind=kind)


def open_dictionary(file: SegmentFile, name: str, column_type: ColumnType) -> SortedDictionary:
    """The dictionary of this name, whose values are of this type. Raises DamagedSegment, KeyError."""
    if column_type in (ColumnType.STRING, ColumnType.TEXT):
        return Strings(_open_texts(file, name))
    if column_type.is_array or column_type is ColumnType.JSON:
        return JsonTexts(_open_texts(file, name), column_type.element if column_type.is_array else None)
    values: NDArray[Any] = file.array(name)
    return Numbers(values.view(np.bool_) if column_type is ColumnType.BOOLEAN else values)


def store_spans(writer: SegmentWriter, name: str, spans: Spans, *, kind: Kind) -> None:
    """Write where lists lie. Raises OSError."""
    writer.add(name + ".lengths", spans.lengths, kind=kind)
    if not spans.is_even:
        writer.add(name + ".starts", spans.starts, kind=kind)


def open_spans(file: SegmentFile, name: str, even_count: int) -> Spans:
    """Where lists lie. even_count: how many there are if all have the same length."""
    lengths = file.array(name + ".lengths")
    if name + ".starts" in file.arrays:
        return Spans(len(lengths), lengths, file.array(name + ".starts"))
    return Spans(even_count if len(lengths) else 0, lengths, np.empty(0, np.uint32))


def _open_texts(file: SegmentFile, name: str) -> Texts:
    content = file.array(name + ".bytes")
    lengths = file.array(name + ".lengths")
    # Distinct texts of one length: if that is 0, there is but one.
    count = len(content) // int(lengths[0]) if len(lengths) and lengths[0] else 1
    return Texts(content, open_spans(file, name, count))
