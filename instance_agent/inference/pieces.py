"""What each given thing was seen with: its counts among the rows learned from, without those left out."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.evidence import ClassCounts, FeatureCounts
from instance_agent.inference.problem import NO_ROWS, Column, Numbers, Problem, Rows


class Counting:
    """The counts of one problem, each less the rows left out. All of them are whole numbers, exact."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    @cached_property
    def _left_out(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and class of each entry that is left out."""
        problem = self._problem
        rows = problem.without.astype(np.int64)
        if problem.target_codes is not None:
            classes = problem.target_codes[rows].astype(np.int64)
            return rows[classes >= 0], classes[classes >= 0]
        if problem.entries is None:
            raise ValueError("a problem has target codes or entries")
        inside = np.isin(problem.entries.rows, problem.without)
        return problem.entries.rows[inside].astype(np.int64), problem.entries.classes[inside].astype(np.int64)

    @cached_property
    def rows_out(self) -> Rows:
        """The rows learned from that are left out, increasing."""
        if not len(self._problem.without):
            return NO_ROWS
        return np.unique(self._left_out[0]).astype(np.uint32)

    @cached_property
    def target(self) -> ClassCounts:
        """What is known without evidence."""
        problem = self._problem
        class_rows = problem.class_rows - self._in_left_out(None, None) if len(problem.without) else problem.class_rows
        rows = float(len(problem.learned) - len(self.rows_out))
        return ClassCounts(rows, class_rows, problem.target_codes is not None)

    def feature(self, column: Column, code: int) -> FeatureCounts:
        """What is known of one feature. Its total is 0 where no row learned from has it."""
        counts, total = column.class_counts(code), column.learned_with(code)
        exposure, all_exposure = self.exposure(column)
        if len(self.rows_out):
            having = self._having(column, code)
            counts = counts - self._in_left_out(having, None)
            total -= float(having.sum())
        return FeatureCounts(total, counts, exposure, all_exposure)

    def is_known(self, column: Column, code: int) -> bool:
        """Whether any row learned from has the feature."""
        total = column.learned_with(code)
        return total > (float(self._having(column, code).sum()) if len(self.rows_out) else 0.0)

    def of(self, column: Column, code: int) -> Numbers:
        """Rows with the feature per class, length C."""
        counts = column.class_counts(code)
        return counts - self._in_left_out(self._having(column, code), None) if len(self.rows_out) else counts

    def exposure(self, column: Column) -> tuple[Numbers, float]:
        """What a feature of the column is counted against, per class and together: rows, or tokens for a text."""
        if not column.is_text:
            return self.target.class_rows, self.target.rows
        if not len(self.rows_out):
            return column.token_exposure, column.token_total
        tokens = column.offsets[self.rows_out + 1] - column.offsets[self.rows_out]
        return column.token_exposure - self._in_left_out(None, tokens), column.token_total - float(tokens.sum())

    def _having(self, column: Column, code: int) -> NDArray[np.bool_]:
        """Which of the rows left out have the feature."""
        if not column.splits:
            return np.asarray(column.codes[self.rows_out] == code)
        starts, ends = column.offsets[self.rows_out].tolist(), column.offsets[self.rows_out + 1].tolist()
        return np.array(
            [bool((column.feature_codes[start:end] == code).any()) for start, end in zip(starts, ends, strict=True)]
        )

    def _in_left_out(self, having: NDArray[np.bool_] | None, weights: NDArray[np.int64] | None) -> Numbers:
        """Per class, the entries left out; of `having` rows alone, each counted by its row's weight, if given."""
        rows, classes = self._left_out
        size = len(self._problem.class_rows)
        if not len(rows):
            return np.zeros(size)
        place = np.searchsorted(self.rows_out, rows)
        amounts = np.ones(len(rows)) if weights is None else weights[place].astype(np.float64)
        if having is not None:
            amounts = amounts * having[place]
        return np.asarray(np.bincount(classes, amounts, size), dtype=np.float64)
