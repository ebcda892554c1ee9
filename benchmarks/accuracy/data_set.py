"""One classification problem: rows, the types of their columns, and which column is to be predicted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from instance_agent.schema.types import JsonValue

Row = dict[str, JsonValue]
TEXT: Final = "Text"
NUMBERS: Final = ("Int", "Decimal")


class Half(Enum):
    """What a set may be used for."""

    DEVELOPMENT = "development"  # constants and methods were chosen by looking at these
    JUDGING = "judging"  # nothing was


@dataclass(frozen=True)
class DataSet:
    """Rows in random order. A missing value is left out of its row; the target never is."""

    name: str
    about: str
    half: Half
    types: dict[str, str]  # per column but the target: String, Boolean, Int, Decimal or Text
    target: str
    rows: list[Row]

    @property
    def classes(self) -> list[str]:
        """In order of first appearance."""
        return list(dict.fromkeys(str(row[self.target]) for row in self.rows))


def shuffled(rows: list[Row], most: int | None = None) -> list[Row]:
    """The rows in an order that is random and always the same; the first `most` of it."""
    order: NDArray[np.int64] = np.random.default_rng(20_261).permutation(len(rows))
    return [rows[place] for place in order[:most].tolist()]


def of_numbers(
    values: NDArray[np.float64], classes: NDArray[np.int64], names: list[str] | None = None
) -> tuple[dict[str, str], list[Row]]:
    """Columns and rows of a table of numbers; the target is the column `class`."""
    names = names or [f"x{place + 1}" for place in range(values.shape[1])]
    rows: list[Row] = [
        {**dict(zip(names, row, strict=True)), "class": f"c{value}"}
        for row, value in zip(values.tolist(), classes.tolist(), strict=True)
    ]
    return dict.fromkeys(names, "Decimal"), rows
