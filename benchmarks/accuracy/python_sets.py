"""Real text and real columns that every Python brings along: its library, and its table of Unicode characters."""

from __future__ import annotations

import ast
import os
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from benchmarks.accuracy.data_set import DataSet, Half, Row, shuffled

ROWS = 4000
MODULES = 40

_FUNCTION_TYPES = {
    "name": "Text",
    "arguments": "Int",
    "lines": "Int",
    "calls": "Int",
    "branches": "Int",
    "returns": "Int",
    "decorator": "String",
    "method": "Boolean",
    "documented": "Boolean",
    "first_argument": "String",
}


def module_of_docstring() -> DataSet:
    functions = [row for row in _functions() if row["documentation"]]
    rows = _of_frequent(functions, "module", MODULES)
    kept: list[Row] = [{"documentation": row["documentation"], "module": row["module"]} for row in rows]
    types = {"documentation": "Text"}
    about = "which module of Python's library a function's documentation is from"
    return DataSet("docstrings", about, Half.JUDGING, types, "module", shuffled(kept, ROWS))


def module_of_function() -> DataSet:
    rows = _of_frequent(list(_functions()), "module", MODULES)
    kept = [_without(row, "documentation", "raises") for row in rows]
    about = "which module of Python's library a function is from, by its name and shape"
    return DataSet("functions", about, Half.DEVELOPMENT, _FUNCTION_TYPES, "module", shuffled(kept, ROWS))


def function_raises() -> DataSet:
    rows = [_without(row, "documentation", "module") for row in _functions()]
    about = "whether a function of Python's library raises an exception"
    return DataSet("raises", about, Half.JUDGING, _FUNCTION_TYPES, "raises", shuffled(rows, ROWS))


def category_of_character() -> DataSet:
    rows: list[Row] = [{"name": row["name"], "category": row["category"]} for row in _characters()]
    about = "the general category of a Unicode character, from its name"
    return DataSet("characters", about, Half.DEVELOPMENT, {"name": "Text"}, "category", shuffled(rows, ROWS))


def direction_of_character() -> DataSet:
    rows = [row for row in _characters() if row["direction"] != "L" or int(str(row["code"])) % 4 == 0]
    types = {"name": "Text", "category": "String", "width": "String", "combining": "Int", "code": "Int"}
    types |= {"mirrored": "Boolean"}
    about = "the writing direction of a Unicode character"
    return DataSet("directions", about, Half.JUDGING, types, "direction", shuffled(rows, ROWS))


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def _of_frequent(rows: list[Row], target: str, most: int) -> list[Row]:
    frequent = {value for value, _ in Counter(str(row[target]) for row in rows).most_common(most)}
    return [row for row in rows if row[target] in frequent]


@cache
def _functions() -> tuple[Row, ...]:
    """All functions of Python's library, in the order of its files."""
    root = Path(os.__file__).parent
    files = sorted(path for path in root.rglob("*.py") if not {"site-packages", "test", "tests"} & set(path.parts))
    return tuple(row for path in files for row in _in_file(path, path.relative_to(root).parts[0].removesuffix(".py")))


def _in_file(path: Path, module: str) -> Iterator[Row]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return  # some files of the library are broken on purpose
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield {**_shape(node), "module": module, "documentation": ast.get_docstring(node) or ""}


def _shape(node: ast.FunctionDef) -> Row:
    inside = list(ast.walk(node))
    arguments = node.args.args
    decorator = node.decorator_list[0] if node.decorator_list else None
    row: Row = {
        "name": " ".join(re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", node.name)),
        "arguments": len(arguments),
        "lines": (node.end_lineno or node.lineno) - node.lineno + 1,
        "calls": sum(isinstance(each, ast.Call) for each in inside),
        "branches": sum(isinstance(each, ast.If | ast.For | ast.While) for each in inside),
        "returns": sum(isinstance(each, ast.Return) for each in inside),
        "method": bool(arguments) and arguments[0].arg in {"self", "cls"},
        "documented": ast.get_docstring(node) is not None,
        "raises": any(isinstance(each, ast.Raise) for each in inside),
    }
    if decorator is not None:
        row["decorator"] = ast.unparse(decorator).split("(")[0]
    others = [each.arg for each in arguments if each.arg not in {"self", "cls"}]
    if others:
        row["first_argument"] = others[0]
    return row


@cache
def _characters() -> tuple[Row, ...]:
    """Every character with a name of its own; of the thousands that are only numbered, none."""
    rows: list[Row] = []
    for code in range(sys.maxunicode + 1):
        name = unicodedata.name(chr(code), "")
        if not name or name.startswith(("CJK", "HANGUL SYLLABLE", "TANGUT", "NUSHU", "KHITAN", "VARIATION")):
            continue
        character = chr(code)
        rows.append(
            {
                "name": name.lower(),
                "category": unicodedata.category(character),
                "direction": unicodedata.bidirectional(character),
                "width": unicodedata.east_asian_width(character),
                "combining": unicodedata.combining(character),
                "code": code,
                "mirrored": bool(unicodedata.mirrored(character)),
            }
        )
    return tuple(rows)
