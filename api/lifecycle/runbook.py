"""How an operation is described: its steps in order, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from api.domain.models import Operation
from api.domain.states import OperationKind
from api.lifecycle.outcomes import StepOutcome
from api.lifecycle.work import Work


@dataclass(frozen=True)
class Step:
    """One re-runnable piece: looks at the world, has at most one outside effect, says how it stands."""

    run: Callable[[Work], StepOutcome]
    label: str  # for people
    deadline_seconds: float  # from its first try; then a create gives up, and a removal asks for attention

    @property
    def name(self) -> str:
        """How journal, API and logs call it."""
        return self.run.__name__


@dataclass(frozen=True)
class Runbook:
    """A kind of operation, whole."""

    kind: OperationKind
    steps: tuple[Step, ...]
    undo: tuple[Step, ...]  # takes back what the steps made; empty: there is no way back, steps are tried for ever
    finish: Callable[[Work], None]  # one transaction, after the last step
    finish_undo: Callable[[Work], None]  # one transaction, after the last undo step

    def pending(self, operation: Operation) -> Step | None:
        """The first step that is not in the journal; None when all are."""
        done = {completed.name for completed in operation.completed}
        steps = self.undo if operation.is_reverting else self.steps
        return next((step for step in steps if step.name not in done), None)

    def can_give_up(self, operation: Operation) -> bool:
        """Whether a failure of the present step leads to taking back, rather than to trying on."""
        return bool(self.undo) and not operation.is_reverting
