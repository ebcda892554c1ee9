"""From the definition of an analyzer in a schema to the function that does it.

Each part gives, beside the function, how much it can make of one character, so that no stored text can become more
tokens than memory should hold: n-grams multiply a text, and n-grams of n-grams multiply that again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from instance_agent.schema.analyzers.languages import (
    CODES,
    LANGUAGES,
    STEMMERS,
    UnknownLanguage,
    as_stop_words,
    as_word,
    default_stop_words,
    language_named,
    stemming,
)
from instance_agent.schema.analyzers.unicode_words import words
from instance_agent.schema.types import JsonValue

Analyzer = Callable[[str], list[str]]
Definition = dict[str, JsonValue]

LONGEST_GRAM = 32
DEEPEST_SOURCE = 4
MOST_TOKEN_BYTES = 64 * 2**20
"""The memory that the n-grams of one text may take, where it is ASCII; of other letters they take up to twice that."""
TOKEN_OVERHEAD_BYTES = 57
"""What a Python string and its place in a list take beside its characters."""
SHORTEST_LIMIT = 1000
"""Characters. An analyzer that couldn't take texts of this length is refused."""


class DefinitionInvalid(ValueError):
    """An analyzer's definition that isn't understood; the text is a sentence that says why."""


@dataclass(frozen=True)
class Made:
    """An analyzer, and what it makes at most of each character of a text."""

    analyze: Analyzer
    tokens: int = 1  # how many tokens
    characters: int = 1  # how many characters all of these have together
    multiplies: bool = False  # is it of n-grams?

    @property
    def longest_text(self) -> int | None:
        """Characters of the longest text whose tokens stay within MOST_TOKEN_BYTES; None where none multiply."""
        if not self.multiplies:
            return None
        return MOST_TOKEN_BYTES // (self.tokens * TOKEN_OVERHEAD_BYTES + self.characters)


def made_from(definition: JsonValue, depth: int = 0) -> Made:
    """What `definition` (an alias or an object; None: standard) means. Raises DefinitionInvalid."""
    if definition is None:
        return Made(words)
    if isinstance(definition, str):
        return _alias(definition)
    if not isinstance(definition, dict) or not isinstance(definition.get("type"), str):
        raise DefinitionInvalid('"analyzer" is a name, or an object with a "type".')
    kind = str(definition["type"]).lower()
    if kind == "delimiter":
        return _delimiter(definition)
    if kind == "char-ngram":
        return _bounded(_char_ngram(definition))
    if kind == "token-ngram":
        return _bounded(_token_ngram(definition, depth))
    if kind == "language":
        return _language(definition)
    raise DefinitionInvalid(
        f"the analyzer type {kind[:40]!r} isn't known. The types are delimiter, char-ngram, token-ngram and language."
    )


def _alias(name: str) -> Made:
    lower = name.lower()
    if lower == "standard":
        return Made(words)
    if lower == "whitespace":
        return Made(str.split)
    if lower not in CODES and lower not in LANGUAGES:
        names = ", ".join(["standard", "whitespace", *sorted(STEMMERS)])
        raise DefinitionInvalid(f"{name[:40]!r} isn't an analyzer here. The names are {names}.")
    return Made(stemming(_language_named(name), frozenset(), frozenset()))


def _delimiter(definition: Definition) -> Made:
    _refuse_unknown_keys(definition, ("type", "delimiter", "trimWhitespace"))
    delimiter = definition.get("delimiter")
    if not isinstance(delimiter, str) or not delimiter:
        raise DefinitionInvalid('a delimiter analyzer needs "delimiter", a text of one or more characters.')
    trim = _flag(definition, "trimWhitespace", True)

    def analyze(text: str) -> list[str]:
        parts = text.split(delimiter)
        return [part for part in (map(str.strip, parts) if trim else parts) if part]

    return Made(analyze)


