"""Small private files: complete or not there, and readable by their owner alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of `path`; when it is missing, what `make` gives, which is durable before this returns.

    The file's mode is 0600 afterwards, its folder is made with mode 0700 when missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    if not path.exists():
        _write(path, make())
    path.chmod(PRIVATE_FILE)
    return path.read_bytes()


def _write(path: Path, content: bytes) -> None:
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
