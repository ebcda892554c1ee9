"""The words of texts, and the languages: where words end, which ways of writing meet, which forms share a stem."""
# ruff: noqa: RUF001 - letters that look like others are the subject

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instance_agent.errors import SchemaInvalid
from instance_agent.schema.analyzers import make_analyzer, words
from instance_agent.schema.analyzers.languages import ENGLISH_STOP_WORDS, LANGUAGES, STEMMERS, default_stop_words
from instance_agent.schema.analyzers.unicode_words import _WORD
from instance_agent.schema.types import JsonValue


def tokens(definition: JsonValue, text: str) -> list[str]:
    return make_analyzer(definition, "column 't.c'")(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e-mail: x@y.com, U.S.A. foo_bar", ["e", "mail", "x", "y.com", "u.s.a", "foo_bar"]),
        ("1.5kg 1,500 1'000 3.14. 10:30 1;2", ["1.5kg", "1,500", "1'000", "3.14", "10", "30", "1", "2"]),
        ("2026-11-21", ["2026", "11", "21"]),
        ("don't 'quoted' rock 'n' roll", ["don't", "quoted", "rock", "n", "roll"]),
        ("EU:n m² ½", ["eu", "n", "m²", "½"]),
        ("col·lecció", ["col·lecció"]),
        ("ΟΔΟΣ, οδός", ["οδος", "οδός"]),
        ("straße STRASSE", ["straße", "strasse"]),
        ("هَذَا كِتَابٌ جَدِيدٌ، ١٢٫٥", ["هَذَا", "كِتَابٌ", "جَدِيدٌ", "١٢٫٥"]),
        ("می\u200cخواهم کتاب\u200c", ["می\u200cخواهم", "کتاب"]),
        ('הַמֶּלֶךְ צה"ל "ספר" בית־ספר', ["הַמֶּלֶךְ", 'צה"ל', "ספר", "בית", "ספר"]),
        ("हिन्दी, क्\u200dष।", ["हिन्दी", "क्\u200dष"]),
        ("日本語のテスト 한국어 문서", ["日", "本", "語", "の", "テスト", "한국어", "문서"]),
        ("𠮷野家", ["𠮷", "野", "家"]),
        ("สวัสดีชาวโลก 2 ครั้ง", ["สวัสดีชาวโลก", "2", "ครั้ง"]),
        ("great 👍🏽👍 ★★ I❤️NY", ["great", "👍🏽", "👍", "★", "★", "i", "❤", "ny"]),
        ("👩‍💻 🇫🇮🇸🇪", ["👩‍💻", "🇫🇮", "🇸🇪"]),
        ("", []),
        (" \u200d\u0301 -- ’ ", []),
    ],
)
def test_words_end_where_people_of_the_language_see_them_end(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("café", "cafe\u0301"),  # composed and decomposed
        ("한국어", unicodedata.normalize("NFD", "한국어")),
        ("don't", "don\u2019t"),
        ("istanbul", "İSTANBUL"),
        ("istanbul", "I\u0307stanbul"),
        ("cooperate", "co\u00adoperate"),
        ("שלום", "\u200fשלום\u200e"),
        ("ինչու", "ինչո՞ւ"),
        ("❤", "❤\ufe0f"),
    ],
)
def test_two_ways_of_writing_a_word_meet(one: str, other: str) -> None:
    assert words(one) == words(other)
    assert len(words(one)) == 1


def test_marks_without_end_take_no_time_without_end() -> None:
    assert words("e" + "\u0301\u0323" * 1_000_000 + " rye") == [words("e" + "\u0301\u0323" * 15)[0], "rye"]
    assert words("e" + "\U00010a0f\u0301\u00ad" * 1_000_000) == words("e" + "\U00010a0f\u0301" * 15)


def test_accents_tell_words_apart() -> None:
    assert words("pêche péché peche") == ["pêche", "péché", "peche"]


