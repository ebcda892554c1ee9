"""All kinds of operation, and what one of them shows to people while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from api.domain.models import Operation
from api.domain.states import OperationKind, OperationState, StepState
from api.lifecycle.create import CREATE
from api.lifecycle.delete import DELETE
from api.lifecycle.runbook import Runbook, Step

RUNBOOKS: dict[OperationKind, Runbook] = {runbook.kind: runbook for runbook in (CREATE, DELETE)}


@dataclass(frozen=True)
class StepProgress:
    """One line of an operation's progress."""

    name: str
    label: str
    state: StepState
    started_at: datetime | None
    finished_at: datetime | None


def steps_of(operation: Operation) -> list[StepProgress]:
    """Every step with its state; those that take back are listed once they are needed."""
    runbook = RUNBOOKS[operation.kind]
    shown = runbook.steps + (runbook.undo if operation.is_reverting else ())
    return [_progress(operation, step) for step in shown]


def percent_of(operation: Operation) -> int:
    """How much of the way is done, 0 to 100; 100 only at the end."""
    if operation.state in (OperationState.DONE, OperationState.REVERTED):
        return 100
    shown = steps_of(operation)
    return 100 * sum(step.state is StepState.DONE for step in shown) // len(shown)


def _progress(operation: Operation, step: Step) -> StepProgress:
    for completed in operation.completed:
        if completed.name == step.name:
            return StepProgress(step.name, step.label, StepState.DONE, completed.started_at, completed.finished_at)
    if operation.failed_step == step.name:
        return StepProgress(step.name, step.label, StepState.FAILED, None, None)
    if operation.step == step.name:
        return StepProgress(step.name, step.label, StepState.RUNNING, operation.step_started_at, None)
    return StepProgress(step.name, step.label, StepState.WAITING, None, None)
