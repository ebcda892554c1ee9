"""Exactly one class per row: several voices, weighed by how right they were about rows they hadn't seen.

The voices: the base rates; per column the lifts of its evidence, counted over all rows; and, over a bounded sample of
the rows, a kernel regression, the nearest rows and one-dependence estimators. All of them are lazy: what is kept is
the sample, the regression on some hundred rows and the weights, all made anew when the rows change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference import blend, kernel, likeness, neighbours, one_dependence
from instance_agent.inference.gate import smoothed_shares
from instance_agent.inference.kernel import Kernel
from instance_agent.inference.naive_bayes import base_rates
from instance_agent.inference.pieces import Counting
from instance_agent.inference.problem import Column, Given, Numbers, Problem
from instance_agent.inference.sample import Numeric, Part, Places, Sample, kept, part_of, sample_of, spread
from instance_agent.inference.testimony import NO_PLACES, Testimony, rows_like, testimony

FULL_STRENGTH = 6.0
"""Columns that count in full where all of them are added up; more share this much weight."""

FITTED_ON = 128
"""Rows that weights are fitted to."""

LEAST_FITTED_ON = 24
MOST_SAID = 3_000_000
"""Numbers that the voices say about all rows the weights are fitted to: rows x voices x classes."""

LEAST_ROWS = 32
FLOOR = 1e-2
"""What the regression expects counts as no less, in logarithms."""

OTHER_VOICES = 5


@dataclass(frozen=True)
class Frame:
    """What is kept of some columns."""

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
    voices: Numbers  # base, columns, others: v x C


def say(problem: Problem) -> tuple[Said, Numbers] | None:
    """What the voices say about the problem's query, and the weight of each.

    None where nothing that is given is known to any row learned from, where there are too few rows to weigh voices
    by, or too many classes.
    """
    first = problem if problem.first is None else problem.first()
    if problem.target_codes is None or len(first.learned) - len(problem.without) < LEAST_ROWS:
        return None
    asked = _speaking(problem, first)
    left = sorted({problem.query[place].column for place in asked}, key=lambda at: problem.columns[at].path)
    voices, classes = 1 + len(left) + OTHER_VOICES, len(problem.class_rows)
    if not asked or LEAST_FITTED_ON * voices * classes > MOST_SAID or np.count_nonzero(first.class_rows) < 2:
        return None
    first = _about(first, left, ())
    paths = tuple(column.path for column in first.columns)
    frame = kept(first, ("frame", paths), lambda: _framed(first))
    weights = kept(first, ("weights", paths), lambda: _weights(first, frame))
    said = _said(_about(problem, left, asked), frame)
    return replace(said, pieces=tuple(asked[place] for place in said.pieces)), weights


def _speaking(problem: Problem, first: Problem) -> list[int]:
    """The places in the query of those things given that some row learned from knows."""
    counting = Counting(problem)
    speaking: list[int] = []
    for place, given in enumerate(problem.query):
        column = problem.columns[given.column]
        if column.numbers is None:
            if given.code >= 0 and counting.is_known(column, given.code):
                speaking.append(place)
        elif given.number is not None and np.isfinite(given.number):
            own = first.columns[given.column]
            sample = sample_of(replace(first, columns=(own,)))
            if len(rows_like(part_of(first, sample, own), given, sample.places_of(counting.rows_out))):
                speaking.append(place)
    return speaking


def _about(problem: Problem, columns: list[int], asked: Sequence[int]) -> Problem:
    """The problem with these of its columns alone, in this order, and these of the things given."""
    number = {column: place for place, column in enumerate(columns)}
    query = tuple(replace(given, column=number[given.column]) for given in (problem.query[place] for place in asked))
    return replace(problem, columns=tuple(problem.columns[at] for at in columns), query=query, first=None)


def _framed(problem: Problem) -> Frame:
    sample = sample_of(problem)
    parts = [part_of(problem, sample, column) for column in problem.columns]
    return Frame(sample, tuple(parts), kernel.fit(sample, parts))


def _weights(problem: Problem, frame: Frame) -> Numbers:
    """Fitted to some of the sample's rows, each predicted as if it weren't there."""
    voices = 1 + len(frame.parts) + OTHER_VOICES
    most = min(FITTED_ON, MOST_SAID // (voices * frame.sample.class_count))
    anchors = frame.kernel.anchors
    places = anchors[spread(len(anchors), most)]
    said = np.empty((len(places), voices, frame.sample.class_count))
    for at, place in enumerate(places.tolist()):
        row = frame.sample.rows[place : place + 1]
        query = tuple(_given_by(problem.columns, frame.parts, place, int(row[0])))
        said[at] = _said(replace(problem, query=query, without=row), frame).voices
    return blend.fitted(said, frame.sample.classes[places].astype(np.int64), np.zeros(voices))


def _given_by(columns: Sequence[Column], parts: Sequence[Part], place: int, row: int) -> list[Given]:
    """What a query would say that had the row's features in all columns."""
    given: list[Given] = []
    for at, (column, part) in enumerate(zip(columns, parts, strict=True)):
        if column.splits:
            codes = column.feature_codes[column.offsets[row] : column.offsets[row + 1]]
            given.extend(Given(at, code) for code in codes.tolist())
        elif isinstance(part, Numeric):
            number = np.nan if column.numbers is None else float(column.numbers[row])
            if np.isfinite(number):
                given.append(Given(at, -1, number))
        elif isinstance(part, np.ndarray) and part[place] >= 0:
            given.append(Given(at, int(part[place])))
    return given


