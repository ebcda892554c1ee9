"""A directory that remembers what isn't on the disk yet, and can lose power.

The model, harsher than any file system: what was synced is there. Of everything else any subset may be there.

- Bytes: a write that wasn't followed by a `sync` of its file may be lost, kept, or kept in some of its sectors of 512
  bytes only; a truncation may be lost or kept. Those that are kept happen in their order.
- Names: a file created, renamed or removed, a folder made or removed, without `sync_names` of its folder after it, may
  be lost or kept, each by itself; one rename is whole or not at all. A file whose name was lost is gone, whatever was
  synced in it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from instance_agent.storage.directory import Directory

SECTOR_BYTES = 512


@dataclass
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


@dataclass
class Naming:
    """Names that change together: a name's new file, None for none."""

    folders: frozenset[str]
    names: dict[str, File | None]


class RecordingDirectory(Directory):
    """The real directory, watched."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.before_each: Callable[[], None] | None = None
        self._names: dict[str, File] = {}  # as they are
        self._durable_names: dict[str, File] = {}
        self._unsynced_names: list[Naming] = []
        self._open: dict[int, File] = {}

    def create(self, name: str) -> int:
        self._look()
        descriptor = super().create(name)
        self._open[descriptor] = File()
        self._name({name: self._open[descriptor]})
        return descriptor

    def open(self, name: str) -> int:
        descriptor = super().open(name)
        self._open[descriptor] = self._names[name]
        return descriptor

    def close(self, descriptor: int) -> None:
        super().close(descriptor)
        del self._open[descriptor]

    def write(self, descriptor: int, content: bytes | memoryview, offset: int) -> None:
        self._look()
        super().write(descriptor, content, offset)
        self._open[descriptor].unsynced.append(Change(offset, bytes(content)))

    def truncate(self, descriptor: int, length: int) -> None:
        self._look()
        super().truncate(descriptor, length)
        self._open[descriptor].unsynced.append(Change(length, None))

    def sync(self, descriptor: int) -> None:
        self._look()
        super().sync(descriptor)
        file = self._open[descriptor]
        for change in file.unsynced:
            apply(file.durable, change)
        file.unsynced.clear()

    def rename(self, old: str, new: str) -> None:
        self._look()
        super().rename(old, new)
        self._name({old: None, new: self._names[old]})

    def remove(self, name: str) -> None:
        self._look()
        super().remove(name)
        if name in self._names:  # a lock isn't made here, and needs no power to be free
            self._name({name: None})

    def make_folder(self, name: str) -> None:
        self._look()
        super().make_folder(name)
        self._name({name: FOLDER})

    def remove_folder(self, name: str) -> None:
        self._look()
        super().remove_folder(name)
        self._name({name: None})

    def sync_names(self, folder: str) -> None:
        self._look()
        super().sync_names(folder)
        for naming in [one for one in self._unsynced_names if folder in one.folders]:
            rename_in(self._durable_names, naming)
            self._unsynced_names.remove(naming)

    def lose_power(self, chance: random.Random, target: Path) -> None:
        """Make in `target`, an empty folder, what may be left when the power fails now."""
        names = dict(self._durable_names)
        for naming in self._unsynced_names:
            if chance.random() < 0.5:
                rename_in(names, naming)
        for name in sorted(name for name, file in names.items() if file is FOLDER):
            if (target / name).parent.is_dir():
                (target / name).mkdir()
        for name, file in names.items():
            if file is not FOLDER and (target / name).parent.is_dir():
                (target / name).write_bytes(content_left(file, chance))

    def _name(self, names: dict[str, File | None]) -> None:
        naming = Naming(frozenset(str(PurePosixPath(name).parent) for name in names), names)
        self._unsynced_names.append(naming)
        rename_in(self._names, naming)

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
    content = bytearray(file.durable)
    for change in file.unsynced:
        fate = chance.random()
        if fate < 0.35:
            apply(content, change)
        elif fate < 0.7 and change.content is not None:
            apply_some_sectors(content, change, chance)
    return bytes(content)


def apply(content: bytearray, change: Change) -> None:
    if change.content is None:
        del content[change.offset :]
        content.extend(bytes(change.offset - len(content)))
        return
    content.extend(bytes(max(0, change.offset + len(change.content) - len(content))))
    content[change.offset : change.offset + len(change.content)] = change.content


def apply_some_sectors(content: bytearray, change: Change, chance: random.Random) -> None:
    """Some of the sectors that the write touches, each whole."""
    written = change.content or b""
    at = 0
    while at < len(written):
        end = min(len(written), at + SECTOR_BYTES - (change.offset + at) % SECTOR_BYTES)
        if chance.random() < 0.5:
            apply(content, Change(change.offset + at, written[at:end]))
        at = end
