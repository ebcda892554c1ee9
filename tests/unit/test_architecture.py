"""The borders of the parts, as the imports show them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("api", "instance_agent", "mission_control", "infra", "examples", "benchmarks")
LONGEST_MODULE_LINES = 400

# Who may import whose modules. The services talk HTTP; the supervisor starts them as programs, and only its command
# line hands over to the agent's.
ALLOWED = {
    "api": set(),
    "instance_agent": set(),
    "mission_control": set(),
    "examples": set(),
    "infra": {"examples"},
    "benchmarks": {"instance_agent", "examples"},
}
EXCEPTIONS = {("infra/embedded/cli.py", "instance_agent.cli")}

# Inside the database, what a layer may never import: bytes know nothing of rows' meaning, arithmetic does no I/O.
FORBIDDEN_INSIDE_THE_DATABASE = {
    "storage": {"index", "engine", "query", "inference", "routes"},
    "schema": {"storage", "index", "engine", "query", "inference", "routes"},
    "index": {"engine", "query", "inference", "routes"},
    "engine": {"query", "inference", "routes"},
    "inference": {"storage", "engine", "query", "routes"},
    "query": {"storage", "routes"},
}

# Inside a query: what is meant, which rows it means, what they teach, what a hit scores and shows, and the endpoints.
QUERY_LAYERS = ("language", "filtering", "learning", "scoring", "hits", "endpoints")


def modules(part: str) -> list[Path]:
    return sorted((ROOT / part).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("part", PARTS)
def test_no_part_imports_another(part: str) -> None:
    foreign = set(PARTS) - {part} - ALLOWED[part]
    wrong = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in modules(part)
        for name in imports(path)
        if name.split(".")[0] in foreign
    }
    unexpected = {
        (path, name) for path, name in wrong if not any((path, e) in EXCEPTIONS for e in (name, name.rsplit(".", 1)[0]))
    }
    assert unexpected == set()


@pytest.mark.parametrize("layer", FORBIDDEN_INSIDE_THE_DATABASE)
def test_imports_inside_the_database_go_one_way(layer: str) -> None:
    forbidden = {f"instance_agent.{name}" for name in FORBIDDEN_INSIDE_THE_DATABASE[layer]}
    wrong = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in modules(f"instance_agent/{layer}")
        for name in imports(path)
        if ".".join(name.split(".")[:2]) in forbidden
    }
    assert modules(f"instance_agent/{layer}"), f"there is no layer {layer}"
    assert wrong == set()


@pytest.mark.parametrize("layer", QUERY_LAYERS)
def test_imports_inside_a_query_go_one_way(layer: str) -> None:
    later = QUERY_LAYERS[QUERY_LAYERS.index(layer) + 1 :]
    wrong = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in modules(f"instance_agent/query/{layer}")
        for name in imports(path)
        if name.startswith(tuple(f"instance_agent.query.{other}" for other in (*later, "answer")))
    }
    assert modules(f"instance_agent/query/{layer}"), f"there is no layer {layer}"
    assert wrong == set()


def test_the_aws_library_stays_in_its_adapters() -> None:
    wrong = {
        path.relative_to(ROOT).as_posix()
        for part in PARTS
        for path in modules(part)
        for name in imports(path)
        if name.split(".")[0] in {"boto3", "botocore"} and "adapters/aws" not in path.as_posix()
    }
    assert wrong == set()


@pytest.mark.parametrize("service", ["api", "instance_agent", "mission_control"])
def test_only_settings_read_the_environment(service: str) -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in modules(service)
        for name in imports(path)
        if name in {"os.environ", "os.getenv"}
    } | {
        path.relative_to(ROOT).as_posix()
        for path in modules(service)
        if "os.environ" in (text := path.read_text().replace("os.environ.setdefault(", "")) or "os.getenv" in text
    }
    assert {path for path in readers if "settings" not in path} == set()


@pytest.mark.parametrize("part", PARTS)
def test_modules_are_short_enough_to_hold_one_idea(part: str) -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in modules(part)
        if (lines := len(path.read_text().splitlines())) > LONGEST_MODULE_LINES
    }
    assert long == {}
