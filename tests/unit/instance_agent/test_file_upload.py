"""File uploads: the published flow, each row once, and bad files answered well."""

from __future__ import annotations

import gzip
import io
import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from werkzeug.test import TestResponse

from instance_agent.app import create_app
from instance_agent.context import EXTENSION, Agent
from instance_agent.errors import AgentError
from instance_agent.limits import LARGEST_BODY_BYTES
from instance_agent.storage.files import HeldLock
from instance_agent.uploads import ingest as ingest_module
from instance_agent.uploads import own
from tests.processes import wait_until
from tests.unit.instance_agent.conftest import READ_WRITE_KEY, Caller, make_settings

TABLE = {"type": "table", "columns": {"n": {"type": "Int"}, "s": {"type": "String", "nullable": True}}}


def agent_of(call: Caller) -> Agent:
    found = call.app.extensions[EXTENSION]
    assert isinstance(found, Agent)
    return found


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def start(call: Caller) -> dict[str, str]:
    answer = call("POST", "/api/v1/data/t/file")
    assert answer.status_code == 200
    found: dict[str, str] = json.loads(answer.get_data())
    return found


def put(call: Caller, url: str, content: bytes) -> TestResponse:
    parts = urlsplit(url)
    return call.app.test_client().put(f"{parts.path}?{parts.query}", data=content)


def status(call: Caller, upload_id: str) -> Any:
    return json.loads(call("GET", f"/api/v1/data/t/file/{upload_id}").get_data())


def finish(call: Caller, upload_id: str) -> Any:
    wait_until(lambda: bool(status(call, upload_id)["status"]["finished"]), what="the upload to end", seconds=20)
    return status(call, upload_id)


def upload(call: Caller, content: bytes) -> tuple[str, Any]:
    begun = start(call)
    assert put(call, begun["url"], content).status_code == 200
    assert call("POST", f"/api/v1/data/t/file/{begun['id']}").status_code == 200
    return begun["id"], finish(call, begun["id"])


def count(call: Caller) -> int:
    return agent_of(call).database.read_view().table("t").row_count


@pytest.fixture(autouse=True)
def table(call: Caller) -> None:
    assert call("PUT", "/api/v1/schema/t", TABLE).status_code == 200


def test_a_file_goes_through_the_published_flow(call: Caller) -> None:
    begun = start(call)
    assert begun.keys() == {"id", "url", "method", "expires"}
    assert begun["method"] == "PUT"
    assert begun["expires"].endswith("Z")
    before = status(call, begun["id"])
    assert before["status"]["finished"] is False
    put(call, begun["url"], gzip.compress(lines({"n": 1}, {"n": 2, "s": "x"})))
    triggered = json.loads(call("POST", f"/api/v1/data/t/file/{begun['id']}").get_data())
    assert triggered["id"] == begun["id"]
    assert triggered["status"] in ("started", "inprogress", "finished")
    after = finish(call, begun["id"])
    assert (
        after["status"].keys()
        == before["status"].keys()
        == {
            "finished",
            "completedCount",
            "lastSuccessfulElement",
            "startedAt",
            "finishedAt",
            "throughput",
            "totalDuration",
            "totalDurationMs",
        }
    )
    assert after["status"]["completedCount"] == 2
    assert after["status"]["lastSuccessfulElement"] == {"n": 2, "s": "x"}
    assert after["errors"] == {"message": "Last 0 failing rows", "rows": []}
    assert count(call) == 2


def test_bad_lines_are_skipped_counted_and_reported(call: Caller) -> None:
    content = lines({"n": 1}) + b'{"n": "x"}\n\nnope\n\xff\xfe\n' + b"[" * 50_000 + b"\n" + lines([], {"n": 2})
    _, after = upload(call, gzip.compress(content))
    assert after["status"]["completedCount"] == 2
    assert after["errors"]["message"] == "Last 5 failing rows"
    assert [row["line"] for row in after["errors"]["rows"]] == [2, 4, 5, 6, 7]
    assert count(call) == 2


