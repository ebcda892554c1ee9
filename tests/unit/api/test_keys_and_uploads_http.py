"""Keys and upload URLs over HTTP."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from tests.unit.api.world import World, body


def reveal(world: World, environment_id: str, access: str) -> str:
    response = world.call("POST", f"/v1/environments/{environment_id}/keys/reveal", json={"access": access})
    assert response.status_code == 200
    return str(body(response)["key"])


def check(world: World, environment_id: str, key: str) -> tuple[int, str]:
    response = world.client.post(
        f"/v1/environments/{environment_id}/keys/check", json={"key": key}, headers=world.agent_headers(environment_id)
    )
    answer = body(response)
    return response.status_code, str(answer["access"] if response.status_code == 200 else answer["error"]["code"])


@pytest.mark.parametrize(("access", "prefix"), [("read_only", "vakka_ro_"), ("read_write", "vakka_rw_")])
def test_a_revealed_key_checks_as_what_it_is(world: World, access: str, prefix: str) -> None:
    environment_id = world.running_environment()
    key = reveal(world, environment_id, access)
    assert re.fullmatch(re.escape(prefix) + "[A-Za-z0-9_-]{43}", key)
    assert reveal(world, environment_id, access) == key
    assert check(world, environment_id, key) == (200, access)


def test_a_key_that_is_not_this_environments_is_unknown(world: World) -> None:
    mine, other = world.running_environment("mine"), world.running_environment("other")
    key = reveal(world, other, "read_write")
    for wrong in (key, "", "vakka_ro_", reveal(world, mine, "read_only")[:-1], "å" * 40):
        assert check(world, mine, wrong) == (403, "key_unknown")


def test_the_list_of_keys_shows_no_key(world: World) -> None:
    environment_id = world.running_environment()
    response = world.call("GET", f"/v1/environments/{environment_id}/keys")
    keys = body(response)["keys"]
    assert [(key["access"], key["prefix"]) for key in keys] == [("read_only", "vakka_ro_"), ("read_write", "vakka_rw_")]
    assert reveal(world, environment_id, "read_only") not in response.text


def test_revealing_is_recorded_and_must_not_be_cached(world: World) -> None:
    environment_id = world.running_environment()
    response = world.call("POST", f"/v1/environments/{environment_id}/keys/reveal", json={"access": "read_write"})
    assert response.headers["Cache-Control"] == "no-store"
    [event] = world.rows("select * from events where kind = 'environment.key_revealed'")
    assert (event["actor_id"], event["team_id"], event["detail"]) == (world.account_id, world.team_id, "read_write")
    assert str(event["environment_id"]) == environment_id


@pytest.mark.parametrize("wrong", ["admin", None, 1])
def test_only_the_two_keys_can_be_revealed(world: World, wrong: object) -> None:
    environment_id = world.running_environment()
    response = world.call("POST", f"/v1/environments/{environment_id}/keys/reveal", json={"access": wrong})
    assert body(response)["error"]["code"] == "request_invalid"


def test_keys_die_when_the_delete_is_asked_for_not_when_it_is_done(world: World) -> None:
    environment_id = world.running_environment()
    key = reveal(world, environment_id, "read_write")
    operation_id = world.ask_to_delete(environment_id)
    assert check(world, environment_id, key) == (403, "key_unknown")
    response = world.call("POST", f"/v1/environments/{environment_id}/keys/reveal", json={"access": "read_only"})
    assert body(response)["error"]["code"] == "environment_not_running"
    world.advance(operation_id)
    assert check(world, environment_id, key) == (403, "key_unknown")


def test_an_environment_that_is_being_made_has_neither_keys_nor_uploads(world: World) -> None:
    environment_id, _ = world.ask_for()
    for method, path in (("GET", "keys"), ("POST", "uploads")):
        response = world.call(method, f"/v1/environments/{environment_id}/{path}")
        assert body(response)["error"]["code"] == "environment_not_running"


@pytest.mark.parametrize("by_agent", [False, True])
def test_an_upload_url_names_the_environment_and_lives_20_minutes(world: World, by_agent: bool) -> None:
    environment_id = world.running_environment()
    headers = world.agent_headers(environment_id) if by_agent else world.headers()
    response = world.client.post(f"/v1/environments/{environment_id}/uploads", headers=headers)
    assert response.status_code == 201
    upload = body(response)["upload"]
    url = urlsplit(upload["url"])
    assert url.path == f"/{environment_id}/{upload['id']}"
    assert UUID(upload["id"]).version == 4
    expires = datetime.fromisoformat(upload["expires_at"])
    assert parse_qs(url.query)["expires"] == [str(int(expires.timestamp()))]
    assert 1195 <= (expires - world.clock.now()).total_seconds() <= 1200
    assert upload["method"] == "PUT"
    assert upload["max_size_bytes"] == 5 * 1024**3
