"""The one-off command that has an environment ready, as its person could by hand."""

from __future__ import annotations

import json
import time

import pytest
from click.testing import CliRunner, Result

from mission_control import ensure_environment
from mission_control.parts import Parts
from mission_control.settings import Settings
from tests.pages.browser import Browser
from tests.pages.fake_control_plane import FakeControlPlane

ARGUMENTS = ["--name", "demo", "--subject", "user-1", "--email", "anna@example.test"]


@pytest.fixture
def command(settings: Settings, control_plane: FakeControlPlane, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command with this console's settings; the control plane gets on whenever the command waits."""

    def get_on(_seconds: float) -> None:
        for operation in control_plane.operations.values():
            if control_plane.moves:
                control_plane.move(operation)

    monkeypatch.setattr(ensure_environment, "Settings", lambda: settings)
    monkeypatch.setattr(time, "sleep", get_on)
    return CliRunner()


def run(command: CliRunner, *more: str) -> Result:
    return command.invoke(ensure_environment.main, [*ARGUMENTS, *more])


def events(parts: Parts) -> list[str]:
    with parts.database.transaction() as connection:
        return [row["kind"] for row in connection.execute("select kind from event order by id").fetchall()]


def test_environment_is_made_waited_for_and_its_keys_are_printed(
    command: CliRunner, control_plane: FakeControlPlane, parts: Parts
) -> None:
    result = run(command)
    assert result.exit_code == 0, result.output
    (environment,) = control_plane.environments.values()
    assert json.loads(result.stdout.splitlines()[-1]) == {
        "url": environment["url"],
        "read_only_key": control_plane.key(environment["id"], "read_only"),
        "read_write_key": control_plane.key(environment["id"], "read_write"),
    }
    assert events(parts) == [
        "account:created",
        "environment:create_requested",
        "environment:key_revealed",
        "environment:key_revealed",
    ]


def test_second_run_finds_the_same_environment(command: CliRunner, control_plane: FakeControlPlane) -> None:
    first, second = run(command), run(command)
    assert first.stdout.splitlines()[-1] == second.stdout.splitlines()[-1]
    assert len(control_plane.environments) == 1


def test_person_finds_the_environment_when_they_sign_in(
    command: CliRunner, control_plane: FakeControlPlane, visitor: Browser
) -> None:
    assert run(command).exit_code == 0
    visitor.sign_in()
    assert "demo" in visitor.open("/environments").text


def test_environment_that_failed_is_named_with_a_way_out(command: CliRunner, control_plane: FakeControlPlane) -> None:
    assert run(command).exit_code == 0
    (environment,) = control_plane.environments.values()
    environment["state"] = "failed"
    result = run(command)
    assert result.exit_code == 1
    assert f"{environment['id']} is failed. Delete it" in result.stderr


def test_environment_that_takes_too_long_is_said(command: CliRunner, control_plane: FakeControlPlane) -> None:
    control_plane.moves = False
    result = run(command, "--wait-seconds", "0")
    assert result.exit_code == 1
    assert "isn't running yet" in result.stderr


def test_control_plane_that_is_away_is_said_without_a_traceback(
    command: CliRunner, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = settings.model_copy(update={"api_url": "http://127.0.0.1:1"})
    monkeypatch.setattr(ensure_environment, "Settings", lambda: away)
    result = run(command)
    assert result.exit_code == 1
    assert "control_plane_unavailable" in result.stderr
