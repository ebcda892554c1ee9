"""Keeps the databases running that the control plane has declared.

The control plane's embedded adapter writes `instances/<id>/unit.json` for each database that should run and removes
it when it should stop; this module makes it so and writes back `status.json`. The folder is the whole interface
between the two: it outlives either side's death.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from infra.embedded import services
from infra.embedded.process import SupervisedProcess

UNIT_FORMAT = 1
STOP_SECONDS = 10.0


class UnitUnreadable(Exception):
    """A unit file isn't of the form that this version reads."""


@dataclass(frozen=True)
class Unit:
    """What the control plane wants run."""

    instance_id: str
    environment_id: str
    port: int
    data_dir: Path
    logs_dir: Path
    uploads_dir: Path

    @classmethod
    def read(cls, path: Path) -> Unit:
        """The unit in a file. Raises UnitUnreadable, and FileNotFoundError when there is none."""
        try:
            content = json.loads(path.read_text())
            if content["format"] != UNIT_FORMAT:
                raise UnitUnreadable(f"{path} has format {content['format']}, this version reads {UNIT_FORMAT}")
            return cls(
                instance_id=str(content["instance_id"]),
                environment_id=str(content["environment_id"]),
                port=int(content["port"]),
                data_dir=Path(content["data_dir"]),
                logs_dir=Path(content["logs_dir"]),
                uploads_dir=Path(content["uploads_dir"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UnitUnreadable(f"{path} is not a unit file: {type(error).__name__}") from error


class Instances:
    """The running databases. `reconcile` is called again and again by the supervisor's loop."""

    def __init__(self, plan: services.Plan) -> None:
        self._plan = plan
        self._running: dict[str, SupervisedProcess] = {}
        self._written: dict[str, str] = {}
        self._unreadable: set[str] = set()

    def reconcile(self) -> list[str]:
        """Start what is declared, restart what ended, stop what isn't declared any more. Returns news for people."""
        news: list[str] = []
        declared = self._declared(news)
        for name, unit in declared.items():
            if name not in self._running:
                self._running[name] = self._start(unit)
            process = self._running[name]
            if process.watch():
                news.append(f"The database of environment {unit.environment_id} ended and is started again.")
            self._write_status(name, self._state(process), process)
        for name in [name for name in self._running if name not in declared]:
            process = self._running.pop(name)
            process.request_stop()
            process.await_stop(seconds=STOP_SECONDS)
            self._write_status(name, "stopped", process)
            self._written.pop(name, None)
        return news

    def stop(self) -> None:
        """Stop every database; they come back at the next start, being still declared."""
        for process in self._running.values():
            process.request_stop()
        for name, process in self._running.items():
            process.await_stop(seconds=STOP_SECONDS)
            self._write_status(name, "stopped", process)
        self._running.clear()

    def _declared(self, news: list[str]) -> dict[str, Unit]:
        """The readable units by folder name; each unreadable one is reported once."""
        units: dict[str, Unit] = {}
        for path in sorted(self._plan.layout.instances.glob("*/unit.json")):
            name = path.parent.name
            try:
                units[name] = Unit.read(path)
            except FileNotFoundError:
                continue
            except UnitUnreadable as error:
                if name not in self._unreadable:
                    news.append(f"{error}. It is left alone.")
                self._unreadable.add(name)
        return units

    def _start(self, unit: Unit) -> SupervisedProcess:
        folder = self._plan.layout.instances / unit.instance_id
        spec = services.agent(
            self._plan,
            name=f"agent-{unit.instance_id}",
            port=unit.port,
            data_dir=unit.data_dir,
            logs_dir=unit.logs_dir,
            environment={
                "VAKKA_AGENT_CONTROL_PLANE_URL": self._plan.ports.url(self._plan.ports.api),
                "VAKKA_AGENT_ENVIRONMENT_ID": unit.environment_id,
                "VAKKA_AGENT_SERVICE_SECRET_FILE": str(folder / "service_secret"),
                "VAKKA_AGENT_UPLOADS_DIR": str(unit.uploads_dir),
            },
        )
        process = SupervisedProcess(spec)
        process.start()
        return process

    @staticmethod
    def _state(process: SupervisedProcess) -> str:
        if process.in_crash_loop:
            return "crash_loop"
        return "running" if process.pid is not None else "starting"

    def _write_status(self, name: str, state: str, process: SupervisedProcess) -> None:
        """Publish the state, atomically, when it has changed; a folder that is gone needs none."""
        content = json.dumps({"state": state, "pid": process.pid, "restarts": process.restarts})
        if self._written.get(name) == content:
            return
        folder = self._plan.layout.instances / name
        unfinished = folder / "status.json.unfinished"
        try:
            unfinished.write_text(content)
            unfinished.replace(folder / "status.json")
        except FileNotFoundError:
            return
        self._written[name] = content
