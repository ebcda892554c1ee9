"""The languages: which have a stemmer, their stop words, and how a word becomes its stem.

The stemmers are Snowball's. A word goes through these steps: the article that an apostrophe binds to it is taken off
(French "l'eau", Catalan "l'aigua"), stop words are dropped, key words stay as they are, all others are stemmed. Stop
words are compared as written in the text, lower-cased, before stemming.

English keeps the short list of stop words that search engines of the Lucene family have always used: schemas made for
such a service then mean the same here. Most other languages have the lists of `stop-words`: Snowball's, with some more.
Those that it lacks, or has of an ancient form of the language, are from `stopwordsiso`, whose lists are the broadest:
for Russian it counts "Moscow" and "money" as stop words, from which a prediction could well learn.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

import Stemmer  # type: ignore[import-not-found]

from instance_agent.schema.analyzers.unicode_words import folded, words

LANGUAGES = {
    "ar": "arabic", "bg": "bulgarian", "ca": "catalan", "cjk": "cjk", "cs": "czech", "da": "danish", "de": "german",
    "el": "greek", "en": "english", "es": "spanish", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french",
    "ga": "irish", "gl": "galician", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "it": "italian", "lv": "latvian", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "pt-br": "brazilian",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "th": "thai", "tr": "turkish",
}  # fmt: skip
CODES = {language: code for code, language in LANGUAGES.items()}
STEMMERS = {language: language for language in CODES if language in Stemmer.algorithms()} | {
    "brazilian": "portuguese"  # Snowball's algorithm for Portuguese is made for both ways of writing it
}

INSTEAD = {
    "cjk": "Use standard, which takes each ideograph by itself, or char-ngram with minGram 2 and maxGram 2",
    "thai": "Use char-ngram, with minGram 3 and maxGram 3 for example: Thai is written without spaces",
}
ELSE_INSTEAD = "Use standard, or char-ngram, with which inflected forms share what they have in common"

ENGLISH_STOP_WORDS = frozenset(
    re.split(
        " ",
        "a an and are as at be but by for if in into is it no not of on or such that the their then there these "
        "they this to was will with",
    )
)
BROAD_LISTS = frozenset(("armenian", "basque", "greek", "irish", "persian"))
"""The languages whose stop words are taken from `stopwordsiso`."""
ELIDED = {
    "catalan": re.compile("(?:[dlmnst])'(?=.)"),
    "french": re.compile("(?:[cdjlmnst]|qu|jusqu|quoiqu|lorsqu|puisqu)'(?=.)"),
    "irish": re.compile("(?:[bdm])'(?=.)"),
    "italian": re.compile("(?:[cdlmstv]|un|all|dall|dell|nell|sull|coll|pell|gl|agl|dagl|degl|negl|sugl)'(?=.)"),
}
"""What an apostrophe binds to the word after it, as Lucene's analyzers for these languages have it."""

LONGEST_STEMMED = 255
"""Characters. What is longer is no word of a language, but a code or a picture, and stays as it is."""
CACHED_WORDS = 32_768
"""So many words each analyzer knows by heart; a few megabytes."""


class UnknownLanguage(ValueError):
    """A language that isn't supported; the text says what to use instead."""


def language_named(name: str) -> str:
    """The language of a name or code in any letter case.

    Raises UnknownLanguage for one that isn't known, or has no stemmer.
    """
    lower = name.lower()
    language = LANGUAGES.get(lower, lower)
    if language in STEMMERS:
        return language
    if language in CODES:
        instead = INSTEAD.get(language, ELSE_INSTEAD)
        raise UnknownLanguage(f"the language '{language}' isn't supported, as there is no stemmer for it. {instead}.")
    raise UnknownLanguage(f"{name[:40]!r} isn't a language here. The languages are {', '.join(sorted(STEMMERS))}.")


