"""Calls to the control plane: is this key good, and where may a file be put?"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import requests
import structlog
from joserfc import jwt
from joserfc.jwk import OctKey

from instance_agent.auth import Access
from instance_agent.errors import AgentError
from instance_agent.uploads.gateway import PreparedUpload

TOKEN_SECONDS = 60
TIMEOUTS_SECONDS = (2.0, 5.0)  # to connect, to answer
log = structlog.get_logger(__name__)


class Unreachable(Exception):
    """The control plane didn't answer, or not with what was agreed."""


class ControlPlane:
    """The control plane as one environment's agent sees it."""

    def __init__(self, url: str, environment_id: UUID, secret_file: Path) -> None:
        self._url = f"{url.rstrip('/')}/v1/environments/{environment_id}"
        self._environment_id = environment_id
        self._secret_file = secret_file

    def access(self, key: str) -> Access | None:
        """What this key may do, None when it is unknown. Raises AgentError key_check_unavailable."""
        try:
            status, answer = self._post("/keys/check", {"key": key})
            if status == requests.codes.ok:
                return Access(answer["access"])
            if status == requests.codes.forbidden and answer["error"]["code"] == "key_unknown":
                return None
            raise Unreachable(f"status {status}")
        except (Unreachable, KeyError, TypeError, ValueError) as error:
            log.warning("key_check_failed", reason=type(error).__name__)
            raise AgentError("key_check_unavailable", retry_after_seconds=1) from None

    def prepare_upload(self) -> PreparedUpload:
        """A new place for one file. Raises AgentError uploads_unavailable."""
        try:
            status, answer = self._post("/uploads", None)
            if status != requests.codes.created:
                raise Unreachable(f"status {status}")
            upload = answer["upload"]
            return PreparedUpload(UUID(upload["id"]), str(upload["url"]), datetime.fromisoformat(upload["expires_at"]))
        except (Unreachable, KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("upload_not_prepared", reason=type(error).__name__)
            raise AgentError("uploads_unavailable", retry_after_seconds=1) from None

    def _post(self, path: str, body: dict[str, str] | None) -> tuple[int, Any]:
        """Raises Unreachable."""
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the environment must never see keys
            try:
                answer = session.post(
                    self._url + path,
                    json=body,
                    headers={"Authorization": f"Bearer {self._token()}"},
                    timeout=TIMEOUTS_SECONDS,
                    allow_redirects=False,
                )
                return answer.status_code, answer.json()
            except (requests.RequestException, OSError) as error:
                raise Unreachable(type(error).__name__) from None

    def _token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": "agent",
            "aud": "api",
            "sub": str(self._environment_id),
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": str(uuid4()),
        }
        secret = self._secret_file.read_text().strip()
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))
