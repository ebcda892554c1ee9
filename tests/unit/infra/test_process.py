"""Supervised processes: restarted when they end, never left behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.embedded.process import ProcessSpec, SupervisedProcess, end_leftovers, inherited_environment
from tests.processes import wait_until

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
]
PARENT_OF_A_SLEEPER = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print(p.pid, flush=True); time.sleep(600)",
]


def spec(folder: Path, command: list[str], **more: Any) -> ProcessSpec:
    return ProcessSpec(title="thing", command=command, log_file=folder / "thing.log", owner=folder, **more)


def test_process_that_ends_is_started_again_after_its_backoff(tmp_path: Path) -> None:
    process = SupervisedProcess(spec(tmp_path, SLEEPER))
    process.start()
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(process.watch, what="the end to be noticed")
    assert process.pid is None
    wait_until(lambda: not process.watch() and process.pid is not None, what="a new process")
    assert process.pid != first
    assert process.restarts == 1
    process.stop()


def test_process_that_always_ends_is_reported_as_a_crash_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.embedded.process.FIRST_BACKOFF_SECONDS", 0.001)
    process = SupervisedProcess(spec(tmp_path, [sys.executable, "-c", "raise SystemExit(3)"]))
    process.start()

    def watched_until_loop() -> bool:
        process.watch()
        return process.in_crash_loop

    wait_until(watched_until_loop, what="the crash loop to be recognised")
    process.stop()


def test_process_that_ignores_the_stop_signal_is_killed(tmp_path: Path) -> None:
    process = SupervisedProcess(spec(tmp_path, DEAF, stop_seconds=0.2))
    process.start()
    pid = process.pid
    assert pid is not None
    wait_until(lambda: (tmp_path / "thing.log").read_text() == "deaf\n", what="the process to close its ears")
    process.request_stop()
    assert not process.has_stopped()
    process.stop()
    assert not psutil.pid_exists(pid)


def test_an_end_is_told_each_time_until_it_is_clear_that_it_ends_always(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.embedded.process.FIRST_BACKOFF_SECONDS", 0.001)
    process = SupervisedProcess(spec(tmp_path, [sys.executable, "-c", "raise SystemExit('no room for rows')"]))
    process.start()
    told: list[str | None] = []

    def ended_seven_times() -> bool:
        if process.watch():
            told.append(process.tell_end())
        return len(told) == 7

    wait_until(ended_seven_times, what="seven ends")
    assert [text is not None and "again and again" in text for text in told] == [False] * 4 + [True, False, False]
    assert told[-1] is None
    for text in filter(None, told):
        assert text.startswith("The thing end")
        assert text.endswith(f"It said: no room for rows See {tmp_path / 'thing.log'}")


def test_a_process_that_finds_no_room_to_start_again_is_tried_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.embedded.process.LONGEST_BACKOFF_SECONDS", 0.05)
    process = SupervisedProcess(spec(tmp_path, SLEEPER))
    process.start()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_until(process.watch, what="the end to be noticed")
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", no_memory)
        wait_until(process.watch, what="a start that fails")
    wait_until(lambda: not process.watch() and process.pid is not None, what="a new process")
    process.stop()


def no_memory(*_arguments: object, **_options: object) -> None:
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


def test_a_long_log_is_put_aside_when_the_process_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.embedded.process.LOG_BYTES", 100)
    log = tmp_path / "thing.log"
    for text in ("first" * 30, "second" * 30):
        log.write_text(text)
        process = SupervisedProcess(spec(tmp_path, SLEEPER))
        process.start()
        process.stop()
        assert log.read_text() == ""
        assert (tmp_path / "thing.log.1").read_text() == text
    log.write_text("short")
    process.start()
    process.stop()
    assert log.read_text() == "short"


def test_children_of_a_killed_process_go_with_it(tmp_path: Path) -> None:
    process = SupervisedProcess(spec(tmp_path, PARENT_OF_A_SLEEPER))
    process.start()
    wait_until(lambda: (tmp_path / "thing.log").read_text().endswith("\n"), what="the child to be started")
    child = psutil.Process(int((tmp_path / "thing.log").read_text()))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_until(process.watch, what="the end to be noticed")
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the child's end")


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's own")
def test_process_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from tests.unit.infra.test_process import *\n"
            "p = SupervisedProcess(spec(Path(sys.argv[1]), SLEEPER)); p.start(); print(p.pid, flush=True)\n"
            "time.sleep(600)",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert supervisor.stdout is not None
    child = psutil.Process(int(supervisor.stdout.readline()))
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the child's end")


def test_leftovers_of_a_killed_supervisor_are_ended(tmp_path: Path) -> None:
    left = SupervisedProcess(spec(tmp_path, SLEEPER))
    left.start()
    pid = left.pid
    assert pid is not None
    assert end_leftovers(tmp_path) == 1
    wait_until(lambda: left.pid is None, what="the leftover's end")
    assert end_leftovers(tmp_path) == 0


def test_leftover_children_of_a_process_that_was_killed_too_are_ended(tmp_path: Path) -> None:
    left = SupervisedProcess(spec(tmp_path, PARENT_OF_A_SLEEPER))
    left.start()
    wait_until(lambda: (tmp_path / "thing.log").read_text().endswith("\n"), what="the child to be started")
    child = psutil.Process(int((tmp_path / "thing.log").read_text()))
    assert left.pid is not None
    os.kill(left.pid, signal.SIGKILL)
    wait_until(lambda: left.pid is None, what="the leader's end")
    assert end_leftovers(tmp_path) == 1
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_what_works_for_another_data_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    other = SupervisedProcess(spec(tmp_path, SLEEPER))
    other.start()
    assert end_leftovers(tmp_path / "mine") == 0
    assert other.pid is not None
    other.stop()


def test_settings_exported_for_other_uses_do_not_reach_the_services(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VAKKA_API_MASTER_SECRET", "PGHOST", "DATABASE_URL", "READ_WRITE_APIKEY", "GUNICORN_CMD_ARGS"):
        monkeypatch.setenv(name, "foreign")
    monkeypatch.setenv("HARMLESS", "kept")
    environment = inherited_environment()
    assert environment["HARMLESS"] == "kept"
    assert "foreign" not in environment.values()


def test_proxies_are_not_asked_for_what_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    monkeypatch.delenv("no_proxy", raising=False)
    environment = inherited_environment()
    assert environment["no_proxy"] == environment["NO_PROXY"] == "example.com,127.0.0.1,localhost"


def test_secrets_of_a_process_do_not_appear_in_its_repr(tmp_path: Path) -> None:
    shown = repr(
        ProcessSpec(
            title="thing",
            command=["true"],
            log_file=tmp_path / "log",
            owner=tmp_path,
            environment={"VAKKA_API_MASTER_SECRET": "very-secret"},
        )
    )
    assert "very-secret" not in shown
