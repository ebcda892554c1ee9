"""`python -m api.worker`: one worker process. Stops cleanly on SIGTERM.

It ends with status 1 when it loses the database, for its supervisor to start it again.
"""

from __future__ import annotations

import asyncio
import os
import sys

import psycopg
import psycopg_pool
from procrastinate.exceptions import ConnectorException

from api import log
from api.adapters.wiring import embedded_ports
from api.job_worker import Worker
from api.settings import Settings
from api.store.database import connect_directly

logger = log.get_logger("worker")


def main() -> None:
    """Run one worker by the settings of the environment."""
    settings = Settings()
    log.configure(settings.log_level)
    try:
        connect_directly(settings.database_url).close()
        stopped_as_asked = asyncio.run(Worker(settings, embedded_ports(settings)).run())
    except (psycopg.OperationalError, ConnectorException, psycopg_pool.PoolTimeout):
        stopped_as_asked = False
    if not stopped_as_asked:
        logger.error("worker_lost_database")
    sys.stderr.flush()
    # A step that outlasted the stop must not keep the process: the lease ends with it, and the step is run again.
    os._exit(0 if stopped_as_asked else 1)


if __name__ == "__main__":
    main()
