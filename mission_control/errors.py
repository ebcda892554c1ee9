"""Every error that the console answers with: one table, one shape.

A browser gets a page with the title, the message and the request's id; a program that asks for JSON gets

    {"error": {"code": ..., "type": ..., "message": ..., "param": null, "docs": ...}}

Codes are stable; titles and messages may improve. A message says what happened and what to do, and never repeats
what was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ErrorType(StrEnum):
    """What a caller does about an error."""

    INVALID_REQUEST = "invalid_request"  # send something else
    UNAUTHORIZED = "unauthorized"  # sign in
    FORBIDDEN = "forbidden"  # not as this person
    NOT_FOUND = "not_found"  # look elsewhere
    CONFLICT = "conflict"  # the state of things doesn't allow it now
    TOO_LARGE = "too_large"  # send less
    UNAVAILABLE = "unavailable"  # wait for Retry-After
    INTERNAL = "internal"  # ours to mend


@dataclass(frozen=True)
class ErrorKind:
    """One row of the table."""

    status: int
    type: ErrorType
    title: str  # the heading of the page
    message: str  # what happened and what to do, when nothing more exact is known
    retry_after_seconds: int | None = None


_T = ErrorType
ERRORS: dict[str, ErrorKind] = {
    "bad_request": ErrorKind(
        400,
        _T.INVALID_REQUEST,
        "That request can't be understood",
        "Something in the address or the form is not as it should be. Go back, reload the page and try again.",
    ),
    "form_expired": ErrorKind(
        400,
        _T.INVALID_REQUEST,
        "This form has expired",
        "It belongs to an earlier session, or its token is missing. Nothing was changed. "
        "Go back, reload the page and try again.",
    ),
    "host_unknown": ErrorKind(
        400,
        _T.INVALID_REQUEST,
        "This isn't the console's address",
        "The request came for another host name. Open the console at its own address.",
    ),
    "sign_in_expired": ErrorKind(
        400,
        _T.INVALID_REQUEST,
        "That sign-in can't be used",
        "It has expired, was used already, or was begun in another browser. Sign in again.",
    ),
    "sign_in_failed": ErrorKind(
        400,
        _T.INVALID_REQUEST,
        "Sign-in didn't work",
        "The identity provider's answer could not be verified, so nobody was signed in. Sign in again; "
        "if it fails again, tell whoever runs this console and give them the request id below.",
    ),
    "signed_out": ErrorKind(
        401, _T.UNAUTHORIZED, "You are signed out", "Your session has ended. Sign in and do it again."
    ),
    "sign_in_denied": ErrorKind(
        403,
        _T.FORBIDDEN,
        "You weren't signed in",
        "The sign-in was cancelled, or the identity provider refused it. Sign in again, perhaps as somebody else.",
    ),
    "page_not_found": ErrorKind(
        404,
        _T.NOT_FOUND,
        "There is nothing here",
        "No page has this address. Check it, or start from your environments.",
    ),
    "environment_not_found": ErrorKind(
        404,
        _T.NOT_FOUND,
        "There is no such environment",
        "It may have been deleted, or it belongs to another team. Your environments are one click away.",
    ),
    "method_not_allowed": ErrorKind(
        405,
        _T.INVALID_REQUEST,
        "This page can't be used like that",
        "The address exists, but not for this kind of request. Go back and use the page's own buttons.",
    ),
    "environment_busy": ErrorKind(
        409,
        _T.CONFLICT,
        "The environment isn't ready for that",
        "It is being created, changed or deleted. Wait until it runs, then try again.",
    ),
    "too_large": ErrorKind(
        413, _T.TOO_LARGE, "That is too much", "The form is larger than the console accepts. Shorten it and try again."
    ),
    "internal": ErrorKind(
        500,
        _T.INTERNAL,
        "Something broke on our side",
        "It has been recorded. Try again; if it keeps happening, report the request id below.",
    ),
    "provider_unavailable": ErrorKind(
        503,
        _T.UNAVAILABLE,
        "Sign-in is unavailable",
        "The identity provider doesn't answer. Nothing is wrong with your account: wait a moment and try again.",
        retry_after_seconds=5,
    ),
    "control_plane_unavailable": ErrorKind(
        503,
        _T.UNAVAILABLE,
        "Environments can't be reached",
        "The control plane doesn't answer. Your environments go on serving: wait a moment and reload this page.",
        retry_after_seconds=5,
    ),
    "no_room": ErrorKind(
        503,
        _T.UNAVAILABLE,
        "There is no room for another environment",
        "Nothing was created. Delete an environment that you no longer need, or have more room made.",
        retry_after_seconds=30,
    ),
    "outcome_unknown": ErrorKind(
        503,
        _T.UNAVAILABLE,
        "It isn't known whether that worked",
        "The control plane didn't answer in time. Look at your environments before you try again.",
        retry_after_seconds=5,
    ),
    "database_unavailable": ErrorKind(
        503,
        _T.UNAVAILABLE,
        "The console is unavailable",
        "Its database doesn't answer. Your environments go on serving: wait a moment and reload this page.",
        retry_after_seconds=5,
    ),
}


class ConsoleError(Exception):
    """A request ends here, with the page of `code`. `message` replaces the table's where something exact is known."""

    def __init__(self, code: str, message: str | None = None, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.kind = ERRORS[code]
        self.message = message or self.kind.message
        self.retry_after_seconds = retry_after_seconds or self.kind.retry_after_seconds
