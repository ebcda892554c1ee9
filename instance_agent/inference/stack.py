"""Exactly one class per row: several voices, weighed by how right they were about rows they hadn't seen.

The voices: the base rates; per column the lifts of its evidence, counted over all rows; and, over a bounded sample of
the rows, a kernel regression, the nearest rows and one-dependence estimators. All of them are lazy: what is kept is
the sample, the regression on some hundred rows and the weights, all made anew when the rows change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference import blend, kernel, likeness, neighbours, one_dependence
from instance_agent.inference.gate import log_bayes_factor, smoothed_shares
from instance_agent.inference.kernel import Kernel
from instance_agent.inference.naive_bayes import base_rates, log_lifts
from instance_agent.inference.pieces import Counting
from instance_agent.inference.problem import Column, Given, Numbers, Problem
from instance_agent.inference.sample import (
    Floats,
    Listed,
    Numeric,
    Part,
    Places,
    Sample,
    kept,
    part_of,
    sample_of,
    spread,
)
from instance_agent.inference.testimony import NO_PLACES, Asked, rows_like, testimony

FULL_STRENGTH = 6.0
"""Columns that count in full where all of them are added up; more share this much weight."""

FITTED_ON = 128
"""Rows that weights are fitted to."""

LEAST_FITTED_ON = 24
MOST_SAID = 1_000_000
"""Numbers that the voices say about all rows the weights are fitted to: rows x voices x classes."""

MOST_PIECES_HEARD = 8_000
"""Pieces of evidence of all rows the weights are fitted to: of rows that say very much there are fewer."""

LEAST_ROWS = 32
FLOOR = 1e-2
"""What the regression expects counts as no less, in logarithms."""

OTHER_VOICES = 5
"""The regression as it is and in logarithms, the votes of few and of many neighbours, one-dependence estimators."""

CONDITION_WEIGHT = 0.7
"""Of a condition's lifts, whose reliability nothing is fitted to."""

ALL_VOICES = np.ones(OTHER_VOICES, dtype=np.bool_)


@dataclass(frozen=True)
class Frame:
    """What is kept of some columns."""

    columns: tuple[Column, ...]  # with the counts of the rows that all this was fitted to
    sample: Sample
    parts: tuple[Part, ...]
    kernel: Kernel


@dataclass(frozen=True)
class Said:
    """What the voices say about one query."""

    pieces: tuple[int, ...]  # places in the query of the pieces of evidence
    piece_columns: NDArray[np.int64]  # the voice of the column of each
    log_lifts: Numbers  # pieces x C
    matters: NDArray[np.bool_]  # which pieces depend on the class beyond doubt
    base: Numbers  # base rates, length C
    voices: Numbers  # base, columns, others: v x C


def say(problem: Problem) -> tuple[Said, Numbers] | None:
    """What the voices say about the problem's query, and the weight of each.

    None where nothing that is given is known to any row learned from, where there are too few rows to weigh voices
    by, or too many classes.
    """
    first = problem if problem.first is None else problem.first()
    if problem.target_codes is None or len(first.learned) - len(problem.without) < LEAST_ROWS:
        return None
    counting = Counting(problem)
    everything = _speaking(counting, problem, first)
    speaking = {at: spoken for at, spoken in everything.items() if at not in problem.conditions}
    voices = 1 + len(speaking) + OTHER_VOICES
    room = LEAST_FITTED_ON * voices * len(problem.class_rows)
    if not speaking or room > MOST_SAID or np.count_nonzero(first.class_rows) < 2:
        return None
    # By path: the order of a query's conditions must not matter.
    order = sorted(speaking, key=lambda at: problem.columns[at].path)
    columns = tuple(first.columns[at] for at in order)
    paths = tuple(column.path for column in columns)
    frame = kept(first, ("frame", paths), lambda: _framed(first, columns))
    weights = kept(first, ("weights", paths), lambda: _weights(first, frame))
    asked = [Asked(place, problem.columns[at], frame.parts[place], *speaking[at]) for place, at in enumerate(order)]
    said = _said(counting, frame, asked, weights[-OTHER_VOICES:] > 0)
    conditions = {at: spoken for at, spoken in everything.items() if at in problem.conditions}
    return _with_conditions(counting, problem, said, conditions), np.append(
        weights, [CONDITION_WEIGHT] * len(conditions)
    )


