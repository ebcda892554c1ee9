"""Lines that are no rows: skipped, counted, kept with their reason, downloaded, mended and sent again."""

from __future__ import annotations

import gzip
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from instance_agent.uploads.bad_rows import (
    KEPT_BYTES,
    KeptFile,
    KeptLine,
    KeptWriter,
    kept_line,
    read_kept,
    unite_durably,
)
from instance_agent.uploads.gateway import FILE_SECONDS
from tests.processes import wait_until
from tests.unit.instance_agent.conftest import READ_ONLY_KEY, Caller
from tests.unit.instance_agent.test_file_upload import TABLE, count, lines, start, upload

LONG = b'{"n": "' + b"x" * KEPT_BYTES + b'"}'
BAD = [
    b'{"n": "secret"}',
    b'{"n": 1, "s": "secret", "x": 1}',
    b"nope \xff secret",
    b' {"n": 1.5, "s": "\xc3\xa9\xe2\x80\xa8"} ',
    b'["secret"]',
    b'{"n": 1e999}',
    b"[" * 5_000,
    LONG,
]


@pytest.fixture(autouse=True)
def table(call: Caller) -> None:
    assert call("PUT", "/api/v1/schema/t", TABLE).status_code == 200


def mixed() -> bytes:
    """Each bad line behind a blank and a good one."""
    return b"".join(b"\n" + lines({"n": at}) + bad + b"\n" for at, bad in enumerate(BAD))


def errors(call: Caller, upload_id: str, query: str = "") -> bytes:
    answer = call("GET", f"/api/v1/data/t/file/{upload_id}/errors{query}")
    assert answer.status_code == 200
    assert answer.content_type == "application/x-ndjson"
    assert answer.headers["x-refused-lines"] == answer.headers["x-kept-lines"]
    content: bytes = answer.get_data()
    return content


def test_refused_lines_are_told_with_their_number_their_reason_and_their_row(call: Caller) -> None:
    upload_id, after = upload(call, gzip.compress(mixed()))
    assert (after["status"]["completedCount"], after["errors"]["message"]) == (len(BAD), "Last 8 failing rows")
    told: list[dict[str, Any]] = [json.loads(line) for line in errors(call, upload_id).splitlines()]
    assert [one["line"] for one in told] == [3 * at + 3 for at in range(len(BAD))]
    assert [one["row"] for one in told] == [
        {"n": "secret"},
        {"n": 1, "s": "secret", "x": 1},
        "nope \ufffd secret",
        {"n": 1.5, "s": "é\u2028"},
        ["secret"],
        '{"n": 1e999}',
        "[" * 5_000,
        LONG[:KEPT_BYTES].decode(),
    ]
    assert told[0]["reason"] == after["errors"]["rows"][0]["message"]
    assert told[0]["reason"] == "field 'n' of type Int cannot be a value of type String."
    assert told[-1]["reason"] == f"{told[0]['reason']} Of the line, the first {KEPT_BYTES} bytes are kept."
    assert "secret" not in "".join(one["reason"] for one in told)


def test_mended_lines_can_be_sent_again_as_they_are(call: Caller) -> None:
    upload_id, _ = upload(call, gzip.compress(mixed()))
    sent = errors(call, upload_id, "?format=lines")
    assert sent == b"".join(bad[:KEPT_BYTES] + b"\n" for bad in BAD)
    mended = sent.replace(b'{"n": "secret"}', b'{"n": 100}').replace(b', "x": 1', b"").replace(b"1.5", b"2")
    upload_id, after = upload(call, gzip.compress(mended))
    assert after["status"]["completedCount"] == 3
    assert count(call) == len(BAD) + 3
    assert len(errors(call, upload_id).splitlines()) == len(BAD) - 3


def test_a_file_without_bad_lines_has_none_to_download(call: Caller) -> None:
    upload_id, _ = upload(call, gzip.compress(lines({"n": 1})))
    assert errors(call, upload_id) == errors(call, upload_id, "?format=lines") == b""
    upload_id, after = upload(call, gzip.compress(b"x\n" * 10_000 + lines({"n": 1}))[:-3])
    assert "truncated" in after["errors"]["message"]
    assert errors(call, upload_id) == b"", "of a damaged file nothing is kept"


def test_of_bad_lines_alone_nothing_is_stored_and_all_are_kept(call: Caller) -> None:
    upload_id, after = upload(call, gzip.compress(b"x\n" * 25))
    assert (after["status"]["completedCount"], after["errors"]["message"]) == (0, "Last 10 failing rows of 25")
    assert errors(call, upload_id, "?format=lines") == b"x\n" * 25


