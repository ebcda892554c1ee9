"""The grammar of `_delete` and `_modify`: a JSON body in, typed operations out.

    delete    := {"from": "table", "where": proposition}
    modify    := operation | {"operations": [operation, ...]}
    operation := {"insert": row | [row, ...], "into": "table"}
               | {"update": "table", "set": {"column": value, ...}, "where": proposition, "upsert"?: bool}
               | {"from": "table", "delete": proposition}
               | {"optimize": "table"}
               | {"from": "table", "rename": "name", "replace"?: bool}
               | {"from": "table", "copy": "name", "replace"?: bool}

`where` is the proposition of `grammar`. It must be there: `{}` says that every row is meant. An optional member
may be null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from instance_agent.errors import AgentError
from instance_agent.limits import LARGEST_BATCH_ROWS
from instance_agent.query.language.grammar import parse_proposition
from instance_agent.query.language.propositions import Proposition
from instance_agent.query.refusals import shown, unsupported
from instance_agent.schema.types import JsonValue, type_name

MOST_OPERATIONS: Final = 1_000
LATER: Final = ("repair", "migrate", "warm")
"""Operations of the published language that this version refuses by name."""


@dataclass(frozen=True)
class Insert:
    """Add rows at the end of a table."""

    kind: ClassVar = "insert"
    table: str
    rows: tuple[JsonValue, ...]


@dataclass(frozen=True)
class Update:
    """Give the rows that `where` holds for other values; with upsert, add a row when it holds for none."""

    kind: ClassVar = "update"
    table: str
    values: Mapping[str, JsonValue]  # by column, None for null; at least one
    where: Proposition
    upsert: bool


@dataclass(frozen=True)
class Delete:
    """Delete the rows that `where` holds for."""

    kind: ClassVar = "delete"
    table: str
    where: Proposition


@dataclass(frozen=True)
class Optimize:
    """Have a table stored in its best form."""

    kind: ClassVar = "optimize"
    table: str


@dataclass(frozen=True)
class Rename:
    """Give a table another name."""

    kind: ClassVar = "rename"
    table: str
    new_name: str
    replace: bool


@dataclass(frozen=True)
class Copy:
    """Make a second table with the same rows."""

    kind: ClassVar = "copy"
    table: str
    new_name: str
    replace: bool


Operation = Insert | Update | Delete | Optimize | Rename | Copy


@dataclass(frozen=True)
class Modifications:
    """Operations that are carried out in order, all or none."""

    operations: tuple[Operation, ...]
    is_list: bool = False  # was a list sent, so that refusals say which operation they are about?

    def about(self, number: int) -> str:
        """What the refusal of operation `number` begins with."""
        return f"operations[{number}]: " if self.is_list else ""


FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "insert": ("insert", "into"),
    "update": ("update", "set", "where", "upsert"),
    "delete": ("from", "delete"),
    "optimize": ("optimize",),
    "rename": ("from", "rename", "replace"),
    "copy": ("from", "copy", "replace"),
}
"""The members of each operation; one of them is the operation's name."""


def parse_delete(body: JsonValue) -> Modifications:
    """The operation of `POST _delete`. Raises AgentError naming the place of what isn't understood."""
    if not isinstance(body, dict):
        raise _invalid(f'the body has the form {{"from": "table", "where": {{...}}}}, and this is {type_name(body)}')
    _refuse_others(body, ("from", "where"), "_delete")
    if isinstance(body.get("from"), dict):
        raise unsupported("rows are deleted from a table: 'from' is its name, and 'where' says which rows", "from")
    return Modifications((Delete(_table(body, "from"), _where(body, "where")),))


