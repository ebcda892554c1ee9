"""What one column has to say: its pieces of evidence, each with what it does to the classes by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference import redundancy
from instance_agent.inference.gate import STRENGTH, smoothed_shares
from instance_agent.inference.pieces import Counting
from instance_agent.inference.problem import Column, Given, Numbers
from instance_agent.inference.sample import Listed, Numeric, Part, Places, Sample
from instance_agent.inference.windows import rows_in, window

MOST_PIECES = 64
"""Of one column: those that move the classes most."""

NO_PLACES: Places = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Testimony:
    """One column's pieces of evidence, at least one."""

    places: tuple[int, ...]  # of the pieces in the query
    given: tuple[Given, ...]
    log_lifts: Numbers  # pieces x C
    matters: NDArray[np.bool_]  # which pieces depend on the class beyond doubt


def testimony(
    counting: Counting, sample: Sample, column: Column, part: Part, asked: dict[int, Given], without: Places
) -> Testimony | None:
    """What the things given of the column say; None where no row learned from has any of them.

    asked: by place in the query. without: sample rows that are left out.
    """
    counts: Numbers
    class_count = len(counting.target.class_rows)
    if isinstance(part, Numeric):
        places = list(asked)[:1]
        rows = rows_like(part, asked[places[0]], without)
        counts = np.bincount(sample.classes[rows], minlength=class_count)[None, :].astype(np.float64)
    else:
        places = [place for place, given in asked.items() if given.code >= 0]
        counts = counting.features(column, [asked[place].code for place in places])
    totals = counts.sum(axis=1)
    if not totals.all():
        places = [place for place, total in zip(places, totals.tolist(), strict=True) if total]
        counts, totals = counts[totals > 0], totals[totals > 0]
    if not places:
        return None
    shares = smoothed_shares(counting.exposure(column)[0])
    log_shares = np.log(shares)
    log_lifts = np.log((counts + STRENGTH * shares) / (totals + STRENGTH)[:, None]) - log_shares
    # Against the penalty of Schwarz, "Estimating the dimension of a model" (1978): half the logarithm per parameter.
    gains = (counts * log_lifts).sum(axis=1)
    matters = gains > 0.5 * (np.minimum(np.count_nonzero(counts, axis=1) + 1, class_count) - 1) * np.log1p(totals)
    if len(places) > MOST_PIECES:
        chosen = np.sort(np.argsort(-gains, kind="stable")[:MOST_PIECES])
        places, log_lifts, matters = [places[place] for place in chosen.tolist()], log_lifts[chosen], matters[chosen]
    given = tuple(asked[place] for place in places)
    if isinstance(part, Listed) and len(places) > 1:
        log_lifts *= _news(sample, part, given)[:, None]
    return Testimony(tuple(places), given, log_lifts, matters)


def rows_like(part: Part, given: Given, without: Places) -> Places:
    """The sample rows that have what is given but for those left out. Not for numbers that aren't finite."""
    if isinstance(part, Numeric):
        return rows_in(part, window(part, given.number or 0.0), without)
    if isinstance(part, Listed):
        place = part.find(given.code)
        rows = part.rows_of(place) if place >= 0 else NO_PLACES
    else:
        rows = np.flatnonzero(part == given.code) if given.code >= 0 else NO_PLACES
    return rows[~np.isin(rows, without)] if len(without) else rows


def _news(sample: Sample, part: Listed, given: tuple[Given, ...]) -> Numbers:
    """What part of each feature is news beside the others, by their correlation in the sample; see `redundancy`."""
    having = np.zeros((len(given), sample.size), np.float32)
    counts = np.zeros((len(given), sample.class_count))
    for at, one in enumerate(given):
        rows = rows_like(part, one, NO_PLACES)
        having[at, rows] = 1.0
        counts[at] = np.bincount(sample.classes[rows], minlength=sample.class_count)
    overlaps = (having @ having.T).astype(np.float64)
    class_rows = np.bincount(sample.classes, minlength=sample.class_count).astype(np.float64)
    correlations = redundancy.correlations(overlaps, counts, class_rows, float(sample.size))
    return np.asarray(1.0 / correlations.sum(axis=1), dtype=np.float64)
