"""What the page of one environment shows, gathered from the control plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from pydantic import SecretStr

from mission_control.accounts.models import Person
from mission_control.control_plane import (
    Access,
    ControlPlane,
    Environment,
    EnvironmentState,
    KeyInfo,
    Operation,
    OperationState,
    StepState,
)
from mission_control.pages.snippets import Snippet, snippets

MOVING = {EnvironmentState.CREATING, EnvironmentState.DELETING}


@dataclass(frozen=True)
class EnvironmentView:
    """One environment, what is being done to it, and its keys."""

    environment: Environment
    operation: Operation | None  # what runs, is overdue, or ended badly; None when all is well
    keys: list[KeyInfo]  # none unless it runs
    revealed: dict[Access, SecretStr] = field(default_factory=dict)

    @property
    def is_moving(self) -> bool:
        """Whether it is worth looking again in a second."""
        return self.environment.state in MOVING

    @property
    def is_overdue(self) -> bool:
        """Whether it takes longer than it should; it is tried on."""
        return self.operation is not None and self.operation.state is OperationState.NEEDS_ATTENTION

    @property
    def elapsed_seconds(self) -> float | None:
        """How long the operation has been at work; None before it begins."""
        if self.operation is None or self.operation.started_at is None:
            return None
        return (datetime.now(UTC) - self.operation.started_at).total_seconds()

    @property
    def is_running(self) -> bool:
        """Whether it can be used."""
        return self.environment.state is EnvironmentState.RUNNING

    @property
    def can_be_deleted(self) -> bool:
        """Whether a deletion would be something new."""
        return self.environment.state not in {EnvironmentState.DELETING, EnvironmentState.DELETED}

    @property
    def snippets(self) -> list[Snippet]:
        """First steps, with the read/write key where it is revealed; none before there is an address."""
        key = self.revealed.get(Access.READ_WRITE)
        return snippets(self.environment.url, key.get_secret_value() if key else None) if self.environment.url else []

    @property
    def sentence(self) -> str:
        """What is happening, in one sentence that is read aloud when it changes."""
        name, operation = self.environment.name, self.operation
        if self.is_running:
            return f"{name} is running."
        if not self.is_moving:
            return f"Creating {name} didn't work."
        if operation is None:
            return "Waiting for the first step."
        current = next((step for step in operation.steps if step.state is StepState.RUNNING), None)
        done = sum(step.state is StepState.DONE for step in operation.steps)
        position = f"Step {min(done + 1, len(operation.steps))} of {len(operation.steps)}"
        overdue = " It takes longer than it should." if self.is_overdue else ""
        return (f"{position}: {current.label}." if current else f"{position}.") + overdue


def view(
    control_plane: ControlPlane, person: Person, environment_id: UUID, *, reveal: dict[Access, SecretStr] | None = None
) -> EnvironmentView:
    """Look at one environment now. Raises ConsoleError `environment_not_found`."""
    environment = control_plane.environment(person, environment_id)
    is_running = environment.state is EnvironmentState.RUNNING
    return EnvironmentView(
        environment=environment,
        operation=None if is_running else _operation(control_plane, person, environment),
        keys=control_plane.keys(person, environment_id) if is_running else [],
        revealed=reveal or {},
    )


def _operation(control_plane: ControlPlane, person: Person, environment: Environment) -> Operation | None:
    if environment.current_operation_id is not None:
        return control_plane.operation(person, environment.current_operation_id)
    return next(iter(control_plane.operations(person, environment.id)), None)
