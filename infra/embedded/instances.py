"""Keeps the databases running that the control plane has declared.

The control plane's embedded adapter writes `instances/<id>/unit.json` for each database that should run and removes
it when it should stop; this module makes it so and writes back `status.json`. The folder is the whole interface
between the two: it outlives either side's death. Paths in it are relative to the data directory, which may be moved.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from infra.embedded import services
from infra.embedded.ports import is_free
from infra.embedded.process import SupervisedProcess

UNIT_FORMAT = 1


class CannotRun(Exception):
    """A declared database can't be started now; the message says why and what to do. It is tried again."""


@dataclass(frozen=True)
class Unit:
    """What the control plane wants run."""

    environment_id: str
    port: int
    data_dir: Path
    logs_dir: Path
    uploads_dir: Path

    @classmethod
    def read(cls, path: Path, root: Path) -> Unit:
        """The unit in a file below the data directory `root`.

        Raises CannotRun when it isn't of the form that this version reads or leads outside `root`, FileNotFoundError
        when there is none.
        """
        try:
            content = json.loads(path.read_text())
            if content["format"] != UNIT_FORMAT:
                raise CannotRun(
                    f"{path} has format {content['format']}, this version reads {UNIT_FORMAT}. It is left alone; "
                    "start the version of Vakka that wrote it."
                )
            folders = [root / content[name] for name in ("data_dir", "logs_dir", "uploads_dir")]
            unit = cls(str(content["environment_id"]), int(content["port"]), *folders)
        except (ValueError, KeyError, TypeError) as error:
            raise CannotRun(f"{path} is not a unit file ({type(error).__name__}). It is left alone.") from error
        for folder in folders:
            if not folder.is_relative_to(root):
                raise CannotRun(f"{path} names {folder}, which isn't below {root}. It is left alone.")
        return unit


class Instances:
    """The running databases. `reconcile` is called again and again by the supervisor's loop, and never waits."""

    def __init__(self, plan: services.Plan) -> None:
        self._plan = plan
        self._folder = plan.layout.instances
        self._running: dict[str, SupervisedProcess] = {}
        self._stopping: dict[str, SupervisedProcess] = {}
        self._written: dict[str, str] = {}  # the last status of each folder
        self._told: dict[str, str] = {}  # what keeps each database from starting, as it was last told

    def reconcile(self) -> list[str]:
        """Start what is declared, restart what ended, stop what isn't declared any more. Returns news for people."""
        folders = {path.name for path in self._folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
        declared = {name for name in folders if (self._folder / name / "unit.json").exists()}
        news = [told for name in sorted(declared) if (told := self._keep_running(name))]
        for name in set(self._running) - declared:
            self._stopping[name] = self._running.pop(name)
            self._stopping[name].request_stop()
        for name in [name for name, process in self._stopping.items() if process.has_stopped()]:
            del self._stopping[name]
        # Also those that a supervisor before us ran: whatever they say, nothing runs there now.
        for name in folders - declared - set(self._stopping):
            self._write_status(name, "stopped")
        for name in set(self._written) - folders:
            del self._written[name]
        for name in set(self._told) - declared:
            del self._told[name]
        return news

    def stop(self) -> None:
        """Stop every database; they come back at the next start, being still declared."""
        processes = {**self._running, **self._stopping}
        for process in processes.values():
            process.request_stop()
        for name, process in processes.items():
            process.stop()
            self._write_status(name, "stopped", restarts=process.restarts)
        self._running.clear()
        self._stopping.clear()

    def _keep_running(self, name: str) -> str | None:
        """Have the declared database running; returns what people should know, once."""
        if name in self._stopping:
            return None
        process = self._running.get(name)
        told: str | None = None
        if process is None:
            # Told before the unit is read: who takes it back after that doesn't find an older "stopped".
            self._write_status(name, "starting")
            try:
                process = self._running[name] = self._start(name)
            except FileNotFoundError:
                return None  # taken back while we looked
            except CannotRun as obstacle:
                return self._tell_once(name, str(obstacle))
            self._told.pop(name, None)
        elif process.watch():
            told = process.tell_end()
        pid = process.pid  # looked at once: a process may end between two looks
        self._write_status(name, _state(process, pid), pid, process.restarts)
        return told

    def _start(self, name: str) -> SupervisedProcess:
        """Run the database of the unit. Raises CannotRun, or FileNotFoundError when the unit is gone."""
        unit = Unit.read(self._folder / name / "unit.json", self._plan.layout.root)
        if not unit.data_dir.is_dir():
            # Started without its volume it would make an empty one, and the environment look as if it had lost all.
            raise CannotRun(
                f"The data of environment {unit.environment_id} isn't at {unit.data_dir}, so it isn't started. "
                "Put it back, or delete the environment."
            )
        if not is_free(unit.port):
            raise CannotRun(
                f"Port {unit.port} of environment {unit.environment_id} is taken by another program. "
                "Stop that program: the database is started as soon as the port is free."
            )
        process = SupervisedProcess(
            services.agent(
                self._plan,
                name=f"agent-{name}",
                port=unit.port,
                data_dir=unit.data_dir,
                logs_dir=unit.logs_dir,
                environment={
                    "VAKKA_AGENT_CONTROL_PLANE_URL": self._plan.ports.url(self._plan.ports.api),
                    "VAKKA_AGENT_ENVIRONMENT_ID": unit.environment_id,
                    "VAKKA_AGENT_SERVICE_SECRET_FILE": str(self._folder / name / "service_secret"),
                    "VAKKA_AGENT_UPLOADS_DIR": str(unit.uploads_dir),
                },
            )
        )
        try:
            process.start()
        except OSError as error:
            raise CannotRun(
                f"The database of environment {unit.environment_id} can't be started: {error.strerror}. It is tried on."
            ) from error
        return process

    def _tell_once(self, name: str, text: str) -> str | None:
        if self._told.get(name) == text:
            return None
        self._told[name] = text
        return text

    def _write_status(self, name: str, state: str, pid: int | None = None, restarts: int = 0) -> None:
        """Publish the state, atomically, when it has changed.

        A folder that is gone needs none; a disk without room gets it at a later look, and the reader sees by the
        process's id that what it reads is old.
        """
        content = json.dumps({"state": state, "pid": pid, "restarts": restarts})
        if self._written.get(name) == content:
            return
        unfinished = self._folder / name / "status.json.unfinished"
        try:
            unfinished.write_text(content)
            unfinished.replace(self._folder / name / "status.json")
        except OSError:
            return
        self._written[name] = content


def _state(process: SupervisedProcess, pid: int | None) -> str:
    if process.in_crash_loop:
        return "crash_loop"
    return "running" if pid is not None else "starting"
