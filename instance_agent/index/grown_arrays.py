"""Arrays about all rows of a column that are appended to as its last part grows, so that a new row costs a row.

Views take what was there when they were made. Safe for many threads.
"""

from __future__ import annotations

import threading
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.growing import GrowingArray, Scalar
from instance_agent.index.parts import Lists


class GrownArray(Generic[Scalar]):
    """One number per row."""

    def __init__(self, fixed: NDArray[Scalar]) -> None:
        """fixed: of the parts before the last."""
        self._lock = threading.Lock()
        self._fixed_count = len(fixed)
        self._all: GrowingArray[Scalar] = GrowingArray(fixed.dtype.type)
        self._all.extend(fixed)

    def with_last(self, last: NDArray[Scalar]) -> NDArray[Scalar]:
        """All rows' numbers; `last` of the last part's rows, which must begin with those it was called with before."""
        with self._lock:
            known = len(self._all) - self._fixed_count
            if len(last) > known:
                self._all.extend(last[known:])
            return self._all.first(self._fixed_count + len(last))


class GrownLists:
    """A list per row."""

    def __init__(self, fixed: Lists) -> None:
        """fixed: of the parts before the last."""
        offsets, codes = fixed
        self._fixed_end = int(offsets[-1])
        self._offsets = GrownArray(np.asarray(offsets, np.int64))
        self._codes = GrownArray(np.asarray(codes, np.int32))

    def with_last(self, last: Lists) -> Lists:
        """All rows' lists; `last` those of the last part's rows, beginning with those it was called with before."""
        offsets, codes = last
        return self._offsets.with_last(offsets[1:] + self._fixed_end), self._codes.with_last(codes)
