"""Room on the disk that only deletes and maintenance may use: without it a full database couldn't be emptied."""

from __future__ import annotations

import os
from pathlib import Path

from instance_agent.errors import AgentError

RESERVED_SHARE = 0.05
LARGEST_RESERVE_BYTES = 64 * 1024 * 1024


def check_room(data_dir: Path) -> None:
    """Raises AgentError disk_full when only the reserve is left. For changes that add something."""
    disk = os.statvfs(data_dir)
    reserve = min(LARGEST_RESERVE_BYTES, disk.f_blocks * disk.f_frsize * RESERVED_SHARE)
    if disk.f_bavail * disk.f_frsize < reserve:
        raise AgentError("disk_full")
