"""What columns have to say: their pieces of evidence, each with what it does to the classes by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference import redundancy
from instance_agent.inference.gate import STRENGTH, smoothed_shares
from instance_agent.inference.pieces import Counting
from instance_agent.inference.problem import Column, Given, Numbers
from instance_agent.inference.sample import Listed, Numeric, Part, Places, Sample
from instance_agent.inference.windows import window

MOST_PIECES = 64
"""Of one column, and together: those that move the classes most."""

NO_PLACES: Places = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Asked:
    """Things given of one column."""

    at: int  # the column's place among those of the frame
    column: Column  # with the counts of all rows
    part: Part
    places: tuple[int, ...]  # of the things given in the query
    given: tuple[Given, ...]  # one for a numeric column


@dataclass(frozen=True)
class Testimony:
    """The pieces of evidence: things given that some row learned from knows."""

    places: list[int]  # of the pieces in the query
    columns: list[int]  # the place of the column of each in the frame
    given: list[tuple[Part, Given]]
    log_lifts: Numbers  # pieces x C
    gains: Numbers  # how much each tells about the classes, in nats over all rows that have it
    matters: NDArray[np.bool_]  # which depend on the class beyond doubt


def testimony(counting: Counting, sample: Sample, asked: list[Asked], without: Places) -> Testimony:
    """without: sample rows that are left out."""
    class_count = len(counting.target.class_rows)
    places: list[int] = []
    columns: list[int] = []
    given: list[tuple[Part, Given]] = []
    counts: list[Numbers] = []
    owners: list[int] = []
    by_rows = smoothed_shares(counting.target.class_rows)
    shares = []
    for number, one in enumerate(asked):
        if isinstance(one.part, Numeric):
            rows = rows_like(one.part, one.given[0], without)
            counted = [np.bincount(sample.classes[rows], minlength=class_count).astype(np.float64)]
        else:
            counted = [counting.of(one.column, each.code) for each in one.given]
        for place, each, seen in zip(one.places, one.given, counted, strict=True):
            places.append(place)
            given.append((one.part, each))
            counts.append(seen)
            columns.append(one.at)
            owners.append(number)
        shares.append(smoothed_shares(counting.exposure(one.column)[0]) if one.column.is_text else by_rows)
    table = np.array(counts).reshape(-1, class_count)
    expected = np.array(shares).reshape(-1, class_count)[owners]
    return _weighed(sample, Testimony(places, columns, given, *_lifts(table, expected)))


def _lifts(counts: Numbers, shares: Numbers) -> tuple[Numbers, Numbers, NDArray[np.bool_]]:
    """Per piece its lifts, what it tells, and whether that is beyond doubt. counts, shares: pieces x C."""
    totals = counts.sum(axis=1)
    lifts = np.log((counts / shares + STRENGTH) / (totals + STRENGTH)[:, None])
    gains = (counts * lifts).sum(axis=1)
    # Against the penalty of Schwarz, "Estimating the dimension of a model" (1978): half a logarithm per parameter.
    parameters = np.minimum(np.count_nonzero(counts, axis=1), counts.shape[1] - 1)
    return lifts, gains, np.asarray(gains > 0.5 * parameters * np.log1p(totals))


def _weighed(sample: Sample, told: Testimony) -> Testimony:
    """Without the weakest of too many pieces; features of one row that say the same share one voice."""
    chosen = np.arange(len(told.places))
    if len(chosen) > MOST_PIECES:
        chosen = np.sort(np.argsort(-told.gains, kind="stable")[:MOST_PIECES])
    by_column: dict[int, list[int]] = {}
    for number in chosen.tolist():
        if isinstance(told.given[number][0], Listed):
            by_column.setdefault(told.columns[number], []).append(number)
    for numbers in by_column.values():
        if len(numbers) > 1:
            part = told.given[numbers[0]][0]
            if isinstance(part, Listed):
                told.log_lifts[numbers] *= _news(sample, part, [told.given[number][1] for number in numbers])[:, None]
    if len(chosen) == len(told.places):
        return told
    return Testimony(
        places=[told.places[number] for number in chosen.tolist()],
        columns=[told.columns[number] for number in chosen.tolist()],
        given=[told.given[number] for number in chosen.tolist()],
        log_lifts=told.log_lifts[chosen],
        gains=told.gains[chosen],
        matters=told.matters[chosen],
    )


def rows_like(part: Part, given: Given, without: Places) -> Places:
    """The sample rows that have what is given but for those left out. Not for numbers that aren't finite."""
    if isinstance(part, Numeric):
        rows = part.value_rows[window(part, given.number or 0.0)]
    elif isinstance(part, Listed):
        place = part.find(given.code)
        rows = part.rows_of(place) if place >= 0 else NO_PLACES
    else:
        rows = np.flatnonzero(part == given.code)
    if not len(without):
        return rows
    return rows[rows != without[0]] if len(without) == 1 else rows[~np.isin(rows, without)]


def _news(sample: Sample, part: Listed, given: list[Given]) -> Numbers:
    """What part of each feature is news beside the others, by their correlation in the sample; see `redundancy`."""
    having = np.zeros((len(given), -(-sample.size // 64) * 64), np.bool_)
    counts = np.zeros((len(given), sample.class_count))
    for at, one in enumerate(given):
        rows = rows_like(part, one, NO_PLACES)
        having[at, rows] = True
        counts[at] = np.bincount(sample.classes[rows], minlength=sample.class_count)
    words = np.packbits(having, axis=1).view(np.uint64)
    overlaps = np.bitwise_count(words[:, None] & words[None, :]).sum(axis=2, dtype=np.float64)
    correlations = redundancy.correlations(overlaps, counts, sample.class_rows, float(sample.size))
    return np.asarray(1.0 / correlations.sum(axis=1), dtype=np.float64)
