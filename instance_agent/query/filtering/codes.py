"""Which of a column's distinct values (or features) pass a test, by their codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from instance_agent.query.deadline import Deadline
from instance_agent.query.filtering.rowsets import Mask
from instance_agent.schema.types import JsonValue

CHUNK = 16_384
"""Values that are tested between two looks at the clock."""

Codes = NDArray[np.int32]


class CodeTest(ABC):
    """A test that a code passes or doesn't."""

    count: int
    """How many codes there are."""

    @abstractmethod
    def all(self) -> Mask:
        """Per code, whether it passes. Raises `query_timeout`."""

    @abstractmethod
    def of(self, codes: Codes) -> Mask:
        """Of each of these codes."""


class Marked(CodeTest):
    """A test whose outcome is known."""

    def __init__(self, truth: Mask) -> None:
        self.count = len(truth)
        self._truth = truth

    def all(self) -> Mask:
        return self._truth

    def of(self, codes: Codes) -> Mask:
        return np.asarray(self._truth[codes])


class EachValue(CodeTest):
    """A test of values, one after the other."""

    def __init__(self, values: Sequence[JsonValue], passes: Callable[[JsonValue], bool], deadline: Deadline) -> None:
        self.count = len(values)
        self._values = values
        self._passes = passes
        self._deadline = deadline

    def all(self) -> Mask:
        truth = np.empty(self.count, np.bool_)
        remaining = iter(self._values)
        for start in range(0, self.count, CHUNK):
            self._deadline.check()
            chunk = list(islice(remaining, CHUNK))
            truth[start : start + len(chunk)] = np.fromiter(map(self._passes, chunk), np.bool_, len(chunk))
        return truth

    def of(self, codes: Codes) -> Mask:
        self._deadline.check()
        return np.fromiter((self._passes(self._values[code]) for code in codes.tolist()), np.bool_, len(codes))
