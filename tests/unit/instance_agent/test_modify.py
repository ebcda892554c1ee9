"""`_modify`: what each operation does, all or none, in order, on the newest commit whoever else writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from werkzeug.test import TestResponse

from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import optimize
from instance_agent.engine.transaction import Transaction
from instance_agent.errors import AgentError
from instance_agent.limits import LARGEST_BATCH_ROWS
from instance_agent.query.deadline import Deadline
from instance_agent.query.endpoints import modify
from instance_agent.query.endpoints.modify import Outcome, carry_out, select
from instance_agent.query.endpoints.modify_grammar import MOST_OPERATIONS, parse_modify
from instance_agent.query.language.grammar import parse_proposition
from instance_agent.schema.types import ColumnSchema, ColumnType
from tests.processes import wait_until
from tests.unit.instance_agent.conftest import READ_ONLY_KEY, Caller
from tests.unit.instance_agent.test_http import body_of, refused

Result = TypeVar("Result")
MODIFY = "/api/v1/data/_modify"
STOCK: dict[str, Any] = {
    "type": "table",
    "columns": {
        "id": {"type": "Int"},
        "amount": {"type": "Int", "nullable": True},
        "price": {"type": "Decimal", "nullable": True},
        "name": {"type": "Text", "nullable": True},
        "tags": {"type": "String[]", "nullable": True},
        "place": {"type": "String", "nullable": True, "link": "places.id"},
        "anything": {"type": "Json", "nullable": True},
    },
}
SCHEMA: dict[str, Any] = {
    "schema": {"stock": STOCK, "places": {"type": "table", "columns": {"id": {"type": "String"}}}}
}
ROWS: list[dict[str, Any]] = [
    {"id": 0, "amount": 5, "name": "rye bread", "tags": ["a"]},
    {"id": 1, "amount": 5, "place": "shelf"},
    {"id": 2, "amount": 7, "place": "cellar"},
]


@pytest.fixture
def stock(call: Caller) -> Caller:
    call("PUT", "/api/v1/schema", SCHEMA)
    call("POST", "/api/v1/data/places/batch", [{"id": "shelf"}, {"id": "cellar"}])
    assert call("POST", "/api/v1/data/stock/batch", ROWS).status_code == 200
    return call


def rows(call: Caller, table: str = "stock") -> list[dict[str, Any]]:
    found = body_of(call("POST", "/api/v1/_search", {"from": table, "limit": 2000}))
    assert found["total"] == len(found["hits"])
    return list(found["hits"])


def modified(call: Caller, *operations: Any) -> tuple[int, int, int]:
    """How many rows were (inserted, modified, deleted)."""
    answer = call("POST", MODIFY, {"operations": list(operations)})
    assert answer.status_code == 200, answer.get_data()
    body = body_of(answer)
    assert [one["index"] for one in body["operations"]] == list(range(len(operations)))
    return body["insertedCount"], body["modifiedCount"], body["deletedCount"]


def update(where: Any, upsert: bool = False, **values: Any) -> dict[str, Any]:
    return {"update": "stock", "set": values, "where": where, "upsert": upsert}


def test_one_operation_is_answered_in_the_published_shape(stock: Caller) -> None:
    sent: list[tuple[dict[str, Any], tuple[int, int, int]]] = [
        ({"insert": {"id": 3}, "into": "stock"}, (1, 0, 0)),
        ({"into": "stock", "insert": [{"id": 4}, {"id": 5}]}, (2, 0, 0)),
        ({"update": "stock", "set": {"amount": 1}, "where": {"id": {"$gte": 3}}}, (0, 3, 0)),
        ({"from": "stock", "delete": {"amount": 1}}, (0, 0, 3)),
        ({"optimize": "stock"}, (0, 0, 0)),
        ({"from": "stock", "copy": "other"}, (0, 0, 0)),
        ({"from": "other", "rename": "third", "replace": None}, (0, 0, 0)),
    ]
    for operation, (inserted, changed, deleted) in sent:
        (kind,) = {"insert", "update", "delete", "optimize", "rename", "copy"} & operation.keys()
        assert body_of(stock("POST", MODIFY, operation)) == {
            "deletedCount": deleted,
            "insertedCount": inserted,
            "modifiedCount": changed,
            "operations": [{"operation": kind, "index": 0}],
        }
    assert rows(stock) == ROWS == rows(stock, "third")
    assert modified(stock) == (0, 0, 0)


def test_an_update_replaces_whole_values_in_place(stock: Caller) -> None:
    assert modified(stock, update({"amount": 5}, amount=6, tags=["x", "y"], price=2)) == (0, 2, 0)
    changed = {"amount": 6, "price": 2.0, "tags": ["x", "y"]}
    assert rows(stock) == [{**ROWS[0], **changed}, {**ROWS[1], **changed}, ROWS[2]]
    assert modified(stock, update({"tags": "x"}, tags=None, name=None, amount=5, price=None)) == (0, 2, 0)
    assert rows(stock) == [{"id": 0, "amount": 5}, *ROWS[1:]]
    assert modified(stock, update({"id": 9}, amount=1)) == (0, 0, 0)
    assert modified(stock, update({}, anything={"a": [1, None]})) == (0, 3, 0)
    assert [row["anything"] for row in rows(stock)] == [{"a": [1, None]}] * 3


def test_updated_values_are_found_by_every_kind_of_condition_and_the_old_ones_arent(stock: Caller) -> None:
    def ids(where: Any) -> list[int]:
        return [
            hit["id"] for hit in body_of(stock("POST", "/api/v1/_search", {"from": "stock", "where": where}))["hits"]
        ]

    modified(stock, update({"id": 0}, name="white bread", tags=["b"], amount=9, place="cellar"))
    assert (ids({"name": {"$match": "rye"}}), ids({"name": {"$match": "white"}})) == ([], [0])
    assert (ids({"tags": "a"}), ids({"tags": "b"}), ids({"amount": {"$gt": 8}})) == ([], [0], [0])
    assert ids({"place.id": "cellar"}) == [0, 2]
    assert ids({"$index": 0}) == [0]


def test_each_operation_sees_what_those_before_it_did(stock: Caller) -> None:
    done = modified(
        stock,
        {"insert": [{"id": 10, "amount": 1}, {"id": 11, "amount": 1}], "into": "stock"},
        update({"amount": 1}, amount=2),
        update({"amount": 2}, id=12),
        {"from": "stock", "delete": {"id": {"$lt": 10}}},
        {"from": "stock", "copy": "kept"},
        {"from": "kept", "rename": "renamed"},
        {"from": "stock", "delete": {}},
        {"insert": {"id": 1}, "into": "renamed"},
        {"insert": {"id": "new"}, "into": "places"},
        {"update": "renamed", "set": {"place": "new"}, "where": {"id": 1}},
        {"update": "renamed", "set": {"amount": 3}, "where": {"place.id": "new"}},
    )
    assert done == (4, 6, 5)
    assert rows(stock) == []
    assert rows(stock, "renamed") == [
        {"amount": 2, "id": 12},
        {"amount": 2, "id": 12},
        {"amount": 3, "id": 1, "place": "new"},
    ]


@pytest.mark.parametrize(
    ("where", "row"),
    [
        ({"id": 9}, {"id": 9}),
        ({"$and": [{"id": 9}, {"name": "rye bread"}]}, {"id": 9, "name": "rye bread"}),
        ({"id": {"$is": 9.0}, "name": {"$is": "x y"}}, {"id": 9, "name": "x y"}),
        ({"$atomic": {"id": 9, "tags": ["q"]}}, {"id": 9, "tags": ["q"]}),
        ({"id": 9, "anything": {"$json": {"a": 1}}}, {"id": 9, "anything": {"a": 1}}),
        ({"id": 9, "price": 2}, {"id": 9, "price": 2.0}),
        ({"id": 9, "$and": [{"id": 9}]}, {"id": 9}),
        ({"id": 9, "place": None, "amount": {"$gt": 3}, "tags": "one", "name": {"$match": "x"}}, {"id": 9}),
        ({"id": 9, "$or": [{"name": "x"}], "$not": {"name": "y"}, "place.id": "shelf"}, {"id": 9}),
    ],
)
def test_an_upsert_without_a_row_inserts_what_set_and_where_say(stock: Caller, where: Any, row: Any) -> None:
    assert modified(stock, update(where, upsert=True, amount=4)) == (1, 0, 0)
    assert rows(stock) == [*ROWS, {**row, "amount": 4}]


def test_an_upsert_updates_every_row_that_it_finds_and_set_goes_before_where(stock: Caller) -> None:
    assert modified(stock, update({"amount": 5}, upsert=True, amount=6)) == (0, 2, 0)
    assert modified(stock, update({"amount": 5, "id": 3}, upsert=True, amount=6)) == (1, 0, 0)
    assert modified(stock, update({"amount": 6, "id": 3}, upsert=True, amount=None)) == (0, 1, 0)
    assert rows(stock)[3] == {"id": 3}
    both = [update({"id": 7}, upsert=True, amount=1), update({"id": 7}, upsert=True, amount=2)]
    assert modified(stock, *both) == (1, 1, 0)
    assert rows(stock)[4:] == [{"id": 7, "amount": 2}]
    assert modified(stock, {"from": "stock", "delete": {}}, update({}, upsert=True, id=1)) == (1, 0, 5)


@pytest.mark.parametrize(
    ("operation", "code", "words"),
    [
        (None, "request_invalid", "An operation is a JSON object, and this is null"),
        (
            {},
            "request_invalid",
            "an operation has one of insert, update, delete, optimize, rename, copy, and this has none",
        ),
        ({"insert": {}, "delete": {}}, "request_invalid", "these are insert and delete"),
        ({"operations": []}, "request_invalid", "aren't nested"),
        ({"insert": {"id": 1}}, "request_invalid", "'into' is the name of a table, and it is missing"),
        ({"insert": {"id": 1}, "into": 1}, "request_invalid", "'into' is the name of a table, and this is Int"),
        ({"insert": 1, "into": "stock"}, "request_invalid", "'insert' takes a row or a list of rows"),
        ({"insert": [1], "into": "stock"}, "row_invalid", "row 0 (counting from 0): a row is a JSON object"),
        (
            {"insert": [{"id": 1}, {"id": "very-secret"}], "into": "stock"},
            "row_invalid",
            "row 1 (counting from 0): field 'id' of type Int cannot be a value of type String.",
        ),
        ({"insert": {"id": 1}, "into": "none"}, "table_not_found", "The requested table none does not exist"),
        ({"insert": {"id": 1}, "into": "stock", "upsert": 1}, "request_invalid", "Unknown member '\"upsert\"'"),
        ({"update": "stock", "set": {"id": 1}}, "request_invalid", "'where' is required"),
        ({"update": "stock", "set": {"id": 1}, "where": None}, "request_invalid", "'where' is required"),
        ({"update": "stock", "where": {}}, "request_invalid", "'set' is an object with at least one column"),
        (update({}), "request_invalid", "'set' is an object with at least one column"),
        ({**update({}, id=1), "set": [1]}, "request_invalid", "'set' is an object with at least one column"),
        (update({}, none=1), "row_invalid", "field 'none' not found"),
        (update({"id": 99}, none=1), "row_invalid", "field 'none' not found"),
        (update({}, id=None), "row_invalid", "field 'id' of type Int is null, and it isn't nullable"),
        (update({}, id="very-secret"), "row_invalid", "field 'id' of type Int cannot be a value of type String."),
        (update({"id": 99}, amount=2**31), "row_invalid", "field 'amount' of type Int holds whole numbers of 32 bits"),
        (
            update({}, tags=["a", 1]),
            "row_invalid",
            "field 'tags' of type String[]: element 1 (counting from 0) of type String cannot be",
        ),
        (update({"none": 1}, id=1), "field_not_found", "field 'none' not found"),
        (update({"id": "x"}, id=1), "query_invalid", "field 'id' of type Int"),
        (update([], id=1), "query_invalid", "a proposition is an object"),
        (update({"name": "x"}, upsert=True, amount=1), "row_invalid", "field 'id' of type Int is missing"),
        (update({"$and": [{"id": 9}, {"id": 8}]}, upsert=True, amount=1), "query_invalid", "two values of 'id'"),
        ({**update({}, id=1), "upsert": "yes"}, "request_invalid", "'upsert' is true or false, and this is String"),
        ({"update": "none", "set": {"id": 1}, "where": {}}, "table_not_found", "table none does not exist"),
        ({"from": "stock", "delete": None}, "request_invalid", "'delete' is required"),
        ({"from": "none", "delete": {}}, "table_not_found", "table none does not exist"),
        ({"from": {"from": "stock"}, "delete": {}}, "request_invalid", "'from' is the name of a table"),
        ({"delete": {}}, "request_invalid", "'from' is the name of a table, and it is missing"),
        ({"optimize": "none"}, "table_not_found", "table none does not exist"),
        ({"optimize": 1}, "request_invalid", "'optimize' is the name of a table"),
        ({"from": "stock", "rename": "places"}, "schema_invalid", "There is a table 'places' already"),
        ({"from": "stock", "rename": "a/b"}, "schema_invalid", "can't be the name of a table"),
        ({"from": "stock", "copy": "stock", "replace": True}, "schema_invalid", "has this name already"),
        ({"from": "none", "copy": "x"}, "table_not_found", "table none does not exist"),
        ({"from": "stock", "copy": "x", "replace": 1}, "request_invalid", "'replace' is true or false"),
        ({"repair": "stock"}, "query_unsupported", "'repair' isn't supported"),
        ({"migrate": "stock"}, "query_unsupported", "'migrate' isn't supported"),
        ({"warm": "stock"}, "query_unsupported", "'warm' isn't supported"),
    ],
)
def test_a_list_with_an_operation_that_is_refused_changes_nothing(
    stock: Caller, operation: Any, code: str, words: str
) -> None:
    commit = body_of(stock("GET", "/internal/state"))["commit"]
    if isinstance(operation, dict) and "operations" not in operation:
        assert words.lower() in refused(stock("POST", MODIFY, operation), code).lower()
    before: list[Any] = [
        {"insert": {"id": 5}, "into": "stock"},
        update({"id": 5}, amount=1),
        {"from": "stock", "delete": {"id": 0}},
        {"from": "places", "copy": "more_places"},
    ]
    for at in range(len(before) + 1):
        message = refused(stock("POST", MODIFY, {"operations": [*before[:at], operation, *before[at:]]}), code)
        assert message.startswith(f"operations[{at}]: ")
        assert words.lower() in message.lower()
        assert "very-secret" not in message
    assert rows(stock) == ROWS
    assert body_of(stock("GET", "/api/v1/schema"))["schema"].keys() == {"stock", "places"}
    assert body_of(stock("GET", "/internal/state"))["commit"] == commit
    assert "very-secret" not in "".join(path.read_text() for path in stock.logs_dir.iterdir())


@pytest.mark.parametrize("body", [[], [{"optimize": "stock"}], None, 1, "x", {"operations": {}}, {"operations": None}])
def test_a_body_of_another_form_is_refused(stock: Caller, body: Any) -> None:
    refused(stock.send("POST", MODIFY, b"null") if body is None else stock("POST", MODIFY, body), "request_invalid")
    refused(stock("POST", MODIFY, {"operations": [], "more": 1}), "request_invalid")


def test_only_the_read_write_key_modifies(stock: Caller) -> None:
    for path in (MODIFY, "/api/v1/jobs/data/_modify"):
        refused(stock("POST", path, {"from": "stock", "delete": {}}, key=READ_ONLY_KEY), "key_read_only")
        refused(stock("POST", path, {"from": "stock", "delete": {}}, key=None), "key_missing")
    assert rows(stock) == ROWS


def test_a_thousand_operations_go_and_one_more_doesnt(stock: Caller) -> None:
    upserts = [update({"id": number}, upsert=True, amount=number) for number in range(MOST_OPERATIONS)]
    assert modified(stock, *upserts) == (MOST_OPERATIONS - 3, 3, 0)
    assert [(row["id"], row["amount"]) for row in rows(stock)] == [(n, n) for n in range(MOST_OPERATIONS)]
    sent = {"operations": [*upserts, {"optimize": "stock"}]}
    assert "1001" in refused(stock("POST", MODIFY, sent), "request_invalid")


def test_a_request_inserts_no_more_rows_than_a_batch(stock: Caller) -> None:
    half = {"into": "stock", "insert": [{"id": 1}] * (LARGEST_BATCH_ROWS // 2)}
    assert "50001" in refused(
        stock("POST", MODIFY, {"operations": [half, half, {"into": "stock", "insert": {"id": 1}}]}), "request_invalid"
    )
    assert modified(stock, half, half)[0] == LARGEST_BATCH_ROWS


def test_tables_and_columns_with_strange_names_are_only_names(call: Caller) -> None:
    names = ["_modify", "_delete", "operations", "in­visible", "日本", "a'b%20", "{}", "x" * 255, "😀", "-", "where"]
    columns = {name: {"type": "Int", "nullable": True} for name in names}
    for name in names:
        call("PUT", "/api/v1/schema", {"schema": {name: {"type": "table", "columns": columns}}})
        row = {column: number for number, column in enumerate(names)}
        assert modified(call, {"insert": row, "into": name}) == (1, 0, 0)
        for column in names:
            changed = {"update": name, "set": {column: -1}, "where": {column: row[column]}}
            assert modified(call, changed) == (0, 1, 0)
        assert rows(call, name) == [dict.fromkeys(sorted(names), -1)]
        assert body_of(call("POST", "/api/v1/data/_delete", {"from": name, "where": {names[0]: -1}})) == {"total": 1}
    assert len(refused(call("POST", MODIFY, {"optimize": "x" * 1_000_000}), "table_not_found")) < 1000


def test_optimize_runs_after_the_commit_on_the_table_by_its_last_name(stock: Caller) -> None:
    segments = stock.data_dir / "segments"
    assert list(segments.iterdir()) == []
    optimized = {"optimize": "stock"}, {"from": "stock", "rename": "places", "replace": True}
    assert modified(stock, update({"id": 0}, amount=1), *optimized) == (0, 1, 0)
    assert len(list(segments.iterdir())) == 1
    assert rows(stock, "places") == [{**ROWS[0], "amount": 1}, *ROWS[1:]]


def result_of_job(call: Caller, job: str) -> TestResponse:
    at = f"/api/v1/jobs/{job}"
    wait_until(lambda: "finishedAt" in body_of(call("GET", at)), what="the job to finish", seconds=20)
    return call("GET", f"{at}/result")


def test_it_works_as_a_job(stock: Caller) -> None:
    for operation, status in ((update({"id": 0}, amount=1), 200), (update({"id": 0}, amount="x"), 400)):
        job = body_of(stock("POST", "/api/v1/jobs/data/_modify", operation))
        assert job["path"] == "data/_modify"
        assert result_of_job(stock, job["id"]).status_code == status
    assert rows(stock)[0]["amount"] == 1


def test_a_selection_counts_only_while_every_table_that_it_depends_on_is_the_same(stock: Caller) -> None:
    database = Database.open(stock.data_dir)
    view = database.read_view()
    where = parse_proposition({"place.id": "shelf"}, "where")
    found = select(view, "stock", where, Deadline.after(60))
    assert found.rows.tolist() == [1]
    assert found.tables.keys() == {"stock", "places"}
    database.insert_rows("stock", [])
    assert found.holds_in(database.read_view())
    database.insert_rows("places", [{"id": "x"}])
    assert not found.holds_in(database.read_view())
    found = select(database.read_view(), "stock", where, Deadline.after(60))
    database.insert_rows("stock", [{"id": 1, "place": "shelf"}])
    assert not found.holds_in(database.read_view())
    assert found.holds_in(view) is False


def test_a_list_whose_time_is_over_changes_nothing(stock: Caller) -> None:
    database = Database.open(stock.data_dir)
    insert: dict[str, Any] = {"insert": {"id": 1}, "into": "stock"}
    operations: list[Any] = [insert, update({}, amount=1)]
    for sent in (operations[:1], operations[1:], operations):
        with pytest.raises(AgentError) as late:
            carry_out(database, parse_modify({"operations": sent}), Deadline.after(-1))
        assert late.value.code == "query_timeout"
    assert rows(stock) == ROWS


def test_a_list_that_holds_up_other_writers_for_long_is_ended(stock: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modify, "LONGEST_TURN_SECONDS", -1.0)
    database = Database.open(stock.data_dir)
    with pytest.raises(AgentError, match="send fewer operations at a time") as late:
        carried_out(database, {"operations": [update({}, amount=1), update({}, amount=2)]})
    assert late.value.code == "query_timeout"
    assert rows(stock) == ROWS


def carried_out(database: Database, operation: Any) -> Outcome:
    return carry_out(database, parse_modify(operation), Deadline.after(60))


def delete_and_rewrite(database: Database) -> None:
    """The rows that are left have other numbers afterwards."""
    carried_out(database, {"from": "stock", "delete": {"id": 0}})
    optimize(database, "stock")


class Interrupted(Database):
    """A database where others commit between the look at the rows and the writer's turn, or behind it."""

    meanwhile: Callable[[Database], object] | None = None
    afterwards: Callable[[Database], object] | None = None

    def transact(self, work: Callable[[Transaction], Result]) -> Result:
        if self.meanwhile is not None:
            self.meanwhile(Database.open(self.data_dir))
        result = super().transact(work)
        if self.afterwards is not None:
            self.afterwards(Database.open(self.data_dir))
        return result


