"""From cells to codes: the distinct values of rows that arrive bit by bit, sorted when the last one is there.

Rows pay for one look-up in a dict; whatever else a value costs (sorting, analysing, encoding), it costs once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from instance_agent.index.dictionaries import (
    Numbers,
    Places,
    SortedDictionary,
    WholeTexts,
    json_texts_of,
    numbers_of,
    strings_of,
    whole_texts_of,
)
from instance_agent.index.numbering import Numbering
from instance_agent.index.ragged import Unsigned, offsets_of, shrunk
from instance_agent.index.texts import PackedTexts
from instance_agent.index.word_texts import numbered_words
from instance_agent.schema.types import ColumnType

BYTES_PER_DISTINCT = 150
"""About what a distinct text costs in memory beside its characters: the object, and its place in a dict."""


class Encoder:
    """Grows with its column; not for several threads."""

    @abstractmethod
    def add(self, cells: Sequence[Any]) -> None:
        """Append cells, None for null."""

    @abstractmethod
    def finish(self) -> tuple[SortedDictionary, Unsigned]:
        """The distinct values, and per cell 0 for null or 1 + the place of its value. Once, as the last call."""

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """About what it holds in memory."""


def encoder_of(column_type: ColumnType) -> Encoder:
    """The encoder of a column of this type, for its whole values."""
    if column_type.is_array or column_type is ColumnType.JSON:
        return _JsonEncoder(column_type)
    if column_type is ColumnType.TEXT:
        return _TextEncoder()
    if column_type is ColumnType.STRING:
        return _StringEncoder()
    return _NumberEncoder(column_type)


class _StringEncoder(Encoder):
    """Strings, by one dict."""

    def __init__(self) -> None:
        self._numbering = Numbering()
        self._numbering.number([None], 1)  # null is 0
        self._codes: list[Unsigned] = []
        self._characters = 0

    def add(self, cells: Sequence[Any]) -> None:
        known = len(self._numbering)
        self._codes.append(self._numbering.number(cells, len(cells)))
        self._characters += sum(map(len, self._numbering.newest(len(self._numbering) - known)))

    def finish(self) -> tuple[SortedDictionary, Unsigned]:
        dictionary, places = self._sorted(list(islice(self._numbering, 1, None)))
        self._numbering = Numbering()
        return dictionary, _coded(places, self._codes, len(dictionary))

    def _sorted(self, distinct: list[Any]) -> tuple[SortedDictionary, Places]:
        return strings_of(distinct)

    @property
    def size_bytes(self) -> int:
        codes = sum(part.nbytes for part in self._codes)
        return codes + len(self._numbering) * BYTES_PER_DISTINCT + self._characters


class _JsonEncoder(_StringEncoder):
    """Arrays and Json: values with the same JSON are told apart from others by it, without looking inside."""

    def __init__(self, column_type: ColumnType) -> None:
        super().__init__()
        self._element = column_type.element if column_type.is_array else None
        self._encode = msgspec.json.Encoder().encode

    def add(self, cells: Sequence[Any]) -> None:
        encode = self._encode
        super().add([None if cell is None else encode(cell) for cell in cells])

    def _sorted(self, distinct: list[Any]) -> tuple[SortedDictionary, Places]:
        return json_texts_of(distinct, self._element)


class _TextEncoder(Encoder):
    """Texts, kept as the numbers of their words: most words come again and again, and whole texts don't."""

    def __init__(self) -> None:
        self._words = Numbering()
        self._characters = 0
        self._lengths: list[Unsigned] = []  # how many words each text has
        self._codes: list[Unsigned] = []  # the words of all texts
        self._rows: list[Unsigned] = []  # per row 0, or the number of its text counted from 1
        self._text_count = 0

    def add(self, cells: Sequence[Any]) -> None:
        texts = Numbering()
        texts.number([None], 1)  # null is 0
        rows = texts.number(cells, len(cells)).astype(np.uint32)
        distinct = list(islice(texts, 1, None))
        rows[rows > 0] += np.uint32(self._text_count)
        self._rows.append(rows)
        self._text_count += len(distinct)
        known = len(self._words)
        lengths, codes = numbered_words(self._words, distinct)
        self._lengths.append(lengths)
        self._codes.append(codes)
        self._characters += sum(map(len, self._words.newest(len(self._words) - known)))

    def finish(self) -> tuple[SortedDictionary, Unsigned]:
        if not self._rows:
            return WholeTexts(PackedTexts.of_strings([])), np.empty(0, np.uint8)
        words, self._words = list(self._words), Numbering()
        offsets, codes = offsets_of(np.concatenate(self._lengths)), np.concatenate(self._codes)
        dictionary, places = whole_texts_of(words, offsets, codes)
        return dictionary, _coded(places, self._rows, len(dictionary))

    @property
    def size_bytes(self) -> int:
        arrays = sum(part.nbytes for part in chain(self._lengths, self._codes, self._rows))
        return arrays + len(self._words) * BYTES_PER_DISTINCT + self._characters


class _NumberEncoder(Encoder):
    def __init__(self, column_type: ColumnType) -> None:
        self._type: type[np.generic] = {ColumnType.DECIMAL: np.float64, ColumnType.BOOLEAN: np.bool_}.get(
            column_type, np.int64
        )
        self._values: list[NDArray[Any]] = []
        self._present: list[NDArray[np.bool_]] = []

    def add(self, cells: Sequence[Any]) -> None:
        if None in cells:
            self._present.append(np.fromiter((cell is not None for cell in cells), np.bool_, len(cells)))
            self._values.append(np.array([cell for cell in cells if cell is not None], self._type))
        else:
            self._present.append(np.ones(len(cells), np.bool_))
            self._values.append(np.array(cells, self._type))

    def finish(self) -> tuple[SortedDictionary, Unsigned]:
        if not self._values:
            return Numbers(np.empty(0, self._type)), np.empty(0, np.uint8)
        values, present = np.concatenate(self._values), np.concatenate(self._present)
        self._values, self._present = [], []
        if self._type is np.float64:
            values += 0.0  # -0.0 and 0.0 are one value
        dictionary, places = numbers_of(values)
        codes: Unsigned = np.zeros(len(present), np.uint32)
        codes[present] = places + np.uint32(1)
        return dictionary, shrunk(codes)

    @property
    def size_bytes(self) -> int:
        return sum(part.nbytes for part in chain(self._values, self._present))


def _coded(places: Places, codes: Sequence[Unsigned], value_count: int) -> Unsigned:
    """The codes of rows whose values were numbered from 1 as they came: 0, or 1 + the value's place."""
    recoded: Unsigned = np.zeros(len(places) + 1, np.uint32)
    recoded[1:] = places + np.uint32(1)
    small = recoded.astype(np.min_scalar_type(value_count), copy=False)
    return small[np.concatenate(codes)] if codes else small[:0]
