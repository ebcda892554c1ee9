"""Keeps one maintenance process running beside the workers."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import structlog

RESTART_SECONDS = 1.0
STOP_SECONDS = 60.0
"""How long the last purge may take; what it leaves is purged at the next start."""

log = structlog.get_logger(__name__)


class MaintenanceProcess:
    """Started when made, started again when it dies, until `stop`."""

    def __init__(self, data_dir: Path, logs_dir: Path, grace_seconds: float) -> None:
        self._command = [sys.executable, "-m", "instance_agent.maintenance"]
        self._command += [str(data_dir), str(logs_dir), str(grace_seconds)]
        self._stopping = threading.Event()
        self._process = self._started()
        self._watcher = threading.Thread(target=self._watch, name="maintenance", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Let it purge and end; killed when that takes too long."""
        self._stopping.set()
        self._process.terminate()
        self._watcher.join(STOP_SECONDS)
        if self._watcher.is_alive():
            log.warning("maintenance_killed")
            self._process.kill()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE)

    def _watch(self) -> None:
        while True:
            self._process.wait()
            if self._stopping.wait(RESTART_SECONDS):
                return
            log.warning("maintenance_restarted")
            self._process = self._started()
