"""Where the words of a text begin and end, and which ways of writing one word are the same.

The borders are those of Unicode's word segmentation (UAX #29) as search engines use it: letters, digits, `_` and the
marks on them make words; a point or apostrophe between letters, and a point, comma or apostrophe between digits,
belong to the word; white space, hyphens and other punctuation end it. Three departures, each for what people look for:

- `:` and `;` always separate ("EU:n" has the word "eu", "1;2" two words).
- Ideographs and hiragana are words of one character each.
- An emoji, a flag or a pictograph is a word of its own: it says something, and predictions can learn from it.

A language written without spaces, such as Thai, gives one word per unbroken run: there char-ngram serves better.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_IDEOGRAPH = "\u3005-\u3007\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LETTER = r"[^\W\d_]"
_HEBREW = "\u05d0-\u05ea"


def _ranges(codes: Iterable[int]) -> str:
    """The characters of increasing `codes` as the inside of a character class."""
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)


def _marks(low: int, high: int) -> str:
    return _ranges(code for code in range(low, high) if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me"))


_MARK = _marks(0x300, 0xFE30)  # of the scripts in use; the others would make every pattern slow
_EVERY_MARK = _MARK + _marks(0x10000, 0x1F000)
_MOST_MARKS = 30
"""On one letter, as in Unicode's stream-safe format: composing takes time by the square of them."""
_RUN = f"[^\\W{_IDEOGRAPH}]+(?:[{_MARK}]+[^\\W{_IDEOGRAPH}]*)*"
_JOINERS = "\u200c\u200d"  # zero width: they shape Persian and Indian words, and bind emoji together
_LETTER_SIGNS, _DIGIT_SIGNS = "'.\u00b7\u2027", ".,'\u066b\u066c"
# The look ahead at the start keeps it from looking back where there is no sign at all, as after most words.
_WITHIN = (
    f'(?=[{_LETTER_SIGNS}{_DIGIT_SIGNS}{_JOINERS}"])'
    f"(?:(?<![\\d_])[{_LETTER_SIGNS}](?={_LETTER})|(?<=\\d)[{_DIGIT_SIGNS}](?=\\d)"
    f'|(?<=[{_HEBREW}])"(?=[{_HEBREW}])|[{_JOINERS}]+)'
)
_PICTOGRAPH = "[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff][\U0001f3fb-\U0001f3ff]?"
_EMOJI = f"[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTOGRAPH}(?:\u200d{_PICTOGRAPH})*"
_WORD = re.compile(f"{_RUN}(?:{_WITHIN}{_RUN})*|[{_IDEOGRAPH}]|{_EMOJI}")
_ASCII_WORD = re.compile(r"[a-z0-9_]+(?:(?=['.,])(?:(?<=[a-z])['.](?=[a-z])|(?<=[0-9])[.,'](?=[0-9]))[a-z0-9_]+)*")

_ALIKE = {"\u2018": "'", "\u2019": "'", "\uff07": "'", "\u05f3": "'", "\u05f4": '"'}
"""Typographic apostrophes and quotation marks within words."""
_UNSEEN = (0xAD, 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFE0E, 0xFE0F, 0xFEFF)
"""Soft hyphens, marks of the direction of writing, and which of two pictures an emoji has."""
_ARMENIAN_TONES = (0x55B, 0x55C, 0x55E)
"""Question and exclamation marks that are written over a vowel of the word."""
_REWRITTEN = str.maketrans(_ALIKE) | dict.fromkeys((*_UNSEEN, *_ARMENIAN_TONES))
_IS_REWRITTEN = re.compile(f"[{_ranges(sorted(_REWRITTEN))}]")
_MAY_BE_MARK = f"[{_MARK}\U00010000-\U0001efff]"
_MAY_BE_MANY_MARKS = re.compile(f"{_MAY_BE_MARK}{_MAY_BE_MARK}{{{_MOST_MARKS}}}")
_MANY_MARKS = re.compile(f"([{_EVERY_MARK}]{{{_MOST_MARKS}}})[{_EVERY_MARK}]+")


def words(text: str) -> list[str]:
    """The words of a text in order, repetitions included, each as `folded` writes it.

    No word has white space in it, and the words of a text are those of its parts between white space, one part after
    the other.
    """
    if text.isascii():
        lower = text.lower()
        return [lower] if lower.isalnum() else _ASCII_WORD.findall(lower)
    return _WORD.findall(folded(text))


def folded(text: str) -> str:
    """The one writing of a text among those that look alike.

    Lower case; composed (NFC), so that an "é" meets one that was typed as a letter and an accent; with the plain
    apostrophe; without characters that aren't seen. Accents and letters stay what they are.
    """
    if text.isascii():
        return text.lower()
    if _IS_REWRITTEN.search(text):
        text = text.translate(_REWRITTEN)
    if _MAY_BE_MANY_MARKS.search(text):
        text = _MANY_MARKS.sub(r"\1", text)
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return text.replace("\u0130", "i").lower()  # the lower case of a capital i with a dot would be two characters
