"""Columns and problems made of plain Python lists: what the engine makes from an index, at its simplest."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.problem import Entries, Given, Numbers, Problem, Rows

Cell = object
"""None, a value, or a list of tokens or elements."""


@dataclass
class ArrayColumn:
    """A column of lists, numbers or values, learned from the rows that the target names."""

    path: str
    cells: Sequence[Cell]
    entry_rows: Rows
    entry_classes: NDArray[np.int32]
    class_count: int
    is_text: bool = False

    def __post_init__(self) -> None:
        self.splits = any(isinstance(cell, list) for cell in self.cells)
        lists = [cell if isinstance(cell, list) else [] if cell is None else [cell] for cell in self.cells]
        self.places = {value: at for at, value in enumerate(dict.fromkeys(v for cell in lists for v in cell))}
        unique = [list(dict.fromkeys(self.places[value] for value in cell)) for cell in lists]
        self.offsets = np.concatenate([[0], np.cumsum([len(cell) for cell in unique])]).astype(np.int64)
        self.feature_codes = np.array([code for cell in unique for code in cell], dtype=np.int32)
        self.codes = np.array([cell[0] if cell else -1 for cell in unique], dtype=np.int32)
        self.feature_count = len(self.places)
        self.numbers: Numbers | None = None
        known = [cell for cell in self.cells if cell is not None]
        if known and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in known):
            self.numbers = np.array([np.nan if cell is None else float(str(cell)) for cell in self.cells])

    @cached_property
    def learned(self) -> Rows:
        return np.unique(self.entry_rows)

    @cached_property
    def token_exposure(self) -> Numbers:
        tokens = np.diff(self.offsets)[self.entry_rows]
        return np.array(np.bincount(self.entry_classes, tokens, self.class_count), dtype=np.float64)

    @cached_property
    def token_total(self) -> float:
        return float(np.diff(self.offsets)[self.learned].sum())

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(len(self.cells)), np.diff(self.offsets))

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(self.feature_codes, kind="stable")

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.searchsorted(self.feature_codes[self._order], np.arange(self.feature_count + 1))

    @cached_property
    def _entry_starts(self) -> NDArray[np.int64]:
        return np.searchsorted(self.entry_rows, np.arange(len(self.cells) + 1))

    def rows_with(self, code: int) -> Rows:
        return self._rows[self._order[self._starts[code] : self._starts[code + 1]]].astype(np.uint32)

    def class_counts(self, code: int) -> Numbers:
        if code not in self._counts:
            inside = np.zeros(len(self.cells), dtype=np.bool_)
            inside[self.rows_with(code)] = True
            classes = self.entry_classes[inside[self.entry_rows]]
            self._counts[code] = np.bincount(classes, minlength=self.class_count).astype(np.float64)
        return self._counts[code]

    def learned_with(self, code: int) -> float:
        return float(np.isin(self.rows_with(code), self.learned).sum())

    @cached_property
    def _counts(self) -> dict[int, Numbers]:
        return {}

    def given(self, place: int, cell: Cell) -> list[Given]:
        """What a query says that has this cell."""
        if cell is None:
            return []
        values = dict.fromkeys(cell) if isinstance(cell, list) else [cell]
        number = float(str(cell)) if self.numbers is not None else None
        return [Given(place, self.places.get(value, -1), number) for value in values]


@dataclass
class Table:
    """Rows as columns of cells and one target; None in the target: not learned from."""

    columns: Mapping[str, Sequence[Cell]]
    target: Sequence[Cell]
    texts: frozenset[str] = frozenset()
    cache: dict[Hashable, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lists = [cell if isinstance(cell, list) else [] if cell is None else [cell] for cell in self.target]
        self.classes = list(dict.fromkeys(value for cell in lists for value in cell))
        place = {value: at for at, value in enumerate(self.classes)}
        self.rows = np.array([row for row, cell in enumerate(lists) for _ in cell], dtype=np.uint32)
        self.codes = np.array([place[value] for cell in lists for value in cell], dtype=np.int32)
        self.single = not any(isinstance(cell, list) for cell in self.target)
        self.array_columns = [
            ArrayColumn(name, cells, self.rows, self.codes, len(self.classes), name in self.texts)
            for name, cells in self.columns.items()
        ]

    def problem(self, query: Mapping[str, Cell], without: Sequence[int] = ()) -> Problem:
        """What is asked when `query` says so much of its columns."""
        given = [
            piece for at, column in enumerate(self.array_columns) for piece in column.given(at, query.get(column.path))
        ]
        target_codes = np.full(len(self.target), -1, dtype=np.int32)
        if self.single:
            target_codes[self.rows] = self.codes
        problem = Problem(
            row_count=len(self.target),
            learned=np.unique(self.rows),
            class_rows=np.bincount(self.codes, minlength=len(self.classes)).astype(np.float64),
            target_codes=target_codes if self.single else None,
            columns=tuple(self.array_columns),
            query=tuple(given),
            cache=self.cache,
            entries=None if self.single else Entries(self.rows, self.codes),
        )
        return replace(problem, without=np.array(sorted(without), dtype=np.uint32))

    def row(self, place: int) -> dict[str, Cell]:
        return {name: cells[place] for name, cells in self.columns.items()}
