"""Instances as processes that the supervisor keeps running.

The folder <data>/instances/<instance id>/ is the whole interface to the supervisor. Paths in it are relative to <data>,
so that the data directory may be moved while nothing runs.

    unit.json        ours: what should run; there = should run, removed = should stop
    service_secret   ours: what the agent signs its calls to the control plane with
    status.json      the supervisor's: {"state": "starting|running|stopped|crash_loop", "pid": 123|null, "restarts": 0}
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

from api.adapters.embedded.files import (
    child,
    ids_in,
    provider_errors,
    remove_folder,
    sync_folder,
    write_atomically,
)
from api.adapters.embedded.layout import Layout
from api.ports import Clock, Denied, Instance, InstanceState, InstanceWanted, NotFound, Presence, Tag

UNIT_FORMAT = 1
NOTICE_SECONDS = 1.0  # the supervisor looks every 0.2 s; after this it has seen that the unit is gone

_STATES = {
    "starting": InstanceState.STARTING,
    "running": InstanceState.RUNNING,
    "stopped": InstanceState.STOPPED,
    "crash_loop": InstanceState.CRASHING,
}


@dataclass(frozen=True)
class Status:
    """What the supervisor last said of an instance."""

    state: InstanceState
    pid: int | None


class SupervisedProcesses:
    """Declares agent processes; the supervisor makes them so."""

    def __init__(self, layout: Layout, agent_secret: Callable[[UUID], SecretStr], clock: Clock) -> None:
        self._layout = layout
        self._agent_secret = agent_secret
        self._clock = clock

    def ensure_instance(self, wanted: InstanceWanted) -> Instance:
        """Have the unit declared. A unit that is there stays as it is."""
        if wanted.port is None:
            raise Denied("a process needs a port")
        folder = child(self._layout.instances, wanted.tag.resource_id)
        with provider_errors():
            if not (folder / "unit.json").exists():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_folder(self._layout.instances)
                secret = self._agent_secret(wanted.tag.environment_id).get_secret_value()
                write_atomically(folder / "service_secret", secret.encode())
                write_atomically(folder / "unit.json", self._unit(wanted, wanted.port))
        return self.find_instance(wanted.tag)

    def find_instance(self, tag: Tag) -> Instance:
        """The process by what its unit and the supervisor say. Raises NotFound when it isn't declared."""
        folder = child(self._layout.instances, tag.resource_id)
        with provider_errors():
            try:
                port = int(json.loads((folder / "unit.json").read_text())["port"])
            except FileNotFoundError:
                raise NotFound("no such instance") from None
            status = _read_status(folder)
        state = InstanceState.STARTING if status is None else status.state
        return Instance(tag, state, f"http://127.0.0.1:{port}")

    def ensure_instance_absent(self, tag: Tag) -> Presence:
        """Remove the unit, and, once the supervisor has ended the process, the folder."""
        folder = child(self._layout.instances, tag.resource_id)
        with provider_errors():
            (folder / "unit.json").unlink(missing_ok=True)
            if folder.exists() and not self._has_ended(folder, tag):
                return Presence.GOING
            if self._layout.instances.exists():
                remove_folder(self._layout.instances, tag.resource_id)
        return Presence.GONE

    def list_instances(self) -> Collection[UUID]:
        """The ids of all instance folders."""
        with provider_errors():
            return ids_in(self._layout.instances)

    def _unit(self, wanted: InstanceWanted, port: int) -> bytes:
        unit = {
            "format": UNIT_FORMAT,
            "instance_id": str(wanted.tag.resource_id),
            "environment_id": str(wanted.tag.environment_id),
            "port": port,
            "data_dir": self._layout.relative(self._layout.volume_data(wanted.volume.resource_id)),
            "logs_dir": self._layout.relative(self._layout.volume_logs(wanted.volume.resource_id)),
            "uploads_dir": self._layout.relative(self._layout.uploads_of(wanted.tag.environment_id)),
        }
        return json.dumps(unit).encode()

    def _has_ended(self, folder: Path, tag: Tag) -> bool:
        """Whether nothing of the instance runs any more.

        A supervisor that was killed leaves a status that says `running`; then the process itself is the witness.
        """
        status = _read_status(folder)
        if status is not None and status.state is InstanceState.STOPPED:
            return True
        if status is not None and status.pid is not None and _runs_for(status.pid, tag.resource_id):
            return False
        # The folder's own time of change is when the unit was removed, or later when the status was written.
        return self._clock.now().timestamp() - folder.stat().st_mtime > NOTICE_SECONDS


def _read_status(folder: Path) -> Status | None:
    try:
        told = json.loads((folder / "status.json").read_text())
        return Status(_STATES[told["state"]], told["pid"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _runs_for(pid: int, instance_id: UUID) -> bool:
    """Whether the instance's process is alive. Numbers are given again, so its environment must name the instance.

    Where environments can't be read, whatever has the number counts as alive: until the supervisor says otherwise.
    """
    try:
        os.kill(pid, 0)
        return str(instance_id).encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except ProcessLookupError:
        return False
    except (FileNotFoundError, PermissionError):
        return True
