"""Every error that the control plane answers with: one table, one shape.

    {"error": {"code": ..., "type": ..., "message": ..., "param": ..., "docs": ...}}

Codes are stable; messages may improve. A message says what happened and what to do, and never repeats a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict


class ErrorType(StrEnum):
    """What a caller does about an error."""

    INVALID_REQUEST = "invalid_request"  # send something else
    UNAUTHORIZED = "unauthorized"  # authenticate
    FORBIDDEN = "forbidden"  # not with these credentials
    NOT_FOUND = "not_found"  # look elsewhere
    CONFLICT = "conflict"  # the state of things doesn't allow it now
    TOO_LARGE = "too_large"  # send less
    RATE_LIMITED = "rate_limited"  # wait for Retry-After
    UNAVAILABLE = "unavailable"  # wait for Retry-After
    INTERNAL = "internal"  # ours to mend


@dataclass(frozen=True)
class ErrorKind:
    """One row of the table: how a code is answered and what it says when nothing more exact is known."""

    status: int
    type: ErrorType
    message: str
    retry_after_seconds: int | None = None


_T = ErrorType
ERRORS: dict[str, ErrorKind] = {
    "json_invalid": ErrorKind(400, _T.INVALID_REQUEST, "The body isn't valid JSON. Send one JSON object."),
    "request_invalid": ErrorKind(422, _T.INVALID_REQUEST, "The request has a missing or wrong field."),
    "name_invalid": ErrorKind(422, _T.INVALID_REQUEST, "The name can't be used."),
    "idempotency_key_invalid": ErrorKind(
        422, _T.INVALID_REQUEST, "Idempotency-Key must be 1 to 255 printable ASCII characters. Send a fresh UUID."
    ),
    "idempotency_key_reused": ErrorKind(
        422,
        _T.INVALID_REQUEST,
        "This Idempotency-Key was used with another body. Send a new key for a new request.",
    ),
    "media_type_unsupported": ErrorKind(
        415, _T.INVALID_REQUEST, "The body must be JSON. Send it with Content-Type: application/json."
    ),
    "method_not_allowed": ErrorKind(405, _T.INVALID_REQUEST, "This address doesn't answer to this method."),
    "bad_request": ErrorKind(400, _T.INVALID_REQUEST, "The request can't be understood. Check it against the API."),
    "token_invalid": ErrorKind(
        401,
        _T.UNAUTHORIZED,
        "The service token is missing, expired or not valid here. Sign a new one and send it as a Bearer token.",
    ),
    "caller_not_allowed": ErrorKind(
        403, _T.FORBIDDEN, "This service may not make this call. Use the token of a service that may."
    ),
    "key_unknown": ErrorKind(403, _T.FORBIDDEN, "No such API key here. Copy the key of this environment again."),
    "upload_url_invalid": ErrorKind(
        403, _T.FORBIDDEN, "The upload URL isn't as it was signed, or its environment is gone. Ask for a new one."
    ),
    "upload_url_expired": ErrorKind(403, _T.FORBIDDEN, "The upload URL has expired. Ask for a new one."),
    "environment_not_found": ErrorKind(
        404, _T.NOT_FOUND, "There is no such environment. Check its id; it may have been deleted."
    ),
    "operation_not_found": ErrorKind(404, _T.NOT_FOUND, "There is no such operation. Check its id."),
    "route_not_found": ErrorKind(404, _T.NOT_FOUND, "There is nothing at this address. Check the path."),
    "name_taken": ErrorKind(409, _T.CONFLICT, "The team has an environment of this name already. Choose another name."),
    "operation_in_progress": ErrorKind(
        409, _T.CONFLICT, "Another operation is at work on this environment. Wait until it has ended."
    ),
    "environment_not_running": ErrorKind(
        409, _T.CONFLICT, "The environment isn't running. Wait until it is, or use another one."
    ),
    "body_too_large": ErrorKind(413, _T.TOO_LARGE, "The body is larger than this call accepts. Send less."),
    "upload_too_large": ErrorKind(413, _T.TOO_LARGE, "The file is larger than an upload may be. Split it."),
    "upload_truncated": ErrorKind(
        400, _T.INVALID_REQUEST, "The file ended before its announced length; nothing was kept. Send it again."
    ),
    "upload_too_slow": ErrorKind(
        408, _T.INVALID_REQUEST, "The file came too slowly; nothing was kept. Send it again over a better connection."
    ),
    "disk_full": ErrorKind(507, _T.UNAVAILABLE, "There is no room left for the file; nothing was kept. Free some."),
    "no_port_free": ErrorKind(
        503,
        _T.UNAVAILABLE,
        "Every port that environments may have is taken. Delete an environment, or allow more ports.",
        retry_after_seconds=30,
    ),
    "database_unavailable": ErrorKind(
        503, _T.UNAVAILABLE, "The control plane can't reach its database. Try again shortly.", retry_after_seconds=2
    ),
    "internal_error": ErrorKind(
        500, _T.INTERNAL, "Something went wrong on our side. Try again; if it stays so, tell the operators."
    ),
    # How a long operation may end; shown in `operation.error`, never the answer to a request.
    "delete_requested": ErrorKind(
        409, _T.CONFLICT, "The environment was deleted before this operation had ended. Nothing of it remains."
    ),
    "database_did_not_start": ErrorKind(
        500, _T.INTERNAL, "The database ended again and again while starting, so everything was taken back. Try again."
    ),
    "step_took_too_long": ErrorKind(
        500, _T.INTERNAL, "A step didn't come to an end in its time, so everything was taken back. Try again."
    ),
    "provider_refused": ErrorKind(
        500, _T.INTERNAL, "The machine refused a step, so everything was taken back. The operators' log says more."
    ),
    "clean_up_delayed": ErrorKind(
        500, _T.INTERNAL, "Removing takes longer than it should. It is tried on; the operators are told."
    ),
}


class ErrorFields(TypedDict):
    """The inside of an error answer."""

    code: str
    type: str
    message: str
    param: str | None
    docs: str


class ErrorBody(TypedDict):
    """The whole of an error answer."""

    error: ErrorFields


class ApiError(Exception):
    """An error to answer with. `code` is a key of ERRORS; message and param refine the table's row."""

    def __init__(self, code: str, message: str | None = None, *, param: str | None = None) -> None:
        self.code = code
        self.kind = ERRORS[code]
        self.message = message or self.kind.message
        self.param = param
        super().__init__(self.message)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.kind.status

    @property
    def headers(self) -> dict[str, str]:
        """Headers that go with the answer."""
        headers: dict[str, str] = {}
        if self.kind.retry_after_seconds is not None:
            headers["Retry-After"] = str(self.kind.retry_after_seconds)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers

    def body(self) -> ErrorBody:
        """The answer in its one shape."""
        return {
            "error": {
                "code": self.code,
                "type": self.kind.type.value,
                "message": self.message,
                "param": self.param,
                "docs": f"/docs/errors#{self.code}",
            }
        }
