"""The rules of presigned uploads (A2 to A5), over real HTTP. The gate of another cloud joins by one more `Store`."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
import requests
from pydantic import SecretStr

from api.adapters.embedded.layout import Layout
from api.adapters.embedded.upload_store import FileUploads, PresignedUploads
from api.adapters.embedded.upload_urls import UrlSigner
from tests.faults.api.processes import web
from tests.processes import wait_until
from tests.unit.api.world import HandClock, settings_for

MAX_BYTES = 1_000_000
WINDOW_SECONDS = 1.5
SERVER_THREADS = 8


@dataclass(frozen=True)
class Store:
    """A store behind presigned URLs, and a look at what it holds that no client has."""

    uploads: PresignedUploads
    clock: HandClock
    folder: Path
    base_url: str

    def presign(self, environment_id: UUID) -> str:
        return self.uploads.presign_upload(environment_id).url

    def held(self) -> dict[str, bytes]:
        found = {}
        for path in self.folder.glob("*/*"):
            with suppress(FileNotFoundError):  # removed since it was listed
                found[str(path.relative_to(self.folder))] = path.read_bytes()
        return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    data_dir = tmp_path_factory.mktemp("data")
    settings = settings_for("postgresql://unused", data_dir)
    log = tmp_path_factory.mktemp("log") / "uploads.log"
    application = "api.adapters.embedded.upload_server:app"
    with web(
        application,
        settings,
        log,
        VAKKA_API_UPLOAD_MAX_BYTES=str(MAX_BYTES),
        VAKKA_API_UPLOAD_WINDOW_SECONDS=str(WINDOW_SECONDS),
    ) as url:
        yield url, data_dir
    assert "Traceback" not in log.read_text()
    assert "signature" not in log.read_text()


@pytest.fixture
def store(server: tuple[str, Path]) -> Store:
    url, data_dir = server
    clock = HandClock()
    signer = UrlSigner(settings_for("postgresql://unused", data_dir).master_secret)
    files = FileUploads(Layout(data_dir))
    for path in (data_dir / "uploads").glob("*/*"):
        path.unlink()
    uploads = PresignedUploads(files, signer, clock, base_url=url, max_bytes=MAX_BYTES)
    return Store(uploads, clock, data_dir / "uploads", url)


@pytest.fixture
def environment_id(store: Store) -> UUID:
    made = uuid4()
    store.uploads.ensure_prefix(made)
    return made


def code_of(response: requests.Response) -> str:
    error = response.json()["error"]
    assert set(error) == {"code", "type", "message", "param", "docs"}
    return str(error["code"])


def test_a_file_put_to_its_url_is_stored_whole(store: Store, environment_id: UUID) -> None:
    content = bytes(range(256)) * 3000
    upload = store.uploads.presign_upload(environment_id)
    response = requests.put(upload.url, data=content, timeout=10)
    assert response.status_code == 200
    assert store.held() == {f"{environment_id}/{upload.upload_id}": content}


def test_a_chunked_file_is_stored_whole(store: Store, environment_id: UUID) -> None:
    pieces = [b"a" * 100_000, b"b" * 7, b"c" * 50_000]
    response = requests.put(store.presign(environment_id), data=iter(pieces), timeout=10)
    assert response.status_code == 200
    assert list(store.held().values()) == [b"".join(pieces)]


def test_an_empty_file_is_a_file(store: Store, environment_id: UUID) -> None:
    response = requests.put(store.presign(environment_id), data=b"", headers={"Content-Length": "0"}, timeout=10)
    assert response.status_code == 200
    assert list(store.held().values()) == [b""]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PATCH", "OPTIONS"])
def test_a_url_takes_nothing_but_put(store: Store, environment_id: UUID, method: str) -> None:
    url = store.presign(environment_id)
    requests.put(url, data=b"secret rows", timeout=10)
    response = requests.request(method, url, timeout=10)
    assert response.status_code == 405
    assert response.headers["Allow"] == "PUT"
    assert b"secret rows" not in response.content
    assert list(store.held().values()) == [b"secret rows"]


@pytest.mark.parametrize("path", ["/", "/{id}", "/{id}/", "/{id}/../", "/uploads", "/%2e%2e/secrets"])
def test_nothing_can_be_listed(store: Store, environment_id: UUID, path: str) -> None:
    requests.put(store.presign(environment_id), data=b"rows", timeout=10)
    response = requests.get(store.base_url + path.format(id=environment_id), timeout=10)
    assert response.status_code == 404
    assert str(environment_id) not in response.text


def test_a_url_ends_after_20_minutes(store: Store, environment_id: UUID) -> None:
    store.clock.offset = -timedelta(minutes=19, seconds=50)
    assert requests.put(store.presign(environment_id), data=b"in time", timeout=10).status_code == 200
    store.clock.offset = -timedelta(minutes=20, seconds=1)
    response = requests.put(store.presign(environment_id), data=b"late", timeout=10)
    assert (response.status_code, code_of(response)) == (403, "upload_url_expired")
    assert list(store.held().values()) == [b"in time"]


def test_a_tampered_url_is_refused(store: Store, environment_id: UUID) -> None:
    url = store.presign(environment_id)
    other = uuid4()
    store.uploads.ensure_prefix(other)
    expires = url.split("expires=")[1].split("&")[0]
    signature = url.split("signature=")[1]
    tampered = [
        url.replace(str(environment_id), str(other)),
        url.replace(urlsplit(url).path.rsplit("/", 1)[1], str(uuid4())),
        url.replace(expires, str(int(expires) + 1)),
        url.replace(expires, "99999999999"),
        url.replace(expires, f"0{expires}"),
        url.replace(expires, f"+{expires}"),
        url.replace(signature, signature[:-1] + ("0" if signature[-1] != "0" else "1")),
        url.replace(signature, ""),
        url.split("&signature")[0],
        url.split("?")[0],
        url + "&extra=1",
        url + f"&expires={expires}",
    ]
    for each in tampered:
        response = requests.put(each, data=b"x", timeout=10)
        assert (response.status_code, code_of(response)) == (403, "upload_url_invalid"), each
    assert store.held() == {}


def test_a_url_signed_with_another_secret_is_refused(store: Store, environment_id: UUID) -> None:
    other = SecretStr("another-secret-of-enough-length-0123")
    signed = UrlSigner(other).sign(environment_id, now=datetime.now(UTC))
    response = requests.put(store.base_url + signed.path_and_query, data=b"x", timeout=10)
    assert (response.status_code, code_of(response)) == (403, "upload_url_invalid")


def test_a_refused_client_gets_its_answer_even_while_it_is_still_sending(store: Store, environment_id: UUID) -> None:
    url = store.presign(environment_id)[:-4] + "zzzz"
    for _ in range(5):
        response = requests.put(url, data=b"x" * 20_000_000, timeout=30)
        assert (response.status_code, code_of(response)) == (403, "upload_url_invalid")


def test_a_file_announced_too_large_is_refused(store: Store, environment_id: UUID) -> None:
    response = requests.put(store.presign(environment_id), data=b"x" * (MAX_BYTES + 1), timeout=30)
    assert (response.status_code, code_of(response)) == (413, "upload_too_large")
    assert store.held() == {}


def test_a_chunked_file_that_grows_too_large_is_refused(store: Store, environment_id: UUID) -> None:
    pieces = (b"x" * 100_000 for _ in range(20))
    response = requests.put(store.presign(environment_id), data=pieces, timeout=30)
    assert (response.status_code, code_of(response)) == (413, "upload_too_large")
    assert store.held() == {}


def test_a_file_of_exactly_the_limit_is_taken(store: Store, environment_id: UUID) -> None:
    assert requests.put(store.presign(environment_id), data=b"x" * MAX_BYTES, timeout=30).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_truncated_file_is_not_kept(store: Store, environment_id: UUID, chunked: bool) -> None:
    url = urlsplit(store.presign(environment_id))
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 1000"
    start = b"64\r\n" + b"x" * 40 if chunked else b"x" * 400
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=10) as connection:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n"
        connection.sendall(head.encode() + start)
        connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 400
        assert b"upload_truncated" in answer.read()
    assert store.held() == {}


def test_a_client_that_vanishes_leaves_nothing(store: Store, environment_id: UUID) -> None:
    url = urlsplit(store.presign(environment_id))
    connection = socket.create_connection((url.hostname or "", url.port or 0), timeout=10)
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n"
    connection.sendall(head.encode() + b"x" * 100_000)
    wait_until(lambda: bool(store.held()), what="the file to begin to arrive")
    connection.close()
    wait_until(lambda: store.held() == {}, what="the remains to be removed")


@pytest.mark.parametrize(
    "trick",
    [
        "/{environment}%2f{upload}",
        "/{environment}/../{environment}/{upload}",
        "//{environment}/{upload}",
        "/{environment}//{upload}",
        "/{environment}/{upload}/",
        "/{environment}/{upload}%00",
        "/{environment}/{upload}/..",
        "/{environment}/..%2f..%2fsecrets",
        "/{environment}/.{upload}.x.arriving",
        "/%2e%2e/{upload}",
        "/{ENVIRONMENT}/{upload}",
    ],
)
def test_a_signature_is_good_for_one_path_however_it_is_spelt(store: Store, environment_id: UUID, trick: str) -> None:
    url = urlsplit(store.presign(environment_id))
    environment, upload = url.path.strip("/").split("/")
    path = trick.format(environment=environment, upload=upload, ENVIRONMENT=environment.upper())
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    connection.request("PUT", f"{path}?{url.query}", body=b"x")
    status = connection.getresponse().status
    connection.close()
    held = store.held()
    if status == 200:  # another spelling of the very same path
        assert held == {f"{environment}/{upload}": b"x"}
    else:
        assert status in {400, 403, 404}
        assert held == {}
    assert {path.name for path in store.folder.parent.iterdir()} == {"uploads"}


def test_two_files_put_to_one_url_at_once_are_never_mixed(store: Store, environment_id: UUID) -> None:
    url = store.presign(environment_id)
    contents = [bytes([number]) * 900_000 for number in range(6)]
    with ThreadPoolExecutor(len(contents)) as pool:
        answers = list(pool.map(lambda content: requests.put(url, data=content, timeout=30).status_code, contents))
    assert answers == [200] * len(contents)
    [held] = store.held().values()
    assert held in contents


def test_a_file_put_again_takes_the_place_of_the_first_whole(store: Store, environment_id: UUID) -> None:
    url = store.presign(environment_id)
    for content in (b"first, and longer", b"second"):
        assert requests.put(url, data=content, timeout=10).status_code == 200
        assert list(store.held().values()) == [content]


def test_a_file_of_no_stated_length_is_refused(store: Store, environment_id: UUID) -> None:
    url = urlsplit(store.presign(environment_id))
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=10) as connection:
        connection.sendall(f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (400, "bad_request")
    assert store.held() == {}


@pytest.mark.parametrize("chunked", [False, True])
def test_clients_that_trickle_do_not_keep_others_out(store: Store, environment_id: UUID, chunked: bool) -> None:
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 500000"
    crumb = b"1\r\nx\r\n" if chunked else b"x"
    tricklers = []
    for _ in range(SERVER_THREADS):
        url = urlsplit(store.presign(environment_id))
        connection = socket.create_connection((url.hostname or "", url.port or 0), timeout=10)
        connection.sendall(f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode() + crumb)
        tricklers.append(connection)
    ended = threading.Event()

    def trickle() -> None:
        while not ended.wait(WINDOW_SECONDS / 5):
            for connection in tricklers:
                with suppress(OSError):
                    connection.sendall(crumb)

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        began = time.monotonic()
        assert requests.put(store.presign(environment_id), data=b"rows", timeout=30).status_code == 200
        assert time.monotonic() - began < 4 * WINDOW_SECONDS
        answer = http.client.HTTPResponse(tricklers[0])
        answer.begin()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (408, "upload_too_slow")
    finally:
        ended.set()
        thread.join()
        for connection in tricklers:
            connection.close()
    wait_until(lambda: list(store.held().values()) == [b"rows"], what="the remains to be removed")


def test_an_environment_that_is_gone_takes_no_file_and_gets_no_folder(store: Store, environment_id: UUID) -> None:
    url = store.presign(environment_id)
    store.uploads.ensure_prefix_absent(environment_id)
    response = requests.put(url, data=b"x", timeout=10)
    assert (response.status_code, code_of(response)) == (403, "upload_url_invalid")
    assert not (store.folder / str(environment_id)).exists()


def test_a_file_is_gone_7_days_after_its_upload(store: Store, environment_id: UUID) -> None:
    requests.put(store.presign(environment_id), data=b"rows", timeout=10)
    store.clock.move(days=6, hours=23)
    assert store.uploads.remove_expired() == 0
    store.clock.move(hours=2)
    assert store.uploads.remove_expired() == 1
    assert store.held() == {}


def test_a_file_is_closed_to_other_users_of_the_machine(store: Store, environment_id: UUID) -> None:
    requests.put(store.presign(environment_id), data=b"rows", timeout=10)
    [stored] = store.folder.glob("*/*")
    assert stored.stat().st_mode & 0o077 == 0
    assert stored.parent.stat().st_mode & 0o077 == 0


def test_the_store_says_that_it_is_well(store: Store) -> None:
    assert requests.get(f"{store.base_url}/health", timeout=10).json() == {"status": "ok"}
