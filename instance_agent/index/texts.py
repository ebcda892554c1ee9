"""Many texts in one array of bytes: decoded one by one when asked for, or all of them in blocks.

Texts are UTF-8, whose byte order is the order of code points. Lone surrogates, which JSON can't bring, are kept as the
three bytes that UTF-8 would give them, so that nothing fails to be stored.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.ragged import Integers, Mask, Spans, Unsigned, filtered, offsets_of

BLOCK = 8192
"""So many texts are decoded at a time."""

MOST_REMEMBERED = 65_536
"""Of up to so many texts each is kept once it was read: words, categories, not whole descriptions."""


class Texts:
    """Immutable. Reading one text touches only its own bytes."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def bytes_at(self, at: int) -> bytes:
        """One text as UTF-8."""

    @abstractmethod
    def find(self, text: bytes) -> int:
        """The place of a text among texts in increasing order, -1 when it isn't there."""

    def count_before(self, text: bytes) -> int:
        """How many of the texts, which are in increasing order, come before this one."""
        return bisect_left(range(len(self)), text, key=self.bytes_at)

    @abstractmethod
    def strings(self, start: int = 0, end: int | None = None) -> Iterator[str]:
        """The texts from `start` to before `end`, decoded."""

    @abstractmethod
    def kept(self, keep: Mask) -> Texts:
        """The texts where `keep` is true."""

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """What it takes."""

    def string_at(self, at: int) -> str:
        return self.bytes_at(at).decode("utf-8", "surrogatepass")


class PackedTexts(Texts):
    """The texts one after the other, as they are."""

    def __init__(self, content: NDArray[np.uint8], spans: Spans) -> None:
        self.content = content
        self.spans = spans
        self._read: dict[int, str] | None = {} if spans.count <= MOST_REMEMBERED else None

    @classmethod
    def of_bytes(cls, texts: Sequence[bytes]) -> PackedTexts:
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        return cls(np.frombuffer(b"".join(texts), np.uint8), Spans.of(offsets_of(lengths)))

    @classmethod
    def of_strings(cls, texts: Sequence[str]) -> PackedTexts:
        joined = "".join(texts)
        if not joined.isascii():
            return cls.of_bytes([text.encode("utf-8", "surrogatepass") for text in texts])
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        return cls(np.frombuffer(joined.encode(), np.uint8), Spans.of(offsets_of(lengths)))

    def __len__(self) -> int:
        return self.spans.count

    def bytes_at(self, at: int) -> bytes:
        start, end = self.spans.span(at)
        return self.content[start:end].tobytes()

    def string_at(self, at: int) -> str:
        if self._read is None:
            return super().string_at(at)
        known = self._read.get(at)
        if known is None:
            known = self._read[at] = super().string_at(at)
        return known

    def count_before(self, text: bytes) -> int:
        content = self.content.data  # quicker than numpy for a few bytes at a time
        return self.spans.count_before(lambda start, end: bytes(content[start:end]) < text)

    def find(self, text: bytes) -> int:
        at = self.count_before(text)
        return at if at < len(self) and self.bytes_at(at) == text else -1

    def strings(self, start: int = 0, end: int | None = None) -> Iterator[str]:
        return chain.from_iterable(map(_strings_of, self._blocks(start, end)))

    def all_bytes(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The texts from `start` to before `end`, as they are stored."""
        return chain.from_iterable(map(_bytes_of, self._blocks(start, end)))

    def kept(self, keep: Mask) -> PackedTexts:
        if keep.all():
            return self
        offsets, content = filtered(self.spans.offsets(), self.content, keep)
        return PackedTexts(content, Spans.of(offsets))

    @property
    def size_bytes(self) -> int:
        return self.content.nbytes + self.spans.size_bytes

    def _blocks(self, start: int, end: int | None) -> Iterator[tuple[NDArray[np.uint8], Unsigned]]:
        """Content and offsets into it of some thousand texts at a time."""
        end = len(self) if end is None else end
        for first in range(start, end, BLOCK):
            offsets = self.spans.offsets(first, min(first + BLOCK, end))
            yield self.content[int(offsets[0]) : int(offsets[-1])], offsets - offsets[0]


def _bytes_of(block: tuple[NDArray[np.uint8], Unsigned]) -> list[bytes]:
    content, offsets = block[0].tobytes(), block[1].tolist()
    return [content[start:end] for start, end in pairwise(offsets)]


def _strings_of(block: tuple[NDArray[np.uint8], Unsigned]) -> list[str]:
    content, offsets = block
    text = content.tobytes().decode("utf-8", "surrogatepass")
    places: Integers = offsets
    if len(text) < len(content):  # where a character starts: every byte that doesn't continue one
        places = np.concatenate(([0], np.cumsum((content & 0xC0) != 0x80)))[offsets]
    return [text[start:end] for start, end in pairwise(places.tolist())]
