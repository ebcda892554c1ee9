"""Every error as a page of the console, as JSON for programs, or as a short word to htmx."""

from __future__ import annotations

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from mission_control.errors import ERRORS, ConsoleError
from mission_control.log import get_logger

logger = get_logger("errors")

_BY_STATUS = {404: "page_not_found", 405: "method_not_allowed", 413: "too_large"}


def init_app(app: Flask) -> None:
    """Nothing leaves the app as another's error page."""
    app.register_error_handler(ConsoleError, answer)
    app.register_error_handler(CSRFError, lambda _: answer(ConsoleError("form_expired")))
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unexpected)


def answer(error: ConsoleError) -> Response:
    """The response for one error."""
    if "HX-Request" in request.headers:
        response = _to_htmx(error)
    elif request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        response = _as_json(error)
    else:
        response = make_response(render_template("pages/error.html", error=error, request_id=g.get("request_id", "")))
    response.status_code = error.kind.status
    response.headers["X-Error-Code"] = error.code
    if error.retry_after_seconds:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _as_json(error: ConsoleError) -> Response:
    body = {
        "code": error.code,
        "type": error.kind.type.value,
        "message": error.message,
        "param": None,
        "docs": f"/docs/errors#{error.code}",
    }
    return jsonify({"error": body})


def _to_htmx(error: ConsoleError) -> Response:
    """A sentence for app.js to show; where the page itself is out of date, the order to load it again."""
    response = make_response(error.message)
    response.mimetype = "text/plain"
    if error.code in {"signed_out", "environment_not_found", "form_expired"}:
        response.headers["HX-Refresh"] = "true"
    return response


def _answer_http(error: HTTPException) -> Response:
    original = getattr(error, "original_exception", None)
    if isinstance(original, ConsoleError):
        return answer(original)
    if original is not None:
        return _answer_unexpected(original)
    if error.code is not None and error.code < 400:
        return make_response(error.get_response())
    code = _BY_STATUS.get(error.code or 500) or ("bad_request" if (error.code or 500) < 500 else "internal")
    response = answer(ConsoleError(code))
    if error.code == 405:
        response.headers["Allow"] = dict(error.get_headers()).get("Allow", "")
    return response


def _answer_unexpected(error: Exception) -> Response:
    logger.error("unexpected_error", exc_info=error, page=request.endpoint)
    return answer(ConsoleError("internal"))


assert set(_BY_STATUS.values()) <= set(ERRORS)  # noqa: S101  (a typing error here would hide every other error)
