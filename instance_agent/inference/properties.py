"""What candidates have in common: a sparse table of candidates and the features of their linked rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Properties:
    """C candidates; candidate c has the features `features[offsets[c]:offsets[c + 1]]`, each once.

    Features are 0..F - 1, and each belongs to one of `column_count` columns. The order of a candidate's features is
    part of the value: sums over them are taken in it.
    """

    offsets: Places  # C + 1
    features: NDArray[np.int32]  # one per entry
    columns: NDArray[np.int32]  # per feature its column, length F
    column_count: int

    @property
    def candidate_count(self) -> int:
        """C."""
        return len(self.offsets) - 1

    @property
    def feature_count(self) -> int:
        """F."""
        return len(self.columns)

    @cached_property
    def candidates(self) -> NDArray[np.int32]:
        """Per entry its candidate."""
        return np.repeat(np.arange(self.candidate_count, dtype=np.int32), np.diff(self.offsets))

    @cached_property
    def shares(self) -> Numbers:
        """Per entry 1/√m, m the features that its candidate has of its column.

        Between a sum, as though the words of a name were independent news, and their mean, as though they were one.
        """
        cells = self.candidates.astype(np.int64) * self.column_count + self.columns[self.features]
        distinct, places = np.unique(cells, return_inverse=True)
        counts = np.bincount(places, minlength=len(distinct))
        return np.asarray(1.0 / np.sqrt(counts[places]), dtype=np.float64)

    def entries_of(self, candidates: Places) -> tuple[Places, Places]:
        """The entries of these candidates, one after the other, and the place of each one's candidate among them."""
        if len(candidates) == self.candidate_count:
            return np.arange(len(self.features)), self.candidates.astype(np.int64)
        starts = self.offsets[candidates]
        counts = self.offsets[candidates + 1] - starts
        ends = np.cumsum(counts)
        places = np.repeat(np.arange(len(candidates)), counts)
        return np.repeat(starts - ends + counts, counts) + np.arange(len(places)), places


def no_properties(candidate_count: int) -> Properties:
    """Candidates about which nothing is known but themselves."""
    nothing: NDArray[np.int32] = np.empty(0, np.int32)
    return Properties(np.zeros(candidate_count + 1, np.int64), nothing, nothing, 0)
