"""What the OpenAPI document says of every call of a kind."""

from __future__ import annotations

from typing import Any

from api.errors import ErrorType

SERVICE_TOKEN = "ServiceToken"  # noqa: S105 - the name of a scheme, not a token
SECURITY_SCHEMES: dict[str, Any] = {
    SERVICE_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of at most 60 s, signed by Mission Control or by the agent of an environment.",
    }
}
CONSOLE_CALL: dict[str, Any] = {"security": SERVICE_TOKEN, "description": "Called by Mission Control, for a team."}
AGENT_CALL: dict[str, Any] = {"security": SERVICE_TOKEN, "description": "Called by the environment's own agent."}
EITHER_CALL: dict[str, Any] = {
    "security": SERVICE_TOKEN,
    "description": "Called by Mission Control, for a team, or by the environment's own agent.",
}

IDEMPOTENCY_HEADER = "Idempotency-Key"
_IDEMPOTENT_CALLS = (("/v1/environments", "post"),)
_TEXT: dict[str, Any] = {"type": "string"}
ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "type", "message", "param", "docs"],
            "properties": {
                "code": _TEXT,
                "type": {"type": "string", "enum": [kind.value for kind in ErrorType]},
                "message": _TEXT,
                "param": {"type": ["string", "null"]},
                "docs": _TEXT,
            },
        }
    },
}


def add_idempotency_header(document: dict[str, Any] | str) -> dict[str, Any] | str:
    """The document with the header on every call that takes it."""
    if isinstance(document, str):
        raise TypeError("the document is made as JSON")
    for path, method in _IDEMPOTENT_CALLS:
        document["paths"][path][method]["parameters"].append(
            {
                "name": IDEMPOTENCY_HEADER,
                "in": "header",
                "required": False,
                "description": "The same key within 24 hours gives the same answer and does nothing twice.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    return document
