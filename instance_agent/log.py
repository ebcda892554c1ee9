"""Log files as JSON lines: one line per call in api_calls.log, what happened in info.log, and more in debug.log.

Nothing here ever holds a key, a token or a value of a row: calls are logged by route template, errors by class and
place in the code. The files may be rotated from outside at any time (they are opened again when they were moved). Where
nobody does, a file that has grown to LARGEST_BYTES becomes `<name>.1`, in place of the one before it.
"""

from __future__ import annotations

import logging
import os
import traceback
from logging.handlers import WatchedFileHandler
from pathlib import Path

import structlog

from instance_agent.storage.files import exclusively

API_CALLS = "vakka.api_calls"
LARGEST_BYTES = 50 * 1024 * 1024
ROTATION_LOCK = ".rotation.lock"


def configure(logs_dir: Path) -> None:
    """Send all logs of this process to files in `logs_dir`, which exists, and no longer to where they went before."""
    formatter = logging.Formatter("%(message)s")
    root = logging.getLogger("instance_agent")
    calls = logging.getLogger(API_CALLS)
    for logger in (root, calls):
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        for handler in [one for one in logger.handlers if isinstance(one, WatchedFileHandler)]:
            logger.removeHandler(handler)
            handler.close()
    for logger, name, level in (
        (root, "info.log", logging.INFO),
        (root, "debug.log", logging.DEBUG),
        (calls, "api_calls.log", logging.INFO),
    ):
        handler = BoundedFileHandler(logs_dir / name, encoding="utf-8")
        handler.setLevel(level)
        handler.setFormatter(formatter)
        logger.addHandler(handler)
    structlog.configure(
        processors=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class BoundedFileHandler(WatchedFileHandler):
    """A log file of limited size that several processes append to."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, into a new file when this one is full. Never fails: what can't be logged is dropped."""
        try:
            self._make_room()
        except OSError:
            self.handleError(record)
        super().emit(record)

    def _make_room(self) -> None:
        if self.stream is None or os.fstat(self.stream.fileno()).st_size < LARGEST_BYTES:
            return
        path = Path(self.baseFilename)
        with exclusively(path.with_name(ROTATION_LOCK)):
            if path.exists() and path.stat().st_size >= LARGEST_BYTES:  # else another process was quicker
                path.rename(path.with_name(f"{path.name}.1"))


def place_of(error: BaseException) -> list[str]:
    """Where an error was raised, outermost first: file, line and function, without its text, which may hold data."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames]
