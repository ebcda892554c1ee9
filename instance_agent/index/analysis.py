"""The features of values: the tokens of texts, the elements of arrays; each value is looked at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.dictionaries import SortedDictionary, Strings, strings_of
from instance_agent.index.encoding import encoder_of
from instance_agent.index.numbering import Numbering
from instance_agent.index.ragged import Unsigned, gathered, offsets_of, shrunk, without_repetitions
from instance_agent.index.word_texts import WordTexts, numbered_words
from instance_agent.schema.analyzers import Analyzer
from instance_agent.schema.types import ColumnSchema, ColumnType, JsonValue

BLOCK = 4096
BLOCK_CHARACTERS = 65_536
"""So many texts are taken apart at a time; fewer where they are long."""


@dataclass(frozen=True, eq=False)
class Lists:
    """The features value by value: value v has codes[offsets[v]:offsets[v + 1]], each once."""

    offsets: Unsigned
    codes: Unsigned
    frequencies: NDArray[np.uint8] | None  # None when none occurs twice in a value


def feature_type(schema: ColumnSchema) -> ColumnType | None:
    """The type of the features where values have several (or none): tokens and elements. None elsewhere."""
    if schema.type is ColumnType.TEXT:
        return ColumnType.STRING
    return schema.type.element if schema.type.is_array else None


def features_of_values(
    schema: ColumnSchema, values: SortedDictionary, analyzer: Analyzer
) -> tuple[SortedDictionary, Lists] | None:
    """The distinct features of `values`, and which value has which; None where each value is its own feature."""
    if schema.type is ColumnType.TEXT:
        return _tokens(schema, values, analyzer)
    return _elements(schema, values) if schema.type.is_array else None


def _elements(schema: ColumnSchema, values: SortedDictionary) -> tuple[SortedDictionary, Lists]:
    encoder = encoder_of(schema.type.element)
    lengths: list[int] = []
    for start in range(0, len(values), BLOCK):
        arrays = [value for value in values[start : start + BLOCK] if isinstance(value, list)]
        lengths.extend(map(len, arrays))
        encoder.add(list(chain.from_iterable(arrays)))
    features, codes = encoder.finish()
    return features, _lists_of(np.array(lengths, np.int64), shrunk(codes - codes.dtype.type(1)))


def _tokens(schema: ColumnSchema, values: SortedDictionary, analyzer: Analyzer) -> tuple[SortedDictionary, Lists]:
    tokens = _Tokens()
    if not is_word_by_word(schema.analyzer):
        for texts in _blocks(values):
            tokens.add(list(map(analyzer, texts)))
        features, lists = tokens.finish()
        return features, _lists_of(np.diff(lists.offsets), lists.codes)
    words, word_offsets, word_codes = _words_of(values)
    for start in range(0, len(words), BLOCK):
        tokens.add(list(map(analyzer, words[start : start + BLOCK])))
    features, of_words = tokens.finish()
    offsets, codes = gathered(of_words.offsets, of_words.codes, word_codes)
    return features, _lists_of(np.diff(offsets[word_offsets]), codes)


def _words_of(values: SortedDictionary) -> tuple[list[str], Unsigned, Unsigned]:
    """The distinct words, and for each text (offsets, codes) those that it has."""
    if isinstance(values, Strings) and isinstance(values.texts, WordTexts):
        texts = values.texts
        return list(texts.words.strings()), texts.spans.offsets(), texts.codes
    words = Numbering()
    numbered = [numbered_words(words, block) for block in _blocks(values)]
    if not numbered:
        return [], np.zeros(1, np.uint32), np.empty(0, np.uint8)
    lengths, codes = zip(*numbered, strict=True)
    return list(words), offsets_of(np.concatenate(lengths)), np.concatenate(codes)


def is_word_by_word(definition: JsonValue) -> bool:
    """Does the analyzer give for a text what it gives for its parts between spaces, one after the other?

    Then each distinct word is analysed once. So it is with the standard analyzer, `whitespace` and those of languages:
    no token has white space in it, and what lower-casing makes of a letter depends on its own word only.
    """
    if isinstance(definition, dict):
        return str(definition.get("type")).lower() == "language"
    return True


def _blocks(values: SortedDictionary) -> Iterator[list[str]]:
    """The texts, so many at a time that their tokens, which may be many times their size, stay in memory."""
    block: list[str] = []
    characters = 0
    for text in values:
        if isinstance(text, str):
            block.append(text)
            characters += len(text)
        if len(block) >= BLOCK or characters >= BLOCK_CHARACTERS:
            yield block
            block, characters = [], 0
    yield block


class _Tokens:
    """The numbers of tokens, list after list."""

    def __init__(self) -> None:
        self._numbering = Numbering()
        self._lengths: list[NDArray[np.int64]] = []
        self._codes: list[Unsigned] = []

    def add(self, token_lists: Sequence[list[str]]) -> None:
        lengths = np.fromiter(map(len, token_lists), np.int64, len(token_lists))
        self._lengths.append(lengths)
        self._codes.append(self._numbering.number(chain.from_iterable(token_lists), int(lengths.sum())))

    def finish(self) -> tuple[SortedDictionary, Lists]:
        """The tokens, and the lists with their repetitions."""
        features, places = strings_of(list(self._numbering))
        places = shrunk(places)
        if not self._codes:
            return features, Lists(np.zeros(1, np.uint32), places, None)
        return features, Lists(offsets_of(np.concatenate(self._lengths)), places[np.concatenate(self._codes)], None)


def _lists_of(lengths: NDArray[np.integer], codes: Unsigned) -> Lists:
    return Lists(*without_repetitions(offsets_of(lengths), codes))
