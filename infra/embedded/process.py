"""One supervised child process: started, watched, restarted with back-off, stopped, and never left behind.

Three nets catch a child whose supervisor is gone: on Linux the kernel signals it at once (parent-death signal), a
file in `run/` lets the next start find it on any system, and each child leads its own process group, so that its
own children (gunicorn's workers) are reached too.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from infra.embedded.postgres import Account

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_AFTER_SECONDS = 60.0  # a process that ran this long starts over with the shortest back-off
CRASH_LOOP_AFTER = 5  # restarts in a row, none of which led to a steady process
PR_SET_PDEATHSIG = 1  # linux/prctl.h

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class ProcessSpec:
    """What to run. The repr names no environment variable: they carry secrets."""

    name: str  # for people, and the names of its files
    command: list[str]
    log_file: Path
    run_dir: Path
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    account: Account | None = None  # another account to run as; needs root
    stop_signal: signal.Signals = signal.SIGTERM
    is_ready: Callable[[], bool] | None = field(default=None, repr=False)

    @property
    def run_file(self) -> Path:
        """Remembers the process for a supervisor to come."""
        return self.run_dir / f"{self.name}.json"


class SupervisedProcess:
    """Keeps one process alive. Call `start` once, `watch` often, `request_stop` and `await_stop` at the end.

    All calls must come from the thread that lives as long as the supervisor: the parent-death signal is tied to it.
    """

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self.restarts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._failures_in_a_row = 0
        self._restart_at: float | None = None

    @property
    def pid(self) -> int | None:
        """The running process's id; None when it isn't running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def exit_status(self) -> int | None:
        """How it ended, as subprocess tells it; None while it runs or before it was started."""
        return None if self._process is None else self._process.poll()

    @property
    def in_crash_loop(self) -> bool:
        """Whether it ended so often in a row that starting it again is unlikely to help."""
        return self._failures_in_a_row >= CRASH_LOOP_AFTER

    def start(self) -> None:
        """Run the process now."""
        spec = self.spec
        with spec.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                spec.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**inherited_environment(), **spec.environment},
                start_new_session=True,
                user=spec.account.uid if spec.account else None,
                group=spec.account.gid if spec.account else None,
                extra_groups=[] if spec.account else None,
                preexec_fn=_die_with_parent(spec.stop_signal),  # noqa: PLW1509  one prepared system call, no locks
            )
        self._started_at = time.monotonic()
        self._restart_at = None
        spec.run_file.write_text(
            json.dumps({"pid": self._process.pid, "created_at": psutil.Process(self._process.pid).create_time()})
        )

    def watch(self) -> bool:
        """Restart the process when it has ended and its back-off is over. True when it ended since the last call."""
        if self._process is None:
            return False
        now = time.monotonic()
        if self._process.poll() is None:
            if self._failures_in_a_row and now - self._started_at > STEADY_AFTER_SECONDS:
                self._failures_in_a_row = 0
            return False
        if self._restart_at is None:
            _kill_group(self._process.pid)
            if now - self._started_at > STEADY_AFTER_SECONDS:
                self._failures_in_a_row = 0
            self._failures_in_a_row += 1
            backoff = min(FIRST_BACKOFF_SECONDS * 2 ** (self._failures_in_a_row - 1), LONGEST_BACKOFF_SECONDS)
            self._restart_at = now + backoff
            return True
        if now >= self._restart_at:
            self.restarts += 1
            self.start()
        return False

    def is_ready(self) -> bool:
        """Whether it runs and, where a check was given, answers."""
        return self.pid is not None and (self.spec.is_ready is None or self.spec.is_ready())

    def request_stop(self) -> None:
        """Ask it to end; returns at once."""
        if self.pid is not None and self._process is not None:
            self._process.send_signal(self.spec.stop_signal)

    def await_stop(self, *, seconds: float) -> None:
        """Wait for its end, killing it and its group when it takes longer than `seconds`."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _kill_group(self._process.pid)
        self.spec.run_file.unlink(missing_ok=True)
        self._process = None


def end_leftovers(run_dir: Path, *, seconds: float = 20) -> int:
    """End the processes that a killed supervisor left running. Returns how many there were.

    A process counts as ours only when its id and its time of creation are those we noted.
    """
    leftovers: list[psutil.Process] = []
    for run_file in run_dir.glob("*.json"):
        try:
            noted = json.loads(run_file.read_text())
            process = psutil.Process(noted["pid"])
            if abs(process.create_time() - noted["created_at"]) < 1:
                leftovers += [process, *process.children(recursive=True)]
        except (psutil.NoSuchProcess, ValueError, KeyError):
            pass  # it ended, or the note was cut short by a crash: nothing of ours runs there
        run_file.unlink(missing_ok=True)
    for process in leftovers:
        _signal_quietly(process, signal.SIGINT if "postgres" in process.name() else signal.SIGTERM)
    _, alive = psutil.wait_procs(leftovers, timeout=seconds)
    for process in alive:
        _signal_quietly(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)
    return len(leftovers)


def _signal_quietly(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal; a process that has just ended has done what was asked."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _kill_group(group_id: int) -> None:
    """Kill what is left of a process group whose leader has ended."""
    try:
        os.killpg(group_id, signal.SIGKILL)
    except ProcessLookupError:
        return


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What the child runs before it becomes the program: ask the kernel for a signal when its parent dies."""
    libc = _libc
    if libc is None:
        return None

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number.value, 0, 0, 0)

    return ask_kernel


def inherited_environment() -> dict[str, str]:
    """Our environment without settings of Vakka or PostgreSQL that somebody exported for another purpose."""
    foreign = ("VAKKA_", "AITO_", "PG", "DATABASE_URL", "READ_WRITE_APIKEY", "APIKEY")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
