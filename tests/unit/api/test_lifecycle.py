"""Creating and deleting environments, step by step, without a worker."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from api.adapters.embedded import files
from api.domain.models import Failure
from api.domain.states import OperationKind
from api.errors import ApiError
from api.lifecycle.create import CREATE
from api.lifecycle.delete import DELETE
from api.lifecycle.journal import Journal
from api.lifecycle.outcomes import Done, Nap
from api.lifecycle.requests import Requester, begin
from api.lifecycle.runbooks import RUNBOOKS
from api.store import environments
from api.store.events import EventKind
from api.store.migrate import NewerDatabase, migrate
from tests.unit.api.world import World, body


def test_create_ends_with_a_running_environment_that_answers_at_its_url(world: World) -> None:
    environment_id, operation_id = world.ask_for("shop")
    assert world.environment(environment_id)["state"] == "creating"
    assert world.environment(environment_id)["url"] is None
    assert world.environment(environment_id)["current_operation_id"] == operation_id

    assert world.advance(operation_id) == Done()

    environment = world.environment(environment_id)
    assert environment["state"] == "running"
    assert environment["current_operation_id"] is None
    agent = world.ports.agent.health(environment["url"])
    assert agent is not None
    assert agent.version == "test"
    operation = world.operation(operation_id)
    assert (operation["state"], operation["percent"], operation["error"]) == ("done", 100, None)
    assert [step["name"] for step in operation["steps"]] == [step.name for step in CREATE.steps]
    assert all(step["state"] == "done" and step["finished_at"] for step in operation["steps"])
    world.assert_rows_match_resources()


def test_progress_shows_which_step_is_running_and_never_goes_back(world: World) -> None:
    _, operation_id = world.ask_for()
    outcome = world.runner().advance(UUID(operation_id))
    assert isinstance(outcome, Nap)
    waiting = world.operation(operation_id)
    assert waiting["step"] == "wait_until_healthy"
    states = {step["name"]: step["state"] for step in waiting["steps"]}
    assert states["start_instance"] == "done"
    assert states["wait_until_healthy"] == "running"
    assert states["open_route"] == "waiting"
    assert 0 < waiting["percent"] < 100


def test_delete_leaves_nothing_but_the_row(world: World) -> None:
    environment_id = world.running_environment()
    operation_id = world.ask_to_delete(environment_id)
    assert world.environment(environment_id)["state"] == "deleting"

    assert world.advance(operation_id) == Done()

    assert world.call("GET", f"/v1/environments/{environment_id}").status_code == 404
    operation = world.operation(operation_id)
    assert operation["state"] == "done"
    assert [step["name"] for step in operation["steps"]] == [step.name for step in DELETE.steps]
    for folder in ("instances", "volumes", "uploads"):
        assert list((world.data_dir / folder).iterdir()) == []
    world.assert_rows_match_resources()


def test_deleting_twice_answers_the_same_operation_and_afterwards_404(world: World) -> None:
    environment_id = world.running_environment()
    first = world.ask_to_delete(environment_id)
    assert world.ask_to_delete(environment_id) == first
    world.advance(first)
    response = world.call("DELETE", f"/v1/environments/{environment_id}")
    assert response.status_code == 404
    assert body(response)["error"]["code"] == "environment_not_found"


def test_an_ended_operation_is_not_run_again(world: World) -> None:
    _, operation_id = world.ask_for()
    world.advance(operation_id)
    before = world.rows("select * from journal")
    assert world.runner().advance(UUID(operation_id)) == Done()
    assert world.rows("select * from journal") == before


def test_a_deleted_environment_frees_its_name_and_its_port(world: World) -> None:
    environment_id = world.running_environment("shop")
    url = world.environment(environment_id)["url"]
    world.advance(world.ask_to_delete(environment_id))
    again = world.running_environment("shop")
    assert again != environment_id
    assert world.environment(again)["url"] == url


def test_every_change_is_an_event_of_who_did_what_to_which_environment(world: World) -> None:
    environment_id = world.running_environment()
    world.advance(world.ask_to_delete(environment_id))
    events = world.rows("select * from events order by id")
    assert [(event["kind"], event["actor_kind"], event["actor_id"]) for event in events] == [
        ("environment.create_requested", "account", world.account_id),
        ("environment.created", "system", None),
        ("environment.delete_requested", "account", world.account_id),
        ("environment.deleted", "system", None),
    ]
    assert {str(event["environment_id"]) for event in events} == {environment_id}
    assert {event["team_id"] for event in events} == {world.team_id}


def test_every_environment_has_a_port_of_its_own(world: World) -> None:
    urls = {world.environment(world.running_environment(name))["url"] for name in ("one", "two", "three")}
    assert len(urls) == 3
    world.assert_rows_match_resources()


def test_an_environment_has_one_operation_at_a_time(world: World) -> None:
    environment_id, operation_id = world.ask_for()
    requester = Requester(world.team_id, world.account_id)
    with world.connect() as connection:
        environment = environments.get(connection, UUID(environment_id))
        with pytest.raises(ApiError) as refused:
            begin(connection, world.ports, requester, environment, OperationKind.CREATE, EventKind.CREATE_REQUESTED)
    assert (refused.value.code, refused.value.status) == ("operation_in_progress", 409)
    assert [str(row["id"]) for row in world.rows("select id from operations")] == [operation_id]


def test_a_delete_and_a_failing_create_do_not_wait_for_each_other(world: World) -> None:
    environment_id, operation_id = world.ask_for()
    runbook = RUNBOOKS[OperationKind.CREATE]
    with world.connect() as deleting, world.connect() as working, deleting.transaction():
        environment = environments.lock_of_team(deleting, world.team_id, UUID(environment_id))
        assert environment is not None
        working.execute("set lock_timeout = '2s'")
        journal = Journal(working, UUID(operation_id))
        journal.fail(runbook.steps[0], Failure("provider_refused", "no"), environment, world.clock.now())
    assert world.operation(operation_id)["error"]["code"] == "provider_refused"


def test_a_database_of_a_newer_version_is_left_alone(world: World) -> None:
    with world.connect() as connection:
        connection.execute("insert into migrations (name) values ('9999_to_come.sql')")
    with pytest.raises(NewerDatabase, match=r"9999_to_come\.sql"):
        migrate(world.settings.database_url)


def test_units_hold_no_path_of_the_machine(world: World) -> None:
    world.running_environment()
    [unit] = world.data_dir.glob("instances/*/unit.json")
    assert str(world.data_dir) not in unit.read_text()
    assert (world.data_dir / json.loads(unit.read_text())["data_dir"]).is_dir()


def test_an_instances_folder_is_durable_before_its_step_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = files.sync_folder

    def sync(folder: Path) -> None:
        synced.append(folder.name)
        real(folder)

    monkeypatch.setattr("api.adapters.embedded.processes.sync_folder", sync)
    world.running_environment()
    assert "instances" in synced
