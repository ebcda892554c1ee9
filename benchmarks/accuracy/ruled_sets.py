"""Public problems that are defined by a rule, made anew from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.data_set import DataSet, Half, Row, of_numbers, shuffled

Random = np.random.Generator
Floats = NDArray[np.float64]


def balance_scale() -> DataSet:
    """Siegler (1976): all 625 cases."""
    rows: list[Row] = []
    for left, arm, right, other in product(range(1, 6), repeat=4):
        tip = left * arm - right * other
        side = "left" if tip > 0 else "right" if tip < 0 else "balanced"
        rows.append({"left": left, "left_arm": arm, "right": right, "right_arm": other, "class": side})
    types = dict.fromkeys(("left", "left_arm", "right", "right_arm"), "Int")
    about = "to which side a pair of scales tips"
    return DataSet("balance scale", about, Half.DEVELOPMENT, types, "class", shuffled(rows))


def tic_tac_toe() -> DataSet:
    """Aha (1991): the 958 boards with which a game may end, x having begun."""
    boards: dict[str, bool] = {}
    _play("b" * 9, "x", boards, set())
    names = [f"{down}{across}" for down in ("top_", "middle_", "bottom_") for across in ("left", "middle", "right")]
    rows: list[Row] = [
        {**dict(zip(names, board, strict=True)), "class": "won" if won else "not won"} for board, won in boards.items()
    ]
    types = dict.fromkeys(names, "String")
    about = "whether x has won at the end of a game"
    return DataSet("tic-tac-toe", about, Half.JUDGING, types, "class", shuffled(rows))


_LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


def _play(board: str, player: str, ended: dict[str, bool], seen: set[str]) -> None:
    """Put every board on which the game ends into `ended`, and whether x has won there. Boards in `seen` are known."""
    if board in seen:
        return
    seen.add(board)
    for winner in "xo":
        if any(all(board[place] == winner for place in line) for line in _LINES):
            ended[board] = winner == "x"
            return
    if "b" not in board:
        ended[board] = False
        return
    for place in range(9):
        if board[place] == "b":
            _play(board[:place] + player + board[place + 1 :], "o" if player == "x" else "x", ended, seen)


_MONKS_SIZES = (3, 3, 2, 3, 4, 2)
Monk = Callable[[tuple[int, ...]], bool]


def monks_1() -> DataSet:
    return _monks("monks-1", Half.DEVELOPMENT, lambda a: a[0] == a[1] or a[4] == 1)


def monks_2() -> DataSet:
    return _monks("monks-2", Half.JUDGING, lambda a: sum(value == 1 for value in a) == 2)


def monks_3() -> DataSet:
    """With the five percent of wrong classes of the original."""
    return _monks("monks-3", Half.JUDGING, lambda a: (a[4] == 3 and a[3] == 1) or (a[4] != 4 and a[1] != 3), 0.05)


def _monks(name: str, half: Half, rule: Monk, wrong: float = 0.0) -> DataSet:
    """Thrun et al. (1991): all 432 robots."""
    random = np.random.default_rng(1)
    names = [f"a{place + 1}" for place in range(6)]
    rows: list[Row] = []
    for values in product(*(range(1, size + 1) for size in _MONKS_SIZES)):
        is_monk = rule(values) != (random.random() < wrong)
        row: Row = {name: f"v{value}" for name, value in zip(names, values, strict=True)}
        rows.append({**row, "class": "monk" if is_monk else "other"})
    types = dict.fromkeys(names, "String")
    return DataSet(name, "whether a robot belongs to a group", half, types, "class", shuffled(rows))


_SEGMENTS = (
    "1110111",
    "0010010",
    "1011101",
    "1011011",
    "0111010",
    "1101011",
    "1101111",
    "1010010",
    "1111111",
    "1111011",
)


def led() -> DataSet:
    """Breiman et al. (1984): seven segments, each wrong once in ten times, and seventeen that mean nothing."""
    random = np.random.default_rng(2)
    rows: list[Row] = []
    for digit in random.integers(0, 10, 2000).tolist():
        shown = [int(bit) ^ int(random.random() < 0.1) for bit in _SEGMENTS[digit]]
        lights = [*shown, *random.integers(0, 2, 17).tolist()]
        row: Row = {f"s{place + 1}": bool(light) for place, light in enumerate(lights)}
        rows.append({**row, "class": f"d{digit}"})
    types = {f"s{place + 1}": "Boolean" for place in range(24)}
    return DataSet("LED-24", "the digit on a broken display", Half.DEVELOPMENT, types, "class", rows)


def waveform() -> DataSet:
    """Breiman et al. (1984): mixtures of two of three waves at 21 points, noise, and 19 points of noise alone."""
    random = np.random.default_rng(3)
    points = np.arange(21)
    waves = [np.maximum(6 - np.abs(points - peak), 0) for peak in (6, 14, 10)]
    classes = random.integers(0, 3, 2000)
    values = random.standard_normal((2000, 40))
    share = random.random(2000)[:, None]
    pairs = ((0, 1), (0, 2), (1, 2))
    first = np.stack([waves[pairs[place][0]] for place in classes.tolist()])
    second = np.stack([waves[pairs[place][1]] for place in classes.tolist()])
    values[:, :21] += share * first + (1 - share) * second
    types, rows = of_numbers(np.round(values, 2), classes)
    return DataSet("waveform-40", "which two waves were mixed", Half.JUDGING, types, "class", rows)


def threenorm() -> DataSet:
    """Breiman (1998): two clouds against one between them, in 20 dimensions."""
    random = np.random.default_rng(4)
    classes = random.integers(0, 2, 1500)
    values = random.standard_normal((1500, 20))
    a = 2 / np.sqrt(20)
    side = np.where(random.random(1500) < 0.5, a, -a)[:, None]
    zigzag = a * np.where(np.arange(20) % 2 == 0, 1.0, -1.0)
    values += np.where(classes[:, None] == 0, side, zigzag)
    types, rows = of_numbers(np.round(values, 3), classes)
    return DataSet("threenorm", "which of two clouds", Half.DEVELOPMENT, types, "class", rows)


def ringnorm() -> DataSet:
    """Breiman (1998): a wide cloud around a narrow one, in 20 dimensions."""
    random = np.random.default_rng(5)
    classes = random.integers(0, 2, 1500)
    values = random.standard_normal((1500, 20))
    values = np.where(classes[:, None] == 0, 2 * values, values + 1 / np.sqrt(20))
    types, rows = of_numbers(np.round(values, 3), classes)
    return DataSet("ringnorm", "which of two clouds", Half.JUDGING, types, "class", rows)


_HANDS = ("nothing", "pair", "two pairs", "three", "straight", "flush", "full house", "four", "straight flush")


def poker() -> DataSet:
    """Cattral et al. (2002): five cards; the class is what they are worth."""
    random = np.random.default_rng(6)
    rows: list[Row] = []
    for _ in range(4000):
        cards = random.permutation(52)[:5].tolist()
        row: Row = {}
        for place, card in enumerate(cards):
            row |= {f"suit{place + 1}": "SHDC"[card // 13], f"rank{place + 1}": card % 13 + 1}
        rows.append({**row, "class": _HANDS[_worth(cards)]})
    types = {name: "String" if name.startswith("suit") else "Int" for name in rows[0] if name != "class"}
    return DataSet("poker", "what a hand is worth", Half.JUDGING, types, "class", rows)


def _worth(cards: list[int]) -> int:
    ranks = sorted(card % 13 for card in cards)
    flush = len({card // 13 for card in cards}) == 1
    straight = len(set(ranks)) == 5 and (ranks[4] - ranks[0] == 4 or ranks == [0, 9, 10, 11, 12])
    counts = sorted((ranks.count(rank) for rank in set(ranks)), reverse=True)
    if straight or flush:
        return 8 if straight and flush else 5 if flush else 4
    by_counts = {(4, 1): 7, (3, 2): 6, (3, 1, 1): 3, (2, 2, 1): 2, (2, 1, 1, 1): 1}
    return by_counts.get(tuple(counts), 0)


def agrawal_2() -> DataSet:
    return _agrawal("Agrawal 2", Half.DEVELOPMENT, _by_age_and_salary)


def agrawal_7() -> DataSet:
    return _agrawal("Agrawal 7", Half.JUDGING, lambda p: 2 * (p["salary"] + p["commission"]) / 3 - p["loan"] / 5 > 2e4)


def agrawal_3() -> DataSet:
    return _agrawal("Agrawal 3", Half.JUDGING, _by_age_and_education)


Person = dict[str, float]


def _by_age_and_salary(person: Person) -> bool:
    low, high = (5e4, 1e5) if person["age"] < 40 else (7.5e4, 1.25e5) if person["age"] < 60 else (2.5e4, 7.5e4)
    return low <= person["salary"] <= high


def _by_age_and_education(person: Person) -> bool:
    levels = (0, 1) if person["age"] < 40 else (1, 2, 3) if person["age"] < 60 else (2, 3, 4)
    return person["education"] in levels


def _agrawal(name: str, half: Half, rule: Callable[[Person], bool]) -> DataSet:
    """Agrawal et al. (1993): people who ask for a loan; five percent of the classes are wrong."""
    random = np.random.default_rng(7)
    rows = [_applicant(person, rule(person) != (random.random() < 0.05)) for person in _people(random, 2500)]
    types = dict.fromkeys(("salary", "commission", "age", "house_value", "house_years", "loan"), "Decimal")
    types |= {"education": "String", "car": "String", "zip": "String"}
    return DataSet(name, "whether somebody gets a loan", half, types, "class", rows)


def _people(random: Random, count: int) -> Iterator[Person]:
    for _ in range(count):
        salary = random.uniform(2e4, 1.5e5)
        zip_code = float(random.integers(1, 10))
        yield {
            "salary": round(salary),
            "commission": 0.0 if salary >= 7.5e4 else round(random.uniform(1e4, 7.5e4)),
            "age": float(random.integers(20, 81)),
            "education": float(random.integers(0, 5)),
            "car": float(random.integers(1, 21)),
            "zip": zip_code,
            "house_value": round(random.uniform(0.5e5, 1.5e5) * zip_code),
            "house_years": float(random.integers(1, 31)),
            "loan": round(random.uniform(0, 5e5)),
        }


def _applicant(person: Person, granted: bool) -> Row:
    names = ("education", "car", "zip")
    row: Row = {name: f"{name}{int(value)}" if name in names else value for name, value in person.items()}
    return {**row, "class": "granted" if granted else "refused"}