def _char_ngram(definition: Definition) -> Made:
    _refuse_unknown_keys(definition, ("type", "minGram", "maxGram"))
    lengths = _gram_lengths(definition)
    return Made(
        lambda text: [text[at : at + n] for n in lengths for at in range(len(text) - n + 1)],
        tokens=len(lengths),
        characters=sum(lengths),
        multiplies=True,
    )


def _token_ngram(definition: Definition, depth: int) -> Made:
    _refuse_unknown_keys(definition, ("type", "source", "minGram", "maxGram", "tokenSeparator"))
    lengths = _gram_lengths(definition)
    separator = definition.get("tokenSeparator", " ")
    if not isinstance(separator, str):
        raise DefinitionInvalid('"tokenSeparator" must be a text.')
    if definition.get("source") is None or depth >= DEEPEST_SOURCE:
        raise DefinitionInvalid(f'a token-ngram analyzer needs "source", at most {DEEPEST_SOURCE} of them nested.')
    source = made_from(definition["source"], depth + 1)
    cut = source.analyze

    def analyze(text: str) -> list[str]:
        tokens = cut(text)
        return [separator.join(tokens[at : at + n]) for n in lengths for at in range(len(tokens) - n + 1)]

    separators = sum(lengths) - len(lengths)
    return Made(
        analyze,
        tokens=source.tokens * len(lengths),
        characters=source.characters * sum(lengths) + source.tokens * separators * len(separator),
        multiplies=True,
    )


def _bounded(made: Made) -> Made:
    longest = made.longest_text
    if longest is not None and longest < SHORTEST_LIMIT:
        raise DefinitionInvalid(
            f"these n-grams multiply a text so much that even one of {SHORTEST_LIMIT} characters would take more than "
            f"{MOST_TOKEN_BYTES // 2**20} MiB. Give smaller lengths, or fewer of them nested."
        )
    return made


def _language(definition: Definition) -> Made:
    _refuse_unknown_keys(definition, ("type", "language", "useDefaultStopWords", "customStopWords", "customKeyWords"))
    name = definition.get("language")
    if not isinstance(name, str):
        raise DefinitionInvalid('a language analyzer needs "language", a name or code such as "english" or "en".')
    language = _language_named(name)
    stop_words = as_stop_words(language, _word_list(definition, "customStopWords"))
    if _flag(definition, "useDefaultStopWords", False):
        stop_words |= default_stop_words(language)
    key_words = frozenset(as_word(language, word) for word in _word_list(definition, "customKeyWords"))
    return Made(stemming(language, stop_words, key_words))


def _language_named(name: str) -> str:
    try:
        return language_named(name)
    except UnknownLanguage as unknown:
        raise DefinitionInvalid(str(unknown)) from None


def _gram_lengths(definition: Definition) -> range:
    low, high = _whole_number(definition, "minGram"), _whole_number(definition, "maxGram")
    if not 1 <= low <= high <= LONGEST_GRAM:
        raise DefinitionInvalid(f"it must hold that 1 <= minGram <= maxGram <= {LONGEST_GRAM}.")
    return range(low, high + 1)


def _whole_number(definition: Definition, key: str) -> int:
    value = definition.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DefinitionInvalid(f'"{key}" must be a whole number.')
    return value


def _flag(definition: Definition, key: str, default: bool) -> bool:
    value = definition.get(key, default)
    if not isinstance(value, bool):
        raise DefinitionInvalid(f'"{key}" must be true or false.')
    return value


def _word_list(definition: Definition, key: str) -> frozenset[str]:
    listed = definition.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
        raise DefinitionInvalid(f'"{key}" must be a list of words.')
    return frozenset(map(str, listed))


def _refuse_unknown_keys(definition: Definition, known: tuple[str, ...]) -> None:
    for key in definition:
        if key not in known:
            raise DefinitionInvalid(f"the analyzer key {key[:40]!r} isn't known. Known: {', '.join(known)}.")
