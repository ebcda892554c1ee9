"""Every error that the database answers with: one stable code each, its status, and a sentence that says what to do.

The wire format is the published flat object `{"message": ..., "status": ..., "error": <code>}`. Codes are stable,
messages may improve. A message may name tables, fields and types, never a key and never a value out of a stored row.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorKind:
    """What is the same for every error of one code."""

    status: int  # the HTTP status
    sentence: str  # the message when nobody has a better one


ERRORS: dict[str, ErrorKind] = {
    "json_malformed": ErrorKind(400, "The body isn't valid JSON. Send one JSON document in UTF-8."),
    "request_invalid": ErrorKind(400, "The body doesn't have the form that this endpoint expects."),
    "schema_invalid": ErrorKind(400, "The schema isn't valid."),
    "row_invalid": ErrorKind(400, "A row doesn't fit the schema of its table; nothing was stored."),
    "query_invalid": ErrorKind(400, "The query isn't valid."),
    "query_unsupported": ErrorKind(400, "This version doesn't answer this part of the query language yet."),
    "field_not_found": ErrorKind(400, "The field was not found in the table."),
    "upload_missing": ErrorKind(400, "No file has arrived for this upload. PUT the file to its URL first."),
    "upload_incomplete": ErrorKind(400, "The file didn't arrive whole, so nothing was stored. Send it again."),
    "key_missing": ErrorKind(401, "No API key was sent. Put the environment's key into the header x-api-key."),
    "token_missing": ErrorKind(401, "Only the control plane may call this, with a token that it signs."),
    "key_unknown": ErrorKind(403, "not authorized"),
    "key_read_only": ErrorKind(403, "not authorized: this key may only read. Use the environment's read-write key."),
    "token_invalid": ErrorKind(403, "The token isn't one that the control plane signed for this environment just now."),
    "upload_url_expired": ErrorKind(403, "The upload URL has expired. Ask for a new one."),
    "upload_url_invalid": ErrorKind(
        403, "The upload URL's signature isn't valid. Use the URL exactly as it was given."
    ),
    "not_found": ErrorKind(404, "There is nothing at this address. The paths of the API start with /api/v1."),
    "table_not_found": ErrorKind(404, "The table does not exist."),
    "column_not_found": ErrorKind(404, "The column does not exist."),
    "upload_not_found": ErrorKind(
        404, "There is no such upload for this table. Start one with POST /data/{table}/file."
    ),
    "job_not_found": ErrorKind(404, "No such job. A result is kept for 15 minutes after the job has finished."),
    "job_unfinished": ErrorKind(404, "The job hasn't finished yet. Ask for its status until it has a finishedAt."),
    "method_not_allowed": ErrorKind(405, "This address doesn't answer to this method."),
    "table_changed": ErrorKind(
        409, "The table was deleted or replaced meanwhile. Start again with the table as it is."
    ),
    "upload_unfinished": ErrorKind(
        409, "The file isn't read in yet. Ask for its status until that says finished, then for its refused lines."
    ),
    "epoch_stale": ErrorKind(409, "This epoch is over: another one has written since. Ask who writes now."),
    "request_too_large": ErrorKind(
        413, "The body is larger than 10,485,760 bytes. Send smaller batches, or upload a file."
    ),
    "upload_too_large": ErrorKind(413, "The file is larger than an upload may be. Split it into several uploads."),
    "internal": ErrorKind(500, "Something went wrong inside the database. Report the x-request-id of this answer."),
    "table_damaged": ErrorKind(
        500,
        "The stored data of this table is damaged, so it can't be read; other tables aren't touched. "
        "Restore the environment from a snapshot.",
    ),
    "job_lost": ErrorKind(500, "The process that ran the job ended before the job did. Start it again."),
    "jobs_full": ErrorKind(503, "Too many jobs are waiting. Try again when some of them have finished."),
    "key_check_unavailable": ErrorKind(503, "The key couldn't be checked at the moment. Try again shortly."),
    "uploads_unavailable": ErrorKind(503, "Uploads can't be prepared at the moment. Try again shortly."),
    "writes_paused": ErrorKind(
        503, "Writes are paused for a moment, and reads go on. Try again after the seconds that Retry-After says."
    ),
    "storage_failed": ErrorKind(
        503, "The disk refused the write, so nothing was stored. Try again; if it stays, see the logs."
    ),
    "query_timeout": ErrorKind(504, "The query took too long. Narrow it, or run it as a job."),
    "disk_full": ErrorKind(
        507, "The disk is full, so nothing was stored. Free some space or delete tables, then try again."
    ),
}


class AgentError(Exception):
    """A refusal that the caller gets as JSON: a code out of `ERRORS`, and a message that says what to do."""

    def __init__(self, code: str, message: str | None = None, *, retry_after_seconds: int | None = None) -> None:
        kind = ERRORS[code]
        super().__init__(message or kind.sentence)
        self.code = code
        self.status = kind.status
        self.message = message or kind.sentence
        self.retry_after_seconds = retry_after_seconds


class TableNotFound(AgentError):
    """No table has this name."""

    def __init__(self, table: str, message: str | None = None) -> None:
        super().__init__("table_not_found", message or f"No such table: {table}")
        self.table = table


class FieldNotFound(AgentError):
    """The table has no column of this name."""

    def __init__(self, field: str) -> None:
        super().__init__("field_not_found", f"field '{field}' not found")
        self.field = field


class SchemaInvalid(AgentError):
    """A schema that can't be used; the message names the table, the column and the rule."""

    def __init__(self, message: str) -> None:
        super().__init__("schema_invalid", message)


class RowInvalid(AgentError):
    """A row that doesn't fit its table; the message names the row, the field, the kind of value and the rule."""

    def __init__(self, message: str) -> None:
        super().__init__("row_invalid", message)


class CannotServe(Exception):
    """The agent can't start. The message is shown to the operator as it is: what happened, and what to do."""


class DamagedData(CannotServe):
    """Stored bytes don't check out. Never repaired silently; the message names the file and the offset."""
