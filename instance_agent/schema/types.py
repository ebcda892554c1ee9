"""Types, columns and tables as frozen values.

A stored value is what JSON gives: bool, int, float, str, a list of these, or for `Json` any JSON value. Decimals are
floats also where the client sent `1`. Nulls are None in columns and absent in rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
Value: TypeAlias = JsonValue
FeatureValue: TypeAlias = JsonValue
Row: TypeAlias = dict[str, JsonValue]


class ColumnType(Enum):
    """The types a column can have; the member's value is its one spelling on the wire."""

    BOOLEAN = "Boolean"
    INT = "Int"  # 32 bits
    LONG = "Long"  # 64 bits
    DECIMAL = "Decimal"  # a double
    STRING = "String"  # the whole text is one feature
    TEXT = "Text"  # one feature per analysed token
    JSON = "Json"  # any JSON value, the whole of it one feature
    BOOLEAN_ARRAY = "Boolean[]"
    INT_ARRAY = "Int[]"
    LONG_ARRAY = "Long[]"
    DECIMAL_ARRAY = "Decimal[]"
    STRING_ARRAY = "String[]"

    @property
    def is_array(self) -> bool:
        return self.value.endswith("[]")

    @property
    def is_numeric(self) -> bool:
        return self in (ColumnType.INT, ColumnType.LONG, ColumnType.DECIMAL)

    @property
    def element(self) -> ColumnType:
        """The type of an array's elements; any other type is its own element."""
        return ColumnType(self.value[:-2]) if self.is_array else self


@dataclass(frozen=True)
class Link:
    """Where a column's values point to. The target existed when the link was made; it may be gone since."""

    table: str  # never "this": resolved when the schema is read
    column: str
    text: str  # as the client wrote it


@dataclass(frozen=True)
class ColumnSchema:
    """One column."""

    type: ColumnType
    nullable: bool = False
    link: Link | None = None
    analyzer: JsonValue = None  # the definition as sent (a string or an object); None: the default, "standard"


@dataclass(frozen=True)
class TableSchema:
    """One table: its columns by name, in alphabetical order."""

    columns: Mapping[str, ColumnSchema] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", MappingProxyType(dict(sorted(self.columns.items()))))


@dataclass(frozen=True)
class DatabaseSchema:
    """All tables by name, in alphabetical order."""

    tables: Mapping[str, TableSchema] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", MappingProxyType(dict(sorted(self.tables.items()))))


def type_name(value: JsonValue) -> str:
    """The wire name of the type that a JSON value has by itself, as error messages say it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Int" if -(2**31) <= value < 2**31 else "Long"
    if isinstance(value, float):
        return "Decimal"
    if isinstance(value, str):
        return "String"
    return "Array" if isinstance(value, list) else "Object"