def _with_conditions(counting: Counting, problem: Problem, said: Said, conditions: dict[int, Spoken]) -> Said:
    """With one more voice for each condition: its lifts, where it depends on the class."""
    lifts = np.zeros((len(conditions), len(said.base)))
    for at, (place, (_, (given,))) in enumerate(conditions.items()):
        feature = counting.feature(problem.columns[place], given.code)
        shares = smoothed_shares(feature.exposure)
        if log_bayes_factor(feature.counts, shares) > 0:
            lifts[at] = log_lifts(feature.counts, feature.total, shares)
    return Said(
        pieces=(*said.pieces, *(places[0] for places, _ in conditions.values())),
        piece_columns=np.append(said.piece_columns, len(said.voices) + np.arange(len(conditions))),
        log_lifts=np.concatenate([said.log_lifts, lifts]),
        matters=np.append(said.matters, lifts.any(axis=1)),
        base=said.base,
        voices=np.concatenate([said.voices, lifts]),
    )


Spoken = tuple[tuple[int, ...], tuple[Given, ...]]
"""Things given of one column: their places in the query, and they."""


def _speaking(counting: Counting, problem: Problem, first: Problem) -> dict[int, Spoken]:
    """By column, the things given that some row learned from knows."""
    found: dict[int, list[tuple[int, Given]]] = {}
    for place, given in enumerate(problem.query):
        column = problem.columns[given.column]
        if column.numbers is None:
            if given.code >= 0 and counting.is_known(column, given.code):
                found.setdefault(given.column, []).append((place, given))
        elif given.number is not None and math.isfinite(given.number):
            own = first.columns[given.column]
            sample = sample_of(first, ())
            without = sample.places_of(counting.rows_out) if len(counting.rows_out) else NO_PLACES
            if len(rows_like(part_of(first, sample, own), given, without)):
                found.setdefault(given.column, [(place, given)])
    return {at: (tuple(place for place, _ in pairs), tuple(given for _, given in pairs)) for at, pairs in found.items()}


def _framed(problem: Problem, columns: tuple[Column, ...]) -> Frame:
    sample = sample_of(problem, columns)
    parts = [part_of(problem, sample, column) for column in columns]
    return Frame(columns, sample, tuple(parts), kernel.fit(sample, parts))


