"""Every kind of query through the published client: directly, as a job, at the same time, in a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aito.v1 import api
from aito.v1.client import AitoClient, RequestError
from aito.v1.requests import (
    AitoRequest,
    BaseRequest,
    GenericQueryRequest,
    GetVersionRequest,
    PredictRequest,
    QueryAPIRequest,
)

from tests.agents import READ_ONLY_KEY, RunningAgent
from tests.contract.aitoai_store import IMPRESSIONS, PRODUCTS, QUERIES

REQUESTS: dict[str, Any] = {cls.path.removeprefix("_"): cls for cls in QueryAPIRequest.__subclasses__()}
REQUESTS["generic_query"] = REQUESTS.pop("query")


@pytest.fixture
def client(shop: RunningAgent) -> Any:
    return AitoClient(shop.url, READ_ONLY_KEY)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The client runs its requests in the thread's event loop, which it expects to be there."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield made
    asyncio.set_event_loop(None)
    made.close()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_answered_directly_and_as_a_job_alike(client: Any, quick_polls: None, name: str) -> None:
    send = getattr(api, name)
    direct = send(client, QUERIES[name])
    assert type(direct) is REQUESTS[name].response_cls
    assert send(client, QUERIES[name], use_job=True).json == direct.json


def test_all_queries_are_answered_at_the_same_time_as_one_by_one(client: Any, loop: asyncio.AbstractEventLoop) -> None:
    requests = [REQUESTS[name](query) for name, query in QUERIES.items()] * 3
    together = client.batch_requests(requests, max_concurrent_requests=8)
    assert [answer.json for answer in together] == [client.request(request_obj=one).json for one in requests]
    with pytest.warns(FutureWarning):
        old = client.async_requests(["POST"], ["/api/v1/_search"], [QUERIES["search"]])
    assert old[0].json == api.search(client, QUERIES["search"]).json


def test_a_refusal_among_requests_at_the_same_time_is_that_one_alone(
    client: Any, loop: asyncio.AbstractEventLoop
) -> None:
    good, bad = PredictRequest(QUERIES["predict"]), PredictRequest({"from": "nowhere", "predict": "x"})
    first, refused, last = client.batch_requests([good, bad, good])
    assert first.json == last.json
    assert isinstance(refused, RequestError)


def test_a_request_in_a_session_of_the_caller(client: Any, loop: asyncio.AbstractEventLoop) -> None:
    async def ask() -> list[Any]:
        async with aiohttp.ClientSession() as session:
            one = await client.async_request(
                session, method="POST", endpoint="/api/v1/_search", query=QUERIES["search"]
            )
            other = await client.bounded_async_request(
                asyncio.Semaphore(1), session, request_obj=GenericQueryRequest({"from": "products"})
            )
            return [one, other]

    one, other = loop.run_until_complete(ask())
    assert one.json == api.search(client, QUERIES["search"]).json
    assert other["total"] == len(PRODUCTS)


def test_a_batch_answers_each_query_in_its_place(client: Any) -> None:
    answers = api.batch(client, list(QUERIES.values()))
    assert len(answers) == len(QUERIES)
    assert list(answers) == [getattr(api, name)(client, query).json for name, query in QUERIES.items()]
    assert answers[0] == answers.responses[0]
    with pytest.raises(RequestError, match=r"\[1\]"):
        api.batch(client, [QUERIES["search"], {"from": "nowhere"}])


def test_hits_are_read_by_their_accessors(client: Any) -> None:
    assert api.search(client, QUERIES["search"]).first_hit["category"] == "bread"
    matched = api.match(client, QUERIES["match"])
    match = matched.top_match
    assert sum(hit.score for hit in matched.matches) <= 1
    assert 0 < match.score <= 1
    assert {"id", "name", "category", "price", "tags", "$p"} == set(match.json)
    recommended = api.recommend(client, QUERIES["recommend"])
    recommendation = recommended.top_recommendation
    assert recommendation.json == recommended.recommendations[0].json
    assert recommendation.predicted_probability > 0.5
    assert recommendation["category"] == "bread"
    similar = api.similarity(client, QUERIES["similarity"])
    assert similar.most_similar_entry["name"].startswith("rye bread")
    assert similar.most_similar_entry.score > 1
    assert [hit.score for hit in similar.similar_entries] == sorted(
        (hit.score for hit in similar.similar_entries), reverse=True
    )


def test_relations_are_read_by_their_accessors(client: Any) -> None:
    relation = api.relate(client, QUERIES["relate"]).relations[0]
    bread = {product["id"] for product in PRODUCTS if product["category"] == "bread"}
    assert relation.frequencies["n"] == len(IMPRESSIONS)
    assert relation.frequencies["fCondition"] == sum(row["product"] in bread for row in IMPRESSIONS)
    assert 0 < relation.probabilities["pOnCondition"] < 1


def test_numbers_are_read_by_their_accessors(client: Any) -> None:
    estimated = api.estimate(client, QUERIES["estimate"])
    assert 0.75 < estimated.estimate < 3.2
    assert estimated.why["type"]
    evaluated = api.evaluate(client, QUERIES["evaluate"])
    assert (evaluated.test_sample_count, evaluated.train_sample_count) == (3, 9)
    assert evaluated.accuracy == 1
    aggregated = api.aggregate(client, QUERIES["aggregate"])
    assert aggregated["$f"] == aggregated["purchase.$mean.samples"]
    with pytest.raises(KeyError):
        aggregated.value  # noqa: B018 - no server sends the names that the client's class looks for


def test_the_queries_that_the_client_makes_up_itself_are_answered(client: Any) -> None:
    predict, evaluate = api.quick_predict_and_evaluate(client, "products", "category")
    assert predict["predict"] == "category"
    result = api.evaluate(client, evaluate)
    assert (result.test_sample_count, result.train_sample_count) == (2, 10)
    linked = api.quick_predict(client, "impressions", "product.category")
    linked["where"] = {name: IMPRESSIONS[0][name] for name in linked["where"] if name in IMPRESSIONS[0]}
    assert {hit["feature"] for hit in api.predict(client, linked).predictions} == {"bread", "dairy"}


def test_a_failed_query_is_an_error_or_is_given_back(client: Any) -> None:
    given_back = api.search(client, {"from": "nowhere"}, raise_for_status=False)
    assert isinstance(given_back, RequestError)
    assert "No such table: nowhere" in str(given_back)
    request = AitoRequest.make_request("POST", "/api/v1/no-such-path", {})
    assert type(request) is BaseRequest
    with pytest.raises(RequestError):
        client.request(request_obj=request)


def test_version_and_headers(client: Any, shop: RunningAgent) -> None:
    assert api.get_version(client) == client.instance_version
    assert client.request(request_obj=GetVersionRequest()).version == client.instance_version
    assert client.headers == {"Content-Type": "application/json", "x-api-key": READ_ONLY_KEY}
    assert not client.is_multitenant
