"""Environments and operations as values: what a row says, frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.domain.states import EnvironmentState, OperationKind, OperationState


@dataclass(frozen=True)
class Environment:
    """What a user creates and names; one address, two keys."""

    id: UUID
    team_id: UUID
    name: str
    state: EnvironmentState
    port: int | None  # where its database listens on this machine; None where addresses are not ports
    url: str | None  # where clients reach it; None until its route is open
    key_generation: int  # part of what keys are derived from; starts at 1
    created_at: datetime
    current_operation_id: UUID | None  # the operation at work on it, if any


@dataclass(frozen=True)
class CompletedStep:
    """One row of the journal: this step has been done and is never run again."""

    name: str
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True)
class Failure:
    """Why an operation can't reach what it was for. `code` is a row of the error table."""

    code: str
    message: str


@dataclass(frozen=True)
class Operation:
    """One durable run of a lifecycle."""

    id: UUID
    environment_id: UUID
    kind: OperationKind
    state: OperationState
    step: str | None  # at work on it now; None when finished
    step_started_at: datetime | None
    step_failures: int  # how often in a row the present step has failed
    failed_step: str | None  # where a create broke off and taking back began
    failure: Failure | None
    requested_by: UUID | None  # the account that asked for it
    started_at: datetime
    finished_at: datetime | None
    completed: tuple[CompletedStep, ...]  # in the order they were done

    @property
    def is_live(self) -> bool:
        """Whether it is still worked on."""
        return self.finished_at is None

    @property
    def is_reverting(self) -> bool:
        """Whether it is taking back what it made."""
        return self.failed_step is not None
