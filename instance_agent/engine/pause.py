"""The flag on the volume that stops writes while a snapshot is taken, and the epoch that says who may write.

It lies in the data directory, so that a copy of the volume, and an instance that restarts, come up paused as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from instance_agent.errors import AgentError, DamagedData
from instance_agent.storage.directory import Directory

NAME = "pause.json"
RETRY_AFTER_SECONDS = 5
SECTOR_BYTES = 512


class Pause(msgspec.Struct, frozen=True):
    """What the flag says. Without the file writes are open, and the epoch is 0."""

    epoch: int = 0  # raised each time another instance may write
    paused: bool = False
    commit_number: int = 0  # the last commit before the pause


@dataclass(frozen=True)
class PauseFlag:
    """The file; changed under the writer's lock only."""

    directory: Directory

    def read(self) -> Pause:
        """Raises DamagedData."""
        try:
            content = (self.directory.path / NAME).read_bytes()
        except FileNotFoundError:
            return Pause()
        if not content.strip(b"\0"):
            return Pause()  # the power failed while it was first made
        try:
            return msgspec.json.decode(content, type=Pause)
        except msgspec.MsgspecError:
            raise DamagedData(
                f"{self.directory.path / NAME} can't be read. Restore the data directory from a snapshot."
            ) from None

    def write(self, pause: Pause) -> None:
        """Durable on return, and whole at any time: one sector, overwritten in place, so a full disk is no hindrance.

        Raises OSError.
        """
        content = msgspec.json.encode(pause).ljust(SECTOR_BYTES)
        is_there = self.directory.exists(NAME)
        descriptor = self.directory.open(NAME) if is_there else self.directory.create(NAME)
        try:
            self.directory.write(descriptor, content, 0)
            self.directory.sync(descriptor)
        finally:
            self.directory.close(descriptor)
        self.directory.sync_names(".")

    def prepare(self) -> None:
        """Have the file, so that pausing needs no space. Raises OSError."""
        if not self.directory.exists(NAME):
            self.write(Pause())

    def check_open(self) -> None:
        """Raises AgentError writes_paused."""
        if self.read().paused:
            raise AgentError("writes_paused", retry_after_seconds=RETRY_AFTER_SECONDS)

    def check_epoch(self, epoch: int) -> Pause:
        """What the flag says, to somebody of this epoch. Raises AgentError epoch_stale."""
        found = self.read()
        if epoch < found.epoch:
            raise AgentError(
                "epoch_stale", f"Epoch {epoch} is over: this volume has seen epoch {found.epoch}. Ask who writes now."
            )
        return found
