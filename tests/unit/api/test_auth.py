"""Service tokens: who may call, and what is refused."""

from __future__ import annotations

import base64
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr

from api.adapters.derivation import agent_secret
from tests.unit.api.world import (
    CONSOLE_SECRET,
    MASTER_SECRET,
    World,
    agent_token,
    bearer,
    body,
    console_token,
)


def refused(world: World, headers: dict[str, str]) -> bool:
    response = world.client.get("/v1/environments", headers=headers)
    return response.status_code == 401 and body(response)["error"]["code"] == "token_invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "mission_control"},
        {"iss": "agent"},
        {"iss": "somebody"},
        {"sub": "not-an-id"},
        {"act": "not-an-id"},
        {"exp": 1},
        {"iat": 4_000_000_000, "exp": 4_000_000_060},
        {"exp": 4_000_000_000},
        {"iat": "now"},
        {"iat": True},
        {"iat": -1, "exp": True},
        {"sub": 5},
        {"act": 5},
        {"act": ["a"]},
        {"iss": ["mission_control"]},
        {"aud": ["somebody"]},
        *({name: None} for name in ("iss", "aud", "sub", "act", "iat", "exp", "jti")),
    ],
)
def test_a_token_with_a_wrong_or_missing_claim_is_refused(world: World, changes: dict[str, Any]) -> None:
    token = console_token(team_id=uuid4(), account_id=uuid4(), now=world.clock.now(), **changes)
    assert refused(world, bearer(token))


@pytest.mark.parametrize("claims", [b"[" * 5000, b"5", b"{", b'{"iss": "agent", "sub": {}}', b"\xff", b""])
def test_a_token_with_claims_that_are_no_object_is_refused(world: World, claims: bytes) -> None:
    head = base64.urlsafe_b64encode(b'{"alg": "HS256"}').decode()
    assert refused(world, bearer(f"{head}.{base64.urlsafe_b64encode(claims).rstrip(b'=').decode()}.x"))


def test_a_token_signed_with_another_secret_is_refused(world: World) -> None:
    other = console_token(team_id=uuid4(), account_id=uuid4(), now=world.clock.now(), secret="x" * 40)
    assert refused(world, bearer(other))


def test_a_changed_token_is_refused(world: World) -> None:
    token = console_token(team_id=uuid4(), account_id=uuid4(), now=world.clock.now())
    head, payload, signature = token.split(".")
    for changed in (f"{head}.{payload}.{signature[::-1]}", f"{head}.{payload[:-2]}.{signature}", f"{head}.{payload}."):
        assert refused(world, bearer(changed))


@pytest.mark.filterwarnings("ignore:JWS algorithm")
def test_a_token_with_another_algorithm_is_refused(world: World) -> None:
    claims = jwt.decode(
        console_token(team_id=uuid4(), account_id=uuid4(), now=world.clock.now()), OctKey.import_key(CONSOLE_SECRET)
    ).claims
    stronger = jwt.encode({"alg": "HS512"}, claims, OctKey.import_key(CONSOLE_SECRET), algorithms=["HS512"])
    unsigned = jwt.encode({"alg": "none"}, claims, OctKey.import_key(CONSOLE_SECRET), algorithms=["none"])
    assert refused(world, bearer(stronger))
    assert refused(world, bearer(unsigned))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer å.b.c"])
def test_a_request_without_a_token_is_refused(world: World, header: str | None) -> None:
    assert refused(world, {} if header is None else {"Authorization": header})


def test_a_token_lives_a_minute(world: World) -> None:
    headers = world.headers()
    assert world.client.get("/v1/environments", headers=headers).status_code == 200
    world.clock.move(seconds=70)
    assert refused(world, headers)


def test_an_agent_may_not_make_the_consoles_calls(world: World) -> None:
    environment_id = world.running_environment()
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/keys"), ("POST", "/keys/reveal")):
        response = world.client.open(
            f"/v1/environments/{environment_id}{path}",
            method=method,
            headers=world.agent_headers(environment_id),
            json={"access": "read_only"} if method == "POST" else None,
        )
        assert body(response)["error"]["code"] == "caller_not_allowed", path


def test_the_console_may_not_make_the_agents_calls(world: World) -> None:
    environment_id = world.running_environment()
    response = world.call("POST", f"/v1/environments/{environment_id}/keys/check", json={"key": "vakka_ro_x"})
    assert body(response)["error"]["code"] == "caller_not_allowed"


def test_an_agent_cannot_speak_for_another_environment(world: World) -> None:
    mine, other = world.running_environment("mine"), world.running_environment("other")
    response = world.client.post(f"/v1/environments/{other}/uploads", headers=world.agent_headers(mine))
    assert response.status_code == 404
    forged = agent_token(
        world.rows("select id from environments where id = %s", other)[0]["id"],
        now=world.clock.now(),
        signed_for=world.rows("select id from environments where id = %s", mine)[0]["id"],
    )
    response = world.client.post(f"/v1/environments/{other}/uploads", headers=bearer(forged))
    assert response.status_code == 401


def test_the_console_cannot_speak_as_an_agent_with_its_own_secret(world: World) -> None:
    environment_id = world.running_environment()
    now = int(world.clock.now().timestamp())
    claims = {"iss": "agent", "aud": "api", "sub": environment_id, "iat": now, "exp": now + 60, "jti": "1"}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CONSOLE_SECRET))
    assert refused(world, bearer(token))


def test_an_agents_token_is_no_leave_for_another_teams_environment(world: World) -> None:
    environment_id = world.running_environment()
    path = f"/v1/environments/{environment_id}/uploads"
    assert world.call("POST", path, team_id=uuid4()).status_code == 404
    assert world.call("POST", path).status_code == 201


def test_secrets_of_agents_differ_and_come_from_the_master_secret() -> None:
    one, two = uuid4(), uuid4()
    assert agent_secret(SecretStr(MASTER_SECRET), one) == agent_secret(SecretStr(MASTER_SECRET), one)
    assert agent_secret(SecretStr(MASTER_SECRET), one) != agent_secret(SecretStr(MASTER_SECRET), two)
    assert agent_secret(SecretStr(MASTER_SECRET), one) != agent_secret(SecretStr(MASTER_SECRET[::-1]), one)


def test_health_and_the_description_need_no_token(world: World) -> None:
    assert body(world.client.get("/health")) == {"status": "ok"}
    assert world.client.get("/v1/openapi.json").status_code == 200
