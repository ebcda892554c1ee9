"""Made-up invoices: any range of rows is the same for the same seed, whoever makes it and in whatever order."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from instance_agent.schema.types import JsonValue

SEED: Final = 20_261
VENDORS: Final = 5_000
WORDS: Final = 20_000
GL_CODES: Final = 300
DAYS: Final = 720
BLOCK_ROWS: Final = 5_000
GZIP_LEVEL: Final = 6

COLUMNS: Final[dict[str, JsonValue]] = {
    "id": {"type": "String"},
    "vendor": {"type": "String"},
    "description": {"type": "Text"},
    "gl_code": {"type": "String"},
    "amount": {"type": "Decimal"},
    "quantity": {"type": "Int"},
    "paid": {"type": "Boolean"},
    "note": {"type": "Text", "nullable": True},
    "date": {"type": "String"},
    "tags": {"type": "String[]"},
}

Row = dict[str, JsonValue]

_SYLLABLES = [onset + vowel for onset in "bdfghjklmnprst" for vowel in "aeiou"]
_SPREAD = 79_193  # has no divisor in common with their number, so that different numbers give different words
_TAGS = ("urgent", "recurring", "travel", "equipment", "disputed", "estimate")


def word(number: int) -> str:
    """A lower-case word of three syllables for each number from 0 to 342,999; no two are the same."""
    syllables = ""
    rest = number * _SPREAD % len(_SYLLABLES) ** 3
    for _ in range(3):
        rest, place = divmod(rest, len(_SYLLABLES))
        syllables += _SYLLABLES[place]
    return syllables


class Invoices:
    """A table without an end. Vendors and words are drawn by Zipf's law: the n-th is drawn 1/n times as often."""

    def __init__(self, seed: int = SEED) -> None:
        self._seed = seed
        self._words = [word(number) for number in range(WORDS)]
        self._vendors = [f"{word(number * 7).capitalize()} {number % 97} Oy" for number in range(VENDORS)]
        self._gl_codes = [str(4000 + 13 * number) for number in range(GL_CODES)]
        self._days = [f"{2024 + n // 360}-{n // 30 % 12 + 1:02d}-{n % 30 % 28 + 1:02d}" for n in range(DAYS)]
        self._vendor_shares = _zipf(VENDORS)
        self._word_shares = _zipf(WORDS)

    def rows(self, first: int, count: int) -> Iterator[Row]:
        """The rows with numbers from `first` on."""
        end = first + count
        for block in range(first // BLOCK_ROWS, -(-end // BLOCK_ROWS)):
            start = block * BLOCK_ROWS
            yield from self._block(block)[max(first - start, 0) : end - start]

    def _block(self, block: int) -> list[Row]:
        random = np.random.default_rng([self._seed, block])
        vendors = _drawn(random, self._vendor_shares, BLOCK_ROWS)
        lengths = random.integers(3, 13, BLOCK_ROWS).tolist()
        words = iter(_drawn(random, self._word_shares, sum(lengths)))
        # Four of five invoices are booked to their vendor's account, the rest to any.
        astray = np.where(random.random(BLOCK_ROWS) < 0.2, random.integers(0, GL_CODES, BLOCK_ROWS), 0).tolist()
        amounts = np.round(np.exp(random.normal(5.5, 1.4, BLOCK_ROWS)), 2).tolist()
        quantities = random.integers(1, 100, BLOCK_ROWS).tolist()
        paid = (random.random(BLOCK_ROWS) < 0.7).tolist()
        notes = np.where(random.random(BLOCK_ROWS) < 0.3, random.integers(0, 500, BLOCK_ROWS), -1).tolist()
        days = random.integers(0, DAYS, BLOCK_ROWS).tolist()
        tags = random.integers(0, 4 * len(_TAGS), BLOCK_ROWS).tolist()
        rows: list[Row] = []
        for at, vendor in enumerate(vendors):
            row: Row = {
                "id": f"inv-{block * BLOCK_ROWS + at:09d}",
                "vendor": self._vendors[vendor],
                "description": " ".join(self._words[next(words)] for _ in range(lengths[at])),
                "gl_code": self._gl_codes[(vendor * 7 + astray[at]) % GL_CODES],
                "amount": amounts[at],
                "quantity": quantities[at],
                "paid": paid[at],
                "date": self._days[days[at]],
                "tags": [_TAGS[tags[at] % len(_TAGS)]] if tags[at] < 2 * len(_TAGS) else [],
            }
            if notes[at] >= 0:
                row["note"] = f"{self._words[notes[at]]} {self._words[notes[at] * 3]}"
            rows.append(row)
        return rows


class Questions(msgspec.Struct, frozen=True):
    """What every engine is asked, drawn from the rows, so that common values are asked for more often."""

    vendors: list[str]
    words: list[str]
    gl_codes: list[str]
    doomed_vendors: list[str]  # whose rows are deleted, rare ones: about 50 rows of a million each


class RawFile(msgspec.Struct, frozen=True):
    """A file of rows."""

    rows: int
    raw_bytes: int  # of the JSON lines
    gzip_bytes: int


def write_file(invoices: Invoices, rows: int, path: Path) -> RawFile:
    """Write rows 0 to `rows` as gzip JSON lines."""
    encoder = msgspec.json.Encoder()
    raw_bytes = 0
    with gzip.open(path, "wb", compresslevel=GZIP_LEVEL) as file:
        for row in invoices.rows(0, rows):
            line = encoder.encode(row) + b"\n"
            raw_bytes += len(line)
            file.write(line)
    return RawFile(rows, raw_bytes, path.stat().st_size)


def questions(invoices: Invoices, rows: int, count: int, doomed: int) -> Questions:
    """`count` questions of each kind and `doomed` vendors, from among the first rows."""
    some = list(invoices.rows(0, min(rows, 4 * BLOCK_ROWS)))
    random = np.random.default_rng([SEED, rows])
    drawn = [some[at] for at in random.integers(0, len(some), count).tolist()]
    by_count: dict[str, int] = {}
    for row in some:
        by_count[str(row["vendor"])] = by_count.get(str(row["vendor"]), 0) + 1
    rare = sorted(by_count, key=lambda vendor: (by_count[vendor], vendor))
    return Questions(
        vendors=[str(row["vendor"]) for row in drawn],
        words=[_one_word(row, at) for at, row in enumerate(drawn)],
        gl_codes=[str(row["gl_code"]) for row in drawn],
        doomed_vendors=rare[:doomed],
    )


def _one_word(row: Row, at: int) -> str:
    words = str(row["description"]).split()
    return words[at % len(words)]


def _zipf(size: int) -> NDArray[np.float64]:
    shares = np.cumsum(1.0 / np.arange(1, size + 1))
    return np.asarray(shares / shares[-1], np.float64)


def _drawn(random: np.random.Generator, shares: NDArray[np.float64], count: int) -> list[int]:
    """Places in `shares` (cumulative, the last is 1), drawn by them."""
    places = np.searchsorted(shares, random.random(count), side="right")
    return [int(place) for place in places.tolist()]
