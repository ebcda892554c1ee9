"""The client of the control plane: what it sends, and what it makes of every kind of answer."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from mission_control.accounts.models import Person
from mission_control.control_plane import (
    Access,
    ControlPlane,
    EnvironmentState,
    NameRefused,
    OperationState,
    StepState,
)
from mission_control.errors import ConsoleError
from tests.pages.fake_control_plane import FakeControlPlane, error
from tests.processes import free_port

PERSON = Person(account_id=uuid4(), team_id=uuid4(), email="anna@example.test")


@pytest.fixture
def client(control_plane: FakeControlPlane) -> ControlPlane:
    return ControlPlane(url=control_plane.url, secret=SecretStr(control_plane.secret), timeout_seconds=1)


def code_of(raised: pytest.ExceptionInfo[ConsoleError]) -> str:
    return raised.value.code


def test_environment_comes_back_typed_from_creation_to_deletion(client: ControlPlane) -> None:
    made = client.create_environment(PERSON, name="shop", request_id=uuid4())
    assert (made.environment.state, made.environment.url) == (EnvironmentState.CREATING, None)
    assert made.operation.steps[0].state is StepState.RUNNING
    for _ in range(3):
        assert client.operation(PERSON, made.operation.id) is not None
    environment = client.environment(PERSON, made.environment.id)
    assert (environment.state, environment.url) == (EnvironmentState.RUNNING, "http://127.0.0.1:8410")
    assert environment.created_at.tzinfo is not None
    assert client.environments(PERSON) == [environment]
    assert [key.access for key in client.keys(PERSON, environment.id)] == [Access.READ_ONLY, Access.READ_WRITE]
    deleted = client.delete_environment(PERSON, environment.id)
    assert [operation.kind for operation in client.operations(PERSON, environment.id)] == ["delete", "create"]
    for _ in range(3):
        client.operation(PERSON, deleted.operation.id)
    ended = client.operation(PERSON, deleted.operation.id)
    assert ended is not None and ended.state is OperationState.DONE
    assert client.environments(PERSON) == []


def test_each_token_is_short_lived_and_used_once(client: ControlPlane, control_plane: FakeControlPlane) -> None:
    client.environments(PERSON)
    client.environments(PERSON)
    first, second = control_plane.claims
    assert first["exp"] - first["iat"] == 60
    assert first["jti"] != second["jti"]
    assert (UUID(first["sub"]), UUID(first["act"])) == (PERSON.team_id, PERSON.account_id)


def test_revealed_key_is_not_in_its_repr(client: ControlPlane, control_plane: FakeControlPlane) -> None:
    environment = control_plane.add(str(PERSON.team_id), "shop")
    key = client.reveal_key(PERSON, UUID(environment["id"]), Access.READ_WRITE)
    assert key.get_secret_value() == control_plane.key(environment["id"], "read_write")
    assert "secret-of" not in repr(key)


def test_unknown_environment_and_operation(client: ControlPlane) -> None:
    with pytest.raises(ConsoleError) as raised:
        client.environment(PERSON, uuid4())
    assert code_of(raised) == "environment_not_found"
    assert client.operation(PERSON, uuid4()) is None


@pytest.mark.parametrize(
    ("status", "code"), [(409, "name_taken"), (422, "name_invalid"), (422, "idempotency_key_reused")]
)
def test_refused_name_says_why(client: ControlPlane, control_plane: FakeControlPlane, status: int, code: str) -> None:
    control_plane.answers.append(error(status, code, "Choose another name."))
    with pytest.raises(NameRefused) as raised:
        client.create_environment(PERSON, name="shop", request_id=uuid4())
    assert raised.value.sentence
    assert "shop" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "code", "when_reading", "when_changing"),
    [
        (409, "operation_in_progress", "environment_busy", "environment_busy"),
        (429, "rate_limited", "control_plane_unavailable", "control_plane_unavailable"),
        (503, "unavailable", "control_plane_unavailable", "control_plane_unavailable"),
        (500, "internal", "control_plane_unavailable", "outcome_unknown"),
        (502, "", "control_plane_unavailable", "outcome_unknown"),
        (401, "token_invalid", "internal", "internal"),
        (422, "request_invalid", "internal", "internal"),
    ],
)
def test_error_answers_become_our_own(
    client: ControlPlane, control_plane: FakeControlPlane, status: int, code: str, when_reading: str, when_changing: str
) -> None:
    control_plane.answers += [error(status, code, "x", Retry_After="9"), error(status, code, "x")]
    with pytest.raises(ConsoleError) as reading:
        client.environments(PERSON)
    with pytest.raises(ConsoleError) as changing:
        client.delete_environment(PERSON, uuid4())
    assert (code_of(reading), code_of(changing)) == (when_reading, when_changing)
    if status in {429, 503}:
        assert reading.value.retry_after_seconds == 9


def test_nobody_there_means_nothing_was_done() -> None:
    client = ControlPlane(url=f"http://127.0.0.1:{free_port()}", secret=SecretStr("x" * 32), timeout_seconds=1)
    for call in (
        lambda: client.environments(PERSON),
        lambda: client.delete_environment(PERSON, uuid4()),
    ):
        with pytest.raises(ConsoleError) as raised:
            call()
        assert code_of(raised) == "control_plane_unavailable"


def test_answer_that_takes_too_long_leaves_a_change_unknown(
    client: ControlPlane, control_plane: FakeControlPlane
) -> None:
    control_plane.delay_seconds = 1.5
    with pytest.raises(ConsoleError) as reading:
        client.environments(PERSON)
    with pytest.raises(ConsoleError) as changing:
        client.create_environment(PERSON, name="shop", request_id=uuid4())
    assert (code_of(reading), code_of(changing)) == ("control_plane_unavailable", "outcome_unknown")


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"environments": 1}', b'{"environments": [{"id": "x"}]}'])
def test_answer_in_another_shape_is_ours_to_mend(
    client: ControlPlane, control_plane: FakeControlPlane, body: bytes
) -> None:
    answer = error(200, "x", "x")
    answer.set_data(body)
    control_plane.answers.append(answer)
    with pytest.raises(ConsoleError) as raised:
        client.environments(PERSON)
    assert code_of(raised) == "internal"
