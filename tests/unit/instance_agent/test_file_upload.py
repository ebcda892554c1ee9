"""File uploads: the published flow, each row once, and bad files answered well."""

from __future__ import annotations

import gzip
import io
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import msgspec
import pytest
from werkzeug.test import TestResponse

from instance_agent.app import create_app
from instance_agent.context import EXTENSION, Agent
from instance_agent.engine.operations import UploadProgress
from instance_agent.engine.transaction import Transaction
from instance_agent.errors import ERRORS, AgentError
from instance_agent.limits import LARGEST_BODY_BYTES
from instance_agent.uploads import own, service
from instance_agent.uploads.gateway import FILE_SECONDS
from instance_agent.uploads.states import IN_PROGRESS, UploadStates
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


def test_a_line_too_long_for_memory_is_one_bad_line(call: Caller) -> None:
    longest = b'{"n": 2, "s": "' + b"y" * (LARGEST_BODY_BYTES - 18) + b'"}'
    content = longest + b"\n" + longest.replace(b"2", b" 2") + b"\n" + lines({"n": 3})
    _, after = upload(call, gzip.compress(content, compresslevel=1))
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


def test_a_file_that_unpacks_to_far_too_much_is_refused(call: Caller) -> None:
    bomb = gzip.compress(lines({"n": 1}) * 8_000_000)
    _, after = upload(call, bomb)
    assert "unpacks to more than 100 times its size" in after["errors"]["message"]
    assert count(call) == 0
    _, after = upload(call, gzip.compress(lines({"n": 1}) * 10_000))
    assert after["errors"]["message"] == "Last 0 failing rows", "a small file may repeat itself"


