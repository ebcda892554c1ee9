"""A directory that remembers what isn't on the disk yet, and can lose power.

The model, harsher than any file system: what was synced is there. Of everything else any subset may be there.

- Bytes. Each write to a file without a `sync` of that file after it is lost, kept, or kept in some of its sectors (512
  bytes) or pages (4 KiB) only; each truncation is lost or kept. Those that are kept happen in their order. The file may
  also be as long as it was at any time since its last `sync`, with zeros where no kept write has put bytes: the length
  reached the disk and the bytes didn't.
- Names. Each file created, renamed or removed, each folder made or removed, without `sync_names` of its folder after
  it, is lost or kept, each for itself. A rename within a folder is kept whole or lost whole; one from a folder to
  another is two changes, one in each: afterwards the file has both names, one of them, or none. `sync` of a file does
  nothing for its name, `sync_names` nothing for the bytes of files, nor for the name of the folder itself. What is in
  a folder whose own name is lost is lost.
- Of very many name changes that nobody syncs the oldest reach the disk by themselves, as they do after some seconds.

Everything that is in the directory at the start is durable, and so is a file that others put there, from when it is
opened; changes that others make past this object (locks) aren't seen and aren't kept.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from instance_agent.storage.directory import Directory

SECTOR_BYTES = 512
PAGE_BYTES = 4096
MOST_UNSYNCED_NAMES = 200


@dataclass(frozen=True)
class Change:
    """A write or, when `content` is None, a truncation to `offset`."""

    offset: int
    content: bytes | None


@dataclass
class File:
    """One file, whatever its names are."""

    durable: bytearray = field(default_factory=bytearray)
    unsynced: list[Change] = field(default_factory=list)


FOLDER = File()
"""Stands for every folder."""


@dataclass(frozen=True, eq=False)
class Naming:
    """Names in one folder that change together: each name's new file, None for none."""

    folder: str
    names: dict[str, File | None]


