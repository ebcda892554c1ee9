"""Small file operations with their durability said: what is atomic, what is on the disk when they return."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from instance_agent.errors import AgentError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def refusal(error: OSError) -> AgentError:
    """What the caller is told when a write failed: `disk_full`, or `storage_failed` for anything else."""
    return AgentError("disk_full" if error.errno in NO_SPACE else "storage_failed")


def write_fully(descriptor: int, content: bytes | memoryview, offset: int) -> None:
    """Write all of `content` at `offset`. Not durable before a sync. Raises OSError, then any part may be written."""
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable: files created, renamed or removed in it before this call."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_durably(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Give `path` this content: atomic for readers, durable on return. Raises OSError, then `path` is as it was."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            write_fully(descriptor, content, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


@contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Hold the lock that the file `path` stands for, against every other thread and process; waits for it.

    The lock belongs to an open file, so the kernel releases it when its process dies, however it dies.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class HeldLock:
    """A lock taken without waiting and kept until `release`, or until the process dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def try_take(cls, path: Path) -> HeldLock | None:
        """The lock that `path` stands for, None when somebody else has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def fileno(self) -> int:
        """The descriptor that holds the lock: a process that it is handed holds the same lock, too."""
        return self._descriptor

    def release(self) -> None:
        os.close(self._descriptor)
