"""One supervisor per data directory: a file lock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.embedded.errors import AlreadyRunning
from infra.embedded.layout import usable


@contextmanager
def hold(lock_file: Path) -> Iterator[None]:
    """Hold the data directory for the length of the block.

    Raises AlreadyRunning, naming the holder's process, when somebody else holds it, and CannotStart when the file
    can't be written. The kernel lets go of the lock when the holder ends, however it ends, so nothing has to be
    cleaned up after a crash.
    """
    with usable(lock_file.parent):
        file = lock_file.open("ab+", buffering=0)
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().decode().strip() or "unknown"
            raise AlreadyRunning(
                f"Vakka already runs on {lock_file.parent} (process {holder}). "
                "Stop it there with Ctrl-C, or start this one on another directory with --data DIR."
            ) from None
        with usable(lock_file.parent):
            file.truncate(0)
            file.write(str(os.getpid()).encode())
        yield
