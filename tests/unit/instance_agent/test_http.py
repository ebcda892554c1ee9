"""The API over HTTP: shapes, headers, keys, and bad input answered well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from instance_agent.errors import ERRORS, AgentError
from instance_agent.limits import LARGEST_BATCH_ROWS, LARGEST_BODY_BYTES
from instance_agent.query.answer import ENDPOINTS
from tests.unit.instance_agent.conftest import READ_ONLY_KEY, READ_WRITE_KEY, Caller

TABLE = {"type": "table", "columns": {"n": {"type": "Int"}, "s": {"type": "String", "nullable": True}}}


def body_of(response: TestResponse) -> Any:
    return json.loads(response.get_data())


def refused(response: TestResponse, code: str) -> str:
    """Check the published error shape; its message."""
    body = body_of(response)
    assert body.keys() == {"message", "status", "error"}
    assert (body["error"], body["status"], response.status_code) == (code, ERRORS[code].status, ERRORS[code].status)
    return str(body["message"])


def test_schema_endpoints_answer_in_the_published_shapes(call: Caller) -> None:
    assert body_of(call("GET", "/api/v1/schema")) == {"schema": {}}
    put = call("PUT", "/api/v1/schema/t", {"columns": {"b": {"type": "int"}, "a": {"type": "text"}}, "type": "table"})
    assert put.get_data() == b'{"columns":{"a":{"type":"Text"},"b":{"type":"Int"}},"type":"table"}'
    shown = {"columns": {name: {"nullable": False, "type": kind} for name, kind in (("a", "Text"), ("b", "Int"))}}
    assert body_of(call("GET", "/api/v1/schema/t")) == {**shown, "type": "table"}
    assert body_of(call("GET", "/api/v1/schema")) == {"schema": {"t": {**shown, "type": "table"}}}
    assert body_of(call("GET", "/api/v1/schema/t/a")) == {"nullable": False, "type": "Text"}
    assert body_of(call("DELETE", "/api/v1/schema/t")) == {"deleted": ["t"]}
    whole = {"schema": {"x": TABLE, "y": {"type": "table", "columns": {"x": {"type": "Int", "link": "x.n"}}}}}
    assert body_of(call("PUT", "/api/v1/schema", whole)) == whole
    assert body_of(call("DELETE", "/api/v1/schema")) == {"deleted": ["x", "y"]}


def test_rows_are_echoed_as_stored_and_batches_are_counted(call: Caller) -> None:
    call("PUT", "/api/v1/schema/t", TABLE)
    assert body_of(call("POST", "/api/v1/data/t", {"s": None, "n": 1})) == {"n": 1}
    assert body_of(call("POST", "/api/v1/data/t/batch", [{"n": 1}, {"n": 2, "s": "x"}])) == {
        "entries": 2,
        "status": "ok",
    }
    assert body_of(call("POST", "/api/v1/data/t/batch", [])) == {"entries": 0, "status": "ok"}
    assert body_of(call("POST", "/api/v1/data/t/optimize", {})) == {}
    assert body_of(call("POST", "/api/v1/data/t/optimize")) == {}
    assert body_of(call("GET", "/status/limits"))["usage"] == {"rowsTotal": 3}


def test_a_batch_with_one_bad_row_stores_nothing(call: Caller) -> None:
    call("PUT", "/api/v1/schema/t", TABLE)
    answer = call("POST", "/api/v1/data/t/batch", [{"n": 1}, {"n": "very-secret"}])
    message = refused(answer, "row_invalid")
    assert message == "row 1 (counting from 0): field 'n' of type Int cannot be a value of type String."
    assert body_of(call("GET", "/status/limits"))["usage"] == {"rowsTotal": 0}
    logs = "".join(path.read_text() for path in call.logs_dir.iterdir())
    assert "very-secret" not in logs


def test_a_batch_has_at_most_50000_rows(call: Caller) -> None:
    call("PUT", "/api/v1/schema/t", TABLE)
    rows = [{"n": 1}] * LARGEST_BATCH_ROWS
    assert body_of(call("POST", "/api/v1/data/t/batch", rows))["entries"] == LARGEST_BATCH_ROWS
    assert "50001" in refused(call("POST", "/api/v1/data/t/batch", [*rows, {"n": 1}]), "request_invalid")


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/api/v1/schema/x", "No such table: x"),
        ("DELETE", "/api/v1/schema/x", "No such table: x"),
        ("GET", "/api/v1/schema/x/c", "No such table: x"),
        ("POST", "/api/v1/data/x", "The requested table x does not exist"),
        ("POST", "/api/v1/data/x/batch", "The requested table x does not exist"),
        ("POST", "/api/v1/data/x/optimize", "The requested table x does not exist"),
        ("POST", "/api/v1/data/x/file", "The requested table x does not exist"),
    ],
)
def test_unknown_tables_are_answered_in_the_published_words(call: Caller, method: str, path: str, message: str) -> None:
    assert refused(call(method, path, {} if method == "POST" else None), "table_not_found") == message


def test_unknown_columns_paths_and_methods_are_json_too(call: Caller) -> None:
    call("PUT", "/api/v1/schema/t", TABLE)
    refused(call("GET", "/api/v1/schema/t/none"), "column_not_found")
    refused(call("GET", "/api/v1/nothing"), "not_found")
    refused(call("GET", "/API/v1/schema"), "not_found")
    refused(call("GET", "//api/v1/schema"), "not_found")
    answer = call("POST", "/api/v1/schema/t", {})
    refused(answer, "method_not_allowed")
    assert "PUT" in answer.headers["Allow"]
    refused(call("DELETE", "/api/v1/data/t"), "method_not_allowed")
    assert call("GET", "/api/v1/schema/").status_code == 200


@pytest.mark.parametrize("path", sorted(ENDPOINTS - {"_search", "_query", "_batch"}))
def test_a_query_endpoint_asks_for_its_own_operation_and_leads_to_query(call: Caller, path: str) -> None:
    call("PUT", "/api/v1/schema/t", TABLE)
    message = refused(call("POST", f"/api/v1/{path}", {"from": "t"}), "query_invalid")
    assert f"'{path.removeprefix('_')}' is required" in message
    assert "_query" in message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"nope",
        b'{"n": NaN}',
        b'{"n": Infinity}',
        b'{"n": 1e999}',
        b'{"n": 1} trailing',
        b'{"s": "\xff"}',
        b'{"s": "\\ud800"}',
        b'{"s": "\x00"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_bodies_that_are_no_json_are_refused(call: Caller, content: bytes) -> None:
    call("PUT", "/api/v1/schema/t", TABLE)
    for method, path in (("POST", "/api/v1/data/t"), ("PUT", "/api/v1/schema/t"), ("POST", "/api/v1/data/t/batch")):
        refused(call.send(method, path, content), "json_malformed")


@pytest.mark.parametrize("content", [b"null", b"1", b'"x"', b"[]", b"[[]]", b'{"n": 123456789012345678901234567890}'])
def test_json_of_another_form_is_refused(call: Caller, content: bytes) -> None:
    call("PUT", "/api/v1/schema/t", TABLE)
    assert call.send("POST", "/api/v1/data/t", content).status_code == 400
    assert call.send("PUT", "/api/v1/schema/t", content).status_code == 400
    assert call.send("PUT", "/api/v1/schema", content).status_code == 400
    assert body_of(call("GET", "/status/limits"))["usage"] == {"rowsTotal": 0}


def test_of_a_key_given_twice_the_last_one_counts(call: Caller) -> None:
    call("PUT", "/api/v1/schema/t", TABLE)
    assert body_of(call.send("POST", "/api/v1/data/t", b'{"n": 1, "n": 2}')) == {"n": 2}


def test_deep_json_in_a_json_column_is_refused_before_it_can_hurt(call: Caller) -> None:
    call("PUT", "/api/v1/schema/t", {"type": "table", "columns": {"j": {"type": "Json"}}})
    deep = b'{"j": ' + b"[" * 500 + b"]" * 500 + b"}"
    refused(call.send("POST", "/api/v1/data/t", deep), "row_invalid")


def test_bodies_over_the_limit_are_refused(call: Caller) -> None:
    call("PUT", "/api/v1/schema/t", TABLE)
    refused(call.send("POST", "/api/v1/data/t/batch", b" " * (LARGEST_BODY_BYTES + 1)), "request_too_large")
    refused(call.send("POST", "/api/v1/data/t/batch", b" " * LARGEST_BODY_BYTES), "json_malformed")


def test_keys_open_what_they_should(call: Caller) -> None:
    refused(call("GET", "/api/v1/schema", key=None), "key_missing")
    assert refused(call("GET", "/api/v1/schema", key="wrong"), "key_unknown") == "not authorized"
    refused(call("GET", "/api/v1/schema", key="ä" * 10_000), "key_unknown")
    assert call("GET", "/api/v1/schema", key=READ_ONLY_KEY).status_code == 200
    assert call("GET", "/api/v1/schema", key=READ_WRITE_KEY).status_code == 200


READ_ONLY_MAY = {
    ("GET", "/api/v1/schema"),
    ("GET", "/api/v1/schema/<table>"),
    ("GET", "/api/v1/schema/<table>/<column>"),
}


def test_read_only_key_may_not_write(call: Caller) -> None:
    ours = [
        rule for rule in call.app.url_map.iter_rules() if rule.endpoint.startswith(("v1_schema", "v1_data", "v1_files"))
    ]
    assert len(ours) >= 12
    for rule in ours:
        path = rule.rule.replace("<table>", "t").replace("<column>", "c")
        path = path.replace("<uuid:upload_id>", "00000000-0000-4000-8000-000000000000")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = call(method, path, key=READ_ONLY_KEY)
            if (method, rule.rule) in READ_ONLY_MAY:
                assert answer.status_code in (200, 404), (method, rule.rule)
            else:
                assert refused(answer, "key_read_only").startswith("not authorized"), (method, rule.rule)


def test_what_needs_no_key(call: Caller) -> None:
    assert body_of(call("GET", "/health", key=None)) == {"status": "ok"}
    assert isinstance(body_of(call("GET", "/version", key=None))["version"], str)
    assert body_of(call("GET", "/status/limits", key=None))["limits"] == {"rowsPerTable": None, "rowsTotal": None}
    for path in ("/api/v1/schema", "/anything", "/uploads/x"):
        assert call("OPTIONS", path, key=None).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/schema", "/api/v1/schema/none", "/nowhere", "/version"])
def test_every_answer_carries_the_headers(call: Caller, path: str) -> None:
    for key in (READ_WRITE_KEY, None):
        headers = call("GET", path, key=key).headers
        assert float(headers["x-aitoai-response-time"]) >= 0
        assert headers["content-type"] == "application/json"
        assert headers["access-control-allow-origin"] == "*"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


def test_a_fault_is_answered_and_logged_without_any_data(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    call("PUT", "/api/v1/schema/t", TABLE)

    def fail(*_: object) -> None:
        raise ValueError("very-secret")

    monkeypatch.setattr("instance_agent.routes.v1.data.check_row", fail)
    answer = call("POST", "/api/v1/data/t", {"n": 1})
    assert "very-secret" not in refused(answer, "internal")
    assert answer.headers["x-aitoai-response-time"]
    logged = (call.logs_dir / "info.log").read_text()
    assert "very-secret" not in logged
    assert answer.headers["x-request-id"] in logged
    assert "ValueError" in logged


def test_calls_are_logged_by_route_and_never_with_data_or_keys(call: Caller) -> None:
    call("PUT", "/api/v1/schema/secret-table", TABLE)
    call("POST", "/api/v1/data/secret-table", {"n": 1, "s": "secret-value"})
    call("GET", "/secret-path?secret=query", key="secret-key")
    lines = [json.loads(line) for line in (call.logs_dir / "api_calls.log").read_text().splitlines()]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("PUT", "/api/v1/schema/<table>", 200),
        ("POST", "/api/v1/data/<table>", 200),
        ("GET", None, 404),
    ]
    assert lines[1]["request_bytes"] > 0
    assert lines[1]["duration_ms"] > 0
    everything = "".join(path.read_text() for path in call.logs_dir.iterdir())
    assert "secret" not in everything
    assert READ_WRITE_KEY not in everything


def test_every_code_has_a_status_and_a_sentence() -> None:
    for code, kind in ERRORS.items():
        error = AgentError(code)
        assert 400 <= error.status < 600
        assert error.message == kind.sentence
        assert code == code.lower()
