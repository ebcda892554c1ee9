"""Every command of the published command line that talks to a server, against a real agent (`--api-version v1`)."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from aito import cli
from aito.cli._backends import V1Backend
from aito.schema import AitoTableSchema
from aito.v1 import api

from tests.agents import READ_ONLY_KEY, READ_WRITE_KEY, RunningAgent, clean_environment, running_agent
from tests.contract.aitoai_store import PRODUCTS, QUERIES, SCHEMA

Run = Callable[..., str]
TABLE = {"type": "table", "columns": {"n": {"type": "Int"}, "word": {"type": "String", "nullable": True}}}


@pytest.fixture
def aito(
    shop: RunningAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command as the installed program does, with the shop's credentials; what it prints."""
    monkeypatch.setenv("AITO_INSTANCE_URL", shop.url)
    monkeypatch.setenv("AITO_API_KEY", READ_WRITE_KEY)
    return runner(tmp_path, monkeypatch, capsys)


def runner(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr("aito.cli.main_parser.DEFAULT_CONFIG_DIR", folder / "aito")
    monkeypatch.setenv("AITO_API_VERSION", "v1")
    monkeypatch.setattr("builtins.input", lambda _prompt="": "y")

    def run(*arguments: str, status: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["aito", "-q", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert ended.value.code in ((0, None) if status == 0 else (status,)), printed.err + printed.out
        return printed.out + printed.err

    return run


@pytest.fixture
def empty_aito(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quick_polls: None
) -> Iterator[Run]:
    """The same for an agent of its own, with nothing in it."""
    with running_agent(tmp_path / "data") as agent:
        monkeypatch.setenv("AITO_URL", agent.url)
        monkeypatch.setenv("AITO_API_KEY", READ_WRITE_KEY)
        yield runner(tmp_path, monkeypatch, capsys)


def written(folder: Path, name: str, content: Any) -> str:
    path = folder / name
    path.write_text(json.dumps(content))
    return str(path)


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("options", [(), ("--use-job",)])
def test_a_query_prints_what_the_endpoint_answers(
    aito: Run, shop: RunningAgent, quick_polls: None, name: str, options: tuple[str, ...]
) -> None:
    printed = aito(name.replace("_", "-"), json.dumps(QUERIES[name]), *options)
    endpoint = "_query" if name == "generic_query" else f"_{name}"
    answer = shop.call("POST", f"/api/v1/{endpoint}", QUERIES[name], key=READ_ONLY_KEY)
    assert json.loads(printed) == answer.json()


def test_a_refused_query_says_why_and_fails(aito: Run) -> None:
    assert "No such table: nowhere" in aito("search", '{"from": "nowhere"}', status=2)


def test_quick_predict_prints_a_query_and_how_good_it_is(aito: Run) -> None:
    printed = aito("quick-predict", "products", "category", "--evaluate")
    assert '"predict": "category"' in printed
    assert "- Train samples count: 10" in printed
    assert "- Test samples count: 2" in printed


def test_tables_are_made_shown_copied_renamed_and_deleted(empty_aito: Run, tmp_path: Path) -> None:
    empty_aito("create-database", written(tmp_path, "schema.json", SCHEMA))
    assert empty_aito("show-tables").split() == ["impressions", "products", "users"]
    assert json.loads(empty_aito("get-database"))["schema"].keys() == SCHEMA["schema"].keys()
    empty_aito("create-table", "t", written(tmp_path, "table.json", TABLE))
    assert json.loads(empty_aito("get-table", "t"))["columns"].keys() == {"n", "word"}
    empty_aito("upload-entries", "t", written(tmp_path, "rows.json", [{"n": 1, "word": "a"}, {"n": 2}]))
    empty_aito("copy-table", "t", "second")
    empty_aito("rename-table", "second", "third")
    empty_aito("copy-table", "--replace", "t", "third")
    assert json.loads(empty_aito("search", '{"from": "third"}'))["hits"] == [{"n": 1, "word": "a"}, {"n": 2}]
    empty_aito("optimize-table", "third")
    empty_aito("delete-table", "t")
    assert "t" not in empty_aito("show-tables").split()
    empty_aito("delete-database")
    assert empty_aito("show-tables").split() == []


def test_files_of_every_kind_are_uploaded(empty_aito: Run, tmp_path: Path) -> None:
    """Values come back as they were; empty cells come back as none."""
    rows = [{"n": n, "word": word} for n, word in enumerate(["a", "b", None, "d"])]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["n", "word"])
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "t.ndjson").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "t.json").write_text(json.dumps(rows))
    with gzip.open(tmp_path / "t.ndjson.gz", "wt") as packed:
        packed.write("\n".join(map(json.dumps, rows)))
    empty_aito("create-table", "t", written(tmp_path, "table.json", TABLE))
    for kind in ("csv", "ndjson", "json", "ndjson.gz"):
        options = ("-f", "ndjson") if kind == "ndjson.gz" else ()
        empty_aito("upload-file", *options, "t", str(tmp_path / f"t.{kind}"))
    hits = json.loads(empty_aito("search", '{"from": "t", "limit": 100}'))["hits"]
    assert hits == [{name: value for name, value in row.items() if value is not None} for row in rows] * 4


