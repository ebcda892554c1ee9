"""The process that reads one uploaded file in, so that queries wait for no interpreter and memory goes back at its end.

It is handed the file and the upload's lock as open descriptors. The lock is held by nobody else, so it is free as soon
as this process has ended, however that came. Its standard input is a pipe from the agent's worker: when it closes, the
worker is gone or wants this process to end, and it ends at once; somebody goes on later. On its standard output it says
the upload's last state, which the worker writes down.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from instance_agent import log as logs
from instance_agent.engine.database import Database
from instance_agent.errors import AgentError
from instance_agent.log import place_of
from instance_agent.storage.files import refusal
from instance_agent.uploads.builders import BuilderDied, BuilderFailed
from instance_agent.uploads.endings import FAILED, MAY_PASS, UNKNOWN_PROBLEM, ended_with, problem_of
from instance_agent.uploads.ingest import Tally, Task, ingest
from instance_agent.uploads.states import UploadState, UploadStates
from instance_agent.uploads.unpacking import NotSound

REPORT_EVERY_SECONDS = 0.5
INTERRUPTED = 3
"""The exit status when a builder was killed: the upload is unfinished."""

log = structlog.get_logger(__name__)


class Reporter:
    """Writes down how far it is, now and then: the truth is in the commit log."""

    def __init__(self, states: UploadStates, state: UploadState) -> None:
        self._states = states
        self.state = state
        self._written_at = 0.0

    def progress(self, tally: Tally) -> None:
        self.take(tally)
        if time.monotonic() - self._written_at > REPORT_EVERY_SECONDS:
            with suppress(AgentError):  # the commit says it when the disk is full
                self.write()

    def before_commit(self, tally: Tally) -> None:
        """Raises AgentError disk_full, storage_failed."""
        self.take(tally)
        self.write()

    def write(self) -> None:
        """Raises AgentError disk_full, storage_failed."""
        self._states.write(self.state)
        self._written_at = time.monotonic()

    def take(self, tally: Tally) -> None:
        self.state = msgspec.structs.replace(
            self.state,
            stored=tally.stored,
            failed=tally.failed,
            kept=tally.kept,
            last_row=tally.last_row,
            failing=list(tally.failing),
        )


def read_in(database: Database, states: UploadStates, task: Task) -> UploadState:
    """Read a file in; the state that this ends in, not yet written. Raises BuilderDied."""
    reporter = Reporter(states, task.state)
    problem, can_go_on = None, False
    try:
        reporter.take(ingest(database, task, reporter))
    except NotSound as error:
        problem = str(error)
    except (AgentError, OSError) as error:
        refused = refusal(error) if isinstance(error, OSError) else error
        problem, can_go_on = problem_of(refused), refused.code in MAY_PASS
    except BuilderDied:
        raise
    except Exception as error:  # noqa: BLE001 - or every look at the upload would start the same failure again
        _log_failure(error)
        problem, can_go_on = UNKNOWN_PROBLEM, True
    return ended_with(database, reporter.state, problem, can_go_on=can_go_on)


def _log_failure(error: Exception) -> None:
    if isinstance(error, BuilderFailed):
        log.error("upload_failed", error=error.error, places=error.places)
    else:
        log.error("upload_failed", error=type(error).__name__, places=place_of(error))


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)


def main(data_dir: str, logs_dir: str, folder: str, upload_id: str, descriptor: str) -> int:
    """The program of the process; its exit status. folder: of the states. descriptor: of the file, open for reading."""
    os.umask(0o077)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the agent says when to stop
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    logs.configure(Path(logs_dir))
    try:
        states = UploadStates(Path(folder))
        task = Task(states.read(UUID(upload_id)), int(descriptor), states.bad_lines(UUID(upload_id)))
        state = read_in(Database.open(Path(data_dir)), states, task)
    except BuilderDied:
        log.warning("upload_interrupted", upload_id=upload_id)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - its text, which may hold data, mustn't get anywhere
        _log_failure(error)
        return FAILED
    sys.stdout.buffer.write(msgspec.json.encode(state))
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
