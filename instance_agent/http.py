"""JSON in, JSON out: bodies read strictly, answers and errors in the published shape."""

from __future__ import annotations

import msgspec
from flask import Request, Response, request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from werkzeug.exceptions import ClientDisconnected

from instance_agent.errors import AgentError
from instance_agent.limits import LARGEST_BODY_BYTES
from instance_agent.schema.types import JsonValue

BROKEN_BODY = (ClientDisconnected, OSError, ParseException)  # what reading a body raises when the client broke off
INCOMPLETE = "The body didn't arrive whole. Send it again."
LARGEST_DRAIN_BYTES = 64 * 1024 * 1024

_plain = msgspec.json.Encoder()
_sorted = msgspec.json.Encoder(order="deterministic")


def body() -> bytes:
    """The request's body, whole. Raises AgentError request_invalid, request_too_large."""
    try:
        content = request.get_data(cache=False)
        if len(content) == LARGEST_BODY_BYTES and request.environ["wsgi.input"].read(1):
            raise AgentError("request_too_large")  # a body of unannounced length was only read up to the limit
    except BROKEN_BODY:
        raise AgentError("request_invalid", INCOMPLETE) from None
    if request.content_length is not None and len(content) != request.content_length:
        raise AgentError("request_invalid", INCOMPLETE)
    return content


def json_body() -> JsonValue:
    """The JSON value that the request's body is. Raises AgentError json_malformed, and what `body` raises."""
    return parse_json(body())


def parse_json(content: bytes) -> JsonValue:
    """The JSON value that `content` is. Raises AgentError json_malformed, which never quotes the content."""
    if not content.strip():
        raise AgentError("json_malformed", "The body is empty, and a JSON document is expected.")
    try:
        value: JsonValue = msgspec.json.decode(content)
    except UnicodeDecodeError as error:
        raise AgentError("json_malformed", f"The body isn't UTF-8: see byte {error.start} of a text in it.") from None
    except RecursionError:
        raise AgentError("json_malformed", "The body is nested too deeply.") from None
    except msgspec.DecodeError as error:
        raise AgentError("json_malformed", f"The body isn't valid JSON: {error}.") from None
    return value


def json_answer(value: JsonValue, status: int = 200, *, sort_keys: bool = False) -> Response:
    """`value` as the answer; with sort_keys every object's keys in alphabetical order."""
    content = (_sorted if sort_keys else _plain).encode(value)
    return Response(content, status=status, content_type="application/json")


def error_answer(error: AgentError) -> Response:
    """The published flat error, with our stable code beside it."""
    answer = json_answer({"message": error.message, "status": error.status, "error": error.code}, error.status)
    if error.retry_after_seconds is not None:
        answer.headers["Retry-After"] = str(error.retry_after_seconds)
    return answer


def drain(current: Request) -> None:
    """Read what is left of a refused body, up to a limit: a client that still sends wouldn't see the answer."""
    stream = current.environ["wsgi.input"]
    left = LARGEST_DRAIN_BYTES
    if not current.environ.get("wsgi.input_terminated"):
        left = min(left, current.content_length or 0)
    try:
        while left > 0 and (part := stream.read(min(left, 65_536))):
            left -= len(part)
    except BROKEN_BODY:
        return  # the client is gone: there is nobody to answer