def test_a_reader_that_can_not_say_how_it_ended_ends_the_upload_with_words(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/bin/false")
        upload_id, after = upload(call, gzip.compress(lines({"n": 1})))
    assert after["errors"]["message"] == (
        "Something went wrong while the file was read. "
        "Nothing of it is stored. Trigger it again, and it is read from its beginning."
    )
    call("POST", f"/api/v1/data/t/file/{upload_id}")
    assert finish(call, upload_id)["status"]["completedCount"] == 1


def test_readers_that_die_again_and_again_are_not_started_for_ever(call: Caller, tmp_path: Path) -> None:
    """A file that takes more memory than there is would keep the machine busy otherwise."""
    deadly = tmp_path / "deadly"
    deadly.write_text(f"#!/bin/sh\necho >> {tmp_path}/started\nkill -9 $$\n")
    deadly.chmod(0o700)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(sys, "executable", str(deadly))
        upload_id, after = upload(call, gzip.compress(lines({"n": 1})))
    assert after["errors"]["message"].startswith("The processes that read the file were killed again and again.")
    assert (tmp_path / "started").read_text().count("\n") == service.MOST_ATTEMPTS
    call("POST", f"/api/v1/data/t/file/{upload_id}")
    assert finish(call, upload_id)["status"]["completedCount"] == 1


def test_a_file_that_is_gone_ends_its_upload(call: Caller) -> None:
    upload_id = begin_unfinished(call, gzip.compress(lines({"n": 1})))
    (call.data_dir / "uploads" / f"{upload_id}.gz").unlink()
    assert "No file has arrived" in finish(call, upload_id)["errors"]["message"]


def test_an_upload_forgotten_meanwhile_keeps_no_lock(call: Caller) -> None:
    upload_id = UUID(start(call)["id"])
    (call.data_dir / "uploads" / f"{upload_id}.json").unlink()
    with pytest.raises(AgentError):
        agent_of(call).uploads._go_on(upload_id)
    states = UploadStates(call.data_dir / "uploads")
    assert states.try_lock(upload_id) is not None
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


def begin_unfinished(call: Caller, content: bytes) -> str:
    """An upload as a process leaves it that was killed while it read the file."""
    begun = start(call)
    put(call, begun["url"], content)
    states = UploadStates(call.data_dir / "uploads")
    state = states.read(UUID(begun["id"]))
    states.write(msgspec.structs.replace(state, state=IN_PROGRESS, started_at=time.time(), attempts=1))
    return begun["id"]


def test_an_upload_whose_process_died_is_read_from_its_beginning_by_whoever_looks(call: Caller, tmp_path: Path) -> None:
    content = gzip.compress(b"bad\n" + b"".join(lines({"n": n}) for n in range(95)) + b"bad\n")
    looked_at, started_with = begin_unfinished(call, content), begin_unfinished(call, content)
    assert finish(call, looked_at)["status"]["completedCount"] == 95
    restarted = Caller(create_app(make_settings(tmp_path)), call.data_dir, call.logs_dir)
    wait_until(lambda: count(restarted) == 190, what="the upload that nobody asked for again", seconds=20)
    after = finish(restarted, started_with)
    assert (after["status"]["completedCount"], after["errors"]["message"]) == (95, "Last 2 failing rows")
    view = agent_of(restarted).database.read_view().table("t")
    assert [view.row(number)["n"] for number in range(view.row_count)] == [*range(95), *range(95)]


@pytest.mark.parametrize("stored_lines", [1, 41, 96, 97])
def test_an_upload_begun_by_an_earlier_version_goes_on_behind_its_lines(call: Caller, stored_lines: int) -> None:
    """That version stored the rows of a file in several commits."""
    content = b"bad\n" + b"".join(lines({"n": n}) for n in range(95)) + b"bad\n"
    upload_id = begin_unfinished(call, gzip.compress(content))
    stored = min(stored_lines - 1, 95)

    def store(transaction: Transaction) -> None:
        transaction.insert("t", [{"n": n} for n in range(stored)])
        transaction.finish_upload(
            UploadProgress(upload_id, stored_lines, stored, stored_lines - stored, int(time.time()))
        )

    agent_of(call).database.transact(store)
    after = finish(call, upload_id)
    assert after["status"]["completedCount"] == 95
    shown = 1 if stored_lines < 97 else 0
    assert after["errors"]["message"].startswith(f"Last {shown} failing rows of 2")
    view = agent_of(call).database.read_view().table("t")
    assert [view.row(number)["n"] for number in range(view.row_count)] == list(range(95))


def test_a_full_disk_ends_an_upload_and_triggering_again_starts_over(call: Caller) -> None:
    """Full, here, is a limit on the size of files, which the process that reads inherits."""
    content = gzip.compress(b"".join(lines({"n": n, "s": f"{n * 7919 % 10007:x}"}) for n in range(20_000)))
    begun = start(call)
    put(call, begun["url"], content)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        call("POST", f"/api/v1/data/t/file/{begun['id']}")
        after = finish(call, begun["id"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert after["errors"]["message"] == (
        "The disk is full: free some space. "
        "Nothing of it is stored. Trigger it again, and it is read from its beginning."
    )
    assert after["status"]["completedCount"] == count(call) == 0
    assert list((call.data_dir / "building").iterdir()) == []
    call("POST", f"/api/v1/data/t/file/{begun['id']}")
    assert finish(call, begun["id"])["errors"]["message"] == "Last 0 failing rows"
    assert count(call) == 20_000


def test_while_writes_are_paused_a_file_waits_and_then_comes_in(call: Caller) -> None:
    upload_id = begin_unfinished(call, gzip.compress(lines({"n": 1})))
    database = agent_of(call).database
    database.pause(1)
    wait_until(lambda: status(call, upload_id)["status"]["completedCount"] == 1, what="the row to be read")
    assert status(call, upload_id)["status"]["finished"] is False
    assert count(call) == 0
    database.resume(1)
    assert finish(call, upload_id)["status"]["completedCount"] == count(call) == 1


def test_a_table_replaced_while_its_file_waits_gets_nothing(call: Caller) -> None:
    upload_id = begin_unfinished(call, gzip.compress(lines({"n": 1})))
    call("PUT", "/api/v1/schema/t", TABLE)
    after = finish(call, upload_id)
    assert (after["errors"]["message"], count(call)) == (ERRORS["table_changed"].sentence, 0)


def test_no_reading_process_outlives_its_agent(call: Caller) -> None:
    upload_id = begin_unfinished(call, gzip.compress(lines({"n": 1})))
    agent_of(call).database.pause(1)
    wait_until(lambda: status(call, upload_id)["status"]["completedCount"] == 1, what="the row to be read")
    (reader,) = agent_of(call).uploads._readers
    agent_of(call).uploads.stop()
    assert reader.wait(timeout=20) == 0
    assert status(call, upload_id)["status"]["finished"] is False
    states = UploadStates(call.data_dir / "uploads")
    wait_until(lambda: states.try_lock(UUID(upload_id)) is not None, what="the upload's lock")


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
    long_ago = time.time() - FILE_SECONDS - 60
    for path in folder.iterdir():
        os.utime(path, (long_ago, long_ago))
    newer = start(call)
    assert {path.name for path in folder.iterdir()} == {f"{newer['id']}.json"}


def test_what_a_killed_process_half_wrote_is_swept(call: Caller) -> None:
    folder = call.data_dir / "uploads"
    for name, age in (("a.part", own.PART_SECONDS), ("b.json.12.new", FILE_SECONDS)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age - 60,) * 2)
    (folder / "c.part").touch()
    begun = start(call)
    assert {path.name for path in folder.iterdir()} == {f"{begun['id']}.json", "c.part"}


def test_the_secret_that_signs_urls_is_for_this_account_only(call: Caller) -> None:
    assert (call.data_dir / "upload_secret").stat().st_mode & 0o777 == 0o600
