"""The segment files of a data directory: built aside, moved in by a commit, opened by readers, removed by the purge.

building.lock                held while a folder below building/ is made or removed
building/<random>/lock       held by the process that builds there, for as long as it lives
building/<random>/<id>.seg   a segment that no commit names yet
segments/<id>.seg            a segment that a commit names, or named until a moment ago
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import uuid4
from weakref import WeakValueDictionary

from instance_agent.index.segment import StoredSegment
from instance_agent.storage.directory import Directory
from instance_agent.storage.files import HeldLock, exclusively
from instance_agent.storage.segment_file import SegmentWriter

SEGMENTS = "segments"
BUILDING = "building"
BUILDING_LOCK = "building.lock"
SUFFIX = ".seg"
LOCK = "lock"


@dataclass(frozen=True)
class BuiltSegment:
    """A segment that is whole and on the disk, and that no commit names yet."""

    segment_id: str
    row_count: int
    folder: str  # where it was built


class BuildingFolder:
    """A place for new segments of one process; other processes may write into it while that one holds its lock."""

    def __init__(self, directory: Directory, folder: str) -> None:
        self.folder = folder
        self._directory = directory

    def new_segment(self) -> tuple[str, SegmentWriter]:
        """A new id, and the writer of its file."""
        segment_id = uuid4().hex
        return segment_id, SegmentWriter(self._directory, f"{self.folder}/{segment_id}{SUFFIX}")


class SegmentStore:
    """Safe for many threads; the writer's lock is needed where it says so."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._open: WeakValueDictionary[str, StoredSegment] = WeakValueDictionary()
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Have the folders. Raises OSError."""
        for folder in (SEGMENTS, BUILDING):
            if not self._directory.exists(folder):
                self._directory.make_folder(folder)
                self._directory.sync_names(".")

    def open(self, segment_id: str) -> StoredSegment:
        """The segment, mapped into memory for as long as somebody holds it. Raises DamagedSegment, OSError."""
        with self._lock:
            found = self._open.get(segment_id)
            if found is None:
                found = self._open[segment_id] = StoredSegment.open(self._directory.path / _name(segment_id))
            return found

    @contextmanager
    def building(self) -> Iterator[BuildingFolder]:
        """A folder to build in; what is left in it is removed at the end. Raises OSError."""
        folder = f"{BUILDING}/{uuid4().hex}"
        with self._alone():
            self._directory.make_folder(folder)
            lock = HeldLock.try_take(self._directory.path / folder / LOCK)
        try:
            yield BuildingFolder(self._directory, folder)
        finally:
            with self._alone():
                self._clear(folder)
                if lock is not None:
                    lock.release()

    def publish(self, built: BuiltSegment) -> None:
        """Move a segment to where commits look for it; for the writer, who calls `sync` before the commit.

        May be done again when the commit failed.
        """
        name = _name(built.segment_id)
        if not self._directory.exists(name):
            self._directory.rename(f"{built.folder}/{built.segment_id}{SUFFIX}", name)

    def sync(self) -> None:
        """Make what was published durable."""
        self._directory.sync_names(SEGMENTS)

    def ids(self) -> set[str]:
        """All segments that are there."""
        return {PurePosixPath(name).stem for name in self._names(SEGMENTS)}

    def size_bytes(self, segment_id: str) -> int:
        return self._directory.size_bytes(_name(segment_id))

    def remove(self, segment_id: str) -> None:
        """Remove a segment that no commit names; whoever has it open goes on reading. For the writer."""
        self._directory.remove(_name(segment_id))

    def remove_abandoned(self) -> int:
        """Remove what dead processes were building; how many folders."""
        removed = 0
        for folder in self._names(BUILDING):
            name = f"{BUILDING}/{folder}"
            with self._alone(), suppress(FileNotFoundError):  # its builder may have finished
                lock = HeldLock.try_take(self._directory.path / name / LOCK)
                if lock is not None:
                    self._clear(name)
                    lock.release()
                    removed += 1
        return removed

    def abandoned_bytes(self) -> int:
        """How much lies in folders of builders, alive or dead."""
        total = 0
        for folder in self._names(BUILDING):
            with suppress(FileNotFoundError):
                names = self._directory.names(f"{BUILDING}/{folder}")
                total += sum(self._directory.size_bytes(f"{BUILDING}/{folder}/{name}") for name in names)
        return total

    def _alone(self) -> AbstractContextManager[None]:
        """So that nobody takes a folder for abandoned between its making and its lock, or between lock and removal."""
        return exclusively(self._directory.path / BUILDING_LOCK)

    def _names(self, folder: str) -> list[str]:
        return self._directory.names(folder) if self._directory.exists(folder) else []

    def _clear(self, folder: str) -> None:
        for name in self._directory.names(folder):
            if name != LOCK:
                self._directory.remove(f"{folder}/{name}")
        with suppress(FileNotFoundError):
            self._directory.remove(f"{folder}/{LOCK}")
        self._directory.remove_folder(folder)


def _name(segment_id: str) -> str:
    return f"{SEGMENTS}/{segment_id}{SUFFIX}"