@pytest.mark.parametrize(
    ("meanwhile", "operation", "changed"),
    [
        (
            lambda other: other.insert_rows("stock", [{"id": 3, "amount": 5}]),
            update({"amount": 5}, amount=6),
            [{**ROWS[0], "amount": 6}, {**ROWS[1], "amount": 6}, ROWS[2], {"id": 3, "amount": 6}],
        ),
        (
            lambda other: carried_out(other, update({"id": 1}, amount=0)),
            {"from": "stock", "delete": {"amount": 5}},
            [{**ROWS[1], "amount": 0}, ROWS[2]],
        ),
        (
            lambda other: other.insert_rows("stock", [{"id": 3}]),
            update({"id": 3}, upsert=True, amount=1),
            [*ROWS, {"id": 3, "amount": 1}],
        ),
        (
            lambda other: carried_out(other, {"from": "places", "delete": {"id": "shelf"}}),
            {"from": "stock", "delete": {"place.id": {"$defined": True}}},
            ROWS[:2],
        ),
        (
            delete_and_rewrite,
            {"from": "stock", "delete": {"$index": 1}},
            [ROWS[1]],
        ),
        (
            lambda other: other.put_column("stock", "amount", ColumnSchema(ColumnType.STRING), "s"),
            {"insert": {"id": 3, "amount": 1}, "into": "stock"},
            None,
        ),
        (lambda other: other.delete_table("stock"), update({}, amount=1), None),
    ],
)
def test_what_others_commit_between_the_look_and_the_turn_counts(
    stock: Caller, meanwhile: Callable[[Database], object], operation: Any, changed: Any
) -> None:
    database = Interrupted.open(stock.data_dir)
    assert isinstance(database, Interrupted)
    database.meanwhile = meanwhile
    if changed is None:
        with pytest.raises(AgentError):
            carried_out(database, operation)
    else:
        carried_out(database, operation)
        assert rows(stock) == changed


