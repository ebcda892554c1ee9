"""Memory of processes as Linux tells it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil

PROC = Path("/proc")
KIB = 1024


def resident_bytes(pid: int) -> int:
    """What this process has in memory, pages shared with others and pages of mapped files included."""
    return _field(PROC / str(pid) / "smaps_rollup", "Rss")


def proportional_bytes(pid: int) -> int:
    """As `resident_bytes`, but a page that n processes share counts as 1/n of a page."""
    return _field(PROC / str(pid) / "smaps_rollup", "Pss")


def mapped_bytes(pid: int, folder: Path) -> int:
    """Addresses of this process that stand for files below `folder`, in memory or not."""
    total = 0
    for line in (PROC / str(pid) / "maps").read_text().splitlines():
        place, _, _, _, _, *name = line.split(maxsplit=5)
        if name and name[0].startswith(f"{folder}{os.sep}"):
            start, end = (int(address, 16) for address in place.split("-"))
            total += end - start
    return total


def tree_proportional_bytes(pid: int) -> dict[int, int]:
    """Proportional set size of a process and of all below it, by process id; those that end meanwhile are left out."""
    found = {}
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            found[process.pid] = proportional_bytes(process.pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def settled_tree_bytes(pid: int, seconds: float) -> list[int]:
    """Proportional set sizes of a process tree once their sum has moved by less than 1 % for `seconds`, largest first.

    Gives up on waiting after twenty times as long.
    """
    sizes = tree_proportional_bytes(pid)
    deadline = time.monotonic() + 20 * seconds
    while time.monotonic() < deadline:
        time.sleep(seconds)
        before, sizes = sizes, tree_proportional_bytes(pid)
        if abs(sum(sizes.values()) - sum(before.values())) < 0.01 * sum(before.values()):
            break
    return sorted(sizes.values(), reverse=True)


def _field(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * KIB
    raise ValueError(f"{path.name} has no line {name}")
