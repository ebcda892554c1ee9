"""`vakka up`: everything on one machine, in this order.

hold the data directory -> it is of a known format -> end what a killed predecessor left -> ports free -> PostgreSQL
(or the server that was named) -> tables up to date -> services -> databases of the environments -> (demo) -> watch
until asked to stop -> stop in reverse order.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from infra.embedded import data_lock, demo, other_database, secret_files, services
from infra.embedded.console_output import say, step, warn
from infra.embedded.errors import CannotStart, StopRequested
from infra.embedded.instances import Instances
from infra.embedded.layout import DataLayout, usable
from infra.embedded.ports import Ports, require_free
from infra.embedded.postgres import PostgresServer, account_for_postgres, find_binaries, require_reachable
from infra.embedded.process import ProcessSpec, SupervisedProcess, end_leftovers

READY_SECONDS = 60.0
POSTGRES_READY_SECONDS = 600.0  # after a power cut it first goes through its log
LOOP_SECONDS = 0.2
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MIGRATION_SECONDS = 300.0


@dataclass(frozen=True)
class UpOptions:
    """What the user chose on the command line."""

    layout: DataLayout
    ports: Ports
    database_url: str | None  # another PostgreSQL server than the embedded one
    owner_email: str
    with_demo: bool

    def __repr__(self) -> str:
        return f"UpOptions(layout={self.layout!r}, ports={self.ports!r}, with_demo={self.with_demo})"


class StopSignal:
    """Notes Ctrl-C, SIGTERM and a closed terminal, to be acted on between two steps, not in the middle of one."""

    def __init__(self) -> None:
        self._requested = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note the signals for the length of the block."""
        before = {number: signal.signal(number, self._note) for number in _heeded()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._requested = True

    def pause(self, seconds: float) -> None:
        """Sleep a little. Raises StopRequested when a signal came before or meanwhile."""
        if not self._requested:
            time.sleep(seconds)
        if self._requested:
            raise StopRequested


def run(options: UpOptions) -> None:
    """Run the one-machine edition until it is asked to stop. Raises CannotStart with what to do about it."""
    layout = options.layout
    os.umask(0o077)  # for all that we and our children make
    if options.database_url is None:
        require_reachable(layout.root, account_for_postgres())
    stop = StopSignal()
    with stop.listening():
        layout.create()
        with data_lock.hold(layout.lock_file):
            try:
                say(f"Vakka keeps everything in {layout.root}")
                layout.require_known_format()
                if end_leftovers(layout.root):
                    warn("  The last run was cut short; what it left running has been ended.")
                require_free(options.ports, with_postgres=options.database_url is None)
                if options.database_url is not None:
                    other_database.require_usable(options.database_url)
                layout.require_database(embedded=options.database_url is None)
                with usable(layout.root):
                    up = _Up(options, stop)
                up.run()
            except StopRequested:
                say("Stopped.")


class _Up:
    """One run: what has been started so far, so that exactly that is stopped."""

    def __init__(self, options: UpOptions, stop: StopSignal) -> None:
        secrets = secret_files.load_or_create(options.layout.secrets)
        self._options = options
        self._stop = stop
        self._server = None if options.database_url else _embedded_server(options, secrets.postgres_password)
        self._plan = services.Plan(
            layout=options.layout,
            ports=options.ports,
            secrets=secrets,
            database_url=options.database_url or (self._server.url if self._server else ""),
            owner_email=options.owner_email,
        )
        self._started: list[SupervisedProcess] = []
        self._trouble = ""
        self._instances = Instances(self._plan)

    def run(self) -> None:
        """Start, watch, stop; more signals while stopping change nothing."""
        try:
            self._start_all()
            self._watch()
        finally:
            self._stop_all()

    def _start_all(self) -> None:
        if self._server is not None:
            with step("Starting PostgreSQL"):
                with usable(self._options.layout.root):
                    self._server.initialise()
                self._start(services.postgres(self._plan, self._server))
                self._await_ready(seconds=POSTGRES_READY_SECONDS)
        with step("Bringing the tables up to date"):
            for migration in services.migrations(self._plan):
                self._run_to_end(migration)
        with step("Starting the services"):
            for spec in services.services(self._plan):
                self._start(spec)
            self._await_ready(seconds=READY_SECONDS)

    def _start(self, spec: ProcessSpec) -> None:
        process = SupervisedProcess(spec)
        self._started.append(process)
        with usable(self._options.layout.root):
            process.start()

    def _run_to_end(self, spec: ProcessSpec) -> None:
        process = SupervisedProcess(spec)
        with usable(self._options.layout.root):
            process.start()
        deadline = time.monotonic() + MIGRATION_SECONDS
        try:
            while process.pid is not None and time.monotonic() < deadline:
                self._stop.pause(0.02)
            exit_status = process.exit_status
        finally:
            process.stop()
        if exit_status != 0:
            raise CannotStart(_failure_of(spec, "failed"))

    def _await_ready(self, *, seconds: float) -> None:
        """Wait for all that has been started. Raises CannotStart, naming the log, when one ends or takes too long."""
        deadline = time.monotonic() + seconds
        waiting = list(self._started)
        while waiting:
            waiting = [process for process in waiting if not process.is_ready()]
            for process in waiting:
                if process.pid is None:
                    raise CannotStart(_failure_of(process.spec, "ended as soon as it was started"))
                if time.monotonic() > deadline:
                    raise CannotStart(_failure_of(process.spec, f"wasn't ready after {seconds:.0f} s"))
            self._stop.pause(0.05)

    def _watch(self) -> None:
        """Keep everything running. Returns only by StopRequested."""
        self._report_address()
        if self._options.with_demo:
            threading.Thread(target=demo.create, args=(self._plan,), daemon=True, name="demo").start()
        while True:
            for process in self._started:
                if process.watch() and (told := process.tell_end()):
                    warn(told)
            self._keep_databases()
            self._stop.pause(LOOP_SECONDS)

    def _keep_databases(self) -> None:
        """One look after the databases; a disk in trouble is told once, and must not end everything."""
        trouble = ""
        try:
            for news in self._instances.reconcile():
                warn(news)
        except OSError as error:
            trouble = f"The databases can't be looked after ({error.strerror}: {error.filename}). It is tried on."
        if trouble and trouble != self._trouble:
            warn(trouble)
        self._trouble = trouble

    def _report_address(self) -> None:
        plan = self._plan
        say()
        say(f"  Mission Control   {plan.ports.url(plan.ports.console)}")
        say(f"  sign in as        {plan.owner_email}")
        say(f"  with password     {plan.secrets.owner_password}")
        say()
        say("  Ctrl-C stops everything; the next start finds it as it was.")
        say()

    def _stop_all(self) -> None:
        say("Stopping ...")
        self._instances.stop()
        for process in reversed(self._started):
            process.stop()
        end_leftovers(self._options.layout.root)


def _heeded() -> list[signal.Signals]:
    """The signals that stop us; under nohup a closed terminal is none."""
    under_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in STOP_SIGNALS if not (under_nohup and number is signal.SIGHUP)]


def _embedded_server(options: UpOptions, password: str) -> PostgresServer:
    account = account_for_postgres()
    return PostgresServer(
        bin_dir=find_binaries(options.layout.root, account),
        data_dir=options.layout.postgres,
        port=options.ports.postgres,
        password=password,
        account=account,
    )


def _failure_of(spec: ProcessSpec, what_happened: str) -> str:
    return f"The {spec.title} {what_happened}: see {spec.log_file}"
