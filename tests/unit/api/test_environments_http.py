"""/v1/environments over HTTP: names, teams, idempotency, bad input."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from api import log
from api.errors import ERRORS
from tests.unit.api.world import World, body

NOBODY = UUID("5b1f0c1e-8a43-4f0e-9a55-0d5f6c1f7d11")


def code_of(response: Any) -> str:
    error = body(response)["error"]
    assert set(error) == {"code", "type", "message", "param", "docs"}
    assert error["type"] == ERRORS[error["code"]].type
    assert response.status_code == ERRORS[error["code"]].status
    return str(error["code"])


def test_environments_are_listed_newest_first_without_deleted_ones(world: World) -> None:
    first, second = world.running_environment("first"), world.running_environment("second")
    gone = world.running_environment("gone")
    world.advance(world.ask_to_delete(gone))
    listed = body(world.call("GET", "/v1/environments"))["environments"]
    assert [environment["id"] for environment in listed] == [second, first]
    assert set(listed[0]) == {"id", "name", "state", "url", "created_at", "current_operation_id"}
    assert listed[0]["created_at"].endswith("Z")


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "tab\there", "zero\u200bwidth"])
def test_a_name_that_cannot_be_used_is_refused_with_the_reason(world: World, name: str) -> None:
    response = world.call("POST", "/v1/environments", json={"name": name})
    assert code_of(response) == "name_invalid"
    assert body(response)["error"]["param"] == "name"
    assert world.rows("select * from environments") == []


def test_a_name_is_trimmed_and_may_have_any_letters(world: World) -> None:
    environment_id, _ = world.ask_for("  Mökki & kauppa 2  ")
    assert world.environment(environment_id)["name"] == "Mökki & kauppa 2"


def test_a_name_is_taken_per_team_whatever_its_case(world: World) -> None:
    world.ask_for("Shop")
    assert code_of(world.call("POST", "/v1/environments", json={"name": "shop"})) == "name_taken"
    other = world.call("POST", "/v1/environments", json={"name": "shop"}, team_id=uuid4())
    assert other.status_code == 202


def test_two_posts_of_one_name_at_once_make_one_environment(world: World) -> None:
    def post(_: int) -> int:
        client = world.client.application.test_client()
        headers = world.headers()
        return int(client.post("/v1/environments", json={"name": "shop"}, headers=headers).status_code)

    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(post, range(8)))
    assert statuses == [202] + [409] * 7
    assert len(world.rows("select * from environments")) == 1
    assert len(world.rows("select * from operations")) == 1
    assert len(world.rows("select * from procrastinate_jobs")) == 1
    assert len(world.rows("select * from events")) == 1


@pytest.mark.parametrize(
    ("content", "content_type", "code"),
    [
        ("{", "application/json", "json_invalid"),
        ("", "application/json", "json_invalid"),
        ("[]", "application/json", "request_invalid"),
        ("{}", "application/json", "request_invalid"),
        ('{"name": 5}', "application/json", "request_invalid"),
        ('{"name": "a", "colour": "b"}', "application/json", "request_invalid"),
        ('{"name": "a"}', "text/plain", "media_type_unsupported"),
        ('{"name": "' + "a" * 70_000 + '"}', "application/json", "body_too_large"),
    ],
)
def test_a_body_that_is_not_understood_is_refused(world: World, content: str, content_type: str, code: str) -> None:
    response = world.call("POST", "/v1/environments", data=content, headers={"Content-Type": content_type})
    assert code_of(response) == code
    assert world.rows("select * from environments") == []


def test_the_field_at_fault_is_named(world: World) -> None:
    error = body(world.call("POST", "/v1/environments", json={"colour": "shop"}))["error"]
    assert error["param"] == "name"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", "route_not_found"),
        ("GET", "/v1/environments/not-an-id", "route_not_found"),
        ("PATCH", "/v1/environments", "method_not_allowed"),
        ("GET", f"/v1/environments/{NOBODY}", "environment_not_found"),
        ("DELETE", f"/v1/environments/{NOBODY}", "environment_not_found"),
        ("GET", f"/v1/environments/{NOBODY}/operations", "environment_not_found"),
        ("GET", f"/v1/environments/{NOBODY}/keys", "environment_not_found"),
        ("POST", f"/v1/environments/{NOBODY}/uploads", "environment_not_found"),
        ("GET", f"/v1/operations/{NOBODY}", "operation_not_found"),
    ],
)
def test_what_is_not_there_is_answered_in_our_shape(world: World, method: str, path: str, code: str) -> None:
    assert code_of(world.call(method, path)) == code


def test_another_team_sees_nothing_of_an_environment(world: World) -> None:
    environment_id = world.running_environment()
    operation_id = body(world.call("GET", f"/v1/environments/{environment_id}/operations"))["operations"][0]["id"]
    stranger = uuid4()
    base = f"/v1/environments/{environment_id}"
    for method, path, options in (
        ("GET", base, {}),
        ("DELETE", base, {}),
        ("GET", f"{base}/operations", {}),
        ("GET", f"{base}/keys", {}),
        ("POST", f"{base}/keys/reveal", {"json": {"access": "read_only"}}),
        ("POST", f"{base}/uploads", {}),
        ("GET", f"/v1/operations/{operation_id}", {}),
    ):
        assert world.call(method, path, team_id=stranger, **options).status_code == 404, path
    assert body(world.call("GET", "/v1/environments", team_id=stranger)) == {"environments": []}
    assert world.environment(environment_id)["state"] == "running"


def test_the_same_idempotency_key_gives_the_same_answer_and_one_environment(world: World) -> None:
    headers = {"Idempotency-Key": "first try"}
    first = world.call("POST", "/v1/environments", json={"name": "shop"}, headers=headers)
    second = world.call("POST", "/v1/environments", json={"name": "shop"}, headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert body(first) == body(second)
    assert len(world.rows("select * from environments")) == 1


def test_an_idempotency_key_with_another_body_is_refused(world: World) -> None:
    headers = {"Idempotency-Key": "first try"}
    world.call("POST", "/v1/environments", json={"name": "shop"}, headers=headers)
    response = world.call("POST", "/v1/environments", json={"name": "other"}, headers=headers)
    assert code_of(response) == "idempotency_key_reused"


def test_an_idempotency_key_is_a_teams_own_and_forgotten_after_a_day(world: World) -> None:
    headers = {"Idempotency-Key": "first try"}
    world.call("POST", "/v1/environments", json={"name": "shop"}, headers=headers)
    other_team = world.call("POST", "/v1/environments", json={"name": "else"}, headers=headers, team_id=uuid4())
    assert other_team.status_code == 202
    world.clock.move(hours=24, seconds=1)
    response = world.call("POST", "/v1/environments", json={"name": "shop"}, headers=headers)
    assert code_of(response) == "name_taken"


def test_a_refused_request_does_not_use_up_its_idempotency_key(world: World) -> None:
    world.ask_for("shop")
    headers = {"Idempotency-Key": "k"}
    assert code_of(world.call("POST", "/v1/environments", json={"name": "shop"}, headers=headers)) == "name_taken"
    assert world.call("POST", "/v1/environments", json={"name": "shop 2"}, headers=headers).status_code == 202


def test_eight_sendings_with_one_idempotency_key_at_once_make_one_environment(world: World) -> None:
    def post(_: int) -> str:
        client = world.client.application.test_client()
        headers = {**world.headers(), "Idempotency-Key": "k"}
        response = client.post("/v1/environments", json={"name": "shop"}, headers=headers)
        assert response.status_code == 202
        return str(body(response)["environment"]["id"])

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(post, range(8)))) == 1


def test_an_idempotency_key_must_be_plain_text_of_reasonable_length(world: World) -> None:
    for key in ("", "x" * 256):
        response = world.call("POST", "/v1/environments", json={"name": "shop"}, headers={"Idempotency-Key": key})
        assert code_of(response) == "idempotency_key_invalid"


def test_without_a_free_port_nothing_is_begun_and_the_answer_says_when_to_come_back(world: World) -> None:
    ports = len(world.settings.port_range)
    with world.connect() as connection:
        for number, port in enumerate(world.settings.port_range):
            connection.execute(
                "insert into environments (id, team_id, name, state, port, created_at)"
                " values (gen_random_uuid(), %s, %s, 'running', %s, now())",
                [uuid4(), f"taken {number}", port],
            )
    response = world.call("POST", "/v1/environments", json={"name": "one too many"})
    assert code_of(response) == "no_port_free"
    assert int(response.headers["Retry-After"]) > 0
    assert len(world.rows("select * from environments")) == ports


def test_a_body_nested_too_deeply_is_refused(world: World) -> None:
    response = world.call("POST", "/v1/environments", data="[" * 20_000, content_type="application/json")
    assert (response.status_code, body(response)["error"]["code"]) == (400, "json_invalid")


def test_a_call_without_its_body_is_refused(world: World) -> None:
    response = world.call("POST", "/v1/environments")
    assert (response.status_code, body(response)["error"]["code"]) == (400, "bad_request")


def test_a_wrong_method_is_answered_with_the_right_ones(world: World) -> None:
    response = world.call("PATCH", "/v1/environments")
    assert (response.status_code, body(response)["error"]["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


def test_a_crash_of_ours_is_told_without_what_it_says(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    log.configure("INFO")

    def crash(_port: object) -> None:
        raise RuntimeError("row of a customer")

    monkeypatch.setattr(world.ports.edge, "choose_port", crash)
    response = world.call("POST", "/v1/environments", json={"name": "shop"})
    assert (response.status_code, body(response)["error"]["code"]) == (500, "internal_error")
    logged = capfd.readouterr().err
    assert "request_crashed" in logged
    assert "row of a customer" not in response.text + logged
    assert world.rows("select * from environments") == []
