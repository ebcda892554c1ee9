"""The files of one data directory: every change of them goes through here, so that a test can watch and lose power.

Nothing is durable before a sync: bytes of a file and its length by `sync`, names (created, renamed, removed) by
`sync_names` of the folder that they are in. Every method raises OSError as the system does.
"""

from __future__ import annotations

import os
from pathlib import Path

from instance_agent.storage.files import sync_directory, write_fully


class Directory:
    """Names are paths relative to `path`, with slashes; "." is the directory itself. Descriptors are the system's."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, name: str) -> int:
        """A new, empty file, open for reading and writing. Raises FileExistsError."""
        return os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def open(self, name: str) -> int:
        """An existing file, open for reading and writing."""
        return os.open(self.path / name, os.O_RDWR | os.O_CLOEXEC)

    def write(self, descriptor: int, content: bytes | memoryview, offset: int) -> None:
        """All of `content` (single bytes) at `offset`; when it raises, any part may be written."""
        write_fully(descriptor, content, offset)

    def truncate(self, descriptor: int, length: int) -> None:
        """Cut the file to so many bytes, or fill it up with zeros."""
        os.ftruncate(descriptor, length)

    def sync(self, descriptor: int) -> None:
        """Everything written to the file so far, by whomever, and its length, is on the disk on return."""
        os.fdatasync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def rename(self, old: str, new: str) -> None:
        """Atomic for readers; takes the place of a file that has the new name."""
        (self.path / old).rename(self.path / new)

    def remove(self, name: str) -> None:
        """Remove a file; whoever has it open goes on reading."""
        (self.path / name).unlink()

    def make_folder(self, name: str) -> None:
        (self.path / name).mkdir(mode=0o700)

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder."""
        (self.path / name).rmdir()

    def sync_names(self, folder: str) -> None:
        """Which names are in the folder, and which files they stand for, is on the disk on return."""
        sync_directory(self.path / folder)

    def exists(self, name: str) -> bool:
        return (self.path / name).exists()

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted."""
        return sorted(item.name for item in (self.path / folder).iterdir())

    def size_bytes(self, name: str) -> int:
        return (self.path / name).stat().st_size
