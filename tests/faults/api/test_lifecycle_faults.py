"""Crashes, refusals, deletes at every point of a lifecycle: whatever happens, rows and resources agree at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api.lifecycle.create import CREATE
from api.lifecycle.delete import DELETE
from api.lifecycle.journal import take_lease
from api.lifecycle.outcomes import Done, Nap
from api.ports import Busy, Denied, NoCapacity, OutcomeUnknown, Ports, ProviderError
from tests.unit.api.world import World

CREATE_STEPS = [step.name for step in CREATE.steps]
DELETE_STEPS = [step.name for step in DELETE.steps]

# Which call of which port has the effect of the step.
CALLS = {
    "create_volume": ("volumes", "ensure_volume"),
    "prepare_uploads": ("object_store", "ensure_prefix"),
    "start_instance": ("compute", "ensure_instance"),
    "wait_until_healthy": ("agent", "health"),
    "issue_keys": ("keys", "ensure_keys"),
    "open_route": ("edge", "ensure_route"),
    "revoke_keys": ("keys", "ensure_keys_absent"),
    "close_route": ("edge", "ensure_route_absent"),
    "stop_instance": ("compute", "ensure_instance_absent"),
    "delete_volume": ("volumes", "ensure_volume_absent"),
    "delete_uploads": ("object_store", "ensure_prefix_absent"),
}


class Crash(BaseException):
    """The process dies here."""


class Interceptor:
    """A port whose one call does something else; all others are the port's own."""

    def __init__(self, port: Any, call: str, instead: Callable[..., Any]) -> None:
        self._port, self._call, self._instead = port, call, instead

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)
        if name != self._call:
            return real
        return lambda *arguments, **options: self._instead(real, *arguments, **options)


def with_call(ports: Ports, step: str, instead: Callable[..., Any]) -> Ports:
    port, call = CALLS[step]
    return replace(ports, **{port: Interceptor(getattr(ports, port), call, instead)})


def crash_at(place: str) -> Callable[[str], None]:
    def here(reached: str) -> None:
        if reached == place:
            raise Crash

    return here


