"""One id and one log line per request: which page, which status, how long, whose account. No address, no content."""

from __future__ import annotations

import time
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request

from mission_control.accounts.gate import browser_session
from mission_control.log import get_logger

logger = get_logger("request")
_SILENT = {"static", "health.show"}


def init_app(app: Flask) -> None:
    """Give every request an id and write its line when it has been answered."""

    @app.before_request
    def begin() -> None:
        g.request_id = str(uuid4())
        g.began = time.monotonic()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        if request.endpoint in _SILENT and response.status_code < 500:
            return response
        person = browser_session().person
        logger.info(
            "request",
            method=request.method,
            page=request.endpoint,
            status=response.status_code,
            milliseconds=round((time.monotonic() - g.get("began", time.monotonic())) * 1000),
            account_id=str(person.account_id) if person else None,
        )
        return response
