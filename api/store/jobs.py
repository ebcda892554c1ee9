"""The queue of work for the worker: one job per live operation."""

from __future__ import annotations

from uuid import UUID

from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued

from api.store.database import Connection

ADVANCE_OPERATION = "advance_operation"
QUEUE = "operations"

# Never opened: jobs are only added, on the caller's connection and in the caller's transaction.
_queue = App(connector=SyncPsycopgConnector())


def defer_advance(connection: Connection, operation_id: UUID) -> bool:
    """Have a job for the operation when the caller's transaction commits. False when one waits already."""
    job = _queue.configure_task(
        ADVANCE_OPERATION, queue=QUEUE, queueing_lock=f"operation:{operation_id}", connection=connection
    )
    try:
        with connection.transaction():
            job.defer(operation_id=str(operation_id))
    except AlreadyEnqueued:
        return False
    return True


def resume_lost(connection: Connection) -> list[UUID]:
    """Add a job for every live operation that has none; returns the operations."""
    rows = connection.execute(
        "select o.id from operations o where o.finished_at is null and not exists ("
        " select 1 from procrastinate_jobs j where j.task_name = %s and j.status in ('todo', 'doing')"
        " and j.args ->> 'operation_id' = o.id::text)",
        [ADVANCE_OPERATION],
    ).fetchall()
    return [row["id"] for row in rows if defer_advance(connection, row["id"])]


def abandoned(connection: Connection, *, older_than_seconds: float) -> list[int]:
    """Jobs that count as being worked on while nobody holds their environment's lease.

    That happens when a worker died, or lost the database at the moment it wanted to give the job back. Jobs fetched
    less than `older_than_seconds` ago are left out: their worker may be about to take the lease.
    """
    rows = connection.execute(
        "select j.id from procrastinate_jobs j"
        " join operations o on o.id::text = j.args ->> 'operation_id'"
        " where j.task_name = %(task)s and j.status = 'doing'"
        " and (select max(at) from procrastinate_events v where v.job_id = j.id and v.type = 'started')"
        "     < now() - make_interval(secs => %(seconds)s)"
        " and not exists (select 1 from leases_held l where l.lease_key = lease_key(o.environment_id))",
        {"task": ADVANCE_OPERATION, "seconds": older_than_seconds},
    )
    return [int(row["id"]) for row in rows]
