"""Where the tokens of a text stand in it.

An analyzer says which tokens a text has, not where. A text is therefore cut into ever smaller pieces, as long as the
pieces' tokens, one after the other, are the text's own: by white space, into words, into characters. What can't be cut
so (tokens of several words, n-grams) is looked for as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

LONGEST_TEXT = 100_000
"""Characters of a text that is searched for tokens."""

MOST_SOUGHT = 256
"""Tokens that are looked for one by one in a piece that can't be cut; more of them are all of it."""

_WORD = r"\w+(?:['\u2019.,\u00b7]\w+)*|[^\w\s]"
_PIECES = (re.compile(r"\S+"), re.compile(_WORD), re.compile(r"\w|[^\w\s]"))

Analyze = Callable[[str], list[str]]


@dataclass(frozen=True)
class Segment:
    """A piece of a text, and the tokens it has."""

    start: int
    end: int
    tokens: tuple[str, ...]


def segments_of(text: str, analyze: Analyze) -> list[Segment]:
    """The pieces that have tokens, in order; as small as the analyzer lets them be."""
    return list(_cut(text, 0, tuple(analyze(text)), analyze, 0)) if len(text) <= LONGEST_TEXT else []


def spans_of(text: str, segments: list[Segment], wanted: Mapping[str, bool]) -> list[tuple[int, int, bool]]:
    """Where the wanted tokens stand: (start, end, what is wanted of the token), in order, without overlaps."""
    found: list[tuple[int, int, bool]] = []
    for segment in segments:
        tokens = [token for token in segment.tokens if token in wanted]
        if len(segment.tokens) > 1:
            found.extend(_written(text, segment, tokens, wanted))
        elif tokens:
            found.append((segment.start, segment.end, wanted[tokens[0]]))
    return _apart(sorted(found))


def _cut(text: str, start: int, tokens: tuple[str, ...], analyze: Analyze, level: int) -> Iterator[Segment]:
    if not tokens:
        return
    for deeper in range(level, len(_PIECES)):
        if len(tokens) == 1 and deeper == len(_PIECES) - 1:
            break  # a word isn't cut into its letters
        pieces = [(match.start(), match.group()) for match in _PIECES[deeper].finditer(text)]
        analyzed = [tuple(analyze(piece)) for _, piece in pieces]
        if tuple(token for part in analyzed for token in part) == tokens and len(pieces) + level > 0:
            for (at, piece), part in zip(pieces, analyzed, strict=True):
                yield from _cut(piece, start + at, part, analyze, deeper + 1)
            return
    yield Segment(start, start + len(text), tokens)


def _written(
    text: str, segment: Segment, tokens: list[str], wanted: Mapping[str, bool]
) -> Iterator[tuple[int, int, bool]]:
    """Tokens of a piece that can't be cut, where they are written in it; all of it for one that isn't."""
    piece = text[segment.start : segment.end]
    sought = list(dict.fromkeys(tokens))
    if len(sought) > MOST_SOUGHT:
        yield segment.start, segment.end, wanted[sought[0]]
        return
    for token in sought:
        places = [match.start() for match in re.finditer(f"(?={re.escape(token)})", piece)]
        if not places and len(piece.lower()) == len(piece):
            places = [match.start() for match in re.finditer(f"(?={re.escape(token)})", piece.lower())]
        for place in places:
            yield segment.start + place, segment.start + place + len(token), wanted[token]
        if not places:
            yield segment.start, segment.end, wanted[token]


def _apart(spans: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """Spans that overlap as one, which is wanted for what the first of them is."""
    apart: list[tuple[int, int, bool]] = []
    for start, end, sign in spans:
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]), apart[-1][2])
        else:
            apart.append((start, end, sign))
    return apart
