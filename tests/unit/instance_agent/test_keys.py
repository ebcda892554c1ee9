"""Keys: the agent's own, the control plane's, and how long an answer is believed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr

from instance_agent.app import create_app
from instance_agent.auth import GOOD_SECONDS, UNKNOWN_SECONDS, Access, CachedKeys, OwnKeys
from instance_agent.control_plane import ControlPlane
from instance_agent.errors import AgentError, CannotServe
from instance_agent.settings import is_loopback
from tests.processes import free_port
from tests.unit.instance_agent.conftest import Caller, make_settings

ENVIRONMENT = UUID("7b0f7a52-6f0c-4d10-9a0e-0d8a6a1f9d11")
SECRET = "s" * 64
UNKNOWN = (403, {"error": {"code": "key_unknown", "type": "forbidden", "message": "", "param": None, "docs": ""}})


@dataclass
class Plane:
    """A control plane that answers what the test says, and remembers what it was asked."""

    url: str
    answer: tuple[int, Any] = UNKNOWN
    asked: list[tuple[str, Any, str]] = field(default_factory=list)


@contextmanager
def control_plane() -> Iterator[Plane]:
    plane = Plane("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            plane.asked.append((self.path, json.loads(body or b"null"), self.headers["Authorization"]))
            status, answer = plane.answer
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    plane.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield plane
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def plane() -> Iterator[Plane]:
    with control_plane() as running:
        yield running


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "service_secret"
    path.write_text(SECRET + "\n")
    return path


def test_own_keys_open_what_they_say() -> None:
    keys = OwnKeys(read_only="reader", read_write="writer")
    assert keys.access("reader") is Access.READ_ONLY
    assert keys.access("writer") is Access.READ_WRITE
    assert keys.access("write") is None
    assert keys.access("") is None
    assert OwnKeys(read_only=None, read_write="writer").access("") is None


def test_a_key_is_checked_with_a_token_of_this_environment(plane: Plane, secret_file: Path) -> None:
    checker = ControlPlane(plane.url + "/", ENVIRONMENT, secret_file)
    plane.answer = (200, {"access": "read_only"})
    assert checker.access("vakka_ro_x") is Access.READ_ONLY
    path, body, authorization = plane.asked[0]
    assert path == f"/v1/environments/{ENVIRONMENT}/keys/check"
    assert body == {"key": "vakka_ro_x"}
    token = jwt.decode(authorization.removeprefix("Bearer "), OctKey.import_key(SECRET), algorithms=["HS256"])
    assert (token.claims["iss"], token.claims["aud"], token.claims["sub"]) == ("agent", "api", str(ENVIRONMENT))
    assert token.claims["exp"] - token.claims["iat"] == 60
    UUID(token.claims["jti"])


def test_an_unknown_key_is_unknown(plane: Plane, secret_file: Path) -> None:
    assert ControlPlane(plane.url, ENVIRONMENT, secret_file).access("nope") is None


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"access": "everything"}),
        (200, {}),
        (200, b"<html>"),
        (200, []),
        (403, {"error": {"code": "token_invalid"}}),
        (403, {}),
        (401, {"error": {"code": "token_invalid"}}),
        (404, {"error": {"code": "environment_not_found"}}),
        (500, b""),
        (302, {}),
    ],
)
def test_any_other_answer_means_that_the_check_is_unavailable(
    plane: Plane, secret_file: Path, answer: tuple[int, Any]
) -> None:
    plane.answer = answer
    with pytest.raises(AgentError) as refused:
        ControlPlane(plane.url, ENVIRONMENT, secret_file).access("key")
    assert (refused.value.code, refused.value.retry_after_seconds) == ("key_check_unavailable", 1)


def test_a_control_plane_that_is_gone_means_the_same(secret_file: Path) -> None:
    with pytest.raises(AgentError, match="couldn't be checked"):
        ControlPlane(f"http://127.0.0.1:{free_port()}", ENVIRONMENT, secret_file).access("key")


class Answering:
    """A key check that counts."""

    def __init__(self) -> None:
        self.answer: Access | None = Access.READ_ONLY
        self.is_down = False
        self.asked = 0

    def access(self, key: str) -> Access | None:  # noqa: ARG002 - every key gets the same answer
        self.asked += 1
        if self.is_down:
            raise AgentError("key_check_unavailable")
        return self.answer


def test_good_answers_are_believed_for_five_minutes_also_while_nobody_can_be_asked() -> None:
    now = 1000.0
    inner = Answering()
    keys = CachedKeys(inner, clock=lambda: now)
    assert keys.access("a") is Access.READ_ONLY
    inner.is_down, inner.answer = True, None
    now += GOOD_SECONDS - 1
    assert keys.access("a") is Access.READ_ONLY
    assert inner.asked == 1
    now += 2
    with pytest.raises(AgentError):
        keys.access("a")
    inner.is_down = False
    assert keys.access("a") is None


def test_unknown_keys_are_asked_for_again_after_five_seconds() -> None:
    now = 1000.0
    inner = Answering()
    inner.answer = None
    keys = CachedKeys(inner, clock=lambda: now)
    assert keys.access("a") is None
    inner.answer = Access.READ_WRITE
    assert keys.access("a") is None
    now += UNKNOWN_SECONDS + 0.1
    assert keys.access("a") is Access.READ_WRITE


def test_the_cache_keeps_no_key_and_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instance_agent.auth.CACHE_SIZE", 10)
    keys = CachedKeys(Answering())
    for number in range(50):
        keys.access(f"key-{number}")
    assert len(keys._answers) == 10
    assert b"key-49" not in b"".join(keys._answers)


def test_an_agent_with_a_control_plane_asks_it_for_keys_and_upload_urls(
    plane: Plane, secret_file: Path, tmp_path: Path
) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    settings = make_settings(
        tmp_path,
        control_plane_url=plane.url,
        environment_id=ENVIRONMENT,
        service_secret_file=secret_file,
        uploads_dir=uploads,
    )
    call = Caller(create_app(settings), settings.data_dir, settings.logs_dir)
    plane.answer = UNKNOWN
    assert call("GET", "/api/v1/schema").status_code == 403, "the keys of the settings count for nothing then"
    plane.answer = (200, {"access": "read_write"})
    assert call("PUT", "/api/v1/schema/t", {"columns": {"n": {"type": "Int"}}}, key="other").status_code == 200
    upload_id = str(uuid4())
    url = f"http://127.0.0.1:1/{ENVIRONMENT}/{upload_id}?expires=1&signature=x"
    upload = {"id": upload_id, "url": url, "method": "PUT", "expires_at": "2026-01-01T00:20:00Z", "max_size_bytes": 5}
    plane.answer = (201, {"upload": upload})
    begun = json.loads(call("POST", "/api/v1/data/t/file", key="other").get_data())
    assert begun == {"id": upload_id, "url": url, "method": "PUT", "expires": "2026-01-01T00:20:00.000Z"}
    assert plane.asked[-1][0] == f"/v1/environments/{ENVIRONMENT}/uploads"
    assert call("POST", f"/api/v1/data/t/file/{upload_id}", key="other").status_code == 400
    (uploads / upload_id).write_bytes(b"not gzip")
    assert call("POST", f"/api/v1/data/t/file/{upload_id}", key="other").status_code == 200
    assert call.app.test_client().put(f"/uploads/{upload_id}").status_code == 404
    plane.answer = (500, b"")
    answer = call("POST", "/api/v1/data/t/file", key="other")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert json.loads(answer.get_data())["error"] == "uploads_unavailable"
    answer = call("GET", "/api/v1/schema", key="never-seen")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"read_write_key": None, "read_only_key": None}, "There are no API keys"),
        ({"read_write_key": "", "read_only_key": ""}, "There are no API keys"),
        ({"read_write_key": "same", "read_only_key": "same"}, "two different keys"),
        ({"disable_auth": True, "host": "0.0.0.0"}, "only on a loopback address"),  # noqa: S104 - refused
        ({"disable_auth": True, "host": "example.org"}, "only on a loopback address"),
        ({"control_plane_url": "http://127.0.0.1:1"}, "missing: VAKKA_AGENT_ENVIRONMENT_ID"),
    ],
)
def test_settings_that_would_leave_the_database_open_are_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(CannotServe, match=words):
        make_settings(tmp_path, **changes).check()


def test_without_auth_everything_is_open_on_loopback_only(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, disable_auth=True, read_write_key=None, read_only_key=None)
    call = Caller(create_app(settings), settings.data_dir, settings.logs_dir)
    assert call("PUT", "/api/v1/schema", {"schema": {}}, key=None).status_code == 200
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("10.0.0.1")


def test_settings_come_from_the_documented_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READ_WRITE_APIKEY", "writer")
    monkeypatch.setenv("APIKEY", "reader")
    settings = make_settings(tmp_path)
    assert settings.read_write_key == SecretStr("read-write-key-of-a-test"), "what the program says goes first"
    from instance_agent.settings import Settings

    settings = Settings(data_dir=tmp_path, logs_dir=tmp_path)
    assert (settings.read_write_key, settings.read_only_key) == (SecretStr("writer"), SecretStr("reader"))
    assert "writer" not in repr(settings)
