"""A whole run: each set is split several times, and each method learns from one part and is asked about the other."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.accuracy import vakka
from benchmarks.accuracy.data_set import DataSet, Row
from benchmarks.accuracy.measures import Measured, measure

OURS = "Vakka"
CALIBRATED = ", calibrated"
PEERS = {"logistic regression": 1_000_000, "random forest": 1_000_000, "gradient boosting": 12}
"""The names of peers, and how many classes each is asked about: boosting grows a tree for each class and round."""

METHODS = (OURS, *(f"{peer}{kind}" for peer in PEERS for kind in ("", CALIBRATED)))


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    splits: int = 3
    most_asked: int = 400  # rows asked about in a split, at most 3 of 10
    few_rows: int = 200  # learned from where a set is shown to learners of few rows, too
    peers: tuple[str, ...] = tuple(PEERS)


QUICK = Plan(splits=1, most_asked=20)
"""For trying the harness: its figures mean nothing."""


@dataclass
class SetResult:
    """What was found for one set, learned from all its rows or from few."""

    data_set: DataSet
    rows: int  # learned from
    classes: int
    measured: dict[str, list[Measured]] = field(default_factory=dict)  # by method, one for each split
    first_milliseconds: list[float] = field(default_factory=list)  # our first prediction in each split


def carry_out(makers: Sequence[Callable[[], DataSet]], plan: Plan, say: Callable[[str], None]) -> list[SetResult]:
    """Everything, set by set; sets with more than twice as many rows also with few rows."""
    results: list[SetResult] = []
    for make in makers:
        data_set = make()
        learned = len(data_set.rows) - _asked(data_set, plan)
        sizes = [learned, *([plan.few_rows] if learned > 2 * plan.few_rows else [])]
        for size in sizes:
            result = SetResult(data_set, size, 0)
            for number in range(plan.splits):
                _split(result, plan, number)
            say(f"{data_set.name}, {size} rows: " + ", ".join(_told(result, method) for method in result.measured))
            results.append(result)
    return results


def _asked(data_set: DataSet, plan: Plan) -> int:
    return min(plan.most_asked, int(0.3 * len(data_set.rows)))


def _split(result: SetResult, plan: Plan, number: int) -> None:
    """Rows whose class no row learned from has are left out: no method can be right about them."""
    data_set = result.data_set
    order = np.random.default_rng([number, len(data_set.rows)]).permutation(len(data_set.rows)).tolist()
    count = _asked(data_set, plan)
    learned = [data_set.rows[place] for place in order[count : count + result.rows]]
    names = list(dict.fromkeys(str(row[data_set.target]) for row in learned))
    place = {name: at for at, name in enumerate(names)}
    asked = [row for row in (data_set.rows[at] for at in order[:count]) if str(row[data_set.target]) in place]
    truth = np.array([place[str(row[data_set.target])] for row in asked], dtype=np.int64)
    classes = np.array([place[str(row[data_set.target])] for row in learned], dtype=np.int64)
    result.classes = max(result.classes, len(names))
    ours = vakka.ask(data_set.types, data_set.target, learned, names, asked)
    result.measured.setdefault(OURS, []).append(measure(ours.probabilities, truth, ours.milliseconds))
    result.first_milliseconds.append(ours.first_milliseconds)
    for peer in plan.peers:
        if len(names) <= PEERS[peer]:
            _peer(result, peer, _without_target(learned, data_set.target), classes, (asked, truth))


def _peer(
    result: SetResult, peer: str, learned: list[Row], classes: np.ndarray, asked: tuple[list[Row], np.ndarray]
) -> None:
    from benchmarks.accuracy.peers import answer  # installed for benchmarks alone

    rows, truth = asked
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = answer(peer, result.data_set.types, learned, classes, rows)
    for name, probabilities in ((peer, found.plain), (f"{peer}{CALIBRATED}", found.calibrated)):
        result.measured.setdefault(name, []).append(measure(probabilities, truth, found.milliseconds))


def _without_target(rows: list[Row], target: str) -> list[Row]:
    return [{name: value for name, value in row.items() if name != target} for row in rows]


def _told(result: SetResult, method: str) -> str:
    losses = [one.log_loss for one in result.measured[method]]
    return f"{method} {sum(losses) / len(losses):.3f}"
