"""How sorted dictionaries lie in a segment's file.

Numbers and booleans: `<name>`, an array of i64, f64 or u8. Strings and JSON: `<name>.bytes`, all texts one after the
other in UTF-8, with `<name>.lengths` and `<name>.starts`, which are those of `ragged.Spans`; a `.starts` of no elements
isn't written. The whole values of a Text column, where that is smaller: the dictionary of their words `<name>.words`,
and `<name>.codes`, the places of all texts' words, with `<name>.lengths` and `<name>.starts`; `<name>.count` if and
only if all texts have one length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.dictionaries import JsonTexts, Numbers, SortedDictionary, Strings, WholeTexts
from instance_agent.index.ragged import Spans
from instance_agent.index.texts import PackedTexts, Texts
from instance_agent.index.word_texts import WordTexts
from instance_agent.schema.types import ColumnType
from instance_agent.storage.segment_file import SegmentFile, SegmentWriter
from instance_agent.storage.segment_format import Kind


def store_dictionary(writer: SegmentWriter, name: str, dictionary: SortedDictionary, *, kind: Kind) -> None:
    """Write a dictionary under a name. Raises OSError."""
    if isinstance(dictionary, Numbers):
        values = dictionary.values
        writer.add(name, values.view(np.uint8) if values.dtype == np.bool_ else values, kind=kind)
    elif isinstance(dictionary, Strings | JsonTexts):
        _store_texts(writer, name, dictionary.texts, kind)


def _store_texts(writer: SegmentWriter, name: str, texts: Texts, kind: Kind) -> None:
    if isinstance(texts, WordTexts):
        if texts.size_bytes < texts.packed_bytes:
            _store_texts(writer, name + ".words", texts.words, kind)
            writer.add(name + ".codes", texts.codes, kind=kind)
            store_spans(writer, name, texts.spans, kind=kind)
            if texts.spans.is_even:
                writer.add(name + ".count", np.array([len(texts)], np.uint32), kind=kind)
            return
        texts = texts.packed()
    if isinstance(texts, PackedTexts):
        writer.add(name + ".bytes", texts.content, kind=kind)
        store_spans(writer, name, texts.spans, kind=kind)


def open_dictionary(file: SegmentFile, name: str, column_type: ColumnType) -> SortedDictionary:
    """The dictionary of this name, whose values are of this type. Raises DamagedSegment, KeyError."""
    if column_type is ColumnType.STRING:
        return Strings(_open_texts(file, name))
    if column_type is ColumnType.TEXT:
        return WholeTexts(_open_words(file, name) if name + ".codes" in file.arrays else _open_texts(file, name))
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


def _open_words(file: SegmentFile, name: str) -> WordTexts:
    even_count = int(file.array(name + ".count")[0]) if name + ".count" in file.arrays else 0
    return WordTexts(
        _open_texts(file, name + ".words"), open_spans(file, name, even_count), file.array(name + ".codes")
    )


def _open_texts(file: SegmentFile, name: str) -> PackedTexts:
    content = file.array(name + ".bytes")
    lengths = file.array(name + ".lengths")
    # Distinct texts of one length: if that is 0, there is but one.
    count = len(content) // int(lengths[0]) if len(lengths) and lengths[0] else 1
    return PackedTexts(content, open_spans(file, name, count))
