"""What a step says when it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from api.domain.models import Failure


@dataclass(frozen=True)
class Hop:
    """The step is completed: write it into the journal and go on to the next."""


@dataclass(frozen=True)
class Nap:
    """Not yet: look again after this many seconds. The worker is free meanwhile."""

    seconds: float


@dataclass(frozen=True)
class Abort:
    """It can't succeed: take back what was made, and tell the user why."""

    failure: Failure


@dataclass(frozen=True)
class Done:
    """Nothing is left to do for this operation."""


StepOutcome: TypeAlias = Hop | Nap | Abort
