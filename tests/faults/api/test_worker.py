"""Real worker processes: at once, killed, stopped, without a database."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from api.lifecycle.create import CREATE
from api.lifecycle.delete import REMOVAL
from tests.faults.api.processes import worker
from tests.processes import wait_until
from tests.unit.api.world import World, looking_by_itself


def state_of(world: World, operation_id: str) -> str:
    return str(world.operation(operation_id)["state"])


def test_a_worker_creates_and_deletes_in_seconds_and_stops_cleanly(world: World, tmp_path: Path) -> None:
    with looking_by_itself(world.supervisor), worker(world.settings, tmp_path / "worker.log") as process:
        wait_until(lambda: bool(process.events("worker_started")), what="the worker to start")
        time.sleep(0.5)
        began = time.monotonic()
        environment_id, operation_id = world.ask_for()
        wait_until(lambda: state_of(world, operation_id) == "done", what="the create to end", seconds=20)
        created = time.monotonic() - began
        deletion = world.ask_to_delete(environment_id)
        wait_until(lambda: state_of(world, deletion) == "done", what="the delete to end", seconds=20)
        deleted = time.monotonic() - began - created
        assert created < 3
        assert deleted < 4
        began = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - began < 5
    assert world.rows("select * from procrastinate_jobs where task_name = 'advance_operation'") == []
    world.assert_rows_match_resources()


@pytest.mark.parametrize("failpoint", ["after:start_instance", "effect:create_volume", "before:open_route"])
def test_a_killed_worker_is_taken_over_and_no_completed_step_runs_twice(
    world: World, tmp_path: Path, failpoint: str
) -> None:
    with looking_by_itself(world.supervisor):
        _, operation_id = world.ask_for()
        with worker(world.settings, tmp_path / "killed.log", VAKKA_API_FAILPOINT=failpoint) as killed:
            assert killed.popen.wait(timeout=20) == -signal.SIGKILL
        done_by_killed = [event["step"] for event in killed.events("step_completed")]
        assert state_of(world, operation_id) == "running"
        with worker(world.settings, tmp_path / "second.log") as second:
            wait_until(lambda: state_of(world, operation_id) == "done", what="the second worker to finish", seconds=30)
        done_by_second = [event["step"] for event in second.events("step_completed")]
        started_by_second = {event["step"] for event in second.events("step_started")}
    completed = Counter(done_by_killed + done_by_second)
    assert completed == Counter(step.name for step in CREATE.steps)
    assert not started_by_second & set(done_by_killed)
    world.assert_rows_match_resources()


def test_a_worker_killed_in_the_middle_of_a_delete_is_taken_over(world: World, tmp_path: Path) -> None:
    with looking_by_itself(world.supervisor):
        environment_id, operation_id = world.ask_for()
        with worker(world.settings, tmp_path / "killed.log", VAKKA_API_FAILPOINT="effect:delete_volume") as killed:
            wait_until(lambda: state_of(world, operation_id) == "done", what="the create to end", seconds=20)
            deletion = world.ask_to_delete(environment_id)
            assert killed.popen.wait(timeout=20) == -signal.SIGKILL
        with worker(world.settings, tmp_path / "second.log"):
            wait_until(lambda: state_of(world, deletion) == "done", what="the second worker to finish", seconds=30)
    journal = world.rows("select step from journal where operation_id = %s order by position", deletion)
    assert [row["step"] for row in journal] == [step.name for step in REMOVAL]
    world.assert_rows_match_resources()


def test_an_operation_without_a_job_is_found_and_finished(world: World, tmp_path: Path) -> None:
    _, operation_id = world.ask_for()
    world.rows("delete from procrastinate_jobs returning id")
    with looking_by_itself(world.supervisor), worker(world.settings, tmp_path / "worker.log") as process:
        wait_until(lambda: state_of(world, operation_id) == "done", what="the lost operation to end", seconds=30)
        assert process.events("operation_without_job_resumed")


def test_a_worker_that_loses_the_database_ends_with_status_1(world: World, tmp_path: Path) -> None:
    with worker(world.settings, tmp_path / "worker.log") as process:
        wait_until(lambda: bool(process.events("worker_started")), what="the worker to start")
        time.sleep(0.5)
        url = world.settings.database_url.get_secret_value()
        name = url.rsplit("/", 1)[1]
        with psycopg.connect(url.rsplit("/", 1)[0] + "/postgres", autocommit=True) as connection:
            connection.execute(f"alter database {name} allow_connections false".encode())
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
            assert process.popen.wait(timeout=20) == 1
            connection.execute(f"alter database {name} allow_connections true".encode())
    assert process.events("worker_lost_database")


def test_a_worker_without_a_database_ends_with_status_1_at_once(world: World, tmp_path: Path) -> None:
    nowhere = "postgresql://nobody:secret-password@127.0.0.1:1/nothing"
    with worker(world.settings, tmp_path / "worker.log", VAKKA_API_DATABASE_URL=nowhere) as process:
        assert process.popen.wait(timeout=10) == 1
    assert "secret-password" not in process.text


def test_a_frozen_worker_does_no_harm_when_it_wakes_up(world: World, tmp_path: Path) -> None:
    """The second worker waits for the lease as long as the frozen one's session lives, and no step runs twice."""
    _, operation_id = world.ask_for()
    with worker(world.settings, tmp_path / "frozen.log") as frozen:
        wait_until(lambda: bool(frozen.events("step_completed")), what="the first step to be done")
        frozen.popen.send_signal(signal.SIGSTOP)
        with looking_by_itself(world.supervisor), worker(world.settings, tmp_path / "second.log") as second:
            time.sleep(4)
            frozen.popen.send_signal(signal.SIGCONT)
            wait_until(lambda: state_of(world, operation_id) == "done", what="the operation to end", seconds=30)
            steps = [event["step"] for process in (frozen, second) for event in process.events("step_completed")]
    assert Counter(steps) == Counter(step.name for step in CREATE.steps)
    world.assert_rows_match_resources()


def test_twelve_environments_at_once_with_a_worker_killed_now_and_then(world: World, tmp_path: Path) -> None:
    operations = [world.ask_for(f"shop {number}")[1] for number in range(12)]
    with looking_by_itself(world.supervisor), worker(world.settings, tmp_path / "steady.log"):
        for number in range(3):
            with worker(world.settings, tmp_path / f"killed-{number}.log") as killed:
                wait_until(lambda: bool(killed.events("worker_started")), what="a worker to start")
                time.sleep(0.3)
        wait_until(
            lambda: all(state_of(world, operation) == "done" for operation in operations),
            what="all creates to end",
            seconds=60,
        )
    assert len(world.rows("select * from journal")) == 12 * len(CREATE.steps)
    world.assert_rows_match_resources()


def test_a_worker_sweeps_when_it_starts_whatever_the_hour(world: World, tmp_path: Path) -> None:
    old = world.data_dir / "uploads" / str(uuid4()) / str(uuid4())
    old.parent.mkdir(parents=True)
    old.write_bytes(b"rows")
    eight_days_ago = time.time() - 8 * 86_400
    os.utime(old, (eight_days_ago, eight_days_ago))
    for _ in range(2):
        with worker(world.settings, tmp_path / "worker.log") as process:
            wait_until(lambda: bool(process.events("swept")), what="the sweep")
            assert "main Python module" not in process.text
    assert not old.exists()
