"""The control plane's HTTP application."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, current_app, g, jsonify, request
from werkzeug.exceptions import HTTPException

from api import log
from api.adapters.derivation import agent_secret
from api.auth import Authenticator
from api.context import EXTENSION, Services
from api.errors import ApiError
from api.ports import Ports
from api.routes import environments, health, keys, operations, uploads
from api.routes.documented import ERROR_SCHEMA, SECURITY_SCHEMES, add_idempotency_header
from api.settings import Settings
from api.store.database import Database, DatabaseUnavailable

MAX_BODY_BYTES = 64 * 1024
QUIET_PATHS = {"/health"}

_CODE_OF_STATUS = {
    400: "bad_request",
    404: "route_not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "media_type_unsupported",
    422: "request_invalid",
}

logger = log.get_logger("http")


def create_app(ports: Ports, settings: Settings) -> APIFlask:
    """The application over these ports; it opens its database pool and answers 503 while that has no server."""
    app = APIFlask("api", title="Vakka control plane", version="1", spec_path=None, docs_path=None)
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        HTTP_ERROR_SCHEMA=ERROR_SCHEMA,
        VALIDATION_ERROR_SCHEMA=ERROR_SCHEMA,
        AUTO_404_RESPONSE=False,
        INFO={"description": "Environments, their keys, uploads and operations."},
    )
    app.security_schemes = SECURITY_SCHEMES
    app.spec_processor(add_idempotency_header)
    app.extensions[EXTENSION] = Services(
        database=Database(settings.database_url, pool_size=settings.database_pool_size),
        ports=ports,
        authenticator=Authenticator(
            console_secret=settings.console_secret,
            agent_secret=partial(agent_secret, settings.master_secret),
            clock=ports.clock,
        ),
    )
    for module in (environments, operations, keys, uploads, health):
        app.register_blueprint(module.blueprint)
    _log_requests(app)
    _take_json_only(app)
    _answer_errors(app)
    return app


def _take_json_only(app: APIFlask) -> None:
    @app.before_request
    def check() -> None:
        if request.content_length and not request.is_json:
            raise ApiError("media_type_unsupported")


def _answer_errors(app: APIFlask) -> None:
    @app.errorhandler(ApiError)
    def api_error(error: ApiError) -> Response:
        return _respond(error)

    @app.errorhandler(DatabaseUnavailable)
    def database_unavailable(_error: DatabaseUnavailable) -> Response:
        return _respond(ApiError("database_unavailable"))

    @app.error_processor
    def framework_error(error: HTTPError) -> Any:
        return _respond(_from_framework(error))

    @app.errorhandler(RecursionError)
    def nested_too_deeply(_error: RecursionError) -> Response:
        return _respond(ApiError("json_invalid", "The body is nested too deeply. Send one flat JSON object."))

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Any:
        if isinstance(error, HTTPException):
            return app.error_callback(HTTPError(error.code or 500))
        logger.error("request_crashed", endpoint=request.endpoint, exc_info=error)
        return _respond(ApiError("internal_error"))


def _from_framework(error: HTTPError) -> ApiError:
    """What Flask or the validation of a body refused, in our words."""
    fields = error.detail.get("json") if isinstance(error.detail, dict) else None
    if error.status_code == 422 and isinstance(fields, dict) and fields:
        field = str(next(iter(fields)))
        if field == "_schema":
            return ApiError("request_invalid", "The body must be a JSON object with the fields of this call.")
        return ApiError("request_invalid", f"The field {field!r} is missing, unknown or of a wrong kind.", param=field)
    if error.status_code == 400 and request.mimetype == "application/json":
        return ApiError("json_invalid")
    return ApiError(_CODE_OF_STATUS.get(error.status_code, "internal_error"))


def _respond(error: ApiError) -> Response:
    response = jsonify(error.body())
    response.status_code = error.status
    response.headers.update(error.headers)
    if error.status == 405:
        adapter = current_app.create_url_adapter(request)
        response.headers["Allow"] = ", ".join(sorted(adapter.allowed_methods())) if adapter else ""
    return response


def _log_requests(app: APIFlask) -> None:
    @app.before_request
    def start() -> None:
        g.started = time.monotonic()

    @app.after_request
    def finish(response: Response) -> Response:
        if request.path not in QUIET_PATHS:
            logger.info(
                "request",
                method=request.method,
                route=request.url_rule.rule if request.url_rule else None,
                status=response.status_code,
                milliseconds=round((time.monotonic() - g.started) * 1000, 1),
                ids={name: str(value) for name, value in (request.view_args or {}).items()},
            )
        return response
