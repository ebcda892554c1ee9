"""Where everything of the one-machine edition lies: one folder, nothing outside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from infra.embedded.errors import CannotStart


@dataclass(frozen=True)
class DataLayout:
    """The folders below the data directory, by what they hold."""

    root: Path

    @property
    def postgres(self) -> Path:
        """Environments, operations, accounts: the state of the control plane and of Mission Control."""
        return self.root / "postgres"

    @property
    def secrets(self) -> Path:
        """What the services sign with; made at the first start, readable by the owner alone."""
        return self.root / "secrets"

    @property
    def identity(self) -> Path:
        """The identity provider's people and signing key."""
        return self.root / "identity"

    @property
    def instances(self) -> Path:
        """One folder per database process that should run."""
        return self.root / "instances"

    @property
    def volumes(self) -> Path:
        """One folder per environment with its data and its logs."""
        return self.root / "volumes"

    @property
    def uploads(self) -> Path:
        """Files put through presigned URLs, one folder per environment."""
        return self.root / "uploads"

    @property
    def logs(self) -> Path:
        """What each service prints, one file each."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Which processes were started here, to find them again after a crash of the supervisor."""
        return self.root / "run"

    @property
    def lock_file(self) -> Path:
        """Held by the one supervisor of this folder."""
        return self.root / "lock"

    def create(self) -> None:
        """Have all folders, closed to other users; the root may be passed through by PostgreSQL's account."""
        try:
            if not self.root.exists():
                self.root.mkdir(parents=True)
                self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
            for folder in (
                self.secrets,
                self.identity,
                self.instances,
                self.volumes,
                self.uploads,
                self.logs,
                self.run,
            ):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise CannotStart(
                f"The data directory {self.root} can't be used ({error.strerror}). Choose another with --data DIR."
            ) from error


def default_data_dir() -> Path:
    """The platform's folder for a user's data; for root the machine's, which PostgreSQL's account can reach."""
    if os.geteuid() == 0:
        return Path("/var/lib/vakka")
    return Path(platformdirs.user_data_dir("vakka", appauthor=False))