@lru_cache(maxsize=len(LANGUAGES))
def default_stop_words(language: str) -> frozenset[str]:
    """The stop words of a supported language, in the form in which they are compared."""
    if language == "english":
        return ENGLISH_STOP_WORDS
    single = (word for word in map(folded, _listed(STEMMERS[language])) if words(word) == [word])
    return frozenset(_compared(language, word) for word in single if not word.isnumeric())


def _listed(language: str) -> Iterable[str]:
    # Imported at the first use: stopwordsiso holds the lists of all its languages in memory, some 7 MB.
    if language in BROAD_LISTS:
        from stopwordsiso import stopwords

        return stopwords(CODES[language])
    from stop_words import get_stop_words  # type: ignore[import-untyped]

    listed: list[str] = get_stop_words(language, cache=False)
    if language == "hungarian":  # the list came through an encoding that had no letter with a double acute
        return [word.replace("\u00f5", "\u0151").replace("\u00fb", "\u0171") for word in listed]
    return listed


def stemming(language: str, stop_words: frozenset[str], key_words: frozenset[str]) -> Callable[[str], list[str]]:
    """The analyzer of a language.

    `stop_words` as `default_stop_words` or `as_stop_words` give them; `key_words` folded: they are kept unstemmed.
    """
    known = _Tokens(language, stop_words, key_words).token

    if language == "turkish":
        return lambda text: [token for word in words(_turkish_case(text)) if (token := known(word))]
    return lambda text: [token for word in words(text) if (token := known(word))]


def as_stop_words(language: str, listed: frozenset[str]) -> frozenset[str]:
    """Words that a user lists, in the form in which they are compared."""
    return frozenset(_compared(language, as_word(language, word)) for word in listed)


def as_word(language: str, listed: str) -> str:
    """A word that a user lists, as it is found in a text of the language."""
    return folded(_turkish_case(listed) if language == "turkish" else listed)


class _Tokens:
    """What becomes of each word, remembered. A few threads may ask at once."""

    def __init__(self, language: str, stop_words: frozenset[str], key_words: frozenset[str]) -> None:
        self._language = language
        self._stop_words = stop_words
        self._key_words = key_words
        self._elided = ELIDED.get(language)
        self._stemmer = Stemmer.Stemmer(STEMMERS[language], 0)  # 0: it keeps no words, as we do
        self._lock = threading.Lock()  # a stemmer works in a buffer of its own
        self._known: dict[str, str] = {}

    def token(self, word: str) -> str:
        """The token of a folded word; nothing for a stop word."""
        found = self._known.get(word)
        if found is not None:
            return found
        made = self._made(word)
        if len(word) <= LONGEST_STEMMED:
            if len(self._known) >= CACHED_WORDS:
                self._known.clear()
            self._known[word] = made
        return made

    def _made(self, word: str) -> str:
        if word in self._key_words:
            return word
        if self._is_stop_word(word):
            return ""
        if self._elided and (article := self._elided.match(word)):
            word = word[article.end() :]
            if word in self._key_words:
                return word
            if self._is_stop_word(word):
                return ""
        if len(word) > LONGEST_STEMMED:
            return word
        with self._lock:
            return str(self._stemmer.stemWord(word)) or word

    def _is_stop_word(self, word: str) -> bool:
        return bool(self._stop_words) and _compared(self._language, word) in self._stop_words


def _compared(language: str, word: str) -> str:
    """A word as it is compared with stop words: for Greek without accents, as most of that list is written."""
    if language != "greek":
        return word
    bare = "".join(part for part in unicodedata.normalize("NFD", word) if not unicodedata.combining(part))
    return bare.replace("\u03c2", "\u03c3").replace(
        "\u2206", "\u03b4"
    )  # the list mixes both sigmas, and signs for delta


def _turkish_case(text: str) -> str:
    """With the lower case that Turkish has for its two letters I: the capital without a dot stays without it."""
    return text.replace("I\u0307", "i").replace("\u0130", "i").replace("I", "\u0131")
