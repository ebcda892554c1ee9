"""The states of environments and operations, and which of them count as what."""

from __future__ import annotations

from enum import StrEnum


class EnvironmentState(StrEnum):
    """Where an environment is in its life."""

    CREATING = "creating"  # being made; not usable yet
    RUNNING = "running"  # serves
    DELETING = "deleting"  # keys are dead, parts are being removed
    DELETED = "deleted"  # nothing of it is left but this row
    FAILED = "failed"  # could not be made; what was made is removed


class OperationKind(StrEnum):
    """What a long operation does."""

    CREATE = "create"
    DELETE = "delete"


class OperationState(StrEnum):
    """How far a long operation is."""

    RUNNING = "running"  # at work, or taking back what it made
    DONE = "done"  # reached what it was for
    REVERTED = "reverted"  # did not, and nothing of it is left
    NEEDS_ATTENTION = "needs_attention"  # still tried, but overdue: a person should look


class StepState(StrEnum):
    """How far a step of an operation is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


def serves_keys(state: EnvironmentState) -> bool:
    """Whether an environment's API keys open anything."""
    return state is EnvironmentState.RUNNING