@given(st.text(alphabet=st.sampled_from("aZ09_'.,;:-\"@ \t\n\x1f\x00"), max_size=30))
def test_the_short_way_for_ascii_gives_what_the_general_way_gives(text: str) -> None:
    assert words(text) == _WORD.findall(text.lower())


@given(
    st.text(max_size=40)
    | st.text(alphabet="aΣσİI\u0307é\u0301\u200d\u200c'’.\u00ad日★👍\u3000 \u2028\x1f", max_size=20)
)
def test_the_words_of_a_text_are_those_of_its_parts_between_white_space(text: str) -> None:
    assert words(text) == [word for part in text.split() for word in words(part)]
    assert not any(re.search(r"\s", word) for word in words(text))


# Languages.

MEETING = {
    "arabic": "كتاب الكتاب",
    "armenian": "քաղաք քաղաքի",
    "basque": "etxe etxeak",
    "brazilian": "menino meninos",
    "catalan": "aigua l'aigua d’aigua",
    "czech": "kniha knihy knihu",
    "danish": "hus huset husene",
    "dutch": "huis huizen",
    "english": "cool cools cooled cooling COOL’S",
    "finnish": "talo talossa talosta taloa",
    "french": "eau eaux l'eau L’EAU",
    "german": "haus häuser hauses",
    "greek": "άνθρωπος άνθρωποι ΑΝΘΡΩΠΟΣ",
    "hindi": "लड़का लड़के लड़कों",
    "hungarian": "ház házak házban házból",
    "indonesian": "baca membaca dibaca bacaan",
    "irish": "bád bhád mbád",
    "italian": "acqua l'acqua dell’acqua",
    "norwegian": "hus huset husene",
    "persian": "کتاب کتاب\u200cها کتابها",
    "portuguese": "menino meninos",
    "romanian": "casă casa case casele",
    "russian": "книга книги книгу книгами",
    "spanish": "niño niños",
    "swedish": "bil bilen bilar bilarna",
    "turkish": "kız kızlar KIZLAR",
}
"""For each supported language forms of one word."""

FUNCTION_WORDS = {
    "arabic": "من", "armenian": "եմ", "basque": "eta", "brazilian": "não", "catalan": "amb", "czech": "jako",
    "danish": "ikke", "dutch": "het", "english": "the", "finnish": "että", "french": "avec", "german": "und",
    "greek": "είναι", "hindi": "और", "hungarian": "hogy", "indonesian": "yang", "irish": "agus", "italian": "che",
    "norwegian": "ikke", "persian": "برای", "portuguese": "não", "romanian": "pentru", "russian": "что",
    "spanish": "pero", "swedish": "och", "turkish": "için",
}  # fmt: skip


def test_every_language_with_a_stemmer_has_its_example() -> None:
    assert MEETING.keys() == FUNCTION_WORDS.keys() == STEMMERS.keys()
    assert set(LANGUAGES.values()) - STEMMERS.keys() == {"bulgarian", "cjk", "galician", "latvian", "thai"}


@pytest.mark.parametrize("language", STEMMERS)
def test_inflected_forms_of_a_word_meet(language: str) -> None:
    forms = MEETING[language]
    found = tokens(language, forms)
    assert len(found) == len(forms.split())
    assert len(set(found)) == 1


@pytest.mark.parametrize("language", STEMMERS)
def test_default_stop_words_are_dropped_and_nothing_else(language: str) -> None:
    definition: JsonValue = {"type": "language", "language": language, "useDefaultStopWords": True}
    word = FUNCTION_WORDS[language]
    capitals = word.replace("i", "İ").upper() if language == "turkish" else word.upper()
    text = f"{word} {MEETING[language]} {capitals}"
    assert tokens(definition, text) == tokens(language, MEETING[language])
    assert len(tokens(language, text)) == len(MEETING[language].split()) + 2


