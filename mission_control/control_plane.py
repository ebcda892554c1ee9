"""The control plane, as the console sees it: typed calls over HTTP, each signed for one person and their team.

Another team's environment doesn't exist here: the team goes into the signed token, and the control plane looks
things up inside it. Nothing that comes back is kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID, uuid4

import requests
from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr, TypeAdapter, ValidationError
from requests.adapters import HTTPAdapter

from mission_control.accounts.models import Person
from mission_control.errors import ConsoleError
from mission_control.log import get_logger

logger = get_logger("control_plane")

TOKEN_SECONDS = 60
_CONNECTIONS = 10
T = TypeVar("T")


class EnvironmentState(StrEnum):
    """What an environment is doing."""

    CREATING = "creating"
    RUNNING = "running"
    DELETING = "deleting"
    DELETED = "deleted"
    FAILED = "failed"


class OperationState(StrEnum):
    """How far an operation has come."""

    RUNNING = "running"
    DONE = "done"
    REVERTED = "reverted"  # failed, and what it had made is gone again
    NEEDS_ATTENTION = "needs_attention"  # still tried, but overdue: a person should look


class StepState(StrEnum):
    """How far one step of an operation has come."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Access(StrEnum):
    """Which of an environment's two keys."""

    READ_ONLY = "read_only"
    READ_WRITE = "read_write"


@dataclass(frozen=True)
class Environment:
    """One environment of the team."""

    id: UUID
    name: str = field(repr=False)
    state: EnvironmentState
    url: str | None  # None until it is known; then the same for the environment's whole life
    created_at: datetime
    current_operation_id: UUID | None


@dataclass(frozen=True)
class Step:
    """One step of an operation, in the control plane's words."""

    name: str
    label: str  # shown to people
    state: StepState
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Failure:
    """Why an operation ended badly."""

    code: str
    message: str  # a sentence for people


@dataclass(frozen=True)
class Operation:
    """One long piece of work on an environment."""

    id: UUID
    environment_id: UUID
    kind: str  # create, delete
    state: OperationState
    percent: int
    step: str | None
    steps: list[Step]
    started_at: datetime | None
    finished_at: datetime | None
    error: Failure | None = None


@dataclass(frozen=True)
class KeyInfo:
    """What may be known about a key without revealing it."""

    access: Access
    prefix: str
    created_at: datetime | None = None


@dataclass(frozen=True)
class Accepted:
    """The control plane has begun."""

    environment: Environment
    operation: Operation


@dataclass(frozen=True)
class _Revealed:
    access: Access
    key: SecretStr


