"""The agent's processes: one gunicorn arbiter, worker processes with threads, all over one data directory.

Each worker opens the database after the fork, so that locks, threads and files are its own. The socket is bound before
anything else, so a taken port is known at once, and no other program can take it in between.
"""

from __future__ import annotations

import os
import resource
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from instance_agent import log
from instance_agent.app import create_app
from instance_agent.context import EXTENSION
from instance_agent.engine.database import Database
from instance_agent.errors import AgentError, CannotServe
from instance_agent.jobs.runner import JobRunner
from instance_agent.maintenance_process import MaintenanceProcess
from instance_agent.patience import PatientWorker
from instance_agent.routes.v1.jobs import jobs_of
from instance_agent.settings import Settings

WORKER_TIMEOUT_SECONDS = 35
GRACEFUL_SECONDS = 4
FOLLOW_SECONDS = 2.0
"""How long a worker that nobody asks holds on to files that others have replaced."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat files must not wait for a disk


def serve(settings: Settings) -> None:
    """Serve until a signal ends it. Raises CannotServe with a sentence for the operator.

    Files are made readable for this account only.
    """
    os.umask(0o077)
    _allow_many_files()
    settings.check()
    _prepare_folder(settings.data_dir, "--data")
    _prepare_folder(settings.logs_dir, "--logs")
    log.configure(settings.logs_dir)
    listener = _bind(settings.host, settings.port)
    try:
        Database.check(settings.data_dir)
    except OSError as error:
        raise CannotServe(f"The data directory {settings.data_dir} can't be used: {error.strerror}.") from None
    structlog.get_logger(__name__).info("agent_starts", port=listener.getsockname()[1], workers=settings.workers)
    maintenance = MaintenanceProcess(settings.data_dir, settings.logs_dir, settings.purge_grace_seconds)
    _Server(settings, listener, maintenance).run()


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured here and nowhere else."""

    def __init__(self, settings: Settings, listener: socket.socket, maintenance: MaintenanceProcess) -> None:
        self._settings = settings
        self._listener = listener
        self._maintenance = maintenance
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"fd://{self._listener.fileno()}",
            "worker_class": PatientWorker,
            "workers": self._settings.workers,
            "threads": self._settings.threads,
            "preload_app": False,
            "timeout": WORKER_TIMEOUT_SECONDS,
            "graceful_timeout": GRACEFUL_SECONDS,
            "keepalive": 15,
            "worker_tmp_dir": str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None,
            "control_socket_disable": True,
            "forwarder_headers": "",
            "proc_name": "vakka-agent",
            "limit_request_line": 8190,  # names of tables and columns may be long when they are percent-encoded
            "loglevel": "error",  # its warnings quote what it couldn't parse, which may be a row
            "post_fork": _begin_opening,
            "post_worker_init": _end_opening,
            "worker_exit": _stop_background,
            "on_exit": lambda _server: self._maintenance.stop(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._settings)


def _begin_opening(_server: object, worker: Any) -> None:
    """Show signs of life while a big database is opened: gunicorn would take the worker for dead."""
    worker.vakka_opened = threading.Event()

    def show_life() -> None:
        while not worker.vakka_opened.wait(timeout=1):
            worker.tmp.notify()

    threading.Thread(target=show_life, name="opening", daemon=True).start()


def _end_opening(worker: Any) -> None:
    """Answer from now on, and index in the background what queries would have to index first."""
    worker.vakka_opened.set()
    database: Database = worker.wsgi.extensions[EXTENSION].database
    jobs = jobs_of(worker.wsgi)

    def must_stop() -> bool:
        return not worker.alive

    threading.Thread(target=_keep_ready, args=(database, jobs, must_stop), name="keep-ready", daemon=True).start()


def _keep_ready(database: Database, jobs: JobRunner, must_stop: Callable[[], bool]) -> None:
    """Index what queries would have to index first, then follow the commits, so that old files are let go."""
    database.warm(must_stop)
    while not must_stop():
        database.read_view()
        with suppress(OSError, AgentError):  # of the jobs' files; whoever asks for a job is told
            jobs.upkeep()
        time.sleep(FOLLOW_SECONDS)


def _stop_background(_server: object, worker: Any) -> None:
    application = getattr(worker, "wsgi", None)
    if isinstance(application, Flask):
        application.extensions[EXTENSION].uploads.stop()


def _allow_many_files() -> None:
    """As many open files as this account may have: every segment is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _prepare_folder(path: Path, option: str) -> None:
    """Have the folder, writable. Raises CannotServe."""
    probe = path / ".writable"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise CannotServe(
            f"The folder {path} can't be written to: {error.strerror}. Choose another with {option} DIR, or free it."
        ) from None


def _bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises CannotServe."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or an answer's body waits 40 ms for its head's ACK
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise CannotServe(
            f"Port {port} on {host} can't be used: {error.strerror}. "
            "Stop the program that has it, or choose another port with --port N."
        ) from None
    listener.set_inheritable(True)
    return listener