def test_stop_words_are_words_and_no_numbers() -> None:
    for language in STEMMERS:
        assert all(words(word) == [word] and not word.isnumeric() for word in default_stop_words(language))


@pytest.mark.parametrize(("language", "text"), [("ru", "Москва деньги работа"), ("de", "Gott Ordnung"), ("en", "line")])
def test_nouns_that_say_something_are_no_stop_words(language: str, text: str) -> None:
    definition: JsonValue = {"type": "language", "language": language, "useDefaultStopWords": True}
    assert tokens(definition, text) == tokens(language, text)


def test_hungarian_stop_words_have_their_own_letters() -> None:
    assert {"ő", "előtt", "első"} <= default_stop_words("hungarian")


def test_english_has_the_short_list_that_keeps_every_noun() -> None:
    assert default_stop_words("english") == ENGLISH_STOP_WORDS
    definition: JsonValue = {"type": "language", "language": "en", "useDefaultStopWords": True}
    assert tokens(definition, "The line of this computer") == ["line", "comput"]


def test_stop_words_are_compared_before_stemming_and_after_the_article() -> None:
    definition: JsonValue = {"type": "language", "language": "fr", "customStopWords": ["EST", "Chanter"]}
    assert tokens(definition, "c’est chanter chantons") == ["chanton"]


def test_key_words_win_over_stop_words_and_stay_as_they_are() -> None:
    definition: JsonValue = {
        "type": "language",
        "language": "turkish",
        "customStopWords": ["IŞIK", "kapılar"],
        "customKeyWords": ["KAPILAR"],
    }
    assert tokens(definition, "ışık Kapılar evler") == ["kapılar", "ev"]


@pytest.mark.parametrize("name", ["PT-BR", "pt-br", "Brazilian", "pt", "no", "Norwegian", "EN", "English", "eU", "HY"])
def test_languages_are_named_in_any_letter_case(name: str) -> None:
    assert tokens(name, "casas") == tokens({"type": "Language", "language": name}, "casas")


@pytest.mark.parametrize("name", ["bg", "Bulgarian", "CJK", "galician", "gl", "lv", "latvian", "TH", "thai"])
def test_a_language_without_a_stemmer_is_refused_by_name_with_what_to_use_instead(name: str) -> None:
    definitions: list[JsonValue] = [name, {"type": "language", "language": name}]
    for definition in definitions:
        with pytest.raises(SchemaInvalid) as refused:
            make_analyzer(definition, "column 't.c'")
        language = LANGUAGES.get(name.lower(), name.lower())
        assert f"the language '{language}' isn't supported" in refused.value.message
        assert "char-ngram" in refused.value.message


def test_an_unknown_language_is_refused_with_the_languages_there_are() -> None:
    with pytest.raises(SchemaInvalid, match=r"'klingon' isn't a language here.*armenian.*turkish"):
        make_analyzer({"type": "language", "language": "klingon"}, "c")


def test_what_is_too_long_for_a_word_is_left_as_it_is() -> None:
    assert tokens("english", "A" * 1000 + "ing") == ["a" * 1000 + "ing"]


def test_lists_of_stop_words_are_read_by_those_only_who_use_them() -> None:
    script = (
        "import sys\n"
        "from instance_agent.schema.analyzers import make_analyzer\n"
        "analyzer = {'type': 'language', 'language': 'en', 'useDefaultStopWords': True}\n"
        "make_analyzer(analyzer, 'c')('the cats'), make_analyzer('fi', 'c')('talossa')\n"
        "assert not {'stopwordsiso', 'stop_words'} & sys.modules.keys()\n"
        "make_analyzer({**analyzer, 'language': 'fi'}, 'c')\n"
        "assert 'stop_words' in sys.modules and 'stopwordsiso' not in sys.modules\n"
        "make_analyzer({**analyzer, 'language': 'eu'}, 'c')\n"
        "assert 'stopwordsiso' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