class RecordingDirectory(Directory):
    """The real directory, watched. `before_each` is called before every change and every sync."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.before_each: Callable[[], None] | None = None
        self._lock = threading.RLock()  # the garbage collector may close a file in the middle of anything
        self._names: dict[str, File] = {}  # as they are
        self._unsynced_names: list[Naming] = []
        self._open: dict[int, File] = {}
        for item in path.rglob("*"):
            self._names[item.relative_to(path).as_posix()] = (
                FOLDER if item.is_dir() else File(bytearray(item.read_bytes()))
            )
        self._durable_names = dict(self._names)

    def create(self, name: str) -> int:
        with self._lock:
            self._look()
            descriptor = super().create(name)
            self._open[descriptor] = File()
            self._name({name: self._open[descriptor]})
            return descriptor

    def open(self, name: str) -> int:
        with self._lock:
            descriptor = super().open(name)
            if name not in self._names:
                self._durable_names[name] = self._names[name] = File(bytearray((self.path / name).read_bytes()))
            self._open[descriptor] = self._names[name]
            return descriptor

    def close(self, descriptor: int) -> None:
        with self._lock:
            del self._open[descriptor]
            super().close(descriptor)

    def write(self, descriptor: int, content: bytes | memoryview, offset: int) -> None:
        with self._lock:
            self._look()
            file = self._open[descriptor]
            file.unsynced.append(Change(offset, bytes(content)))  # if it fails, any part may be written
            super().write(descriptor, content, offset)

    def truncate(self, descriptor: int, length: int) -> None:
        with self._lock:
            self._look()
            super().truncate(descriptor, length)
            self._open[descriptor].unsynced.append(Change(length, None))

    def sync(self, descriptor: int) -> None:
        with self._lock:
            self._look()
            super().sync(descriptor)
            file = self._open[descriptor]
            for change in file.unsynced:
                apply(file.durable, change)
            file.unsynced.clear()

    def rename(self, old: str, new: str) -> None:
        with self._lock:
            self._look()
            super().rename(old, new)
            self._name({old: None, new: self._names[old]})

    def remove(self, name: str) -> None:
        with self._lock:
            self._look()
            super().remove(name)
            if name in self._names:
                self._name({name: None})

    def make_folder(self, name: str) -> None:
        with self._lock:
            self._look()
            super().make_folder(name)
            self._name({name: FOLDER})

    def remove_folder(self, name: str) -> None:
        with self._lock:
            self._look()
            super().remove_folder(name)
            self._name({name: None})

    def sync_names(self, folder: str) -> None:
        with self._lock:
            self._look()
            super().sync_names(folder)
            for naming in [one for one in self._unsynced_names if one.folder == folder]:
                self._keep(naming)

    def lose_power(self, chance: random.Random, target: Path) -> None:
        """Make in `target`, an empty folder, what may be left when the power fails now. The directory goes on."""
        with self._lock:
            names = dict(self._durable_names)
            for naming in self._unsynced_names:
                if chance.random() < 0.5:
                    rename_in(names, naming)
            for name in sorted(names):  # a folder comes before what is in it
                if not (target / name).parent.is_dir():
                    continue
                if names[name] is FOLDER:
                    (target / name).mkdir()
                else:
                    (target / name).write_bytes(content_left(names[name], chance))

    def _name(self, names: dict[str, File | None]) -> None:
        folders: dict[str, dict[str, File | None]] = {}
        for name, file in names.items():
            folders.setdefault(str(PurePosixPath(name).parent), {})[name] = file
        for folder, changed in folders.items():
            naming = Naming(folder, changed)
            rename_in(self._names, naming)
            self._unsynced_names.append(naming)
        while len(self._unsynced_names) > MOST_UNSYNCED_NAMES:
            self._keep(self._unsynced_names[0])

    def _keep(self, naming: Naming) -> None:
        rename_in(self._durable_names, naming)
        self._unsynced_names.remove(naming)

    def _look(self) -> None:
        if self.before_each is not None:
            self.before_each()


def rename_in(names: dict[str, File], naming: Naming) -> None:
    for name, file in naming.names.items():
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


def content_left(file: File, chance: random.Random) -> bytes:
    """What the file may hold after a loss of power."""
    if not file.unsynced:
        return bytes(file.durable)
    content, lengths = bytearray(file.durable), lengths_since_sync(file)
    for change in file.unsynced:
        fate = chance.random()
        if fate < 0.4:
            apply(content, change)
        elif fate < 0.7 and change.content is not None:
            apply_some_blocks(content, change, chance)
    if chance.random() < 0.3:
        length = chance.choice(lengths)
        content.extend(bytes(max(0, length - len(content))))
        del content[length:]
    return bytes(content)


def lengths_since_sync(file: File) -> list[int]:
    """Every length that the file has had, the durable one first."""
    lengths = [len(file.durable)]
    for change in file.unsynced:
        lengths.append(
            change.offset if change.content is None else max(lengths[-1], change.offset + len(change.content))
        )
    return lengths


def apply(content: bytearray, change: Change) -> None:
    if change.content is None:
        del content[change.offset :]
        content.extend(bytes(change.offset - len(content)))
        return
    content.extend(bytes(max(0, change.offset - len(content))))
    content[change.offset : change.offset + len(change.content)] = change.content


def apply_some_blocks(content: bytearray, change: Change, chance: random.Random) -> None:
    """Some of the sectors, or of the pages, that the write touches, each whole."""
    written = change.content or b""
    size = chance.choice((SECTOR_BYTES, PAGE_BYTES))
    share = chance.choice((0.05, 0.5, 0.95))
    at = 0
    while at < len(written):
        end = min(len(written), at + size - (change.offset + at) % size)
        if chance.random() < share:
            apply(content, Change(change.offset + at, written[at:end]))
        at = end