@pytest.mark.parametrize(
    ("path", "key", "refusal"),
    [
        ("{id}/errors", READ_ONLY_KEY, (403, "key_read_only")),
        ("{id}/errors", None, (401, "key_missing")),
        ("{id}/errors", "another", (403, "key_unknown")),
        ("{id}/errors?format=csv", "", (400, "request_invalid")),
        ("{other}/errors", "", (409, "upload_unfinished")),
        ("00000000-0000-4000-8000-000000000000/errors", "", (404, "upload_not_found")),
    ],
)
def test_who_may_not_have_refused_lines_is_told_why(
    call: Caller, path: str, key: str | None, refusal: tuple[int, str]
) -> None:
    """They are rows, so the key that only reads doesn't suffice, as for all of an upload."""
    upload_id, _ = upload(call, gzip.compress(b"x\n"))
    filled = path.format(id=upload_id, other=start(call)["id"])
    options: dict[str, Any] = {} if key == "" else {"key": key}
    answer = call("GET", f"/api/v1/data/t/file/{filled}", **options)
    assert (answer.status_code, json.loads(answer.get_data())["error"]) == refusal


def test_refused_lines_belong_to_their_table(call: Caller) -> None:
    upload_id, _ = upload(call, gzip.compress(b"x\n"))
    call("PUT", "/api/v1/schema/u", TABLE)
    assert call("GET", f"/api/v1/data/u/file/{upload_id}/errors").status_code == 404
    call("DELETE", "/api/v1/schema/t")
    assert call("GET", f"/api/v1/data/t/file/{upload_id}/errors").status_code == 404


@pytest.mark.parametrize("change", ["delete", "replace", "seven days"])
def test_refused_lines_go_with_their_table_and_after_seven_days(call: Caller, change: str) -> None:
    upload_id, _ = upload(call, gzip.compress(b"x\n"))
    kept = call.data_dir / "uploads" / f"{upload_id}.refused"
    start(call)
    assert kept.exists()
    if change == "seven days":
        long_ago = time.time() - FILE_SECONDS - 60
        for path in kept.parent.iterdir():
            os.utime(path, (long_ago, long_ago))
    else:
        call("DELETE", "/api/v1/schema/t")
    call("PUT", "/api/v1/schema/t", TABLE)
    start(call)
    assert not kept.exists()


def test_nothing_of_a_refused_line_is_in_a_log(call: Caller) -> None:
    upload_id, _ = upload(call, gzip.compress(mixed()))
    errors(call, upload_id)
    wait_until(lambda: upload_id in (call.logs_dir / "info.log").read_text(), what="the line about the end")
    logs = [path.read_text() for path in call.logs_dir.iterdir()]
    assert not any("secret" in text for text in logs)
    assert (call.data_dir / "uploads" / f"{upload_id}.refused").stat().st_mode & 0o077 == 0


def test_a_hundred_thousand_refused_lines_are_kept_and_the_answer_says_how_many_there_were(call: Caller) -> None:
    content = b"".join(b"bad %d\n" % at for at in range(100_001))
    upload_id, after = upload(call, gzip.compress(content))
    assert after["errors"]["message"] == "Last 10 failing rows of 100001; 100000 of them can be downloaded"
    answer = call("GET", f"/api/v1/data/t/file/{upload_id}/errors?format=lines")
    assert (answer.headers["x-refused-lines"], answer.headers["x-kept-lines"]) == ("100001", "100000")
    assert answer.get_data() == content[: content.rindex(b"bad")]


def kept_file(folder: Path, found: list[KeptLine]) -> KeptFile:
    path = folder / f"{random.random()}"  # noqa: S311
    with path.open("xb") as file:
        writer = KeptWriter(file)
        for line in found:
            writer.add(line)
        writer.close()
    return KeptFile(path, writer.count)


@pytest.mark.parametrize("most", [0, 1, 4, 5, 6, 9, 10, 11])
def test_files_of_refused_lines_are_united_up_to_a_number(tmp_path: Path, most: int) -> None:
    found = [kept_line(at + 1, "reason", b"\n\xff" * at) for at in range(10)]
    files = [kept_file(tmp_path, found[:5]), kept_file(tmp_path, []), kept_file(tmp_path, found[5:])]
    united = tmp_path / "united"
    assert unite_durably(united, files, most) == min(most, 10)
    assert list(read_kept(united)) == found[:most]


def test_a_file_that_can_not_be_united_leaves_what_there_was(tmp_path: Path) -> None:
    good = kept_file(tmp_path, [kept_line(1, "reason", b"x")])
    united = tmp_path / "united"
    unite_durably(united, [good])
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(FileNotFoundError):
        unite_durably(united, [good, KeptFile(tmp_path / "gone", 1)])
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert len(list(read_kept(united))) == 1


def test_the_column_that_rows_lacked_can_be_added_and_they_be_sent_again(call: Caller) -> None:
    upload_id, _ = upload(call, gzip.compress(b'{"n": 1, "colour": "red"}\n{"n": 2}\n'))
    assert call("PUT", "/api/v1/schema/t/colour", {"type": "String", "nullable": True}).status_code == 200
    start(call)  # which sweeps what belongs to tables that are gone
    again, after = upload(call, gzip.compress(errors(call, upload_id, "?format=lines")))
    assert (after["status"]["completedCount"], errors(call, again)) == (1, b"")
    assert count(call) == 2
