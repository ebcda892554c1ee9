"""How a text becomes tokens: the analyzers that a Text column can name.

An analyzer is a pure function from a text to its tokens in order, repetitions included; it may be called from many
threads. Its definition is checked when it is made, so that no schema names an analyzer that can't run.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable

import snowballstemmer  # type: ignore[import-untyped]

from instance_agent.errors import SchemaInvalid
from instance_agent.schema.types import JsonValue

Analyzer = Callable[[str], list[str]]
Definition = dict[str, JsonValue]

LONGEST_GRAM = 32
DEEPEST_SOURCE = 4
STEM_CACHE_SIZE = 100_000

LANGUAGES = {
    "ar": "arabic", "bg": "bulgarian", "ca": "catalan", "cjk": "cjk", "cs": "czech", "da": "danish", "de": "german",
    "el": "greek", "en": "english", "es": "spanish", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french",
    "ga": "irish", "gl": "galician", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "it": "italian", "lv": "latvian", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "pt-br": "brazilian",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "th": "thai", "tr": "turkish",
}  # fmt: skip
STEMMED_LANGUAGES = frozenset(LANGUAGES.values()) & frozenset(snowballstemmer.algorithms())

STOP_WORDS = {
    "english": frozenset(
        re.split(
            " ",
            "a an and are as at be but by for if in into is it no not of on or such that the their then there these "
            "they this to was will with",
        )
    )
}

_MARKS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
_IDEOGRAPH = "\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_LETTER = r"[^\W\d_]"
_WORD_CHARACTER = f"(?:(?![{_IDEOGRAPH}])[\\w{_MARKS}])"
_WORD = re.compile(
    f"[{_IDEOGRAPH}]|{_WORD_CHARACTER}+(?:(?:(?<={_LETTER})['\u2019.](?={_LETTER})|(?<=\\d)[.,](?=\\d)){_WORD_CHARACTER}+)*"
)


def make_analyzer(definition: JsonValue, where: str) -> Analyzer:
    """The analyzer that `definition` (an alias or an object; None: standard) names.

    Raises SchemaInvalid, its message starting with `where`, for a definition that isn't understood.
    """
    return _make(definition, where, depth=0)


def words(text: str) -> list[str]:
    """The words of a text by the Unicode rules for word borders, lower-cased."""
    return _WORD.findall(text.lower())


def _make(definition: JsonValue, where: str, depth: int) -> Analyzer:
    if definition is None:
        return words
    if isinstance(definition, str):
        return _alias(definition, where)
    if not isinstance(definition, dict) or not isinstance(definition.get("type"), str):
        raise SchemaInvalid(f'{where}: "analyzer" is a name, or an object with a "type".')
    kind = str(definition["type"]).lower()
    if kind == "delimiter":
        return _delimiter(definition, where)
    if kind == "char-ngram":
        return _char_ngram(definition, where)
    if kind == "token-ngram":
        return _token_ngram(definition, where, depth)
    if kind == "language":
        return _language(definition, where)
    raise SchemaInvalid(
        f"{where}: the analyzer type {kind[:40]!r} isn't known. "
        "The types are delimiter, char-ngram, token-ngram and language."
    )


def _alias(name: str, where: str) -> Analyzer:
    lower = name.lower()
    if lower == "standard":
        return words
    if lower == "whitespace":
        return str.split
    return _stemming(_language_name(name, where), frozenset(), frozenset())


def _delimiter(definition: Definition, where: str) -> Analyzer:
    _refuse_unknown_keys(definition, ("type", "delimiter", "trimWhitespace"), where)
    delimiter = definition.get("delimiter")
    if not isinstance(delimiter, str) or not delimiter:
        raise SchemaInvalid(f'{where}: a delimiter analyzer needs "delimiter", a text of one or more characters.')
    trim = _flag(definition, "trimWhitespace", True, where)

    def analyze(text: str) -> list[str]:
        parts = text.split(delimiter)
        return [part for part in (map(str.strip, parts) if trim else parts) if part]

    return analyze


def _char_ngram(definition: Definition, where: str) -> Analyzer:
    _refuse_unknown_keys(definition, ("type", "minGram", "maxGram"), where)
    lengths = _gram_lengths(definition, where)
    return lambda text: [text[at : at + n] for n in lengths for at in range(len(text) - n + 1)]


def _token_ngram(definition: Definition, where: str, depth: int) -> Analyzer:
    _refuse_unknown_keys(definition, ("type", "source", "minGram", "maxGram", "tokenSeparator"), where)
    lengths = _gram_lengths(definition, where)
    separator = definition.get("tokenSeparator", " ")
    if not isinstance(separator, str):
        raise SchemaInvalid(f'{where}: "tokenSeparator" must be a text.')
    if definition.get("source") is None or depth >= DEEPEST_SOURCE:
        raise SchemaInvalid(f'{where}: a token-ngram analyzer needs "source", at most {DEEPEST_SOURCE} of them nested.')
    source = _make(definition["source"], where, depth + 1)

    def analyze(text: str) -> list[str]:
        tokens = source(text)
        return [separator.join(tokens[at : at + n]) for n in lengths for at in range(len(tokens) - n + 1)]

    return analyze


def _language(definition: Definition, where: str) -> Analyzer:
    known = ("type", "language", "useDefaultStopWords", "customStopWords", "customKeyWords")
    _refuse_unknown_keys(definition, known, where)
    name = definition.get("language")
    if not isinstance(name, str):
        raise SchemaInvalid(f'{where}: a language analyzer needs "language", a name or code such as "english" or "en".')
    language = _language_name(name, where)
    stop_words = _word_list(definition, "customStopWords", where)
    if _flag(definition, "useDefaultStopWords", False, where):
        if language not in STOP_WORDS:
            raise SchemaInvalid(
                f"{where}: there are no default stop words for {language}; give customStopWords instead."
            )
        stop_words |= STOP_WORDS[language]
    return _stemming(language, stop_words, _word_list(definition, "customKeyWords", where))


def _stemming(language: str, stop_words: frozenset[str], key_words: frozenset[str]) -> Analyzer:
    stemmer = snowballstemmer.stemmer(language)
    stems: dict[str, str] = {word: word for word in key_words}
    lock = threading.Lock()  # a stemmer keeps state while it works

    def stem(word: str) -> str:
        found = stems.get(word)
        if found is None:
            with lock:
                found = str(stemmer.stemWord(word))
            if len(stems) < STEM_CACHE_SIZE:
                stems[word] = found
        return found

    return lambda text: [stem(word) for word in words(text) if word not in stop_words]


def _language_name(name: str, where: str) -> str:
    lower = name.lower()
    language = LANGUAGES.get(lower, lower)
    if language in STEMMED_LANGUAGES:
        return language
    if language in LANGUAGES.values():
        raise SchemaInvalid(f"{where}: the language '{language}' isn't supported yet. Use standard, or char-ngram.")
    raise SchemaInvalid(
        f"{where}: {name[:40]!r} isn't an analyzer here. "
        f"The names are standard, whitespace, {', '.join(sorted(STEMMED_LANGUAGES))}."
    )


def _gram_lengths(definition: Definition, where: str) -> range:
    low, high = _whole_number(definition, "minGram", where), _whole_number(definition, "maxGram", where)
    if not 1 <= low <= high <= LONGEST_GRAM:
        raise SchemaInvalid(f"{where}: it must hold that 1 <= minGram <= maxGram <= {LONGEST_GRAM}.")
    return range(low, high + 1)


def _whole_number(definition: Definition, key: str, where: str) -> int:
    value = definition.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise SchemaInvalid(f'{where}: "{key}" must be a whole number.')
    return value


def _flag(definition: Definition, key: str, default: bool, where: str) -> bool:
    value = definition.get(key, default)
    if not isinstance(value, bool):
        raise SchemaInvalid(f'{where}: "{key}" must be true or false.')
    return value


def _word_list(definition: Definition, key: str, where: str) -> frozenset[str]:
    listed = definition.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
        raise SchemaInvalid(f'{where}: "{key}" must be a list of words.')
    return frozenset(str(word).lower() for word in listed)


def _refuse_unknown_keys(definition: Definition, known: tuple[str, ...], where: str) -> None:
    for key in definition:
        if key not in known:
            raise SchemaInvalid(f"{where}: the analyzer key {key[:40]!r} isn't known. Known: {', '.join(known)}.")
