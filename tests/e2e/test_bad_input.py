"""Bad input through the whole product: each answered with a status, a code and a sentence, and nothing half done."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests

from tests.e2e import journeys
from tests.e2e.journeys import Environment
from tests.e2e.product import installation
from tests.processes import reachable_dir, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SCHEMA = {"type": "table", "columns": {"id": {"type": "Int"}, "name": {"type": "String"}}}
ROWS = [{"id": 1, "name": "rye"}, {"id": 2, "name": "oats"}]


@dataclass(frozen=True)
class Shop:
    """An environment with one small table."""

    environment: Environment

    def call(self, method: str, path: str, body: object = None, *, key: str | None = None) -> requests.Response:
        return self.send(method, path, None if body is None else json.dumps(body).encode(), key=key)

    def send(self, method: str, path: str, data: bytes | None, *, key: str | None = None) -> requests.Response:
        headers = {"x-api-key": key or self.environment.read_write_key, "content-type": "application/json"}
        url = f"{self.environment.url}/api/v1{path}"
        return requests.request(method, url, data=data, headers=headers, timeout=30)

    def count(self) -> int:
        return int(self.call("POST", "/_query", {"from": "grain", "limit": 0}).json()["total"])


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with reachable_dir() as folder, installation(folder) as product:
        product.start()
        shop = Shop(journeys.create_environment(journeys.sign_in(product), "shop"))
        assert shop.call("PUT", "/schema/grain", SCHEMA).ok
        assert shop.call("POST", "/data/grain/batch", ROWS).ok
        yield shop
        assert product.interrupt() == 0


def refused(answer: requests.Response, status: int, code: str) -> str:
    """Check the published shape of a refusal; its sentence."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["error"]) == (status, code)
    assert "x-aitoai-response-time" in answer.headers
    return str(body["message"])


def test_wrong_key(shop: Shop) -> None:
    wrong = shop.environment.read_write_key[:-1] + ("A" if shop.environment.read_write_key[-1] != "A" else "B")
    assert "not authorized" in refused(shop.call("GET", "/schema", key=wrong), 403, "key_unknown")


def test_read_only_key_on_a_write(shop: Shop) -> None:
    answer = shop.call("POST", "/data/grain", {"id": 3, "name": "barley"}, key=shop.environment.read_only_key)
    assert "read-write key" in refused(answer, 403, "key_read_only")
    assert shop.count() == 2


def test_unknown_table(shop: Shop) -> None:
    answer = shop.call("POST", "/data/gravel", {"id": 3})
    assert refused(answer, 404, "table_not_found") == "The requested table gravel does not exist"
    assert "gravel" in refused(shop.call("POST", "/_search", {"from": "gravel"}), 400, "query_invalid")


def test_wrong_type_in_a_row_names_row_and_field_and_stores_nothing(shop: Shop) -> None:
    answer = shop.call("POST", "/data/grain/batch", [{"id": 3, "name": "barley"}, {"id": "four", "name": "spelt"}])
    message = refused(answer, 400, "row_invalid")
    assert "1" in message
    assert "id" in message
    assert "four" not in message
    assert shop.count() == 2


def test_malformed_json(shop: Shop) -> None:
    refused(shop.send("POST", "/_search", b'{"from": "grain"'), 400, "json_malformed")


def test_body_of_eleven_megabytes(shop: Shop) -> None:
    body = b'[{"id": 3, "name": "' + b"x" * 11_000_000 + b'"}]'
    refused(shop.send("POST", "/data/grain/batch", body), 413, "request_too_large")
    assert shop.count() == 2


def test_truncated_gzip_is_reported_and_nothing_of_it_is_stored(shop: Shop) -> None:
    upload = shop.call("POST", "/data/grain/file").json()
    whole = gzip.compress(b"".join(b'{"id": %d, "name": "grain %d"}\n' % (n, n) for n in range(1000)))
    assert requests.put(upload["url"], data=whole[: len(whole) // 2], timeout=30).ok
    assert shop.call("POST", f"/data/grain/file/{upload['id']}").ok

    def status() -> dict[str, Any]:
        answer: dict[str, Any] = shop.call("GET", f"/data/grain/file/{upload['id']}").json()
        return answer

    wait_until(lambda: status()["status"]["finished"], what="the upload to be read")
    assert status()["status"]["completedCount"] == 0
    assert status()["errors"]["message"] != "Last 0 failing rows"
    assert shop.count() == 2


def test_tampered_upload_url(shop: Shop) -> None:
    upload = shop.call("POST", "/data/grain/file").json()
    parts = urlsplit(upload["url"])
    elsewhere = parts.path[:-1] + ("0" if parts.path[-1] != "0" else "1")
    later = parts.query.replace("expires=", "expires=9")
    for changed in (parts._replace(path=elsewhere), parts._replace(query=later), parts._replace(query="")):
        answer = requests.put(urlunsplit(changed), data=b"stolen", timeout=30)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "upload_url_invalid"
    for method in ("GET", "HEAD", "POST", "DELETE"):
        assert requests.request(method, upload["url"], timeout=30).status_code == 405


def test_upload_url_says_when_it_expires(shop: Shop) -> None:
    expires = int(dict(pair.split("=") for pair in urlsplit(upload_url(shop)).query.split("&"))["expires"])
    assert expires - time.time() == pytest.approx(20 * 60, abs=60)


def upload_url(shop: Shop) -> str:
    return str(shop.call("POST", "/data/grain/file").json()["url"])
