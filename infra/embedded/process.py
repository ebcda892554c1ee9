"""One supervised child process: started, watched, restarted with back-off, stopped, and never left behind.

Three nets catch a child whose supervisor is gone: on Linux the kernel signals it at once (parent-death signal); each
child carries the data directory in its environment, by which the next start finds it and its children; and each leads
its own process group, so that its children (gunicorn's workers) are reached too.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from infra.embedded.layout import OWNER_VARIABLE
from infra.embedded.postgres import Account

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_AFTER_SECONDS = 60.0  # a process that ran this long starts over with the shortest back-off
CRASH_LOOP_AFTER = 5  # ends in a row, none of them of a steady process
LOOK_SECONDS = 0.02
LAST_WORDS_BYTES = 1000
LOG_BYTES = 10 * 1024 * 1024  # a longer log is put aside at the next start
PR_SET_PDEATHSIG = 1  # linux/prctl.h

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class ProcessSpec:
    """What to run. The repr names no environment variable: they carry secrets."""

    title: str  # for people: "The ... ended"
    command: list[str]
    log_file: Path
    owner: Path  # the data directory it works for
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    account: Account | None = None  # another account to run as; needs root
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0  # how long it may take to end before it is killed
    is_ready: Callable[[], bool] | None = field(default=None, repr=False)


class SupervisedProcess:
    """Keeps one process alive. Call `start` once, `watch` often, `stop` at the end.

    Who can't wait for its end calls `request_stop`, and `has_stopped` until it is so. All calls must come from the
    thread that lives as long as the supervisor: the parent-death signal is tied to it.
    """

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self.restarts = 0
        self.ends_in_a_row = 0  # since it last was steady
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._restart_at: float | None = None
        self._kill_at = 0.0

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
        return self.ends_in_a_row >= CRASH_LOOP_AFTER

    def start(self) -> None:
        """Run the process now. Raises OSError when that can't be, as without room for its log."""
        spec = self.spec
        _put_long_log_aside(spec.log_file)
        with spec.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                spec.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**inherited_environment(), **spec.environment, OWNER_VARIABLE: str(spec.owner)},
                start_new_session=True,
                user=spec.account.uid if spec.account else None,
                group=spec.account.gid if spec.account else None,
                extra_groups=[] if spec.account else None,
                preexec_fn=die_with_parent(spec.stop_signal),  # noqa: PLW1509  one prepared system call, no locks
            )
        self._started_at = time.monotonic()
        self._restart_at = None

    def watch(self) -> bool:
        """Restart the process when it has ended and its back-off is over. True when it ended since the last call."""
        if self._process is None:
            return False
        now = time.monotonic()
        steady = now - self._started_at > STEADY_AFTER_SECONDS
        if self._process.poll() is None:
            if steady:
                self.ends_in_a_row = 0
            return False
        if self._restart_at is None:
            _kill_group(self._process.pid)
            self.ends_in_a_row = 1 if steady else self.ends_in_a_row + 1
            backoff = min(FIRST_BACKOFF_SECONDS * 2.0 ** min(self.ends_in_a_row - 1, 30), LONGEST_BACKOFF_SECONDS)
            self._restart_at = now + backoff
            return True
        if now >= self._restart_at:
            self.restarts += 1
            try:
                self.start()
            except OSError:
                self._restart_at = now + LONGEST_BACKOFF_SECONDS
                return True
        return False

    def tell_end(self) -> str | None:
        """What to tell people after its end; None when they have been told that it ends again and again."""
        if self.ends_in_a_row > CRASH_LOOP_AFTER:
            return None
        what = "ended and is started again"
        if self.in_crash_loop:
            what = f"ends again and again, and is started again at least every {LONGEST_BACKOFF_SECONDS:.0f} s"
        return f"The {self.spec.title} {what}. {_last_words(self.spec.log_file)}"

    def is_ready(self) -> bool:
        """Whether it runs and, where a check was given, answers."""
        return self.pid is not None and (self.spec.is_ready is None or self.spec.is_ready())

    def request_stop(self) -> None:
        """Ask it to end; returns at once."""
        self._kill_at = time.monotonic() + self.spec.stop_seconds
        if self.pid is not None and self._process is not None:
            self._process.send_signal(self.spec.stop_signal)

    def has_stopped(self) -> bool:
        """Whether nothing of it runs any more; after `request_stop`, to be asked until it is so.

        Kills it when it takes longer than `stop_seconds`.
        """
        if self._process is None:
            return True
        if self._process.poll() is None:
            if time.monotonic() < self._kill_at:
                return False
            self._process.kill()
            self._process.wait()
        _kill_group(self._process.pid)
        self._process = None
        return True

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.request_stop()
        while not self.has_stopped():
            time.sleep(LOOK_SECONDS)


def end_leftovers(owner: Path, *, seconds: float = 20) -> int:
    """End all that was started for this data directory and still runs. Returns how many processes that were.

    They are known by their environment, so also children whose parent was killed are found, and nobody else's.
    """
    leftovers = [process for process in psutil.process_iter() if _works_for(process, owner)]
    for process in leftovers:
        _end(process)
    _, alive = psutil.wait_procs(leftovers, timeout=seconds)
    for process in alive:
        _signal_quietly(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)
    return len(leftovers)


def _works_for(process: psutil.Process, owner: Path) -> bool:
    try:
        return process.pid != os.getpid() and process.environ().get(OWNER_VARIABLE) == str(owner)
    except (psutil.Error, OSError):
        return False  # it has just ended, or belongs to somebody else


def _end(process: psutil.Process) -> None:
    """Ask for a quick and clean end, in the way the program understands."""
    try:
        is_postgres = process.name() == "postgres"
    except psutil.NoSuchProcess:
        return
    _signal_quietly(process, signal.SIGINT if is_postgres else signal.SIGTERM)


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
    except (ProcessLookupError, PermissionError):
        return  # nobody is left, or (macOS says so) only the leader that waits to be reaped


def _last_words(log_file: Path) -> str:
    """The last line of a log when it is made for people, and where to read more."""
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log_file.stat().st_size - LAST_WORDS_BYTES))
            lines = log.read().decode(errors="replace").split("\n")
    except OSError:
        lines = []
    words = next((line.strip() for line in reversed(lines) if line.strip()), "")
    told = f"It said: {words} " if words and not words.startswith("{") else ""
    return f"{told}See {log_file}"


def _put_long_log_aside(log_file: Path) -> None:
    """Keep logs from growing for ever: one older part is kept beside the present one."""
    if log_file.exists() and log_file.stat().st_size > LOG_BYTES:
        log_file.replace(log_file.with_name(log_file.name + ".1"))


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before it becomes the program: ask the kernel for a signal when its parent dies."""
    libc = _libc
    if libc is None:
        return None

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number.value, 0, 0, 0)

    return ask_kernel


def inherited_environment() -> dict[str, str]:
    """Our environment without settings of Vakka, PostgreSQL or gunicorn that somebody exported for another purpose.

    Proxies are for the world outside: what runs here is reached directly.
    """
    foreign = ("VAKKA_", "AITO_", "PG", "DATABASE_URL", "READ_WRITE_APIKEY", "APIKEY", "GUNICORN_", "WEB_CONCURRENCY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    direct = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1,localhost"]))
    return {**kept, "no_proxy": direct, "NO_PROXY": direct}
