"""How texts become tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from instance_agent.errors import RowInvalid, SchemaInvalid
from instance_agent.schema.analyzers import longest_text, make_analyzer
from instance_agent.schema.analyzers.definitions import MOST_TOKEN_BYTES
from instance_agent.schema.analyzers.languages import CACHED_WORDS
from instance_agent.schema.parse import parse_table
from instance_agent.schema.rows import check_row
from instance_agent.schema.types import JsonValue


def tokens(definition: JsonValue, text: str) -> list[str]:
    return make_analyzer(definition, "column 't.c'")(text)


@pytest.mark.parametrize(
    ("definition", "text", "expected"),
    [
        (None, "Rye Bread, 1.5kg - don't!", ["rye", "bread", "1.5kg", "don't"]),
        ("Standard", "Ääkköset_2 日本", ["ääkköset_2", "日", "本"]),
        ("standard", "हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("Whitespace", " Rye  Bread, ", ["Rye", "Bread,"]),
        ("English", "cool cools cooled cooling", ["cool", "cool", "cool", "cool"]),
        ("en", "The databases", ["the", "data" + "bas"]),
        ("fi", "talossa talosta", ["talo", "talo"]),
        ({"type": "delimiter", "delimiter": ", "}, "a, b ,  c, ", ["a", "b", "c"]),
        ({"type": "delimiter", "delimiter": ",", "trimWhitespace": False}, "a, b,,c", ["a", " b", "c"]),
        ({"type": "char-ngram", "minGram": 2, "maxGram": 3}, "abcd", ["ab", "bc", "cd", "abc", "bcd"]),
        ({"type": "char-ngram", "minGram": 5, "maxGram": 5}, "abcd", []),
        (
            {"type": "token-ngram", "source": "standard", "minGram": 1, "maxGram": 2, "tokenSeparator": "_"},
            "A b c",
            ["a", "b", "c", "a_b", "b_c"],
        ),
        (
            {
                "type": "language",
                "language": "english",
                "useDefaultStopWords": True,
                "customStopWords": ["Rye"],
                "customKeyWords": ["Databases"],
            },
            "The rye databases tables",
            ["databases", "tabl"],  # codespell:ignore tabl
        ),
    ],
)
def test_each_analyzer_cuts_as_documented(definition: JsonValue, text: str, expected: list[str]) -> None:
    assert tokens(definition, text) == expected


@pytest.mark.parametrize(
    "definition",
    [
        5,
        {},
        {"type": "soundex"},
        {"type": "delimiter"},
        {"type": "delimiter", "delimiter": ""},
        {"type": "delimiter", "delimiter": ",", "trim": True},
        {"type": "char-ngram", "minGram": 2},
        {"type": "char-ngram", "minGram": 3, "maxGram": 2},
        {"type": "char-ngram", "minGram": 0, "maxGram": 2},
        {"type": "char-ngram", "minGram": 1, "maxGram": 1_000_000},
        {"type": "char-ngram", "minGram": True, "maxGram": 2},
        {"type": "token-ngram", "minGram": 1, "maxGram": 2},
        {"type": "language"},
        {"type": "language", "language": "bulgarian"},
        {"type": "language", "language": "standard"},
        {"type": "language", "language": "fi", "useDefaultStopWords": "yes"},
        {"type": "language", "language": "en", "customStopWords": "the"},
    ],
)
def test_definitions_that_are_not_understood_are_refused(definition: JsonValue) -> None:
    with pytest.raises(SchemaInvalid, match=r"column 't\.c'"):
        make_analyzer(definition, "column 't.c'")


def test_sources_can_not_be_nested_without_end() -> None:
    definition: JsonValue = "standard"
    for _ in range(6):
        definition = {"type": "token-ngram", "source": definition, "minGram": 1, "maxGram": 1}
    with pytest.raises(SchemaInvalid, match="nested"):
        make_analyzer(definition, "c")


def test_a_stemmer_gives_the_same_from_many_threads() -> None:
    analyze = make_analyzer("english", "c")
    texts = [f"cooling{n} databases{n} walked running" for n in range(300)]
    alone = [make_analyzer("english", "c")(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(analyze, texts)) == alone


def test_a_definition_of_any_depth_is_refused_and_not_followed() -> None:
    definition: JsonValue = "standard"
    for _ in range(100_000):
        definition = {"type": "token-ngram", "source": definition, "minGram": 1, "maxGram": 1}
    with pytest.raises(SchemaInvalid, match="nested"):
        make_analyzer(definition, "c")


def test_more_distinct_words_than_are_remembered_are_stemmed_all_the_same() -> None:
    analyze = make_analyzer("english", "c")
    many = [f"cooling databases{n}" for n in range(CACHED_WORDS + 10)]
    assert {analyze(text)[0] for text in many} == {"cool"}
    assert analyze("cooled DATABASES") == ["cool", "data" + "bas"]


# N-grams multiply a text.

NGRAMS: list[JsonValue] = [
    {"type": "char-ngram", "minGram": 1, "maxGram": 32},
    {"type": "char-ngram", "minGram": 3, "maxGram": 3},
    {"type": "token-ngram", "source": "standard", "minGram": 1, "maxGram": 3, "tokenSeparator": " " * 9},
    {
        "type": "token-ngram",
        "source": {"type": "char-ngram", "minGram": 1, "maxGram": 2},
        "minGram": 2,
        "maxGram": 3,
    },
]


@pytest.mark.parametrize("definition", NGRAMS)
def test_the_n_grams_of_the_longest_text_stay_within_their_memory(definition: JsonValue) -> None:
    longest = longest_text(definition)
    assert longest is not None
    scale = 100  # a hundredth of the text has a hundredth of the tokens
    text = ("日" * (longest // scale)) if "source" in str(definition) else "a" * (longest // scale)
    made = tokens(definition, text)
    assert 0.4 < sum(len(token) + 57 for token in made) * scale / MOST_TOKEN_BYTES <= 1


def test_a_text_with_more_n_grams_than_memory_should_hold_is_refused_with_its_row() -> None:
    definition: JsonValue = {"type": "char-ngram", "minGram": 1, "maxGram": 32}
    longest = longest_text(definition)
    assert longest is not None
    table = parse_table("t", {"columns": {"c": {"type": "Text", "analyzer": definition}}})
    assert check_row(table, {"c": "a" * longest})
    with pytest.raises(RowInvalid, match=rf"row 7: field 'c' of type Text takes at most {longest} characters"):
        check_row(table, {"c": "a" * (longest + 1)}, label="row 7: ")


@pytest.mark.parametrize("definition", [None, "standard", "en", "whitespace", {"type": "delimiter", "delimiter": ","}])
def test_texts_of_other_analyzers_may_have_any_length(definition: JsonValue) -> None:
    assert longest_text(definition) is None
    table = parse_table("t", {"columns": {"c": {"type": "Text", "analyzer": definition}}})
    assert check_row(table, {"c": "ab " * 1_000_000})


def test_n_grams_that_no_text_could_have_are_refused_in_the_schema() -> None:
    definition: JsonValue = {"type": "char-ngram", "minGram": 1, "maxGram": 32}
    for _ in range(2):
        definition = {"type": "token-ngram", "source": definition, "minGram": 1, "maxGram": 32}
    with pytest.raises(SchemaInvalid, match=r"'t\.c': these n-grams multiply"):
        make_analyzer(definition, "column 't.c'")
    long_separator: JsonValue = {
        "type": "token-ngram",
        "source": "en",
        "minGram": 2,
        "maxGram": 2,
        "tokenSeparator": "x" * 100_000,
    }
    with pytest.raises(SchemaInvalid, match="these n-grams multiply"):
        make_analyzer(long_separator, "c")
