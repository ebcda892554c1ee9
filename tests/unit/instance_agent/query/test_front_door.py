"""Whatever is posted to the query endpoints, the answer is JSON or a refusal with a sentence, never a crash."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instance_agent.app import create_app
from instance_agent.query.answer import ENDPOINTS
from instance_agent.schema.types import JsonValue
from instance_agent.settings import Settings
from tests.unit.instance_agent.query.builders import PRODUCTS, USERS, VISITS


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """An agent in this process with the shop in it, without keys."""
    data: Path = tmp_path_factory.mktemp("data")
    logs: Path = tmp_path_factory.mktemp("logs")
    app = create_app(Settings(data_dir=data, logs_dir=logs, disable_auth=True))
    with app.test_client() as found:
        tables = {"products": PRODUCTS, "users": USERS, "visits": VISITS}
        schema = {name: {"type": "table", "columns": columns} for name, (columns, _) in tables.items()}
        assert found.put("/api/v1/schema", json={"schema": schema}).status_code == 200
        for name, (_, rows) in tables.items():
            assert found.post(f"/api/v1/data/{name}/batch", json=rows).status_code == 200
        yield found


names = st.one_of(
    st.sampled_from(["products", "users", "id", "name", "price", "stock", "organic", "tags", "views", "extra", "user"]),
    st.sampled_from(["bought", "bought.name", "user.age", "user.friend.friend.age", "", ".", "a.b", "nowhere"]),
    st.sampled_from(["$index", "$p", "\ud800"]),
)
keys = st.one_of(
    names,
    st.sampled_from(["from", "where", "predict", "orderBy", "select", "offset", "limit", "exclusiveness", "basedOn"]),
    st.sampled_from(["$and", "$or", "$not", "$atomic", "$gt", "$lte", "$is", "$has", "$match", "$startsWith", "$mod"]),
    st.sampled_from(["$defined", "$json", "$asc", "$desc", "$why", "$feature", "$knn", "divisor", "remainder"]),
    st.text(max_size=4),
)
scalars: st.SearchStrategy[JsonValue] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([2**31, 2**53 + 1, -(2**63), 2**64, 10**25, 1.5, -0.0, 1e308, 5e-324]),
    names,
    st.text(max_size=6),
)
named: st.SearchStrategy[JsonValue] = names.map(lambda name: name)
anything: st.SearchStrategy[JsonValue] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=12,
)


def as_json(members: Mapping[str, JsonValue]) -> JsonValue:
    return {**members}


bodies: st.SearchStrategy[JsonValue] = st.one_of(
    anything,
    st.fixed_dictionaries(
        {"from": st.one_of(st.sampled_from(["products", "visits"]), anything)},
        optional={
            "where": st.dictionaries(keys, anything, max_size=3),
            "orderBy": st.one_of(names, anything),
            "select": st.one_of(st.lists(named, max_size=3), anything),
            "exclusiveness": st.booleans(),
            "offset": st.one_of(st.integers(-1, 3), scalars),
            "limit": st.one_of(st.integers(-1, 3), scalars),
            **{name: st.one_of(names, anything) for name in ("get", "goal", "basedOn", "test", "model")},
        },
    ).map(as_json),
)
OPERATIONS = sorted(ENDPOINTS - {"_search", "_query", "_batch"})


@st.composite
def bodies_for(draw: st.DrawFn, endpoint: str) -> JsonValue:
    """Bodies that mostly have the member which names the endpoint's operation."""
    body = draw(bodies)
    operation = endpoint if endpoint in OPERATIONS else draw(st.sampled_from(OPERATIONS))
    if isinstance(body, dict) and endpoint != "_search":
        body = {**body, operation.removeprefix("_"): draw(st.one_of(names, anything, bodies))}
    return [body, *draw(st.lists(bodies, max_size=1))] if endpoint == "_batch" else body


def check(client: FlaskClient, endpoint: str, content: bytes) -> None:
    response = client.post(f"/api/v1/{endpoint}", data=content, content_type="application/json")
    answer = json.loads(response.data)
    assert response.status_code in (200, 400), answer
    if response.status_code == 200 and endpoint in ("_search", "_predict"):
        assert sorted(answer) == ["hits", "offset", "total"]
        assert len(answer["hits"]) <= answer["total"]
    elif response.status_code == 400:
        assert answer["status"] == 400
        assert answer["message"]


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_random_bodies_are_answered_or_refused(client: FlaskClient, endpoint: str, data: st.DataObject) -> None:
    check(client, endpoint, json.dumps(data.draw(bodies_for(endpoint))).encode())


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b'{"from": "products", "limit": 1e400}',
        b'{"from": "products", "where": {"price": 1e400}}',
        b'{"from": "products", "where": {"price": {"$gt": -1e400}}}',
        b'{"from": "products", "where": {"price": ' + b"9" * 6000 + b"}}",
        b'{"from": "products", "where": ' + b'{"$not": ' * 20_000 + b"{}" + b"}" * 20_000 + b"}",
        b'{"from": "products", "where": {"tags": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"from": "products", "where": {"$or": [' + b"{}," * 20_000 + b"{}]}}",
    ],
    ids=range(11),
)
def test_hostile_bodies_are_answered_or_refused(client: FlaskClient, endpoint: str, content: bytes) -> None:
    check(client, endpoint, content)


def test_the_same_question_gets_the_same_bytes(client: FlaskClient) -> None:
    body = {"from": "products", "predict": "tags", "where": {"name": "apple"}, "exclusiveness": False}
    answers = {client.post("/api/v1/_predict", json=body).data for _ in range(3)}
    assert len(answers) == 1
    body["select"] = ["$p", "$why"]
    assert client.post("/api/v1/_predict", json=body).status_code == 200
