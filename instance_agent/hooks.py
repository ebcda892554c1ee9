"""What happens around every request: permission, limits, headers, the line in api_calls.log, errors as JSON."""

from __future__ import annotations

import time
from uuid import uuid4

import structlog
from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from instance_agent.auth import Access, ServiceTokens, authorize, needed_access, permit
from instance_agent.context import AS_A_JOB, agent
from instance_agent.engine.pause import RETRY_AFTER_SECONDS
from instance_agent.errors import AgentError, CannotServe
from instance_agent.http import drain, error_answer
from instance_agent.limits import LARGEST_BODY_BYTES
from instance_agent.log import API_CALLS, place_of

HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-allow-credentials": "true",
    "access-control-allow-headers": "Content-Type, X-Amz-Date, Authorization, X-Api-Key, X-Amz-Security-Token",
    "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS, HEAD, PATCH, CONNECT",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-xss-protection": "1; mode=block",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "geolocation=(), microphone=(), camera=()",
    "cache-control": "no-store",
}
KNOWN_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"})
API = "/api/"
INTERNAL = "/internal/"
UPLOADS_ENDPOINT = "service.receive_upload"

log = structlog.get_logger(__name__)
calls = structlog.get_logger(API_CALLS)


def install(app: Flask) -> None:
    """Put these hooks around all requests of `app`."""
    app.before_request(_begin)
    app.before_request(_answer_options)
    app.before_request(_refuse_large_body)
    app.before_request(_check_key)
    app.before_request(_refuse_writes_while_paused)
    app.after_request(_complete)
    app.register_error_handler(AgentError, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def _begin() -> None:
    g.started = time.perf_counter()
    g.request_id = str(uuid4())


def _answer_options() -> Response | None:
    return Response(status=200) if request.method == "OPTIONS" else None


def _refuse_large_body() -> None:
    if request.endpoint != UPLOADS_ENDPOINT and (request.content_length or 0) > LARGEST_BODY_BYTES:
        raise AgentError("request_too_large")


def _check_key() -> None:
    tokens = ServiceTokens.of(agent().settings) if _is_below(INTERNAL) else None
    granted = request.environ.get(AS_A_JOB)
    if isinstance(granted, Access):
        permit(granted, _needed_access())
    elif tokens is not None:
        tokens.check(request.headers.get("Authorization"))
    elif _is_below(API) or _is_below(INTERNAL):
        authorize(agent().keys, request.headers.get("x-api-key"), _needed_access())


def _is_below(prefix: str) -> bool:
    """Is a view of this part of the program requested?"""
    return request.url_rule is not None and request.url_rule.rule.startswith(prefix)


def _needed_access() -> Access:
    return needed_access(current_app.view_functions.get(request.endpoint or ""))


def _refuse_writes_while_paused() -> None:
    """At once, without waiting for the writer's turn; also what begins a write that is committed later."""
    writes = _is_below(API) and _needed_access() is Access.READ_WRITE and request.method not in ("GET", "HEAD")
    if writes and agent().database.paused.paused:
        raise AgentError("writes_paused", retry_after_seconds=RETRY_AFTER_SECONDS)


def _refused(error: AgentError) -> Response:
    if error.status == 413:
        drain(request)
    return error_answer(error)


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return _refused(AgentError("request_too_large"))
    if error.code == 405:
        answer = error_answer(AgentError("method_not_allowed"))
        answer.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return answer
    if error.code == 404:
        return error_answer(AgentError("not_found"))
    if error.code is not None and error.code < 500:
        return error_answer(AgentError("request_invalid"))
    return _unexpected(error)


def _unexpected(error: Exception) -> Response:
    reason = str(error) if isinstance(error, CannotServe) else None  # these texts hold no data, others may
    log.error(
        "internal_error", request_id=g.request_id, error=type(error).__name__, reason=reason, places=place_of(error)
    )
    return error_answer(AgentError("internal"))


def _complete(response: Response) -> Response:
    duration_ms = (time.perf_counter() - g.started) * 1000
    response.headers.update(HEADERS)
    response.headers["x-aitoai-response-time"] = f"{duration_ms:.2f}"
    response.headers["x-request-id"] = g.request_id
    calls.info(
        "api_call",
        method=request.method if request.method in KNOWN_METHODS else "other",
        route=request.url_rule.rule if request.url_rule is not None else None,
        status=response.status_code,
        request_bytes=request.content_length,
        response_bytes=response.calculate_content_length(),
        duration_ms=round(duration_ms, 2),
        request_id=g.request_id,
    )
    return response
