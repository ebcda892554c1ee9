"""Files that are there whole or not at all, and folders that are removed safely."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from api.ports import Denied, NoCapacity, OutcomeUnknown, ProviderError

REMOVING = ".removing-"
_NO_SPACE = {"ENOSPC", "EDQUOT", "EMFILE", "ENFILE"}
_NO_RIGHT = {"EACCES", "EPERM", "EROFS"}


def child(folder: Path, name: UUID) -> Path:
    """The folder's entry of this id. An id can't lead outside, unlike a text."""
    return folder / str(UUID(str(name)))


def ids_in(folder: Path) -> list[UUID]:
    """The ids of the folder's entries, those half removed included."""
    try:
        names = [entry.name.removeprefix(REMOVING) for entry in folder.iterdir()]
    except FileNotFoundError:
        return []
    return [UUID(name) for name in names if _is_id(name)]


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Have exactly this content at the path, durably; a reader sees the old content or the new, never a part."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's list of names durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_folder(folder: Path, name: UUID) -> None:
    """Have no entry of this id left, whatever a crash left of an earlier try.

    It is renamed first, so that it is there whole or, for everybody who looks by its name, not at all.
    """
    path = child(folder, name)
    doomed = folder / f"{REMOVING}{path.name}"
    if doomed.exists():
        shutil.rmtree(doomed)
    try:
        path.rename(doomed)
    except FileNotFoundError:
        return
    sync_folder(folder)
    shutil.rmtree(doomed)


@contextmanager
def provider_errors() -> Iterator[None]:
    """Turn the operating system's refusals into the ports' own."""
    try:
        yield
    except OSError as error:
        raise _translate(error) from error


def _translate(error: OSError) -> ProviderError:
    name = errno_name(error)
    if name in _NO_SPACE:
        return NoCapacity(name)
    if name in _NO_RIGHT:
        return Denied(name)
    return OutcomeUnknown(name)


def errno_name(error: OSError) -> str:
    """ENOSPC and the like; paths and texts stay out."""
    return errno.errorcode.get(error.errno or 0, "unknown")


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