def test_only_the_last_failing_rows_are_listed(call: Caller) -> None:
    _, after = upload(call, gzip.compress(b"x\n" * 25 + lines({"n": 1})))
    assert after["errors"]["message"] == "Last 10 failing rows of 25"
    assert [row["line"] for row in after["errors"]["rows"]] == list(range(16, 26))


def test_a_line_too_long_for_memory_is_one_bad_line(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "LARGEST_BODY_BYTES", 100)
    _, after = upload(call, gzip.compress(lines({"n": 1}, {"n": 1, "s": "y" * 250}, {"n": 2})))
    assert after["status"]["completedCount"] == 2
    assert [row["line"] for row in after["errors"]["rows"]] == [2]


def test_the_last_line_needs_no_line_break(call: Caller) -> None:
    _, after = upload(call, gzip.compress(b'{"n": 1}\r\n{"n": 2}'))
    assert after["status"]["completedCount"] == 2


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda whole: whole[: len(whole) // 2], "truncated"),
        (lambda whole: whole[:-1], "truncated"),
        (lambda whole: whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:], "isn't sound gzip"),
        (lambda whole: whole + b"garbage", "isn't sound gzip"),
        (lambda _: lines({"n": 1}), "isn't sound gzip"),
        (lambda _: b"", "is empty"),
    ],
)
def test_of_a_damaged_file_nothing_is_stored_and_the_client_is_told(call: Caller, damage: Any, words: str) -> None:
    whole = gzip.compress(b"".join(lines({"n": n, "s": os.urandom(20).hex()}) for n in range(20_000)))
    _, after = upload(call, damage(whole))
    assert words in after["errors"]["message"]
    assert after["status"]["finished"] is True
    assert after["status"]["completedCount"] == 0
    assert count(call) == 0


def test_a_file_that_unpacks_to_far_too_much_is_refused(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "UNPACKED_ANYWAY_BYTES", 100_000)
    bomb = gzip.compress(lines({"n": 1}) * 200_000)
    _, after = upload(call, bomb)
    assert "unpacks to more than 100 times its size" in after["errors"]["message"]
    assert count(call) == 0
    _, after = upload(call, gzip.compress(lines({"n": 1}) * 10_000))
    assert after["errors"]["message"] == "Last 0 failing rows", "a small file may repeat itself"


