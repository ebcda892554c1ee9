"""What the figures were measured on. No names of hosts, accounts or folders."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
import psutil

from benchmarks.storage.statistics import median, p99

SYNCS = 200
SYNCED_BYTES = 4096


class Machine(msgspec.Struct, frozen=True):
    """One machine at one moment."""

    cores: int
    processor: str
    memory_bytes: int
    load: float  # mean number of processes that wanted a core in the minute before
    file_system: str
    sync_median_seconds: float  # 4 KiB to the end of a file, and fdatasync
    sync_p99_seconds: float


def look(folder: Path) -> Machine:
    """This machine, and the disk that `folder` is on."""
    syncs = sync_seconds(folder, SYNCS)
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=platform.machine(),
        memory_bytes=psutil.virtual_memory().total,
        load=os.getloadavg()[0],
        file_system=_file_system(folder),
        sync_median_seconds=median(syncs),
        sync_p99_seconds=p99(syncs),
    )


def versions(libraries: list[str]) -> dict[str, str]:
    """By name; what isn't installed is left out. Python and SQLite come with it."""
    found = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    for library in libraries:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def sync_seconds(folder: Path, count: int) -> list[float]:
    """How long the disk below `folder` takes for 4 KiB at the end of a file and fdatasync, so often."""
    path = folder / "sync-probe"
    seconds = []
    with path.open("wb", buffering=0) as file:
        for _ in range(count):
            started = time.perf_counter()
            file.write(os.urandom(SYNCED_BYTES))
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - started)
    path.unlink()
    return seconds


def _file_system(folder: Path) -> str:
    """The kind of the file system that the folder is on."""
    mounted = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    whole = f"{folder.resolve()}/"
    holding = [(len(place), kind) for place, kind in mounted if whole.startswith(f"{place.rstrip('/')}/")]
    return max(holding)[1]