class NameRefused(Exception):
    """The name can't be used; `sentence` says why and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__("name refused")
        self.sentence = sentence


class ControlPlane:
    """Calls to the control plane. Safe to share between threads.

    Raises ConsoleError: `environment_not_found`, `environment_busy`, `no_room`; `control_plane_unavailable` when
    nothing was done; `outcome_unknown` when a change was sent and no answer came.
    """

    def __init__(self, *, url: str, secret: SecretStr, timeout_seconds: float) -> None:
        self._url = url
        self._key = OctKey.import_key(secret.get_secret_value())
        self._timeout = timeout_seconds
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy between our own services
        self._http.mount("http", HTTPAdapter(pool_connections=1, pool_maxsize=_CONNECTIONS))

    def environments(self, person: Person) -> list[Environment]:
        """The team's environments, newest first."""
        return _parse(list[Environment], self._call(person, "GET", "/v1/environments"), "environments")

    def environment(self, person: Person, environment_id: UUID) -> Environment:
        """One of the team's environments."""
        return _parse(Environment, self._call(person, "GET", f"/v1/environments/{environment_id}"), "environment")

    def create_environment(self, person: Person, *, name: str, request_id: UUID) -> Accepted:
        """Begin to make an environment; the same `request_id` again makes no second one. Raises NameRefused."""
        headers = {"Idempotency-Key": str(request_id)}
        answer = self._call(person, "POST", "/v1/environments", json={"name": name}, headers=headers)
        return _parse(Accepted, answer)

    def delete_environment(self, person: Person, environment_id: UUID) -> Accepted:
        """Begin to delete it; once more while that runs answers the same operation."""
        return _parse(Accepted, self._call(person, "DELETE", f"/v1/environments/{environment_id}"))

    def operation(self, person: Person, operation_id: UUID) -> Operation | None:
        """One operation, also of an environment that has gone; None when there is no such operation."""
        try:
            return _parse(Operation, self._call(person, "GET", f"/v1/operations/{operation_id}"), "operation")
        except ConsoleError as error:
            if error.code == "environment_not_found":
                return None
            raise

    def operations(self, person: Person, environment_id: UUID) -> list[Operation]:
        """What was done to an environment, newest first."""
        answer = self._call(person, "GET", f"/v1/environments/{environment_id}/operations")
        return _parse(list[Operation], answer, "operations")

    def keys(self, person: Person, environment_id: UUID) -> list[KeyInfo]:
        """The environment's keys without their secrets."""
        return _parse(list[KeyInfo], self._call(person, "GET", f"/v1/environments/{environment_id}/keys"), "keys")

    def reveal_key(self, person: Person, environment_id: UUID, access: Access) -> SecretStr:
        """The key itself; the control plane records who asked."""
        path = f"/v1/environments/{environment_id}/keys/reveal"
        return _parse(_Revealed, self._call(person, "POST", path, json={"access": access.value})).key

    def _call(
        self,
        person: Person,
        method: str,
        path: str,
        *,
        json: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        sent = {"Authorization": f"Bearer {self._token(person)}", "Accept": "application/json", **(headers or {})}
        try:
            answer = self._http.request(
                method, self._url + path, json=json, headers=sent, timeout=self._timeout, allow_redirects=False
            )
        except requests.ConnectTimeout as error:
            raise ConsoleError("control_plane_unavailable") from error
        except requests.RequestException as error:
            logger.warning("control_plane_unreachable", method=method, reason=type(error).__name__)
            is_unsent = method == "GET" or _was_refused(error)
            raise ConsoleError("control_plane_unavailable" if is_unsent else "outcome_unknown") from error
        if not answer.ok:
            _raise(answer, method)
        try:
            return answer.json()
        except ValueError as error:
            raise _broken("no JSON") from error

    def _token(self, person: Person) -> str:
        now = int(time.time())
        claims = {
            "iss": "mission_control",
            "aud": "api",
            "sub": str(person.team_id),
            "act": str(person.account_id),
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": str(uuid4()),
        }
        return jwt.encode({"alg": "HS256"}, claims, self._key)


def _was_refused(error: requests.RequestException) -> bool:
    """Whether no connection came about, so that nothing can have been done."""
    return isinstance(error, requests.ConnectionError) and "NewConnectionError" in repr(error)


def _raise(answer: requests.Response, method: str) -> None:
    """The exception for an answer that isn't a success."""
    code, message = _error_of(answer)
    if code in {"name_taken", "name_invalid"}:
        raise NameRefused(message or "This name can't be used. Choose another.")
    if code == "idempotency_key_reused":
        raise NameRefused("This form was sent before with another name. Check your environments, then send it again.")
    if answer.status_code == 404:
        raise ConsoleError("environment_not_found")
    if answer.status_code == 409:
        raise ConsoleError("environment_busy", message)
    if answer.status_code in {429, 503}:
        given = answer.headers.get("Retry-After", "")
        retry_after_seconds = int(given) if given.isdigit() else None
        if code == "no_port_free":
            raise ConsoleError("no_room", message, retry_after_seconds=retry_after_seconds)
        raise ConsoleError("control_plane_unavailable", retry_after_seconds=retry_after_seconds)
    logger.error("control_plane_refused", status=answer.status_code, code=code, method=method)
    if answer.status_code >= 500:
        raise ConsoleError("control_plane_unavailable" if method == "GET" else "outcome_unknown")
    raise ConsoleError("internal")


def _error_of(answer: requests.Response) -> tuple[str, str | None]:
    try:
        error = answer.json()["error"]
        return str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return "", None


def _parse(kind: type[T], answer: Any, name: str | None = None) -> T:
    try:
        return TypeAdapter(kind).validate_python(answer if name is None else answer[name])
    except (ValidationError, KeyError, TypeError) as error:
        raise _broken("another shape") from error


def _broken(reason: str) -> ConsoleError:
    logger.error("control_plane_answer_not_understood", reason=reason)
    return ConsoleError("internal")
