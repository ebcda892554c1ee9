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
    features: Places  # one per entry
    columns: Places  # per feature its column, length F
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
    def candidates(self) -> Places:
        """Per entry its candidate."""
        return np.repeat(np.arange(self.candidate_count), self.offsets[1:] - self.offsets[:-1])

    @cached_property
    def entry_columns(self) -> Places:
        """Per entry the column of its feature."""
        return self.columns[self.features]

    @cached_property
    def shares(self) -> Numbers:
        """Per entry 1/√m, m the features that its candidate has of its column.

        Between a sum, as though the words of a name were independent news, and their mean, as though they were one.
        """
        distinct, places = np.unique(self.candidates * self.column_count + self.entry_columns, return_inverse=True)
        counts = np.bincount(places, minlength=len(distinct))
        return np.asarray(1.0 / np.sqrt(counts[places]), dtype=np.float64)

    @cached_property
    def _starts(self) -> tuple[Places, Places]:
        """The candidates that have features, and where their entries start."""
        having = np.flatnonzero(self.offsets[1:] > self.offsets[:-1])
        return having, self.offsets[having]

    @cached_property
    def _by_feature(self) -> tuple[Places, Places, Places]:
        """Features that some candidate has; where each one's candidates start; and all candidates, by feature."""
        order = np.argsort(self.features, kind="stable")
        counts = np.bincount(self.features, minlength=self.feature_count)
        having = np.flatnonzero(counts)
        return having, (np.cumsum(counts) - counts)[having], self.candidates[order]

    def summed_by_feature(self, candidates: Places, values: Numbers) -> Numbers:
        """Per feature the sum of a value of those of these candidates that have it; length F."""
        if 8 * len(candidates) < self.candidate_count:
            entries, places = self.entries_of(candidates)
            sums = np.bincount(self.features[entries], values[places], self.feature_count)
            return np.asarray(sums, dtype=np.float64)
        having, starts, of_feature = self._by_feature
        found = np.zeros(self.feature_count)
        if len(having):
            of_candidates = np.zeros(self.candidate_count)
            of_candidates[candidates] = values
            found[having] = np.add.reduceat(of_candidates[of_feature], starts)
        return found

    def summed(self, of_features: Numbers) -> Numbers:
        """Per candidate the sum of what its features add, each by its share; length C."""
        having, starts = self._starts
        found = np.zeros(self.candidate_count)
        if len(having):
            found[having] = np.add.reduceat(of_features[self.features] * self.shares, starts)
        return found

    def entries_of(self, candidates: Places) -> tuple[Places, Places]:
        """The entries of these candidates, one after the other, and the place of each one's candidate among them."""
        starts = self.offsets[candidates]
        counts = self.offsets[candidates + 1] - starts
        ends = np.cumsum(counts)
        places = np.repeat(np.arange(len(candidates)), counts)
        return np.repeat(starts - ends + counts, counts) + np.arange(len(places)), places


def no_properties(candidate_count: int) -> Properties:
    """Candidates about which nothing is known but themselves."""
    nothing: Places = np.empty(0, np.int64)
    return Properties(np.zeros(candidate_count + 1, np.int64), nothing, nothing, 0)