def test_a_file_becomes_a_table(empty_aito: Run, tmp_path: Path) -> None:
    flat = [{name: value for name, value in product.items() if name != "tags"} for product in PRODUCTS]
    path = tmp_path / "goods.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(flat[0]))
        writer.writeheader()
        writer.writerows(flat)
    empty_aito("quick-add-table", str(path))
    empty_aito("quick-add-table", "-n", "again", "-f", "csv", str(path))
    for table in ("goods", "again"):
        columns = json.loads(empty_aito("get-table", table))["columns"]
        assert {name: column["type"] for name, column in columns.items()} == {
            "id": "String",
            "name": "Text",
            "category": "String",
            "price": "Decimal",
        }
        hits = json.loads(empty_aito("search", json.dumps({"from": table, "limit": 100})))["hits"]
        assert hits == [dict(sorted(row.items())) for row in flat]


def test_what_a_query_of_another_database_gives_is_uploaded(writer: Any) -> None:
    """`upload-data-from-sql` and `quick-add-table-from-sql` from where they talk to the server."""
    frame = import_module("pandas").DataFrame({"n": [1, 2], "word": ["a", "b"]})
    backend = V1Backend(writer)
    backend.upload_data_frame("fromsql", frame, create_with_schema=AitoTableSchema.infer_from_pandas_data_frame(frame))
    backend.upload_data_frame("fromsql", frame)
    assert api.query_entries(writer, "fromsql") == [{"n": 1, "word": "a"}, {"n": 2, "word": "b"}] * 2
    api.delete_table(writer, "fromsql")


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the installed program in a process of its own, with a home of its own and no terminal."""
    environment = clean_environment({"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "AITO_API_VERSION": "v1"})

    def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("aito")), *arguments]
        return subprocess.run(
            command,
            input=given,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            start_new_session=True,
        )

    return run


def test_credentials_are_checked_and_kept(
    program: Callable[..., subprocess.CompletedProcess[str]], shop: RunningAgent, tmp_path: Path
) -> None:
    refused = program("configure", given=f"{shop.url}\nwrong\n")
    assert refused.returncode == 2
    assert "invalid credentials" in refused.stdout + refused.stderr
    assert program("configure", given=f"{shop.url}\n{READ_ONLY_KEY}\n").returncode == 0
    assert (tmp_path / "aito" / "credentials").is_file()
    assert "products" in program("show-tables").stdout.split()


def test_the_installed_program_reads_from_its_standard_input(
    program: Callable[..., subprocess.CompletedProcess[str]], shop: RunningAgent
) -> None:
    """With flags for credentials."""
    flags = ["--api-version", "v1", "-i", shop.url, "-k", READ_WRITE_KEY]

    def run(*arguments: str, given: str = "") -> str:
        done = program(*arguments, given=given)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    run("create-table", *flags, "piped", given=json.dumps(TABLE))
    run("upload-entries", *flags, "piped", given=json.dumps([{"n": 5}]))
    assert '"total": 1' in run("search", *flags, '{"from": "piped"}')
    run("delete-table", *flags, "piped", given="y\n")
    assert "piped" not in run("show-tables", *flags).split()
