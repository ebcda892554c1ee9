"""Volumes as directories: <data>/volumes/<volume id>/ with data/, logs/ and volume.json (the tag)."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

from api.adapters.embedded.files import child, ids_in, provider_errors, remove_folder, sync_folder, write_atomically
from api.adapters.embedded.layout import Layout
from api.ports import Busy, Denied, Presence, Tag, Volume

_FORMAT = 1


class DirectoryVolumes:
    """Volumes on the disk of this machine, closed to its other users."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def ensure_volume(self, tag: Tag, *, from_snapshot: Tag | None = None) -> Volume:
        """Have the directory, with empty data and logs folders when it is new."""
        if from_snapshot is not None:
            raise Denied("snapshots of directories are not kept")
        with provider_errors():
            folder = child(self._layout.volumes, tag.resource_id)
            for part in (folder, self._layout.volume_data(tag.resource_id), self._layout.volume_logs(tag.resource_id)):
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (folder / "volume.json").exists():
                write_atomically(folder / "volume.json", _description(tag))
            sync_folder(self._layout.volumes)
        return Volume(tag, ready=True)

    def ensure_volume_absent(self, tag: Tag) -> Presence:
        """Remove the directory with all that is in it. Raises Busy while a declared instance uses it."""
        with provider_errors():
            if any(self._uses(unit, tag.resource_id) for unit in self._layout.instances.glob("*/unit.json")):
                raise Busy("an instance uses the volume")
            if self._layout.volumes.exists():
                remove_folder(self._layout.volumes, tag.resource_id)
        return Presence.GONE

    def list_volumes(self) -> Collection[UUID]:
        """The ids of all directories, those half removed included."""
        with provider_errors():
            return ids_in(self._layout.volumes)

    def _uses(self, unit: Path, volume_id: UUID) -> bool:
        try:
            data_dir = Path(json.loads(unit.read_text())["data_dir"])
            return self._layout.root / data_dir == self._layout.volume_data(volume_id)
        except FileNotFoundError:
            return False


def _description(tag: Tag) -> bytes:
    ids = {"volume_id": str(tag.resource_id), "environment_id": str(tag.environment_id)}
    return json.dumps({"format": _FORMAT, **ids}).encode()
