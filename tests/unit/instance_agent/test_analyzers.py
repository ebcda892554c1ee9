"""How texts become tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from instance_agent.errors import SchemaInvalid
from instance_agent.schema.analyzers import make_analyzer
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
        {"type": "language", "language": "fi", "useDefaultStopWords": True},
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
