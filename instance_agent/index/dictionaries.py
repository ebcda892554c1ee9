"""Sorted dictionaries: the distinct values (or features) of a column, found by binary search, decoded when asked for.

Numbers are ordered by value, booleans false before true, strings by code point, Json values by their canonical text.
Arrays are ordered by their canonical text too, and that is what is kept of them: their elements' type says how to read
it back. Json values are kept as they came (`1.0` stays a double, keys keep their order).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, compress, islice
from operator import ne
from typing import Any, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from instance_agent.index.bounds import Bounds, End, as_double
from instance_agent.index.canonical import canonical_text
from instance_agent.index.numbering import Numbering
from instance_agent.index.ragged import Mask, Unsigned
from instance_agent.index.texts import PackedTexts, Texts
from instance_agent.index.word_texts import WordTexts, as_words, joined_words, united_texts, word_texts
from instance_agent.schema.types import ColumnType, JsonValue, Value

Places = NDArray[np.uint32]
DECODERS: dict[ColumnType | None, Callable[[bytes], Any]] = {
    None: msgspec.json.Decoder().decode,
    ColumnType.BOOLEAN: msgspec.json.Decoder(list[bool]).decode,
    ColumnType.INT: msgspec.json.Decoder(list[int]).decode,
    ColumnType.LONG: msgspec.json.Decoder(list[int]).decode,
    ColumnType.DECIMAL: msgspec.json.Decoder(list[float]).decode,
    ColumnType.STRING: msgspec.json.Decoder(list[str]).decode,
}
"""How arrays are read by the type of their elements, and Json values (None)."""


MOST_REMEMBERED = 4_096
"""Strings that were looked for lately, whose places are kept: one query asks for the same ones several times."""

LONGEST_REMEMBERED = 100


class SortedDictionary(Sequence[Value]):
    """Distinct values in increasing order. Immutable; safe for many threads."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def value_at(self, at: int) -> Value:
        """The value at a place from 0 to before the length."""

    @abstractmethod
    def between(self, start: int, end: int) -> Iterator[Value]:
        """The values from `start` to before `end`, decoded in bulk."""

    @abstractmethod
    def find(self, value: JsonValue) -> int:
        """The place of a value, -1 when it isn't there; 1 finds 1.0, True finds neither."""

    def places_within(self, bounds: Bounds) -> tuple[int, int]:
        """Which values are inside: from the first place to before the second."""
        return bounds.places(len(self), self.value_at)

    @abstractmethod
    def kept(self, keep: Mask) -> SortedDictionary:
        """The values where `keep` is true."""

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """What it takes."""

    def __iter__(self) -> Iterator[Value]:
        return self.between(0, len(self))

    @overload
    def __getitem__(self, index: int) -> Value: ...
    @overload
    def __getitem__(self, index: slice) -> list[Value]: ...
    def __getitem__(self, index: int | slice) -> Value | list[Value]:
        if isinstance(index, slice):
            start, end, step = index.indices(len(self))
            return list(self.between(start, max(start, end))) if step == 1 else [*self][index]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(index)
        return self.value_at(at)