def parse_modify(body: JsonValue) -> Modifications:
    """The operations of `POST _modify`. Raises AgentError naming operation and place of what isn't understood."""
    if not isinstance(body, dict) or "operations" not in body:
        return Modifications((_operation(body),))
    _refuse_others(body, ("operations",), "a list of operations")
    sent = body["operations"]
    if not isinstance(sent, list):
        raise _invalid(f"'operations' is a list of operations, and this is {type_name(sent)}")
    if len(sent) > MOST_OPERATIONS:
        raise _invalid(f"a list has at most {MOST_OPERATIONS} operations, and this has {len(sent)}")
    operations: list[Operation] = []
    for number, one in enumerate(sent):
        with refusals_about(f"operations[{number}]: "):
            operations.append(_operation(one))
    rows = sum(len(operation.rows) for operation in operations if isinstance(operation, Insert))
    _check_row_count(rows)
    return Modifications(tuple(operations), is_list=True)


@contextmanager
def refusals_about(what: str) -> Iterator[None]:
    """Let the message of a refusal begin with `what`."""
    try:
        yield
    except AgentError as error:
        if not what:
            raise
        raise AgentError(error.code, what + error.message, retry_after_seconds=error.retry_after_seconds) from error


def _operation(sent: JsonValue) -> Operation:
    if not isinstance(sent, dict):
        raise _invalid(f"an operation is a JSON object, and this is {type_name(sent)}")
    for name in LATER:
        if name in sent:
            raise unsupported(f"the operation '{name}' isn't supported by this version", name)
    if "operations" in sent:
        raise _invalid("lists of operations aren't nested")
    kinds = [name for name in FORMS if name in sent]
    if len(kinds) != 1:
        named = f"these are {' and '.join(kinds)}" if kinds else "this has none"
        raise _invalid(f"an operation has one of {', '.join(FORMS)}, and {named}")
    kind = kinds[0]
    _refuse_others(sent, FORMS[kind], kind)
    match kind:
        case "insert":
            return Insert(_table(sent, "into"), _rows(sent["insert"]))
        case "update":
            return Update(_table(sent, "update"), _values(sent), _where(sent, "where"), _flag(sent, "upsert"))
        case "delete":
            return Delete(_table(sent, "from"), _where(sent, "delete"))
        case "optimize":
            return Optimize(_table(sent, "optimize"))
        case "rename":
            return Rename(_table(sent, "from"), _table(sent, "rename"), _flag(sent, "replace"))
    return Copy(_table(sent, "from"), _table(sent, "copy"), _flag(sent, "replace"))


def _rows(sent: JsonValue) -> tuple[JsonValue, ...]:
    if isinstance(sent, list):
        _check_row_count(len(sent))
        return tuple(sent)
    if isinstance(sent, dict):
        return (sent,)
    raise _invalid(f"'insert' takes a row or a list of rows, and this is {type_name(sent)}")


def _values(members: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    values = members.get("set")
    if not isinstance(values, dict) or not values:
        raise _invalid("'set' is an object with at least one column, like {\"column\": value}")
    return values


def _where(members: Mapping[str, JsonValue], key: str) -> Proposition:
    where = members.get(key)
    if where is None:
        raise _invalid(f"'{key}' is required: it says which rows are meant, {{}} means every row")
    return parse_proposition(where, key)


def _table(members: Mapping[str, JsonValue], key: str) -> str:
    name = members.get(key)
    if not isinstance(name, str):
        what = f"this is {type_name(name)}" if key in members else "it is missing"
        raise _invalid(f"'{key}' is the name of a table, and {what}")
    return name


def _flag(members: Mapping[str, JsonValue], key: str) -> bool:
    flag = members.get(key)
    if not isinstance(flag, bool | None):
        raise _invalid(f"'{key}' is true or false, and this is {type_name(flag)}")
    return bool(flag)


def _check_row_count(count: int) -> None:
    if count > LARGEST_BATCH_ROWS:
        raise _invalid(f"one request inserts at most {LARGEST_BATCH_ROWS} rows, and this has {count}")


def _refuse_others(members: Mapping[str, JsonValue], known: tuple[str, ...], of: str) -> None:
    for key in members:
        if key not in known:
            raise _invalid(f"unknown member {shown(key)}; {of} may have {', '.join(known)}")


def _invalid(message: str) -> AgentError:
    return AgentError("request_invalid", f"{message[0].upper()}{message[1:]}.")