def counting(ports: Ports, step: str, counted: list[str]) -> Ports:
    def count(real: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        counted.append(step)
        return real(*arguments, **options)

    return with_call(ports, step, count)


def advance_until_crash(world: World, operation_id: str, place: str) -> None:
    with pytest.raises(Crash):
        world.advance(operation_id, world.runner(failpoint=crash_at(place)))


@pytest.mark.parametrize("step", CREATE_STEPS)
@pytest.mark.parametrize("place", ["before", "effect", "after"])
def test_a_create_that_crashed_anywhere_is_finished_with_one_of_everything(world: World, step: str, place: str) -> None:
    environment_id, operation_id = world.ask_for()
    advance_until_crash(world, operation_id, f"{place}:{step}")
    done_before = {row["step"] for row in world.rows("select step from journal")}
    runs: list[str] = []
    ports = world.ports
    for name in CREATE_STEPS:
        ports = counting(ports, name, runs)

    assert world.advance(operation_id, world.runner(ports=ports)) == Done()

    assert not set(runs) & done_before
    assert world.environment(environment_id)["state"] == "running"
    assert len(world.rows("select * from resources")) == 2
    assert len(world.supervisor.started) == 1
    world.assert_rows_match_resources()


@pytest.mark.parametrize("step", DELETE_STEPS)
@pytest.mark.parametrize("place", ["before", "effect", "after"])
def test_a_delete_that_crashed_anywhere_is_finished(world: World, step: str, place: str) -> None:
    environment_id = world.running_environment()
    operation_id = world.ask_to_delete(environment_id)
    advance_until_crash(world, operation_id, f"{place}:{step}")
    assert world.advance(operation_id) == Done()
    assert world.rows("select state from environments") == [{"state": "deleted"}]
    world.assert_rows_match_resources()


@pytest.mark.parametrize("fail_at", CREATE_STEPS)
@pytest.mark.parametrize("works_first", [False, True], ids=["refused", "refused_after_the_effect"])
def test_a_create_that_is_refused_is_taken_back_and_says_why(world: World, fail_at: str, works_first: bool) -> None:
    def refuse(real: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if works_first:
            real(*arguments, **options)
        raise Denied("not allowed: vakka_rw_secret")

    environment_id, operation_id = world.ask_for()
    ports = with_call(world.ports, fail_at, refuse)

    assert world.advance(operation_id, world.runner(ports=ports)) == Done()

    operation = world.operation(operation_id)
    assert (operation["state"], operation["error"]["code"]) == ("reverted", "provider_refused")
    assert "vakka_rw_secret" not in str(operation)
    states = {step["name"]: step["state"] for step in operation["steps"]}
    assert states[fail_at] == "failed"
    assert all(states[name] == "done" for name in DELETE_STEPS)
    environment = world.environment(environment_id)
    assert (environment["state"], environment["url"]) == ("failed", None)
    assert world.rows("select detail from events where kind = 'environment.create_reverted'") == [
        {"detail": "provider_refused"}
    ]
    world.assert_rows_match_resources()


@pytest.mark.parametrize("fail_at", CREATE_STEPS)
@pytest.mark.parametrize("error", [Busy, NoCapacity, OutcomeUnknown, ZeroDivisionError])
def test_a_failure_that_passes_is_tried_again_until_it_works(
    world: World, fail_at: str, error: type[Exception]
) -> None:
    failures: list[str] = []

    def fail_three_times(real: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        result = real(*arguments, **options)
        if len(failures) < 3:
            failures.append(fail_at)
            raise error
        return result

    environment_id, operation_id = world.ask_for()
    ports = with_call(world.ports, fail_at, fail_three_times)
    assert world.advance(operation_id, world.runner(ports=ports)) == Done()
    assert len(failures) == 3
    assert world.environment(environment_id)["state"] == "running"
    assert len(world.supervisor.started) == 1
    world.assert_rows_match_resources()


@pytest.mark.parametrize("fail_at", CREATE_STEPS)
def test_a_failure_that_stays_is_taken_back_at_the_steps_deadline(world: World, fail_at: str) -> None:
    def fail(_real: Callable[..., Any], *_arguments: Any, **_options: Any) -> Any:
        raise NoCapacity

    environment_id, operation_id = world.ask_for()
    began = world.clock.now()
    world.advance(operation_id, world.runner(ports=with_call(world.ports, fail_at, fail)))
    assert world.operation(operation_id)["error"]["code"] == "step_took_too_long"
    assert world.environment(environment_id)["state"] == "failed"
    deadline = next(step.deadline_seconds for step in CREATE.steps if step.name == fail_at)
    assert (world.clock.now() - began).total_seconds() < deadline + 60
    world.assert_rows_match_resources()


def test_a_database_that_crashes_while_starting_is_taken_back(world: World) -> None:
    world.supervisor.crashing = True
    environment_id, operation_id = world.ask_for()
    world.advance(operation_id)
    operation = world.operation(operation_id)
    assert (operation["state"], operation["error"]["code"]) == ("reverted", "database_did_not_start")
    assert world.environment(environment_id)["state"] == "failed"
    world.assert_rows_match_resources()


@pytest.mark.parametrize("fail_at", DELETE_STEPS)
def test_a_delete_is_tried_on_and_asks_for_attention_when_overdue(world: World, fail_at: str) -> None:
    failing = [True]

    def fail(real: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if failing[0]:
            raise Denied
        return real(*arguments, **options)

    environment_id = world.running_environment()
    operation_id = world.ask_to_delete(environment_id)
    runner = world.runner(ports=with_call(world.ports, fail_at, fail))
    outcome = world.advance(operation_id, runner, rounds=80)
    assert isinstance(outcome, Nap)
    assert outcome.seconds <= 30
    operation = world.operation(operation_id)
    assert (operation["state"], operation["error"]["code"]) == ("needs_attention", "clean_up_delayed")
    assert world.ask_to_delete(environment_id) == operation_id

    failing[0] = False
    assert world.advance(operation_id, runner) == Done()
    operation = world.operation(operation_id)
    assert (operation["state"], operation["error"]) == ("done", None)
    world.assert_rows_match_resources()


@pytest.mark.parametrize("step", CREATE_STEPS)
@pytest.mark.parametrize("place", ["before", "effect", "after"])
def test_a_delete_wins_over_a_create_at_any_point(world: World, step: str, place: str) -> None:
    deletions: list[str] = []
    environment_id, operation_id = world.ask_for()

    def delete_here(reached: str) -> None:
        if reached == f"{place}:{step}" and not deletions:
            deletions.append(world.ask_to_delete(environment_id))

    assert world.advance(operation_id, world.runner(failpoint=delete_here)) == Done()
    create = world.operation(operation_id)
    assert (create["state"], create["error"]["code"]) == ("reverted", "delete_requested")
    assert world.environment(environment_id)["state"] == "deleting"
    assert world.ask_to_delete(environment_id) == deletions[0]

    assert world.advance(deletions[0]) == Done()
    assert world.rows("select state from environments") == [{"state": "deleted"}]
    world.assert_rows_match_resources()


def test_a_delete_begins_only_when_the_create_has_let_go(world: World) -> None:
    environment_id, operation_id = world.ask_for()
    world.runner().advance(UUID(operation_id))
    with world.connect() as holder:
        assert take_lease(holder, UUID(environment_id))
        deletion = world.ask_to_delete(environment_id)
        outcome = world.runner().advance(UUID(deletion))
        assert isinstance(outcome, Nap)
        assert world.rows("select * from journal where operation_id = %s", deletion) == []
    assert world.advance(deletion) == Done()
    world.assert_rows_match_resources()


def test_a_failed_environment_can_be_deleted_and_its_name_used_again(world: World) -> None:
    world.supervisor.crashing = True
    environment_id, operation_id = world.ask_for("shop")
    world.advance(operation_id)
    world.supervisor.crashing = False
    world.running_environment("shop")
    assert world.advance(world.ask_to_delete(environment_id)) == Done()
    world.assert_rows_match_resources()


def test_two_workers_at_one_operation_do_every_step_once(world: World) -> None:
    _, operation_id = world.ask_for()
    runs: list[str] = []
    ports = world.ports
    for name in CREATE_STEPS:
        if name != "wait_until_healthy":
            ports = counting(ports, name, runs)
    ended: list[Done | Nap] = []

    def work() -> None:
        runner = world.runner(ports=ports)
        for _ in range(400):
            outcome = runner.advance(UUID(operation_id))
            if isinstance(outcome, Done):
                ended.append(outcome)
                return

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        world.supervisor.look()
    assert len(ended) == 4
    assert sorted(runs) == sorted(name for name in CREATE_STEPS if name != "wait_until_healthy")
    world.assert_rows_match_resources()


def test_a_worker_that_lost_its_lease_can_record_nothing(world: World) -> None:
    _, operation_id = world.ask_for()

    def lose_the_session(reached: str) -> None:
        if reached == "effect:create_volume":
            world.rows(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()"
                " and database = (select oid from pg_database where datname = current_database())"
            )

    with pytest.raises(psycopg.OperationalError):
        world.runner(failpoint=lose_the_session).advance(UUID(operation_id))
    assert world.rows("select * from journal") == []
    assert world.advance(operation_id) == Done()
    world.assert_rows_match_resources()


def test_the_exceptions_of_providers_are_of_one_family() -> None:
    for error in (Busy, NoCapacity, Denied, OutcomeUnknown):
        assert issubclass(error, ProviderError)