def test_a_failure_nobody_thought_of_ends_the_upload_with_words(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a value of a row")

    with monkeypatch.context() as broken:
        broken.setattr(agent_of(call).database, "insert_upload_rows", fail)
        upload_id, after = upload(call, gzip.compress(lines({"n": 1})))
    assert after["errors"]["message"] == (
        "Something went wrong while the file was read. "
        "0 rows of it are stored. Trigger it again, and it goes on behind them."
    )
    assert "a value of a row" not in (call.logs_dir / "debug.log").read_text()
    call("POST", f"/api/v1/data/t/file/{upload_id}")
    assert finish(call, upload_id)["status"]["completedCount"] == 1


def test_an_upload_forgotten_meanwhile_keeps_no_lock(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    states = agent_of(call).uploads._states
    upload_id = UUID(start(call)["id"])
    released: list[bool] = []
    monkeypatch.setattr(HeldLock, "release", lambda _: released.append(True))
    (call.data_dir / "uploads" / f"{upload_id}.json").unlink()
    with pytest.raises(AgentError):
        agent_of(call).uploads._go_on(upload_id)
    assert released == [True]
    assert states.unfinished() == []


def test_triggering_again_adds_nothing(call: Caller) -> None:
    upload_id, _ = upload(call, gzip.compress(lines({"n": 1})))
    for _ in range(3):
        again = json.loads(call("POST", f"/api/v1/data/t/file/{upload_id}").get_data())
        assert again == {"id": upload_id, "status": "finished"}
    assert count(call) == 1


def test_triggering_before_the_file_came_says_so(call: Caller) -> None:
    begun = start(call)
    answer = call("POST", f"/api/v1/data/t/file/{begun['id']}")
    assert answer.status_code == 400
    assert json.loads(answer.get_data())["error"] == "upload_missing"
    put(call, begun["url"], gzip.compress(lines({"n": 1})))
    call("POST", f"/api/v1/data/t/file/{begun['id']}")
    assert finish(call, begun["id"])["status"]["completedCount"] == 1


@pytest.mark.parametrize(
    ("upload_id", "code"), [("00000000-0000-4000-8000-000000000000", "upload_not_found"), ("x", "not_found")]
)
def test_unknown_uploads_are_not_found(call: Caller, upload_id: str, code: str) -> None:
    for method in ("GET", "POST"):
        answer = call(method, f"/api/v1/data/t/file/{upload_id}")
        assert (answer.status_code, json.loads(answer.get_data())["error"]) == (404, code)


@pytest.mark.parametrize("host", ["", 'evil"><.example', "evil.example/x?y"])
def test_no_upload_url_is_made_from_a_host_that_is_none(call: Caller, host: str) -> None:
    headers = {"x-api-key": READ_WRITE_KEY, "Host": host}
    answer = call.app.test_client().post("/api/v1/data/t/file", headers=headers)
    assert (answer.status_code, json.loads(answer.get_data())["error"]) == (400, "request_invalid")


class BrokenOff(io.BytesIO):
    """A body whose sender goes away in the middle."""

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        if not part:
            raise ConnectionResetError
        return part


@pytest.mark.parametrize(("source", "announced"), [(io.BytesIO(b"123"), 4), (BrokenOff(b"123"), None)])
def test_of_a_file_that_breaks_off_nothing_is_kept(call: Caller, source: io.BytesIO, announced: int | None) -> None:
    gateway = agent_of(call).uploads.gateway
    assert isinstance(gateway, own.OwnUploads)
    with pytest.raises(AgentError) as refused:
        gateway.receive(uuid4(), source, announced)
    assert (refused.value.code, refused.value.status) == ("upload_incomplete", 400)
    assert [path for path in (call.data_dir / "uploads").iterdir() if path.suffix in (".part", ".gz")] == []


def test_an_upload_belongs_to_its_table(call: Caller) -> None:
    begun = start(call)
    call("PUT", "/api/v1/schema/u", TABLE)
    assert call("GET", f"/api/v1/data/u/file/{begun['id']}").status_code == 404
    put(call, begun["url"], gzip.compress(lines({"n": 1})))
    call("PUT", "/api/v1/schema/t", TABLE)
    answer = call("POST", f"/api/v1/data/t/file/{begun['id']}")
    assert (answer.status_code, json.loads(answer.get_data())["error"]) == (409, "table_changed")


def test_an_upload_that_died_midway_goes_on_where_it_was(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "CHUNK_ROWS", 10)
    content = b"bad\n" + b"".join(lines({"n": n}) for n in range(95)) + b"bad\n"
    begun = start(call)
    put(call, begun["url"], gzip.compress(content))
    uploads = agent_of(call).uploads
    commits = 0
    real_insert = agent_of(call).database.insert_upload_rows

    def insert_some(*arguments: Any) -> None:
        nonlocal commits
        commits += 1
        real_insert(*arguments)
        if commits == 4:
            uploads.stop()

    monkeypatch.setattr(agent_of(call).database, "insert_upload_rows", insert_some)
    call("POST", f"/api/v1/data/t/file/{begun['id']}")
    wait_until(lambda: count(call) == 40, what="the first rows", seconds=20)
    restarted = Caller(create_app(make_settings(tmp_path)), call.data_dir, call.logs_dir)
    after = finish(restarted, begun["id"])
    assert after["status"]["completedCount"] == 95
    assert after["errors"]["message"] in ("Last 2 failing rows", "Last 1 failing rows of 2")
    view = agent_of(restarted).database.read_view().table("t")
    assert [view.row(number)["n"] for number in range(view.row_count)] == list(range(95))


def test_a_full_disk_ends_an_upload_and_triggering_again_goes_on(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "CHUNK_ROWS", 10)
    database = agent_of(call).database
    real_insert = database.insert_upload_rows

    def refuse_after_20(*arguments: Any) -> None:
        if database.read_view().table("t").row_count == 20:
            raise AgentError("disk_full")
        real_insert(*arguments)

    with monkeypatch.context() as full:
        full.setattr(database, "insert_upload_rows", refuse_after_20)
        upload_id, after = upload(call, gzip.compress(b"".join(lines({"n": n}) for n in range(35))))
    assert after["errors"]["message"] == (
        "The disk is full: free some space. 20 rows of it are stored. Trigger it again, and it goes on behind them."
    )
    assert after["status"]["completedCount"] == 20
    call("POST", f"/api/v1/data/t/file/{upload_id}")
    assert finish(call, upload_id)["errors"]["message"] == "Last 0 failing rows"
    assert count(call) == 35


def test_an_upload_url_is_good_for_one_path_and_twenty_minutes(call: Caller) -> None:
    begun, other = start(call), start(call)
    query = urlsplit(begun["url"]).query
    for url, code in (
        (urlsplit(other["url"]).path + "?" + query, "upload_url_invalid"),
        (begun["url"] + "0", "upload_url_invalid"),
        (begun["url"].replace("expires=", "expires=9"), "upload_url_invalid"),
        (urlsplit(begun["url"]).path, "upload_url_invalid"),
    ):
        answer = put(call, url, b"x")
        assert (answer.status_code, json.loads(answer.get_data())["error"]) == (403, code)
    gateway = agent_of(call).uploads.gateway
    assert isinstance(gateway, own.OwnUploads)
    gateway._clock = lambda: time.time() + own.URL_SECONDS + 1
    answer = put(call, begun["url"], b"x")
    assert (answer.status_code, json.loads(answer.get_data())["error"]) == (403, "upload_url_expired")


def test_a_signed_url_is_in_no_repr(call: Caller) -> None:
    prepared = agent_of(call).uploads.prepare("t", "http://127.0.0.1:1")
    assert "signature=" in prepared.url
    assert prepared.url not in repr(prepared)


def test_nothing_can_be_read_or_listed_where_files_arrive(call: Caller) -> None:
    begun = start(call)
    put(call, begun["url"], gzip.compress(lines({"n": 1})))
    parts = urlsplit(begun["url"])
    for method in ("GET", "POST", "DELETE", "HEAD"):
        assert call(method, f"{parts.path}?{parts.query}").status_code == 405
    assert call("GET", "/uploads/").status_code == 404


def test_a_file_over_the_limit_or_cut_short_leaves_nothing(call: Caller) -> None:
    gateway = agent_of(call).uploads.gateway
    assert isinstance(gateway, own.OwnUploads)
    gateway.max_bytes = 1000
    begun = start(call)
    answer = put(call, begun["url"], b"x" * 1001)
    assert (answer.status_code, json.loads(answer.get_data())["error"]) == (413, "upload_too_large")
    assert put(call, begun["url"], b"x" * 1000).status_code == 200
    assert [path.suffix for path in (call.data_dir / "uploads").iterdir() if path.suffix in (".part", ".gz")] == [".gz"]


def test_a_file_may_be_larger_than_a_body(call: Caller) -> None:
    content = os.urandom(LARGEST_BODY_BYTES + 1)
    begun = start(call)
    assert put(call, begun["url"], content).status_code == 200
    assert (call.data_dir / "uploads" / f"{begun['id']}.gz").read_bytes() == content


def test_files_older_than_seven_days_are_swept(call: Caller) -> None:
    begun = start(call)
    put(call, begun["url"], gzip.compress(lines({"n": 1})))
    folder = call.data_dir / "uploads"
    long_ago = time.time() - own.FILE_SECONDS - 60
    for path in folder.iterdir():
        os.utime(path, (long_ago, long_ago))
    newer = start(call)
    assert {path.name for path in folder.iterdir()} == {f"{newer['id']}.json"}


def test_what_a_killed_process_half_wrote_is_swept(call: Caller) -> None:
    folder = call.data_dir / "uploads"
    for name, age in (("a.part", own.PART_SECONDS), ("b.json.12.new", own.FILE_SECONDS)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age - 60,) * 2)
    (folder / "c.part").touch()
    begun = start(call)
    assert {path.name for path in folder.iterdir()} == {f"{begun['id']}.json", "c.part"}


def test_the_secret_that_signs_urls_is_for_this_account_only(call: Caller) -> None:
    assert (call.data_dir / "upload_secret").stat().st_mode & 0o777 == 0o600
