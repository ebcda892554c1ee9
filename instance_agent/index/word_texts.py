"""Texts as sequences of words: a word that many texts have is kept once.

A text is cut at its spaces, so joining its words with spaces gives it back, whatever else is in it. No word has a
character below the space, so texts in increasing order are word sequences in increasing order, a sequence before all
that it begins: sorting, merging and finding compare numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise, repeat

import numpy as np

from instance_agent.index.numbering import Numbering
from instance_agent.index.ragged import (
    Mask,
    Spans,
    Unsigned,
    filtered,
    gathered,
    offsets_of,
    shrunk,
    smallest_unsigned,
    sorted_lists,
)
from instance_agent.index.texts import BLOCK, PackedTexts, Texts

SPACE = 0x20


class WordTexts(Texts):
    """Texts in increasing order."""

    def __init__(self, words: PackedTexts, spans: Spans, codes: Unsigned) -> None:
        """words: distinct, increasing, each in some text. spans, codes: the places of each text's words."""
        self.words = words
        self.spans = spans
        self.codes = codes

    def __len__(self) -> int:
        return self.spans.count

    def bytes_at(self, at: int) -> bytes:
        start, end = self.spans.span(at)
        return b" ".join(map(self.words.bytes_at, self.codes[start:end].tolist()))

    def string_at(self, at: int) -> str:
        start, end = self.spans.span(at)
        return " ".join(map(self.words.string_at, self.codes[start:end].tolist()))

    def find(self, text: bytes) -> int:
        sought = text.split(b" ")
        first = self.words.find(sought[0])
        if first < 0:
            return -1

        def is_before(start: int, end: int) -> bool:
            if self.codes[start] != first:
                return bool(self.codes[start] < first)
            for code, word in zip(self.codes[start + 1 : end].tolist(), sought[1:], strict=False):
                own = self.words.bytes_at(code)
                if own != word:
                    return own < word
            return end - start < len(sought)

        at = self.spans.count_before(is_before)
        return at if at < len(self) and self.bytes_at(at) == text else -1

    def strings(self, start: int = 0, end: int | None = None) -> Iterator[str]:
        end = len(self) if end is None else end
        words = list(self.words.strings()) if end - start > BLOCK // 8 else None
        for first in range(start, end, BLOCK):
            offsets = self.spans.offsets(first, min(first + BLOCK, end)).tolist()
            codes = self.codes[offsets[0] : offsets[-1]]
            if words is None:
                used, places = np.unique(codes, return_inverse=True)
                known = list(map(self.words.string_at, used.tolist()))
                every = list(map(known.__getitem__, places.tolist()))
            else:
                every = list(map(words.__getitem__, codes.tolist()))
            yield from (" ".join(every[a - offsets[0] : b - offsets[0]]) for a, b in pairwise(offsets))

    def kept(self, keep: Mask) -> Texts:
        if keep.all():
            return self
        offsets, codes = filtered(self.spans.offsets(), self.codes, keep)
        used = np.bincount(codes, minlength=len(self.words)) > 0
        places = (np.cumsum(used) - 1).astype(smallest_unsigned(len(self.words)))
        return WordTexts(self.words.kept(used), Spans.of(offsets), shrunk(places[codes]))

    @property
    def size_bytes(self) -> int:
        return self.words.size_bytes + self.spans.size_bytes + self.codes.nbytes

    def packed(self) -> PackedTexts:
        """The same texts as they are."""
        return PackedTexts.of_strings(list(self.strings()))

    @property
    def packed_bytes(self) -> int:
        """About what they take as they are."""
        lengths = np.diff(self.words.spans.offsets()).astype(np.int64) + 1
        return int(np.bincount(self.codes, minlength=len(lengths)) @ lengths) + len(self)


def numbered_words(numbering: Numbering, texts: Sequence[str]) -> tuple[Unsigned, Unsigned]:
    """How many words each text has, and the numbers of all of them."""
    lengths = np.fromiter(map(str.count, texts, repeat(" ")), np.int64, len(texts)) + 1
    return shrunk(lengths), numbering.number(" ".join(texts).split(" ") if texts else (), int(lengths.sum()))


def word_texts(words: Sequence[str], offsets: Unsigned, codes: Unsigned) -> tuple[WordTexts, Unsigned] | None:
    """The distinct texts of these word lists, and for each list the place of its text.

    words: distinct, in any order, each in some list. None when a word has a character below the space.
    """
    order = sorted(range(len(words)), key=words.__getitem__)
    packed = PackedTexts.of_strings([words[at] for at in order])
    if packed.content.min(initial=SPACE) < SPACE:
        return None
    places = np.empty(len(order), smallest_unsigned(len(order)))
    places[order] = np.arange(len(order))
    return distinct_texts(packed, offsets, places[codes])


def as_words(texts: Texts) -> WordTexts | None:
    """The same texts, which are distinct and increasing, as words; None where a character is below the space."""
    if isinstance(texts, WordTexts):
        return texts
    numbering = Numbering()
    strings = texts.strings()
    lengths: list[Unsigned] = [np.empty(0, np.uint8)]
    codes: list[Unsigned] = [np.empty(0, np.uint8)]
    while block := list(islice(strings, BLOCK)):
        more_lengths, more_codes = numbered_words(numbering, block)
        lengths.append(more_lengths)
        codes.append(more_codes)
    found = word_texts(list(numbering), offsets_of(np.concatenate(lengths)), np.concatenate(codes))
    return None if found is None else found[0]


def distinct_texts(words: PackedTexts, offsets: Unsigned, codes: Unsigned) -> tuple[WordTexts, Unsigned]:
    """Likewise for words in increasing order, of which each is in some list."""
    order, differs = sorted_lists(offsets, codes, len(words))
    places = np.empty(len(order), np.uint32)
    places[order] = np.cumsum(differs) - 1
    offsets, codes = gathered(offsets, codes, order[differs])
    return WordTexts(words, Spans.of(offsets), shrunk(codes)), places


def united_texts(parts: Sequence[WordTexts]) -> tuple[WordTexts, Unsigned]:
    """The texts of all parts, and the places of all their texts, part after part."""
    words = sorted(set().union(*(part.words.strings() for part in parts)))
    number = dict(zip(words, range(len(words)), strict=True))
    pieces: list[Unsigned] = []
    for part in parts:
        table = np.fromiter(map(number.__getitem__, part.words.strings()), np.uint32, len(part.words))
        pieces.append(table.astype(smallest_unsigned(len(words)))[part.codes])
    lengths = np.concatenate([np.diff(part.spans.offsets()) for part in parts])
    return distinct_texts(PackedTexts.of_strings(words), offsets_of(lengths), np.concatenate(pieces))


def joined_words(words: Sequence[str], offsets: Unsigned, codes: Unsigned) -> Iterable[str]:
    """The texts of these word lists."""
    every = list(map(words.__getitem__, codes.tolist()))
    return (" ".join(every[start:end]) for start, end in pairwise(offsets.tolist()))
