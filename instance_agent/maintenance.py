"""The maintenance process of one database: purges at its start and end, and flushes, merges and checkpoints in between.

It works through the database's ordinary commits, so it may be killed at any moment; whoever started it starts another.
Its standard input is a pipe from that process: when it closes without a signal before, the agent was killed, and this
process ends at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from instance_agent import log as logs
from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import Maintenance
from instance_agent.errors import AgentError, CannotServe
from instance_agent.log import place_of
from instance_agent.storage.files import refusal

PAUSE_SECONDS = 1.0
"""Between two looks at a database where there is nothing to do."""
PAUSE_AFTER_FAILURE_SECONDS = 10.0

log = structlog.get_logger(__name__)


def run(data_dir: Path, grace_seconds: float, stop: threading.Event) -> None:
    """Keep the database in order until told to stop. Raises CannotServe when it can't be opened."""
    database = Database.open(data_dir)
    upkeep = Maintenance(database, grace_seconds)
    _guarded(lambda: upkeep.purge_everything(time.time()))
    while not stop.is_set():
        went_well = _guarded(lambda: _rounds(upkeep, stop))
        stop.wait(PAUSE_SECONDS if went_well else PAUSE_AFTER_FAILURE_SECONDS)
    _guarded(lambda: upkeep.purge_everything(time.time()))


def _rounds(upkeep: Maintenance, stop: threading.Event) -> None:
    while upkeep.run_once(time.time()) and not stop.is_set():
        pass


def _guarded(work: Callable[[], None]) -> bool:
    """Do it; False when it didn't go well, which is logged, but for paused writes: these are somebody's will."""
    try:
        work()
    except AgentError as error:
        if error.code != "writes_paused":
            log.warning("maintenance_refused", code=error.code)
        return False
    except OSError as error:
        log.warning("maintenance_refused", code=refusal(error).code)
        return False
    except Exception as error:  # noqa: BLE001 - the next round may go well, and the database serves without
        log.error("maintenance_failed", error=type(error).__name__, places=place_of(error))
        return False
    return True


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(0)


def main(data_dir: str, logs_dir: str, grace_seconds: str) -> None:
    """The program of the process."""
    os.umask(0o077)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the agent says when to stop
    logs.configure(Path(logs_dir))
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        run(Path(data_dir), float(grace_seconds), stop)
    except (CannotServe, OSError) as error:
        log.error("maintenance_impossible", reason=str(error))
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
