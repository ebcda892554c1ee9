"""This project's database, asked in its query language in this process."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.data_set import Row
from instance_agent.engine.database import Database
from instance_agent.query.answer import answer
from instance_agent.schema.parse import parse_table
from instance_agent.schema.types import JsonValue

TABLE = "t"
QUERY_SECONDS = 600.0


@dataclass(frozen=True)
class OurAnswer:
    """Probabilities of rows x classes, and how long they took."""

    probabilities: NDArray[np.float64]
    first_milliseconds: float  # the first prediction, which fits
    milliseconds: float  # the median of the others


def ask(types: dict[str, str], target: str, rows: list[Row], classes: list[str], asked: list[Row]) -> OurAnswer:
    """Insert the rows, then predict the target of each row that is asked about from all that it says.

    classes: their names, in the order in which probabilities are wanted.
    """
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        database = Database.open(Path(folder))
        database.put_table(TABLE, parse_table(TABLE, {"type": "table", "columns": _columns(types, target, rows)}))
        database.insert_rows(TABLE, list(rows))
        view = database.read_view()
        place = {name: at for at, name in enumerate(classes)}
        found, seconds = np.zeros((len(asked), len(classes))), []
        for at, row in enumerate(asked):
            where: dict[str, JsonValue] = {name: row[name] for name in types if name in row}
            body: JsonValue = {"from": TABLE, "where": where, "predict": target, "limit": len(classes)}
            started = time.perf_counter()
            page = answer(view, "_predict", body, QUERY_SECONDS)
            seconds.append(time.perf_counter() - started)
            for feature, probability in _hits(page):
                found[at, place[feature]] = probability
    return OurAnswer(found, 1000 * seconds[0], 1000 * float(np.median(seconds[1:])))


def _columns(types: dict[str, str], target: str, rows: list[Row]) -> dict[str, JsonValue]:
    is_boolean = isinstance(rows[0][target], bool)
    columns: dict[str, JsonValue] = {name: {"type": kind, "nullable": True} for name, kind in types.items()}
    return {**columns, target: {"type": "Boolean" if is_boolean else "String"}}


def _hits(page: JsonValue) -> list[tuple[str, float]]:
    hits = page.get("hits") if isinstance(page, dict) else None
    if not isinstance(hits, list):
        raise TypeError("an answer to a prediction has hits")
    return [(str(hit["feature"]), float(str(hit["$p"]))) for hit in hits if isinstance(hit, dict)]