def _weights(problem: Problem, frame: Frame) -> Numbers:
    """Fitted to some of the sample's rows, each predicted as if it weren't there."""
    voices = 1 + len(frame.parts) + OTHER_VOICES
    pieces = sum(len(part.rows) / frame.sample.size if isinstance(part, Listed) else 1.0 for part in frame.parts)
    most = max(LEAST_FITTED_ON, min(FITTED_ON, int(MOST_PIECES_HEARD / pieces)))
    most = min(most, MOST_SAID // (voices * frame.sample.class_count))
    anchors = frame.kernel.anchors
    places = anchors[spread(len(anchors), most)]
    said = np.empty((len(places), voices, frame.sample.class_count))
    for at, place in enumerate(places.tolist()):
        row = frame.sample.rows[place : place + 1]
        counting = Counting(replace(problem, without=row))
        said[at] = _said(counting, frame, list(_asked_by(counting, frame, place, int(row[0]))), ALL_VOICES).voices
    return blend.fitted(said, frame.sample.classes[places].astype(np.int64), np.zeros(voices))


def _asked_by(counting: Counting, frame: Frame, place: int, row: int) -> Iterator[Asked]:
    """What would be asked by a query that had the row's features in all columns: those that other rows know."""
    for at, (column, part) in enumerate(zip(frame.columns, frame.parts, strict=True)):
        if isinstance(part, Numeric):
            number = math.nan if column.numbers is None else float(column.numbers[row])
            given = [Given(at, -1, number)] if math.isfinite(number) else []
            if given and not len(rows_like(part, given[0], np.array([place]))):
                continue
        else:
            if isinstance(part, Listed):
                codes = column.feature_codes[column.offsets[row] : column.offsets[row + 1]].tolist()
            else:
                codes = [int(part[place])] if part[place] >= 0 else []
            given = [Given(at, code) for code in codes if counting.is_known(column, code)]
        if given:
            yield Asked(at, column, part, (0,) * len(given), tuple(given))


def _said(counting: Counting, frame: Frame, asked: list[Asked], wanted: NDArray[np.bool_]) -> Said:
    """wanted: which of the other voices; those that aren't may say anything."""
    sample = frame.sample
    without = sample.places_of(counting.rows_out) if len(counting.rows_out) else NO_PLACES
    base = base_rates(counting.target.class_rows, counting.target.rows)
    log_base = np.log(base)
    told = testimony(counting, sample, asked, without)
    by_column = np.zeros((len(frame.parts), len(base)))
    for at, lifts in zip(told.columns, told.log_lifts, strict=True):
        by_column[at] += lifts
    together = log_base + min(1.0, FULL_STRENGTH / max(1, len(asked))) * by_column.sum(axis=0)
    strongest = np.argsort(-(np.abs(told.log_lifts) @ base), kind="stable")[: one_dependence.parents(len(base))]
    having = []
    if wanted[-1]:
        having = [rows_like(part, given, without) for part, given in map(told.given.__getitem__, strongest.tolist())]
    others = np.zeros((OTHER_VOICES, len(base)))
    if wanted.any():
        others = _others(frame, _distances(frame, asked), having, together, without, wanted)
    return Said(
        pieces=tuple(told.places),
        piece_columns=np.array(told.columns, dtype=np.int64) + 1,
        log_lifts=told.log_lifts,
        matters=told.matters,
        base=base,
        voices=np.concatenate([log_base[None, :], by_column, others]),
    )


def _distances(frame: Frame, asked: list[Asked]) -> Numbers:
    """Σ_j θ_j d_j of the query from each sample row."""
    total: Floats = np.zeros(frame.sample.size, dtype=np.float32)
    for one in asked:
        relevance = np.float32(frame.kernel.relevances[one.at])
        if isinstance(one.part, Numeric):
            total += relevance * likeness.from_number(one.part, one.given[0].number or 0.0)
        elif isinstance(one.part, Listed):
            total += relevance * likeness.from_features(one.part, [given.code for given in one.given])
        else:
            total += (2 * relevance) * (one.part != one.given[0].code)
    return total.astype(np.float64)


def _others(
    frame: Frame,
    distances: Numbers,
    having: list[Places],
    together: Numbers,
    without: Places,
    wanted: NDArray[np.bool_],
) -> Numbers:
    """What the voices over the sample say, OTHER_VOICES x C; zeros for those that aren't wanted.

    having: which sample rows have each of the strongest pieces. together: log-probabilities by the evidence alone.
    """
    sample, others = frame.sample, np.zeros((OTHER_VOICES, len(together)))
    classes, class_rows = sample.classes, np.zeros(len(together))
    class_rows[: sample.class_count] = sample.class_rows
    if wanted[:2].any():
        expected = others[0]
        expected[: sample.class_count] = frame.kernel.expected(distances, without)
    if len(without):
        np.subtract.at(class_rows, classes[without], 1.0)
        distances[without] = np.inf
        classes = classes.copy()
        classes[without] = -1
    likely = np.exp(together - together.max())
    likely = likely / likely.sum() + 1e-12
    # What no sample row shows can't be told from the sample: there the evidence alone speaks.
    new = np.flatnonzero(class_rows <= 0)
    others[0] *= 1.0 - likely[new].sum()
    others[0, new] = likely[new]
    others[1] = np.log(np.maximum(others[0], FLOOR))
    if wanted[2:4].any():
        others[2:4] = neighbours.votes(sample, distances, likely)
    if wanted[4]:
        found = (
            one_dependence.log_probabilities(having, classes, smoothed_shares(class_rows)) if len(having) > 1 else None
        )
        others[4] = np.log(likely) if found is None else found
    others[2:, new] = np.log(likely[new])
    return others
