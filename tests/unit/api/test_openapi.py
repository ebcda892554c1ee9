"""The API's own description is of the promised version and complete."""

from __future__ import annotations

import json
import re

from tests.unit.api.world import World, body


def test_the_document_is_openapi_3_1_and_lists_every_route(world: World) -> None:
    document = body(world.client.get("/v1/openapi.json"))
    assert document["openapi"].startswith("3.1")
    described = {
        (path, method.upper())
        for path, methods in document["paths"].items()
        for method in methods
        if method in {"get", "post", "put", "delete", "patch"}
    }
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in world.client.application.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == routes
    assert len(routes) == 12


def test_every_call_but_the_open_ones_asks_for_a_service_token(world: World) -> None:
    document = body(world.client.get("/v1/openapi.json"))
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            if method != "parameters":
                assert bool(call.get("security")) == (path not in {"/health", "/v1/openapi.json"}), path
    assert document["components"]["securitySchemes"]["ServiceToken"]["scheme"] == "bearer"


def test_errors_are_described_in_their_one_shape(world: World) -> None:
    document = body(world.client.get("/v1/openapi.json"))
    responses = document["paths"]["/v1/environments"]["post"]["responses"]
    assert set(responses) == {"202", "401", "409", "422", "503"}
    for status in ("401", "409", "422", "503"):
        schema = responses[status]["content"]["application/json"]["schema"]
        shape = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        assert set(shape["properties"]["error"]["properties"]) == {"code", "type", "message", "param", "docs"}


def test_every_reference_in_the_document_leads_somewhere(world: World) -> None:
    text = world.client.get("/v1/openapi.json").text
    document = json.loads(text)
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert references
    assert references <= set(document["components"]["schemas"])


def test_the_idempotency_key_is_described_once_on_the_call_that_takes_it(world: World) -> None:
    for _ in range(2):
        document = body(world.client.get("/v1/openapi.json"))
        parameters = document["paths"]["/v1/environments"]["post"]["parameters"]
        assert [parameter["name"] for parameter in parameters] == ["Idempotency-Key"]
