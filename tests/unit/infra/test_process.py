"""Supervised processes: restarted when they end, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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


def spec(folder: Path, command: list[str]) -> ProcessSpec:
    return ProcessSpec(name="thing", command=command, log_file=folder / "thing.log", run_dir=folder)


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
    process.await_stop(seconds=0)


def test_process_that_always_ends_is_reported_as_a_crash_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.embedded.process.FIRST_BACKOFF_SECONDS", 0.001)
    process = SupervisedProcess(spec(tmp_path, [sys.executable, "-c", "raise SystemExit(3)"]))
    process.start()

    def watched_until_loop() -> bool:
        process.watch()
        return process.in_crash_loop

    wait_until(watched_until_loop, what="the crash loop to be recognised")
    process.await_stop(seconds=0)


def test_process_that_ignores_the_stop_signal_is_killed(tmp_path: Path) -> None:
    process = SupervisedProcess(spec(tmp_path, DEAF))
    process.start()
    pid = process.pid
    assert pid is not None
    wait_until(lambda: (tmp_path / "thing.log").read_text() == "deaf\n", what="the process to close its ears")
    process.request_stop()
    process.await_stop(seconds=0.2)
    assert not psutil.pid_exists(pid)
    assert not (tmp_path / "thing.json").exists()


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


def test_another_program_with_a_noted_process_id_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEPER)
    try:
        (tmp_path / "thing.json").write_text(f'{{"pid": {stranger.pid}, "created_at": {time.time() - 86_400}}}')
        assert end_leftovers(tmp_path) == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_note_cut_short_by_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "thing.json").write_text('{"pid": 12')
    assert end_leftovers(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


def test_settings_exported_for_other_uses_do_not_reach_the_services(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VAKKA_API_MASTER_SECRET", "PGHOST", "DATABASE_URL", "READ_WRITE_APIKEY", "AITO_DISABLE_AUTH"):
        monkeypatch.setenv(name, "foreign")
    monkeypatch.setenv("HARMLESS", "kept")
    environment = inherited_environment()
    assert environment["HARMLESS"] == "kept"
    assert "foreign" not in environment.values()


def test_secrets_of_a_process_do_not_appear_in_its_repr(tmp_path: Path) -> None:
    shown = repr(
        ProcessSpec(
            name="thing",
            command=["true"],
            log_file=tmp_path / "log",
            run_dir=tmp_path,
            environment={"VAKKA_API_MASTER_SECRET": "very-secret"},
        )
    )
    assert "very-secret" not in shown
