"""Where tokens stand in a text, for analyzers of every kind."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instance_agent.query.hits.spans import LONGEST_TEXT, Segment, segments_of, spans_of
from instance_agent.schema.analyzers import make_analyzer
from instance_agent.schema.types import JsonValue

DELIMITER: JsonValue = {"type": "delimiter", "delimiter": ","}
GRAMS: JsonValue = {"type": "char-ngram", "minGram": 3, "maxGram": 3}
PAIRS: JsonValue = {"type": "token-ngram", "source": "english", "minGram": 2, "maxGram": 2}


def found(text: str, token: str, definition: JsonValue = "english") -> list[str]:
    analyze = make_analyzer(definition, "")
    return [text[start:end] for start, end, _ in spans_of(text, segments_of(text, analyze), {token: True})]


@pytest.mark.parametrize(
    ("definition", "text", "token", "spans"),
    [
        ("english", "The apples, (an Apple) and APPLE's pie.", "appl", ["apples", "Apple", "APPLE's"]),
        ("english", "environments", "environ", ["environments"]),
        ("standard", "EU:n 3,000.5 euroa", "3,000.5", ["3,000.5"]),
        ("standard", "EU:n 3,000.5 euroa", "n", ["n"]),
        ("standard", "日本語 text", "本", ["本"]),
        ("standard", "well-known", "known", ["known"]),
        ("standard", "great👍 work", "👍", ["👍"]),
        ("standard", "İstanbul ve", "istanbul", ["İstanbul"]),
        ("whitespace", "one,two (three)", "one,two", ["one,two"]),
        ("whitespace", "one,two (three)", "(three)", ["(three)"]),
        ("finnish", "Kissojen ruokaa", "ruoka", ["ruokaa"]),
        ("german", "Die Häuser", "haus", ["Häuser"]),
        ("french", "l'eau et l\u2019eau", "eau", ["l'eau", "l\u2019eau"]),
        ("russian", "красивые города", "красив", ["красивые"]),
        (DELIMITER, "new york, los angeles,new york", "new york", ["new york", "new york"]),
        (GRAMS, "banana", "ana", ["anana"]),
        (PAIRS, "red apples today", "red appl", ["red appl"]),
        (PAIRS, "red apples today", "appl today", ["red apples today"]),
        ("english", "nothing here", "appl", []),
        ("english", "", "appl", []),
    ],
)
def test_a_token_is_found_where_it_stands(definition: JsonValue, text: str, token: str, spans: list[str]) -> None:
    assert found(text, token, definition) == spans


def test_spans_carry_what_is_wanted_and_stay_apart() -> None:
    segments = segments_of("red apples & pears", make_analyzer("english", ""))
    assert segments == [Segment(0, 3, ("red",)), Segment(4, 10, ("appl",)), Segment(13, 18, ("pear",))]
    assert spans_of("red apples & pears", segments, {"pear": False, "red": True}) == [(0, 3, True), (13, 18, False)]
    grams = segments_of("abcd", make_analyzer(GRAMS, ""))
    assert spans_of("abcd", grams, {"abc": True, "bcd": False}) == [(0, 4, True)]


def test_a_text_that_is_too_long_is_not_searched() -> None:
    assert segments_of("word " * (LONGEST_TEXT // 5 + 1), make_analyzer("english", "")) == []


LANGUAGES = ["english", "finnish", "german", "french", "russian", "turkish", "arabic", "standard", "whitespace"]
letters = st.text("aAeEiI\u0130\u0131ßñé'\u2019.,-:; \u0301日👍🏽👨‍👩‍👧x1٣אב", max_size=30)


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=60, deadline=None)
@given(letters)
def test_the_pieces_have_the_tokens_of_the_text_in_order_and_apart(language: str, text: str) -> None:
    analyze = make_analyzer(language, "")
    segments = segments_of(text, analyze)
    assert [token for segment in segments for token in segment.tokens] == analyze(text)
    assert all(one.end <= other.start for one, other in pairwise(segments))
    for segment in segments:
        assert analyze(text[segment.start : segment.end]) == list(segment.tokens)
        assert text[segment.start : segment.end].strip() == text[segment.start : segment.end] or len(segment.tokens) > 1