def _said(problem: Problem, frame: Frame) -> Said:
    counting = Counting(problem)
    without = frame.sample.places_of(counting.rows_out) if len(problem.without) else NO_PLACES
    base = base_rates(counting.target.class_rows, counting.target.rows)
    heard = _heard(problem, frame, counting, without)
    by_column = np.zeros((len(frame.parts), len(base)))
    for at, told in heard:
        by_column[at] = told.log_lifts.sum(axis=0)
    pieces = [(at, place, given) for at, told in heard for place, given in zip(told.places, told.given, strict=True)]
    lifts = np.concatenate([np.zeros((0, len(base))), *(told.log_lifts for _, told in heard)])
    together = np.log(base) + min(1.0, FULL_STRENGTH / max(1, len(heard))) * by_column.sum(axis=0)
    matches = np.zeros((min(len(pieces), one_dependence.PARENTS), frame.sample.size), dtype=np.bool_)
    strongest = np.argsort(-(np.abs(lifts) @ base), kind="stable")[: len(matches)]
    for match, number in zip(matches, strongest.tolist(), strict=True):
        at, _, given = pieces[number]
        match[rows_like(frame.parts[at], given, without)] = True
    return Said(
        pieces=tuple(place for _, place, _ in pieces),
        piece_columns=np.array([1 + at for at, _, _ in pieces], dtype=np.int64),
        log_lifts=lifts,
        matters=np.concatenate([np.zeros(0, np.bool_), *(told.matters for _, told in heard)]),
        voices=np.concatenate([np.log(base)[None, :], by_column, _others(frame, heard, matches, together, without)]),
    )


Heard = list[tuple[int, Testimony]]
"""What columns say, each with its place in the frame."""


def _heard(problem: Problem, frame: Frame, counting: Counting, without: Places) -> Heard:
    asked: list[dict[int, Given]] = [{} for _ in frame.parts]
    for place, given in enumerate(problem.query):
        asked[given.column][place] = given
    heard: Heard = []
    for at, (column, part) in enumerate(zip(problem.columns, frame.parts, strict=True)):
        told = testimony(counting, frame.sample, column, part, asked[at], without) if asked[at] else None
        if told is not None:
            heard.append((at, told))
    return heard


def _others(frame: Frame, heard: Heard, matches: NDArray[np.bool_], together: Numbers, without: Places) -> Numbers:
    """What the voices over the sample say, OTHER_VOICES x C.

    matches: which sample rows have which of the strongest pieces. together: log-probabilities by the evidence alone.
    """
    sample = frame.sample
    apart = np.zeros(sample.size, dtype=np.float32)
    for at, told in heard:
        codes = [given.code for given in told.given]
        apart += np.float32(frame.kernel.relevances[at]) * likeness.from_query(
            frame.parts[at], codes, told.given[0].number
        )
    distances: Numbers = np.array(apart, dtype=np.float64)
    expected = np.zeros_like(together)
    expected[: sample.class_count] = frame.kernel.expected(distances, without)
    classes = sample.classes
    if len(without):
        distances[without] = np.inf
        classes = classes.copy()
        classes[without] = -1
    likely = np.exp(together - together.max())
    likely = likely / likely.sum() + 1e-12
    base = smoothed_shares(np.bincount(classes[classes >= 0], minlength=len(likely)).astype(np.float64))
    dependent = one_dependence.log_probabilities(matches, classes, base) if len(matches) > 1 else None
    return np.stack(
        [
            expected,
            np.log(np.maximum(expected, FLOOR)),
            *(neighbours.votes(sample, distances, likely, rank) for rank in neighbours.NEIGHBOURS),
            np.log(likely) if dependent is None else dependent,
        ]
    )
