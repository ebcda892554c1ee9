"""The JSON that goes in and out. Answers list their fields; nothing is shown by default."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SecretStr

from api.domain.keys import Access
from api.domain.models import Environment, Operation
from api.domain.states import EnvironmentState, OperationKind, OperationState, StepState
from api.lifecycle.runbooks import percent_of, steps_of
from api.ports import PresignedUpload


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, PlainSerializer(_iso, return_type=str, when_used="json")]


class Wanted(BaseModel):
    """A request body: unknown fields are refused rather than ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)


class EnvironmentWanted(Wanted):
    """What a new environment is to be."""

    name: str = Field(description="1 to 64 characters, unique among the team's environments.")


class KeyWanted(Wanted):
    """Which key to reveal."""

    access: Literal["read_only", "read_write"]


class KeyPresented(Wanted):
    """A key that a client sent to an environment."""

    key: SecretStr = Field(max_length=512)


class EnvironmentShown(BaseModel):
    """An environment."""

    id: UUID
    name: str
    state: EnvironmentState
    url: str | None = Field(description="Where clients reach it; the same for its whole life once it is known.")
    created_at: Time
    current_operation_id: UUID | None

    @classmethod
    def of(cls, environment: Environment) -> EnvironmentShown:
        """What is shown of an environment."""
        return cls(
            id=environment.id,
            name=environment.name,
            state=environment.state,
            url=environment.url,
            created_at=environment.created_at,
            current_operation_id=environment.current_operation_id,
        )


class StepShown(BaseModel):
    """One step of an operation."""

    name: str
    label: str
    state: StepState
    started_at: Time | None
    finished_at: Time | None


class FailureShown(BaseModel):
    """Why an operation didn't reach what it was for."""

    code: str
    message: str


class OperationShown(BaseModel):
    """A long operation and how far it is."""

    id: UUID
    environment_id: UUID
    kind: OperationKind
    state: OperationState
    percent: int = Field(ge=0, le=100)
    step: str | None
    steps: list[StepShown]
    started_at: Time
    finished_at: Time | None
    error: FailureShown | None

    @classmethod
    def of(cls, operation: Operation) -> OperationShown:
        """What is shown of an operation."""
        return cls(
            id=operation.id,
            environment_id=operation.environment_id,
            kind=operation.kind,
            state=operation.state,
            percent=percent_of(operation),
            step=operation.step,
            steps=[
                StepShown(
                    name=step.name,
                    label=step.label,
                    state=step.state,
                    started_at=step.started_at,
                    finished_at=step.finished_at,
                )
                for step in steps_of(operation)
            ],
            started_at=operation.started_at,
            finished_at=operation.finished_at,
            error=FailureShown(code=operation.failure.code, message=operation.failure.message)
            if operation.failure
            else None,
        )


class EnvironmentAnswer(BaseModel):
    """One environment."""

    environment: EnvironmentShown


class EnvironmentsAnswer(BaseModel):
    """Environments, newest first."""

    environments: list[EnvironmentShown]


class AcceptedAnswer(BaseModel):
    """What has been begun; poll the operation."""

    environment: EnvironmentShown
    operation: OperationShown


class OperationAnswer(BaseModel):
    """One operation."""

    operation: OperationShown


class OperationsAnswer(BaseModel):
    """Operations, newest first."""

    operations: list[OperationShown]


class KeyShown(BaseModel):
    """That a key exists; not the key."""

    access: Access
    prefix: str
    created_at: Time


class KeysAnswer(BaseModel):
    """The keys of an environment, without the keys themselves."""

    keys: list[KeyShown]


class RevealedAnswer(BaseModel):
    """A key, in full."""

    access: Access
    key: str


class CheckedAnswer(BaseModel):
    """What a presented key may do."""

    access: Access


class UploadShown(BaseModel):
    """Leave to put one file."""

    id: UUID
    url: str
    method: str
    expires_at: Time
    max_size_bytes: int

    @classmethod
    def of(cls, upload: PresignedUpload) -> UploadShown:
        """What is shown of a presigned upload."""
        return cls(
            id=upload.upload_id,
            url=upload.url,
            method=upload.method,
            expires_at=upload.expires_at,
            max_size_bytes=upload.max_size_bytes,
        )


class UploadAnswer(BaseModel):
    """A presigned upload."""

    upload: UploadShown


class HealthAnswer(BaseModel):
    """That the service answers, and its database too."""

    status: Literal["ok"] = "ok"
