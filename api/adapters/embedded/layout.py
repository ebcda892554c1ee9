"""Where the embedded adapters keep things below the data directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from api.adapters.embedded.files import child


@dataclass(frozen=True)
class Layout:
    """The folders below the data directory that are the control plane's to fill."""

    root: Path

    @property
    def instances(self) -> Path:
        """One folder per instance: unit.json and service_secret are ours, status.json is the supervisor's."""
        return self.root / "instances"

    @property
    def volumes(self) -> Path:
        """One folder per volume."""
        return self.root / "volumes"

    @property
    def uploads(self) -> Path:
        """One folder per environment."""
        return self.root / "uploads"

    def relative(self, path: Path) -> str:
        """The path as it is written into files, which stay true when the data directory is moved."""
        return str(path.relative_to(self.root))

    def volume_data(self, volume_id: UUID) -> Path:
        """Customer data and its index."""
        return child(self.volumes, volume_id) / "data"

    def volume_logs(self, volume_id: UUID) -> Path:
        """The agent's logs."""
        return child(self.volumes, volume_id) / "logs"

    def uploads_of(self, environment_id: UUID) -> Path:
        """What was put through presigned URLs of the environment."""
        return child(self.uploads, environment_id)
