"""Where everything of the one-machine edition lies: one folder, nothing outside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from infra.embedded.errors import CannotStart

FORMAT = 1
LONGEST_PATH_BYTES = 700
OWNER_VARIABLE = "VAKKA_STARTED_FOR"  # names the data directory in the environment of all that is started for it


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
    def lock_file(self) -> Path:
        """Held by the one supervisor of this folder."""
        return self.root / "lock"

    def create(self) -> None:
        """Have all folders, closed to other users; root's may be passed through, by PostgreSQL's account.

        Raises CannotStart when that can't be.
        """
        if len(os.fsencode(self.root)) > LONGEST_PATH_BYTES:
            raise CannotStart(
                f"The path of the data directory is longer than {LONGEST_PATH_BYTES} bytes, too long for PostgreSQL. "
                "Choose another with --data DIR."
            )
        open_to_pass = 0o711 if os.geteuid() == 0 else 0o700
        with usable(self.root):
            for folder in reversed([self.root, *self.root.parents]):
                if not folder.exists():
                    folder.mkdir()
                    folder.chmod(open_to_pass)
            for folder in (self.secrets, self.identity, self.instances, self.volumes, self.uploads, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)

    def require_known_format(self) -> None:
        """Note the format in a new data directory. Raises CannotStart when another version has noted another."""
        found = self._noted("format", str(FORMAT))
        if found != str(FORMAT):
            raise CannotStart(
                f"The data directory {self.root} has format {found or 'unknown'}, and this version of Vakka knows "
                f"{FORMAT} only. Start the version that wrote it, or choose another directory with --data DIR."
            )

    def require_database(self, *, embedded: bool) -> None:
        """Note which kind of database a new data directory goes with. Raises CannotStart when it goes with the other.

        With another database everything would start, and every environment seem to be gone.
        """
        wanted = "embedded" if embedded else "other"
        if self._noted("database", wanted) == wanted:
            return
        if embedded:
            raise CannotStart(
                f"The data directory {self.root} goes with the PostgreSQL server that DATABASE_URL named, and it isn't "
                "set now. Set it as before, or choose another directory with --data DIR."
            )
        raise CannotStart(
            f"The data directory {self.root} goes with its own embedded PostgreSQL, and DATABASE_URL names another "
            "server. Unset DATABASE_URL, or choose another directory with --data DIR."
        )

    def _noted(self, name: str, value: str) -> str:
        """What the file of this name says; in a new data directory it is made and says `value`."""
        file = self.root / name
        with usable(self.root):
            if not file.exists():
                unfinished = file.with_suffix(".unfinished")
                unfinished.write_text(f"{value}\n")
                unfinished.replace(file)
            return file.read_text().strip()


@contextmanager
def usable(root: Path) -> Iterator[None]:
    """Turn the operating system's refusals into CannotStart, with a way out."""
    try:
        yield
    except OSError as error:
        raise CannotStart(
            f"The data directory {root} can't be used ({error.strerror}: {error.filename or root}). "
            "Mend that, or choose another with --data DIR."
        ) from error


def default_data_dir() -> Path:
    """The platform's folder for a user's data; for root the machine's, which PostgreSQL's account can reach."""
    if os.geteuid() == 0:
        return Path("/var/lib/vakka")
    return Path(platformdirs.user_data_dir("vakka", appauthor=False))