class Numbers(SortedDictionary):
    """Int and Long as i64, Decimal as f64 (never -0.0), Boolean as bool."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def value_at(self, at: int) -> Value:
        value: Value = self.values[at].item()
        return value

    def between(self, start: int, end: int) -> Iterator[Value]:
        values: list[Value] = self.values[start:end].tolist()
        return iter(values)

    def find(self, value: JsonValue) -> int:
        if not isinstance(value, int | float) or isinstance(value, bool) != (self.values.dtype == np.bool_):
            return -1
        try:
            sought = self.values.dtype.type(value)
        except (OverflowError, ValueError):
            return -1
        at = int(np.searchsorted(self.values, sought))
        return at if at < len(self.values) and self.values[at].item() == value else -1

    def places_within(self, bounds: Bounds) -> tuple[int, int]:
        if self.values.dtype != np.int64:
            start = 0 if bounds.low is None else _count_before(self.values, bounds.low, not bounds.low_included)
            end = len(self) if bounds.high is None else _count_before(self.values, bounds.high, bounds.high_included)
            return start, max(start, end)
        first, last = bounds.whole()
        if first > last:
            return 0, 0
        return int(np.searchsorted(self.values, first)), int(np.searchsorted(self.values, last, side="right"))

    def kept(self, keep: Mask) -> SortedDictionary:
        return Numbers(self.values[keep])

    @property
    def size_bytes(self) -> int:
        return self.values.nbytes


class Strings(SortedDictionary):
    """Strings, also whole texts and tokens."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self._found: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.texts)

    def value_at(self, at: int) -> Value:
        return self.texts.string_at(at)

    def between(self, start: int, end: int) -> Iterator[Value]:
        return self.texts.strings(start, end)

    def find(self, value: JsonValue) -> int:
        if not isinstance(value, str):
            return -1
        place = self._found.get(value)
        if place is None:
            place = self.texts.find(value.encode("utf-8", "surrogatepass"))
            if len(value) <= LONGEST_REMEMBERED:
                if len(self._found) >= MOST_REMEMBERED:
                    self._found.clear()
                self._found[value] = place
        return place

    def places_within(self, bounds: Bounds) -> tuple[int, int]:
        start = 0 if bounds.low is None else self._count_before(bounds.low, itself=not bounds.low_included)
        end = len(self) if bounds.high is None else self._count_before(bounds.high, itself=bounds.high_included)
        return start, max(start, end)

    def _count_before(self, end: End, *, itself: bool) -> int:
        """How many come before a string; itself: that string included."""
        text = str(end).encode("utf-8", "surrogatepass")
        return self.texts.count_before(text + b"\x00" if itself else text)  # the next string of all there could be

    def kept(self, keep: Mask) -> SortedDictionary:
        return Strings(self.texts.kept(keep))

    @property
    def size_bytes(self) -> int:
        return self.texts.size_bytes


class WholeTexts(Strings):
    """The whole values of a Text column, kept as words where that can be."""

    def kept(self, keep: Mask) -> SortedDictionary:
        return WholeTexts(self.texts.kept(keep))


class JsonTexts(SortedDictionary):
    """Arrays and Json values, as JSON."""

    def __init__(self, texts: PackedTexts, element: ColumnType | None) -> None:
        """element: the type of the arrays' elements; None for a Json column."""
        self.texts = texts
        self.element = element
        self._decode = DECODERS[element]

    def __len__(self) -> int:
        return len(self.texts)

    def value_at(self, at: int) -> Value:
        value: Value = self._decode(self.texts.bytes_at(at))
        return value

    def between(self, start: int, end: int) -> Iterator[Value]:
        return map(self._decode, self.texts.all_bytes(start, end))

    def find(self, value: JsonValue) -> int:
        try:
            sought = canonical_text(value)
        except UnicodeEncodeError:  # no stored value has a lone surrogate
            return -1
        if self.element is not None:
            return self.texts.find(sought)
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.canonical_at(middle) < sought:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self.canonical_at(low) == sought else -1

    def canonical_at(self, at: int) -> bytes:
        """The text that the value at a place is ordered by."""
        text = self.texts.bytes_at(at)
        return text if self.element is not None else canonical_text(self._decode(text))

    def kept(self, keep: Mask) -> SortedDictionary:
        return JsonTexts(self.texts.kept(keep), self.element)

    @property
    def size_bytes(self) -> int:
        return self.texts.size_bytes


def _count_before(values: NDArray[Any], end: End, itself: bool) -> int:
    """How many of the numbers come before one; itself: that number included."""
    return int(np.searchsorted(values, as_double(end), side="right" if itself else "left"))


def numbers_of(values: NDArray[Any]) -> tuple[Numbers, Places]:
    """The dictionary of these numbers or booleans, and each one's place in it."""
    distinct, places = np.unique(values, return_inverse=True)
    return Numbers(distinct), places.astype(np.uint32)


def strings_of(distinct: Sequence[str]) -> tuple[Strings, Places]:
    """The dictionary of these distinct strings, and each one's place in it."""
    order = sorted(range(len(distinct)), key=distinct.__getitem__)
    return Strings(PackedTexts.of_strings([distinct[at] for at in order])), _inverse(order)


