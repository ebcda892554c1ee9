"""Whatever the published client can ask of a server is asked by some test here, or it is said why not.

What there is, is found by looking into the client; what is covered, by looking into the tests beside this one.
"""

from __future__ import annotations

import ast
import inspect
from functools import cache
from pathlib import Path
from typing import Any

import aito.v1.requests
import aito.v1.responses
from aito.cli.main_parser import MainParser
from aito.local import cli as local_commands
from aito.v1 import api
from aito.v1.client import AitoClient
from aito.v1.requests import AitoRequest

from tests.contract.aitoai_store import QUERIES

HERE = Path(__file__).parent
WITHOUT_ODBC = "needs an ODBC driver of the system; what it does afterwards is tested from there on"
NOT_COVERED = {
    "command infer-table-schema": "works on a file, and asks no server",
    "command convert": "works on a file, and asks no server",
    "command upload-batch": "the client refuses it as outdated before it asks a server",
    "command upload-data-from-sql": WITHOUT_ODBC,
    "command quick-add-table-from-sql": WITHOUT_ODBC,
    "command list": "prints the commands, and asks no server",
}
LOCAL = "starts and stops a server of the reference service in a container"


def public_functions(owner: Any) -> set[str]:
    """The functions and properties that a module or class itself defines for its users."""
    return {
        name
        for name, value in vars(owner).items()
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    }


def leaves(request: type) -> set[type]:
    """The classes of requests that nothing inherits from."""
    found: set[type] = set()
    inner: type
    for inner in request.__subclasses__():
        found |= leaves(inner) or {inner}
    return found


@cache
def parsed_tests() -> tuple[ast.Module, ...]:
    return tuple(ast.parse(path.read_text()) for path in HERE.glob("*.py") if path != Path(__file__))


def attributes_of(name: str) -> set[str]:
    """What is taken from a variable of this name anywhere in the tests: `api.search`."""
    return {
        node.attr
        for tree in parsed_tests()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    }


def first_arguments(*functions: str) -> set[str]:
    """The literal first arguments that these functions are called with."""
    return {
        str(node.args[0].value)
        for tree in parsed_tests()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions and node.args
        if isinstance(node.args[0], ast.Constant)
    }


def names_used() -> set[str]:
    return {node.id for tree in parsed_tests() for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_every_function_of_the_client_is_called() -> None:
    there = {name for name in public_functions(api) if getattr(api, name).__module__ == "aito.v1.api"}
    assert len(there) > 35
    assert there - attributes_of("api") - set(QUERIES) == set()


def test_every_method_of_the_client_is_called() -> None:
    there = public_functions(AitoClient)
    assert len(there) > 5
    assert there - attributes_of("client") == set()


def test_every_class_of_requests_is_sent() -> None:
    """The functions of the client build most of them; the others are built by the tests."""
    there = {cls.__name__ for cls in leaves(AitoRequest)}
    assert len(there) > 25
    built_by_the_client = {
        node.attr for node in ast.walk(ast.parse(inspect.getsource(api))) if isinstance(node, ast.Attribute)
    }
    assert there - built_by_the_client - names_used() - {"GetVersionRequest", "OptimizeTableRequest"} == set()


def test_every_class_of_answers_is_read() -> None:
    """What an answer's class offers beyond what all have is looked at by some test."""
    every = {cls for _, cls in inspect.getmembers(aito.v1.responses, inspect.isclass)}
    there = {name for cls in every for name in public_functions(cls) if isinstance(vars(cls)[name], property)}
    assert {"top_prediction", "estimate", "finished"} <= there
    for_the_client_itself = {"hit_cls", "schema_cls"}
    used = {node.attr for tree in parsed_tests() for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert there - used - for_the_client_itself == set()


def test_every_command_is_run_or_it_is_said_why_not() -> None:
    there = {f"command {name}" for name in MainParser()._commands_map} | {"command list"}
    assert len(there) > 25
    run = {f"command {name}" for name in first_arguments("aito", "empty_aito", "program", "run")}
    queries = {f"command {name.replace('_', '-')}" for name in QUERIES}
    assert there - run - queries == set(NOT_COVERED)


def test_commands_for_a_server_of_ones_own_are_known() -> None:
    """When one comes that asks a server, it must be tested."""
    known = {"start", "stop", "status", "logs", "keys", "upgrade", "profile", "serve", "run", "up"}
    assert {*local_commands.COMMANDS, *local_commands.RESERVED} == known, LOCAL