def test_an_optimize_that_comes_too_late_or_fails_does_not_hide_what_was_done(stock: Caller) -> None:
    database = Interrupted.open(stock.data_dir)
    assert isinstance(database, Interrupted)
    database.afterwards = lambda other: other.delete_table("places")
    assert carried_out(database, {"optimize": "places"}).changed_rows is False
    assert modified(stock, {"optimize": "stock"}, {"insert": {"id": 3}, "into": "stock"}) == (1, 0, 0)
    assert modified(stock, {"insert": {"id": 4}, "into": "stock"}) == (1, 0, 0)
    (segment,) = (stock.data_dir / "segments").iterdir()
    content = bytearray(segment.read_bytes())
    content[64] ^= 1
    segment.write_bytes(content)
    stock("PUT", "/api/v1/schema/t", {"type": "table", "columns": {"n": {"type": "Int"}}})
    again = Database.open(stock.data_dir)
    with pytest.raises(AgentError) as damaged:
        carried_out(again, {"optimize": "stock"})
    assert damaged.value.code == "table_damaged"
    both = {"operations": [{"optimize": "stock"}, {"insert": {"n": 1}, "into": "t"}]}
    assert carried_out(again, both).inserted == 1
    assert again.read_view().table("t").row_count == 1


def test_a_disk_that_fails_while_optimizing_is_told_unless_more_was_done(stock: Caller) -> None:
    (stock.data_dir / "building").rmdir()
    (stock.data_dir / "building").touch()
    refused(stock("POST", "/api/v1/data/stock/optimize", {}), "storage_failed")
    refused(stock("POST", MODIFY, {"optimize": "stock"}), "storage_failed")
    assert modified(stock, {"optimize": "stock"}, {"insert": {"id": 3}, "into": "stock"}) == (1, 0, 0)
    assert rows(stock) == [*ROWS, {"id": 3}]


def test_an_operation_may_need_a_table_that_one_before_it_makes(stock: Caller) -> None:
    stock("POST", "/api/v1/schema/_rename", {"from": "places", "rename": "elsewhere"})
    at_the_shelf = update({"place.id": "shelf"}, amount=1)
    refused(stock("POST", MODIFY, at_the_shelf), "field_not_found")
    assert modified(stock, {"from": "elsewhere", "copy": "places"}, at_the_shelf) == (0, 1, 0)