def json_texts_of(distinct: Sequence[bytes], element: ColumnType | None) -> tuple[JsonTexts, Places]:
    """The dictionary of JSON texts, and each one's place in it; texts of equal values share a place.

    element: the type of the arrays' elements, None for Json.
    """
    decode = DECODERS[element]
    plain = element is not None and element is not ColumnType.DECIMAL  # their JSON is canonical as it is
    canonical = distinct if plain else [canonical_text(decode(text)) for text in distinct]
    numbers: dict[bytes, int] = {}
    first = [numbers.setdefault(text, len(numbers)) for text in canonical]
    representative = list(numbers) if element is not None else _first_of_each(first, distinct)
    keys = list(numbers)
    order = sorted(range(len(keys)), key=keys.__getitem__)
    texts = PackedTexts.of_bytes([representative[at] for at in order])
    return JsonTexts(texts, element), _inverse(order)[np.array(first, np.intp)]


def whole_texts_of(words: Sequence[str], offsets: Unsigned, codes: Unsigned) -> tuple[WholeTexts, Places]:
    """The dictionary of the texts that have these words, and each text's place in it.

    words: distinct, each in some text. offsets, codes: each text's words, see `ragged`.
    """
    found = word_texts(words, offsets, codes)
    if found is not None:
        return WholeTexts(found[0]), found[1]
    numbering = Numbering()
    numbers = numbering.number(joined_words(words, offsets, codes), len(offsets) - 1)
    strings, places = strings_of(list(numbering))
    return WholeTexts(strings.texts), places[numbers]


def _first_of_each(numbers: Sequence[int], texts: Sequence[bytes]) -> list[bytes]:
    kept: list[bytes] = []
    for number, text in zip(numbers, texts, strict=True):
        if number == len(kept):
            kept.append(text)
    return kept


def _inverse(order: Sequence[int]) -> Places:
    places: Places = np.empty(len(order), np.uint32)
    places[np.array(order, np.intp)] = np.arange(len(order), dtype=np.uint32)
    return places


def united(dictionaries: Sequence[SortedDictionary]) -> tuple[SortedDictionary, list[Places]]:
    """One dictionary with the values of all (at least one, all of a kind), and for each the places of its values."""
    first = dictionaries[0]
    made: SortedDictionary
    if isinstance(first, Numbers):
        made, places = numbers_of(np.concatenate([one.values for one in dictionaries if isinstance(one, Numbers)]))
    elif isinstance(first, JsonTexts):
        texts = [one.texts.all_bytes() for one in dictionaries if isinstance(one, JsonTexts)]
        made, places = json_texts_of(list(chain.from_iterable(texts)), first.element)
    elif isinstance(first, WholeTexts):
        made, places = _united_whole_texts([one for one in dictionaries if isinstance(one, WholeTexts)])
    else:
        made, places = _united_strings([one for one in dictionaries if isinstance(one, Strings)])
    return made, np.split(places, np.cumsum(list(map(len, dictionaries)))[:-1])


def _united_whole_texts(dictionaries: Sequence[WholeTexts]) -> tuple[WholeTexts, Places]:
    parts: list[WordTexts] = []
    for dictionary in dictionaries:
        words = as_words(dictionary.texts)
        if words is None:
            strings, places = _united_strings(dictionaries)
            return WholeTexts(strings.texts), places
        parts.append(words)
    texts, places = united_texts(parts)
    return WholeTexts(texts), places


def _united_strings(dictionaries: Sequence[Strings]) -> tuple[Strings, Places]:
    every = list(chain.from_iterable(one.texts.strings() for one in dictionaries))
    # Runs that are sorted already are merged by `sorted`, which costs little more than comparing them once.
    order = sorted(range(len(every)), key=every.__getitem__)
    ordered = list(map(every.__getitem__, order))
    differs = np.ones(len(every), np.bool_)
    differs[1:] = np.fromiter(map(ne, ordered, islice(ordered, 1, None)), np.bool_, max(len(every) - 1, 0))
    places: Places = np.empty(len(every), np.uint32)
    places[order] = np.cumsum(differs) - 1
    return Strings(PackedTexts.of_strings(list(compress(ordered, differs)))), places
